import { beforeEach, describe, expect, test } from 'vitest';
import { fromUtf8, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { commitEvidenceDigest } from '../../src/formats/commit-evidence.ts';
import {
  decodeJsonReceipt,
  encodeJsonReceipt,
  type JsonReceipt,
  jsonReceiptLeaf,
  verifyJsonReceipt,
} from '../../src/formats/json-receipt.ts';
import { entryLeafOf } from '../../src/formats/write-set.ts';
import { bitFlips, outcomeOf, truncations } from '../helpers/hostile-bytes.ts';
import { codeOf, refusals } from './expect-code.ts';
import { makeJsonReceipt, makeProof, makeService } from './make-snapshot-file.ts';

const made = makeService('json receipt', 'P-256');
const claimsDigest = new Uint8Array(32).fill(9);
const service = made.serviceCertificate;
let bytes: Uint8Array;
let text: string;
let receipt: JsonReceipt;

beforeEach(async () => {
  bytes = await makeJsonReceipt(made, claimsDigest);
  text = fromUtf8(bytes);
  receipt = decodeJsonReceipt(bytes);
});

test('encodeJsonReceipt() gives back the bytes that decodeJsonReceipt() read', () => {
  expect(fromUtf8(encodeJsonReceipt(receipt))).toBe(text);
});

test('decodeJsonReceipt() reads the optional fields of the HTTP interface', () => {
  const more = { ...receipt, isSignatureTransaction: false, serviceEndorsements: ['a', 'b'] };
  expect(decodeJsonReceipt(encodeJsonReceipt(more))).toStrictEqual(more);
  const { leafComponents, ...rest } = { ...receipt, leaf: claimsDigest };
  expect(leafComponents).toBeDefined();
  expect(decodeJsonReceipt(encodeJsonReceipt(rest))).toStrictEqual(rest);
});

describe('decodeJsonReceipt() refuses', () => {
  const step = `{"left":"${'00'.repeat(32)}"}`;
  const change = (from: string | RegExp, to: string) => () => text.replace(from, to);
  test.each<[string, () => string, string]>([
    ['an unknown field', change('{"cert"', '{"a":1,"cert"'), 'RECEIPT_FORMAT'],
    ['a field twice', change('{"cert"', '{"cert":"","cert"'), 'BAD_JSON'],
    ['white space', change('{"cert"', '{ "cert"'), 'RECEIPT_FORMAT'],
    ['an escaped slash', change('/', '\\/'), 'RECEIPT_FORMAT'],
    ['fields in another order', change(/^\{("cert":"[^"]*"),(.*)\}$/, '{$2,$1}'), 'RECEIPT_FORMAT'],
    ['a missing field', change(/"node_id":"[^"]*",/, ''), 'RECEIPT_FORMAT'],
    [
      'a step of both sides',
      change('"proof":[{', `"proof":[{"left":"${'00'.repeat(32)}",`),
      'RECEIPT_FORMAT',
    ],
    ['a step of no side', change('"proof":[', '"proof":[{},'), 'RECEIPT_FORMAT'],
    ['a hash of 31 bytes', change(/"proof":\[\{"(\w+)":"../, '"proof":[{"$1":"'), 'RECEIPT_FORMAT'],
    [
      'a hash in upper case',
      change(/"node_id":"[^"]*"/, `"node_id":"${'AB'.repeat(32)}"`),
      'BAD_HEX',
    ],
    ['54 steps', change('"proof":[', `"proof":[${`${step},`.repeat(54)}`), 'MERKLE_PATH'],
    [
      'leaf beside leaf_components',
      change('"leaf_c', `"leaf":"${'00'.repeat(32)}","leaf_c`),
      'RECEIPT_FORMAT',
    ],
    ['empty commit evidence', change(/"ce:[^"]*"/, '""'), 'RECEIPT_FORMAT'],
    ['long commit evidence', change(/"ce:[^"]*"/, `"${'a'.repeat(1025)}"`), 'RECEIPT_FORMAT'],
    ['base64 with a stray bit', change(/"signature":"[^"]*"/, '"signature":"AB=="'), 'BAD_BASE64'],
    [
      'a flag that is no boolean',
      change('"leaf_c', '"is_signature_transaction":0,"leaf_c'),
      'RECEIPT_FORMAT',
    ],
    ['a byte-order mark', () => `\ufeff${text}`, 'BAD_JSON'],
    ['a line feed at the end', () => `${text}\n`, 'RECEIPT_FORMAT'],
    ['a second receipt', () => text + text, 'TRAILING_BYTES'],
    ['an array', () => '[]', 'RECEIPT_FORMAT'],
  ])('%s', (_what, make, code) => {
    expect(outcomeOf(() => decodeJsonReceipt(toUtf8(make())))).toBe(code);
  });
});

describe('jsonReceiptLeaf()', () => {
  const writeSetDigest = new Uint8Array(32).fill(1);
  const evidence = commitEvidenceDigest('ce');
  const leafOf = (leafComponents: JsonReceipt['leafComponents']) =>
    toHex(jsonReceiptLeaf({ ...receipt, ...(leafComponents && { leafComponents }) }));
  const expected = (type: 0 | 2 | 3 | 4) =>
    toHex(entryLeafOf({ type, writeSetDigest, commitEvidenceDigest: evidence, claimsDigest }));

  test('hashes the components that are there, as the four entry types do', () => {
    expect(leafOf({ writeSetDigest })).toBe(expected(0));
    expect(leafOf({ writeSetDigest, claimsDigest })).toBe(expected(2));
    expect(leafOf({ writeSetDigest, commitEvidence: 'ce' })).toBe(expected(3));
    expect(leafOf({ writeSetDigest, commitEvidence: 'ce', claimsDigest })).toBe(expected(4));
  });
});

describe('verifyJsonReceipt()', () => {
  test('proves the evidence transaction, the root and the node', async () => {
    const verified = await verifyJsonReceipt(receipt, { claimsDigest, service });
    expect(verified.evidence).toStrictEqual({ view: 2, seqno: 12 });
    expect(verified.root).toStrictEqual(makeProof(claimsDigest).root);
    expect(verified.node.keyId).toBe(made.nodeCertificate.keyId);
  });

  test.each<[string, () => JsonReceipt, string]>([
    [
      'no claims digest',
      () => ({ ...receipt, leafComponents: { writeSetDigest: claimsDigest } }),
      'CLAIMS_DIGEST_MISSING',
    ],
    ['another node id', () => ({ ...receipt, nodeId: 'ab'.repeat(32) }), 'KID_MISMATCH'],
    ['no path', () => ({ ...receipt, path: [] }), 'MERKLE_PATH'],
    [
      'a shortened path',
      () => ({ ...receipt, path: receipt.path.slice(1) }),
      'NODE_SIGNATURE_INVALID',
    ],
    [
      'swapped sides',
      () => ({ ...receipt, path: receipt.path.map(({ left, hash }) => ({ left: !left, hash })) }),
      'NODE_SIGNATURE_INVALID',
    ],
    [
      'a certificate of another node',
      () => ({ ...receipt, certificate: makeService('x').nodeCertificate.pem }),
      'KID_MISMATCH',
    ],
    ['no certificate', () => ({ ...receipt, certificate: '' }), 'BAD_CERTIFICATE'],
  ])('refuses %s', async (_what, make, code) => {
    expect(await codeOf(verifyJsonReceipt(make(), { claimsDigest, service }))).toBe(code);
  });

  test('refuses another claims digest, and commit evidence that names no transaction', async () => {
    const other = new Uint8Array(32);
    expect(await codeOf(verifyJsonReceipt(receipt, { claimsDigest: other }))).toBe(
      'CLAIMS_DIGEST_MISMATCH',
    );
    const leafComponents = { writeSetDigest: other, commitEvidence: 'ce:2.12', claimsDigest };
    const changed = { ...receipt, leafComponents };
    expect(await codeOf(verifyJsonReceipt(changed, { claimsDigest }))).toBe('RECEIPT_FORMAT');
  });

  test('refuses a node that another service endorsed', async () => {
    const foreign = makeService('foreign').serviceCertificate;
    const verifying = verifyJsonReceipt(receipt, { claimsDigest, service: foreign });
    expect(await codeOf(verifying)).toBe('NODE_CERT_NOT_ENDORSED');
  });

  const verify = async (input: Uint8Array) =>
    verifyJsonReceipt(decodeJsonReceipt(input), { claimsDigest, service });

  test('refuses every truncation', async () => {
    await refusals(truncations(bytes), verify);
  });

  test('refuses the receipt with one bit of any byte flipped', async () => {
    const flips = bitFlips(bytes).filter((_, bit) => bit % 8 === (bit >> 3) % 8);
    await refusals(flips, verify);
  });
});
