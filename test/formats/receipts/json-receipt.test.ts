import { beforeEach, describe, expect, test } from 'vitest';
import { fromUtf8, toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { entryLeafOf } from '../../../src/formats/entries/write-set.ts';
import { commitEvidenceDigest } from '../../../src/formats/merkle/commit-evidence.ts';
import {
  decodeJsonReceipt,
  encodeJsonReceipt,
  type JsonReceipt,
  jsonReceiptLeaf,
  verifyJsonReceipt,
} from '../../../src/formats/receipts/json-receipt.ts';
import { bitFlips, refusalOf, truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { codeOf, refusalOfAsync, refusals } from '../expect-code.ts';
import { makeJsonReceipt, makeProof, makeService } from '../make-snapshot-file.ts';

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

test('decodeJsonReceipt() leaves out what is not there', () => {
  const { writeSetDigest } = makeProof(claimsDigest).proof;
  expect(Object.keys(receipt).sort()).toStrictEqual(
    ['certificate', 'leafComponents', 'nodeId', 'path', 'signature'].sort(),
  );
  for (const leafComponents of [
    { writeSetDigest },
    { writeSetDigest, claimsDigest },
    { writeSetDigest, commitEvidence: 'ce' },
  ]) {
    const decoded = decodeJsonReceipt(encodeJsonReceipt({ ...receipt, leafComponents }));
    expect(decoded).toStrictEqual({ ...receipt, leafComponents });
  }
});

test('decodeJsonReceipt() reads a path of 53 steps, the longest there is', () => {
  const path = Array.from({ length: 53 }, (_, i) => ({ left: i % 2 === 0, hash: claimsDigest }));
  expect(decodeJsonReceipt(encodeJsonReceipt({ ...receipt, path })).path).toStrictEqual(path);
});

test('decodeJsonReceipt() says how long a path is, and may be', () => {
  const path = Array.from({ length: 54 }, () => ({ left: true, hash: claimsDigest }));
  expect(() => decodeJsonReceipt(encodeJsonReceipt({ ...receipt, path }))).toThrow(
    expect.objectContaining({ code: 'MERKLE_PATH', actual: 54, expected: 53 }),
  );
});

describe('decodeJsonReceipt() refuses', () => {
  const step = `{"left":"${'00'.repeat(32)}"}`;
  const change = (from: string | RegExp, to: string) => () => text.replace(from, to);
  test.each<[string, () => string, string]>([
    ['an unknown field', change('{"cert"', '{"a":1,"cert"'), 'RECEIPT_FORMAT: unknown field "a"'],
    [
      'a field twice',
      change('{"cert"', '{"cert":"","cert"'),
      'BAD_JSON: key "cert" twice at character 17',
    ],
    [
      'white space',
      change('{"cert"', '{ "cert"'),
      'RECEIPT_FORMAT: the receipt is not in the one form that CCF writes',
    ],
    [
      'an escaped slash',
      change('/', '\\/'),
      'RECEIPT_FORMAT: the receipt is not in the one form that CCF writes',
    ],
    [
      'fields in another order',
      change(/^\{("cert":"[^"]*"),(.*)\}$/, '{$2,$1}'),
      'RECEIPT_FORMAT: the receipt is not in the one form that CCF writes',
    ],
    [
      'a missing field',
      change(/"node_id":"[^"]*",/, ''),
      'RECEIPT_FORMAT: node_id is not a string',
    ],
    [
      'a step of both sides',
      change('"proof":[{', `"proof":[{"left":"${'00'.repeat(32)}",`),
      'RECEIPT_FORMAT: a step has not exactly one side',
    ],
    [
      'a step of no side',
      change('"proof":[', '"proof":[{},'),
      'RECEIPT_FORMAT: a step has not exactly one side',
    ],
    [
      'a hash of 31 bytes',
      change(/"proof":\[\{"(\w+)":"../, '"proof":[{"$1":"'),
      'RECEIPT_FORMAT: a step of the proof has 31 bytes, not 32',
    ],
    [
      'a hash in upper case',
      change(/"node_id":"[^"]*"/, `"node_id":"${'AB'.repeat(32)}"`),
      'BAD_HEX: not lower-case hex: "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"',
    ],
    [
      '54 steps',
      change('"proof":[', `"proof":[${`${step},`.repeat(54)}`),
      'MERKLE_PATH: a path of 58 steps',
    ],
    [
      'leaf beside leaf_components',
      change('"leaf_c', `"leaf":"${'00'.repeat(32)}","leaf_c`),
      'RECEIPT_FORMAT: not exactly one of leaf and leaf_components',
    ],
    [
      'empty commit evidence',
      change(/"ce:[^"]*"/, '""'),
      'RECEIPT_FORMAT: commit evidence of 0 bytes',
    ],
    [
      'long commit evidence',
      change(/"ce:[^"]*"/, `"${'a'.repeat(1025)}"`),
      'RECEIPT_FORMAT: commit evidence of 1025 bytes',
    ],
    [
      'base64 with a stray bit',
      change(/"signature":"[^"]*"/, '"signature":"AB=="'),
      'BAD_BASE64: not canonical base64: "AB=="',
    ],
    [
      'a flag that is no boolean',
      change('"leaf_c', '"is_signature_transaction":0,"leaf_c'),
      'RECEIPT_FORMAT: is_signature_transaction is not a boolean',
    ],
    [
      'a certificate that is no text',
      change(/"cert":"[^"]*"/, '"cert":0'),
      'RECEIPT_FORMAT: cert is not a string',
    ],
    [
      'a node id of 31 bytes',
      change(/"node_id":"../, '"node_id":"'),
      'RECEIPT_FORMAT: node_id has 31 bytes, not 32',
    ],
    [
      'a path that is no array',
      change(/"proof":\[.*?\]/, '"proof":0'),
      'RECEIPT_FORMAT: proof is not an array',
    ],
    [
      'a step that is no object',
      change('"proof":[', '"proof":[0,'),
      'RECEIPT_FORMAT: a step of the proof is not an object',
    ],
    [
      'an unknown side',
      change('"proof":[', '"proof":[{"up":0},'),
      'RECEIPT_FORMAT: unknown field "up"',
    ],
    [
      'a leaf of 31 bytes',
      change(/"leaf_components":\{[^}]*\}/, `"leaf":"${'00'.repeat(31)}"`),
      'RECEIPT_FORMAT: leaf has 31 bytes, not 32',
    ],
    [
      'components that are no object',
      change(/"leaf_components":\{[^}]*\}/, '"leaf_components":0'),
      'RECEIPT_FORMAT: leaf_components is not an object',
    ],
    [
      'neither leaf nor components',
      change(/"leaf_components":\{[^}]*\},/, ''),
      'RECEIPT_FORMAT: not exactly one of leaf and leaf_components',
    ],
    [
      'an unknown component',
      change('"claims_digest"', '"a":0,"claims_digest"'),
      'RECEIPT_FORMAT: unknown field "a"',
    ],
    [
      'no write-set digest',
      change(/,"write_set_digest":"[^"]*"/, ''),
      'RECEIPT_FORMAT: write_set_digest is not a string',
    ],
    [
      'a claims digest of 31 bytes',
      change(/"claims_digest":"../, '"claims_digest":"'),
      'RECEIPT_FORMAT: claims_digest has 31 bytes, not 32',
    ],
    [
      'commit evidence that is no text',
      change(/"ce:[^"]*"/, '0'),
      'RECEIPT_FORMAT: commit_evidence is not a string',
    ],
    [
      'endorsements that are no array',
      change('"signature"', '"service_endorsements":0,"signature"'),
      'RECEIPT_FORMAT: service_endorsements is not an array',
    ],
    [
      'an endorsement that is no text',
      change('"signature"', '"service_endorsements":[0],"signature"'),
      'RECEIPT_FORMAT: a service endorsement is not a string',
    ],
    ['a byte-order mark', () => `\ufeff${text}`, 'BAD_JSON: expected a value at character 0'],
    [
      'a line feed at the end',
      () => `${text}\n`,
      'RECEIPT_FORMAT: the receipt is not in the one form that CCF writes',
    ],
    ['a second receipt', () => `${text}{}`, 'TRAILING_BYTES: 2 characters after the JSON value'],
    ['an array', () => '[]', 'RECEIPT_FORMAT: the receipt is not an object'],
  ])('%s', (_what, make, code) => {
    expect(refusalOf(() => decodeJsonReceipt(toUtf8(make())))).toBe(code);
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

test('jsonReceiptLeaf() is the leaf itself where a receipt has no components', () => {
  const { leafComponents, ...rest } = receipt;
  expect(leafComponents).toBeDefined();
  expect(jsonReceiptLeaf({ ...rest, leaf: claimsDigest })).toBe(claimsDigest);
});

describe('verifyJsonReceipt()', () => {
  test('proves the evidence transaction, the root and the node', async () => {
    const verified = await verifyJsonReceipt(receipt, { claimsDigest, service });
    expect(verified.evidence).toStrictEqual({ view: 2, seqno: 12 });
    expect(verified.root).toStrictEqual(makeProof(claimsDigest).root);
    expect(verified.node.keyId).toBe(made.nodeCertificate.keyId);
  });

  const nodeId = made.nodeCertificate.keyId;
  const stranger = makeService('x').nodeCertificate;

  test.each<[string, () => JsonReceipt, string]>([
    [
      'no claims digest',
      () => ({ ...receipt, leafComponents: { writeSetDigest: claimsDigest } }),
      'CLAIMS_DIGEST_MISSING: the receipt does not claim a digest',
    ],
    [
      'components without commit evidence',
      () => ({ ...receipt, leafComponents: { writeSetDigest: claimsDigest, claimsDigest } }),
      'CLAIMS_DIGEST_MISSING: the receipt does not claim a digest',
    ],
    [
      'components without a claims digest',
      () => ({
        ...receipt,
        leafComponents: { writeSetDigest: claimsDigest, commitEvidence: 'ce' },
      }),
      'CLAIMS_DIGEST_MISSING: the receipt does not claim a digest',
    ],
    [
      'another node id',
      () => ({ ...receipt, nodeId: 'ab'.repeat(32) }),
      `KID_MISMATCH: the receipt names node ${'ab'.repeat(32)}, its certificate is of ${nodeId}`,
    ],
    ['no path', () => ({ ...receipt, path: [] }), 'MERKLE_PATH: the path has no steps'],
    [
      'a shortened path',
      () => ({ ...receipt, path: receipt.path.slice(1) }),
      'NODE_SIGNATURE_INVALID: the node signature does not verify',
    ],
    [
      'swapped sides',
      () => ({ ...receipt, path: receipt.path.map(({ left, hash }) => ({ left: !left, hash })) }),
      'NODE_SIGNATURE_INVALID: the node signature does not verify',
    ],
    [
      'a certificate of another node',
      () => ({ ...receipt, certificate: stranger.pem }),
      `KID_MISMATCH: the receipt names node ${nodeId}, its certificate is of ${stranger.keyId}`,
    ],
    [
      'no certificate',
      () => ({ ...receipt, certificate: '' }),
      'BAD_CERTIFICATE: bad certificate: not one PEM certificate',
    ],
  ])('refuses %s', async (_what, make, code) => {
    expect(await refusalOfAsync(verifyJsonReceipt(make(), { claimsDigest, service }))).toBe(code);
  });

  test('needs no service, and says which node the certificate is of', async () => {
    expect((await verifyJsonReceipt(receipt, { claimsDigest })).root).toStrictEqual(
      makeProof(claimsDigest).root,
    );
    const changed = { ...receipt, nodeId: 'ab'.repeat(32) };
    await expect(verifyJsonReceipt(changed, { claimsDigest })).rejects.toMatchObject({
      actual: 'ab'.repeat(32),
      expected: nodeId,
    });
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

  slowTest('refuses every truncation', async () => {
    await refusals(truncations(bytes), verify);
  });

  slowTest('refuses the receipt with one bit of any byte flipped', async () => {
    const flips = bitFlips(bytes).filter((_, bit) => bit % 8 === (bit >> 3) % 8);
    await refusals(flips, verify);
  });
});
