import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromUtf8 } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { receiptBytesMax } from '../core/limits.ts';
import {
  type CborMap,
  CborTagged,
  cborArray,
  cborBytes,
  cborMap,
  decodeCbor,
  encodeCbor,
} from './cbor.ts';
import { coseLabel } from './cose-sign1.ts';
import { keyIdOfSpki } from './ec-key.ts';

/** What one algorithm means; the table is closed, as that of the classical ones. @see RFC 9881; FIPS 204 */
const profiles = [
  { alg: -48, keyType: 'ml-dsa-44', signatureBytes: 2420 },
  { alg: -49, keyType: 'ml-dsa-65', signatureBytes: 3309 },
  { alg: -50, keyType: 'ml-dsa-87', signatureBytes: 4627 },
] as const;

/** An ML-DSA key that this Node.js can verify with. */
export interface MlDsaKey {
  readonly publicKey: KeyObject;
  readonly keyId: string;
  readonly profile: (typeof profiles)[number];
}

/**
 * Reads an ML-DSA public key from its SubjectPublicKeyInfo.
 * @returns `undefined` for a key of another algorithm, and for any where this Node.js knows none (before 24)
 */
export function mlDsaKey(spki: Uint8Array): MlDsaKey | undefined {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const type: string | undefined = publicKey.asymmetricKeyType;
    const profile = profiles.find(({ keyType }) => keyType === type);
    return profile && { publicKey, keyId: keyIdOfSpki(spki), profile };
  } catch {
    return undefined;
  }
}

/** A COSE_Sign1 message under ML-DSA, as far as verifying needs it. */
export interface MlDsaSign1 {
  readonly protectedHeader: CborMap;
  /** `undefined` when detached. */
  readonly payload: Uint8Array | undefined;
}

/**
 * Verifies a COSE_Sign1 message under ML-DSA. The gate is that of the classical signatures: tag 18, four items, `alg` in
 * the protected header and of this very key, no `crit`, nothing in the unprotected header, a signature of its length.
 * @param detached what a detached message signs; an attached payload is signed itself
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_*`, `ALG_MISSING`, `SIG_LENGTH`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `KID_MISMATCH`, `SIG_INVALID`
 * @see RFC 9052 section 4.4
 */
export async function verifyMlDsaSign1(
  bytes: Uint8Array,
  key: MlDsaKey,
  detached?: Uint8Array,
): Promise<MlDsaSign1> {
  const items = sign1Items(bytes);
  const protectedBytes = cborBytes(items[0], 'the protected header', 'COSE_STRUCTURE');
  const unprotected = cborMap(items[1], 'the unprotected header', 'COSE_STRUCTURE');
  const signature = cborBytes(items[3], 'the signature', 'COSE_STRUCTURE');
  const protectedHeader = cborMap(decodeCbor(protectedBytes), 'the header', 'COSE_STRUCTURE');
  if (unprotected.size !== 0) {
    throw new FormatError('COSE_UNKNOWN_UNPROTECTED', 'the unprotected header is not empty');
  }
  checkHeader(protectedHeader, key);
  checkLength(signature, key);
  const payload = items[2] === null ? undefined : cborBytes(items[2], 'payload', 'COSE_PAYLOAD');
  if ((payload === undefined) === (detached === undefined)) {
    throw new FormatError('COSE_PAYLOAD', 'the payload is not where it must be');
  }
  const signed = payload ?? detached ?? new Uint8Array();
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), signed]);
  if (await isValid(input, key.publicKey, signature)) return { protectedHeader, payload };
  const message = `the ${key.profile.keyType} signature does not verify under key ${key.keyId}`;
  throw new VerificationError('SIG_INVALID', message);
}

function sign1Items(bytes: Uint8Array) {
  if (bytes.length > receiptBytesMax) {
    const place = { actual: bytes.length, limit: receiptBytesMax };
    throw new FormatError('TOO_LARGE', `a COSE message of ${bytes.length} bytes`, place);
  }
  const tagged = decodeCbor(bytes, { tags: [18] });
  if (!(tagged instanceof CborTagged)) {
    throw new FormatError('COSE_TAG', 'the message is not tagged 18 (COSE_Sign1)', { offset: 0 });
  }
  const items = cborArray(tagged.value, 'the message', 'COSE_STRUCTURE');
  if (items.length === 4) return items;
  throw new FormatError('COSE_STRUCTURE', `the message has ${items.length} items, not 4`);
}

function checkHeader(header: CborMap, { keyId, profile }: MlDsaKey): void {
  if (header.has(coseLabel.crit)) {
    throw new FormatError('COSE_CRIT', 'no critical extension is understood here');
  }
  const alg = header.get(coseLabel.alg);
  if (alg === undefined) throw new FormatError('ALG_MISSING', 'the protected header has no alg');
  if (alg !== profile.alg) {
    const message = `alg is not that of the key: ${profile.keyType} has ${profile.alg}`;
    const actual = typeof alg === 'number' ? alg : typeof alg;
    throw new VerificationError('ALG_NOT_ALLOWED', message, { actual, limit: profile.alg });
  }
  const kid = header.get(coseLabel.kid);
  if (kid === undefined) return;
  const named = fromUtf8(cborBytes(kid, 'kid', 'COSE_STRUCTURE'), 'COSE_STRUCTURE');
  if (named === keyId) return;
  const message = `the message names key ${named.slice(0, 80)}, the identity is ${keyId}`;
  throw new VerificationError('KID_MISMATCH', message, { limit: keyId });
}

function checkLength({ length }: Uint8Array, { profile: { signatureBytes } }: MlDsaKey): void {
  if (length === signatureBytes) return;
  const place = { actual: length, limit: signatureBytes };
  throw new FormatError(
    'SIG_LENGTH',
    `a signature of ${length} bytes, not ${signatureBytes}`,
    place,
  );
}

/** On the thread pool; nothing but true is a valid signature. */
function isValid(input: Uint8Array, key: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    verify(null, input, key, signature, (_error, result) => resolve(result === true));
  });
}
