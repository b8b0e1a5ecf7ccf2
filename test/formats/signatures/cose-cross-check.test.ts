import { beforeAll, describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { type CborMap, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { keyIdOf, spkiOf } from '../../../src/formats/keys/ec-key.ts';
import { decodeCoseReceipt } from '../../../src/formats/receipts/cose-receipt.ts';
import {
  type CoseJs,
  checkEllipticVersion,
  crossCheckSign1,
  loadCoseJs,
} from '../../../src/formats/signatures/cose-cross-check.ts';
import {
  decodeCoseSign1,
  encodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
} from '../../../src/formats/signatures/cose-sign1.ts';
import {
  checkServiceKeyId,
  decodeRootSignature,
  readRootSignature,
  signRootSignature,
} from '../../../src/formats/signatures/root-signature.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { codeOf } from '../expect-code.ts';
import { type MadeKey, makeKey } from '../make-keys.ts';
import { makeCoseReceipt, makeProof, makeService } from '../make-snapshot-file.ts';

const root = new Uint8Array(32).fill(6);
const claims = { iat: 1_700_000_000, iss: 'i', sub: 's', txId: { view: view(2), seqno: seqno(7) } };
const curves = ['P-256', 'P-384'] as const;
let coseJs: CoseJs;

beforeAll(async () => {
  coseJs = await loadCoseJs();
});

/** Has cose-js sign a root as CCF's service does; it cannot detach the payload itself. */
function createWithCoseJs({ privateKey, publicKey }: MadeKey, alg: string): Promise<Buffer> {
  const d = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url');
  const cwt = new Map<number, number | string>([
    [6, claims.iat],
    [1, claims.iss],
    [2, claims.sub],
  ]);
  const p = { alg, kid: keyIdOf(publicKey), vds: 2, cwt, 'ccf.v1': new Map([['txid', '2.7']]) };
  return coseJs.sign.create({ p }, Buffer.from(root), { key: { d } });
}

describe.each(curves)('%s', (curve) => {
  const key = makeKey('cross check', curve);

  test('crossCheckSign1() accepts what signRootSignature() makes', async () => {
    const bytes = await signRootSignature(root, claims, key.privateKey);
    await crossCheckSign1(bytes, root, spkiOf(key.publicKey));
  });

  test('crossCheckSign1() accepts an attached payload', async () => {
    const protectedHeader = new Map([[1, curve === 'P-256' ? -7 : -35]]);
    const bytes = await signCoseSign1(
      { protectedHeader, payload: root, attached: true },
      key.privateKey,
    );
    await crossCheckSign1(bytes, root, spkiOf(key.publicKey));
  });

  test('verifyCoseSign1() accepts what cose-js creates, in our own bytes', async () => {
    const bytes = await createWithCoseJs(key, curve === 'P-256' ? 'ES256' : 'ES384');
    const message = decodeCoseSign1(new Uint8Array(bytes), { payload: 'attached' });
    await verifyCoseSign1(message, key.publicKey, root);
    const signature = readRootSignature(message);
    checkServiceKeyId(signature, keyIdOf(key.publicKey));
    const own = decodeRootSignature(await signRootSignature(root, claims, key.privateKey));
    expect(toHex(message.protectedBytes)).toBe(toHex(own.message.protectedBytes));
  });
});

test('crossCheckSign1() accepts a receipt, whose proof it does not look at', async () => {
  const made = makeService('cross check');
  const claimsDigest = new Uint8Array(32).fill(1);
  const bytes = await makeCoseReceipt(made, claimsDigest);
  expect(decodeCoseReceipt(bytes).proof.claimsDigest).toStrictEqual(claimsDigest);
  await crossCheckSign1(bytes, makeProof(claimsDigest).root, spkiOf(made.service.publicKey));
});

test.each(['6.5.4', '6.6.2', undefined])(
  'checkEllipticVersion() refuses elliptic %s and says what to do',
  (found) => {
    expect(() => checkEllipticVersion(found)).toThrow(/install elliptic 6\.6\.1/);
    expect(outcomeOf(() => checkEllipticVersion(found))).toBe('CROSS_CHECK_UNAVAILABLE');
  },
);

describe('crossCheckSign1() refuses', () => {
  const key = makeKey('cross check');
  const spki = spkiOf(key.publicKey);
  const check = (bytes: Uint8Array, payload = root, signer = spki) =>
    codeOf(crossCheckSign1(bytes, payload, signer));

  test('another root, another key, a changed signature', async () => {
    const bytes = await signRootSignature(root, claims, key.privateKey);
    const changed = bytes.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    expect(await check(bytes, new Uint8Array(32))).toBe('CROSS_CHECK_DISAGREES');
    expect(await check(bytes, root, spkiOf(makeKey('other').publicKey))).toBe(
      'CROSS_CHECK_DISAGREES',
    );
    expect(await check(changed)).toBe('CROSS_CHECK_DISAGREES');
  });

  test('what the gate refuses, though cose-js alone would accept it', async () => {
    const { message } = decodeRootSignature(await signRootSignature(root, claims, key.privateKey));
    const twice = message.protectedBytes.slice();
    const doubled = Uint8Array.of((twice[0] ?? 0) + 1, ...twice.subarray(1), 1, 0x38, 0x22);
    const withDoubled = encodeCoseSign1({ ...message, protectedBytes: doubled });
    expect(await check(withDoubled)).toBe('CBOR_DUPLICATE_KEY');
    const header: CborMap = new Map([...message.protectedHeader, [2, ['x']]]);
    const withCrit = encodeCoseSign1({ ...message, protectedBytes: encodeCbor(header) });
    expect(await check(withCrit)).toBe('COSE_CRIT');
  });

  test('ES512, whose elliptic is not sound', async () => {
    const big = makeKey('cross check', 'P-521');
    const bytes = new Uint8Array(await createWithCoseJs(big, 'ES512'));
    expect(await check(bytes, root, spkiOf(big.publicKey))).toBe('ALG_NOT_ALLOWED');
    const small = await signRootSignature(root, claims, key.privateKey);
    expect(await check(small, root, spkiOf(big.publicKey))).toBe('BAD_CERTIFICATE');
  });
});
