import { describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { type CborMap, type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import {
  encodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
} from '../../../src/formats/signatures/cose-sign1.ts';
import {
  checkServiceKeyId,
  decodeCoseSignatureValue,
  decodeRootSignature,
  encodeCoseSignatureValue,
  rootSignatureHeader,
  signRootSignature,
  verifyRootSignature,
} from '../../../src/formats/signatures/root-signature.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { codeOf } from '../expect-code.ts';
import { makeKey } from '../make-keys.ts';

const service = makeKey('root signature');
const root = new Uint8Array(32).fill(1);
const txId = { view: view(2), seqno: seqno(7) };
const claims = { iat: 1_700_000_000, iss: 'i', sub: '', txId };

test("rootSignatureHeader() is in CCF's order", () => {
  const kid = 'ab'.repeat(32);
  const hex = toHex(encodeCbor(rootSignatureHeader({ ...claims, alg: -35, kid })));
  expect(hex).toBe(
    `a5013822045840${toHex(toUtf8(kid))}19018b020fa3061a6553f10001616902606663 63662e7631a16474786964 63322e37`.replaceAll(
      ' ',
      '',
    ),
  );
});

test.each(['P-256', 'P-384'] as const)(
  'signRootSignature() makes what decodeRootSignature() reads, %s',
  async (curve) => {
    const key = makeKey('root signature', curve);
    const signature = decodeRootSignature(await signRootSignature(root, claims, key.privateKey));
    await verifyCoseSign1(signature.message, key.publicKey, root);
    checkServiceKeyId(signature, keyIdOf(key.publicKey));
    expect(signature.txId).toStrictEqual(txId);
    expect(signature.serviceKeyId).toBe(keyIdOf(key.publicKey));
  },
);

test('verifyRootSignature() answers with the transaction that is signed', async () => {
  const bytes = await signRootSignature(root, claims, service.privateKey);
  expect(await verifyRootSignature(bytes, service.publicKey, root)).toStrictEqual(txId);
});

test.each([
  ['another key', makeKey('other').publicKey, root, 'KID_MISMATCH'],
  ['another root', service.publicKey, new Uint8Array(32), 'SIG_INVALID'],
])('verifyRootSignature() refuses %s', async (_, key, signed, code) => {
  const bytes = await signRootSignature(root, claims, service.privateKey);
  expect(await codeOf(verifyRootSignature(bytes, key, signed))).toBe(code);
});

test('checkServiceKeyId() refuses another key', async () => {
  const signature = decodeRootSignature(await signRootSignature(root, claims, service.privateKey));
  expect(outcomeOf(() => checkServiceKeyId(signature, keyIdOf(makeKey('other').publicKey)))).toBe(
    'KID_MISMATCH',
  );
});

describe('decodeRootSignature() refuses', () => {
  const good = rootSignatureHeader({ ...claims, alg: -35, kid: keyIdOf(service.publicKey) });
  const signed = (header: CborMap) =>
    signCoseSign1({ protectedHeader: header, payload: root, attached: false }, service.privateKey);
  const withLabel = (label: number | string, value: CborValue) =>
    new Map([...good, [label, value]]);
  const without = (label: number | string) => new Map([...good].filter(([key]) => key !== label));

  test.each<[string, CborMap, string]>([
    ['no vds', without(395), 'VDS'],
    ['vds 1', withLabel(395, 1), 'VDS'],
    ['vds 3', withLabel(395, 3), 'VDS'],
    ['no kid', without(4), 'COSE_STRUCTURE'],
    ['a kid of 32 raw bytes', withLabel(4, root), 'COSE_STRUCTURE'],
    ['a kid in upper case', withLabel(4, toUtf8('AB'.repeat(32))), 'COSE_STRUCTURE'],
    ['no ccf.v1', without('ccf.v1'), 'COSE_STRUCTURE'],
    ['no txid', withLabel('ccf.v1', new Map()), 'COSE_STRUCTURE'],
    [
      'a txid with a leading zero',
      withLabel('ccf.v1', new Map([['txid', '2.07']])),
      'COSE_STRUCTURE',
    ],
    ['a txid of one number', withLabel('ccf.v1', new Map([['txid', '7']])), 'COSE_STRUCTURE'],
    [
      'a seqno of 2^53',
      withLabel('ccf.v1', new Map([['txid', '2.9007199254740992']])),
      'NUMBER_TOO_LARGE',
    ],
    [
      'a view of 2^31',
      withLabel('ccf.v1', new Map([['txid', '2147483648.1']])),
      'NUMBER_TOO_LARGE',
    ],
  ])('%s', async (_what, header, code) => {
    const bytes = await signed(header);
    expect(outcomeOf(() => decodeRootSignature(bytes))).toBe(code);
  });

  test('an unprotected header that is not empty', async () => {
    const { message } = decodeRootSignature(await signed(good));
    const bytes = encodeCoseSign1({ ...message, unprotectedHeader: new Map([[7, 1]]) });
    expect(outcomeOf(() => decodeRootSignature(bytes))).toBe('COSE_UNKNOWN_UNPROTECTED');
  });
});

test('signRootSignature() refuses a key that CCF does not sign with', async () => {
  const signing = signRootSignature(root, claims, makeKey('x', 'P-521').privateKey);
  expect(await codeOf(signing)).toBe('ALG_KEY_MISMATCH');
});

test('decodeCoseSignatureValue() is the inverse of encodeCoseSignatureValue()', () => {
  expect(decodeCoseSignatureValue(encodeCoseSignatureValue(root))).toStrictEqual(root);
});

test.each([
  ['no JSON', 'x', 'BAD_JSON'],
  ['no string', '7', 'BAD_JSON'],
  ['base64 with a stray bit', '"AB=="', 'BAD_BASE64'],
  ['base64url', '"__8="', 'BAD_BASE64'],
])('decodeCoseSignatureValue() refuses %s', (_what, text, code) => {
  expect(outcomeOf(() => decodeCoseSignatureValue(toUtf8(text)))).toBe(code);
});
