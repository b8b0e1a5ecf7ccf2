import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
} from 'node:crypto';

export interface MadeKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** An elliptic-curve key that is the same in every run: its scalar is a hash of its name. */
export function makeKey(name: string, crv: 'P-256' | 'P-384' | 'P-521' = 'P-384'): MadeKey {
  const curve = { 'P-256': 'prime256v1', 'P-384': 'secp384r1', 'P-521': 'secp521r1' }[crv];
  const size = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }[crv];
  const scalar = Buffer.alloc(size);
  createHash('sha256')
    .update(`${crv} ${name}`)
    .digest()
    .copy(scalar, size - 32);
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const x = text(point.subarray(1, 1 + size));
  const y = text(point.subarray(1 + size));
  const key = { kty: 'EC', crv, d: text(scalar), x, y };
  const privateKey = createPrivateKey({ key, format: 'jwk' });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
