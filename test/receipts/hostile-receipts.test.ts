import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { CborTagged, type CborValue, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { entryLeafOf } from '../../src/formats/entries/write-set.ts';
import { commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { encodeInclusionProof } from '../../src/formats/receipts/inclusion-proof.ts';
import { verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf, refusals } from '../formats/expect-code.ts';
import { makeJsonReceipt } from '../formats/make-snapshot-file.ts';
import { bitFlips, truncations } from '../helpers/hostile-bytes.ts';
import {
  claimsDigest,
  itemsOf,
  made,
  makeReceipt,
  makeStatement,
  map,
  ownProof,
  proofBytes,
  receiptOf,
  services,
  statementDigest,
  transparent,
} from './make-receipts.ts';

const verify = (bytes: Uint8Array) => verifyReceipt(bytes, { services });
const statement = makeStatement();
const json = await makeJsonReceipt(made, claimsDigest);
const wrapped = toUtf8(
  `{"receipt":${Buffer.from(json).toString()},"state":"Ready","transactionId":"2.12"}`,
);
const pretty = toUtf8(JSON.stringify(JSON.parse(Buffer.from(json).toString()), undefined, 2));
const withExtras = toUtf8(
  Buffer.from(json)
    .toString()
    .replace('"proof"', '"is_signature_transaction":false,"service_endorsements":[],"proof"'),
);

const forms: readonly (readonly [string, Uint8Array])[] = [
  ['COSE', makeReceipt()],
  ['COSE with two proofs', makeReceipt({ proofs: [proofBytes, proofBytes] })],
  ['JSON', json],
  ['JSON in lines', pretty],
  ['JSON with all fields', withExtras],
  ['JSON in an answer', wrapped],
  ['a statement', transparent(statement, [receiptOf(statementDigest(statement))])],
];

describe.each(forms)('of %s', (_what, bytes) => {
  test('the receipt itself is verified', async () => {
    expect(await verify(bytes)).toMatchObject({ trusted: true });
  });

  test('each single flipped bit is refused', { timeout: 240_000 }, async () => {
    await refusals(bitFlips(bytes), verify);
  });

  test('each truncation is refused', async () => {
    await refusals(truncations(bytes), verify);
  });
});

const nil = new Uint8Array(32);
const proofWith = (leaf: CborValue, path: CborValue) => encodeCbor(map([1, leaf], [2, path]));
const { writeSetDigest, commitEvidence } = ownProof.proof;
const leaf = [writeSetDigest, commitEvidence, claimsDigest];
const step = [true, nil];

describe('a COSE receipt is refused', () => {
  const [header = null, unprotected = null, , signature = null] = itemsOf(makeReceipt());
  const message = (...items: readonly CborValue[]) => encodeCbor(new CborTagged(18, items));
  const deep = (depth: number): CborValue => (depth === 0 ? 1 : [deep(depth - 1)]);

  test.each<[string, Uint8Array, string]>([
    ['without vds', makeReceipt({ header: [] }), 'VDS'],
    ['with vds 3', makeReceipt({ header: [[395, 3]] }), 'VDS'],
    ['with vds true', makeReceipt({ header: [[395, true]] }), 'VDS'],
    ['with vds as text', makeReceipt({ header: [[395, '2']] }), 'VDS'],
    ['with vds 1 and CCF’s proof', makeReceipt({ header: [[395, 1]] }), 'VDP'],
    [
      'with vds 2 and a proof of RFC 9162',
      makeReceipt({ proofs: [encodeCbor([2, 0, [nil]])] }),
      'VDP',
    ],
    ['with vds outside the signed header', makeReceipt({ header: [], labels: [[395, 2]] }), 'VDS'],
    ['with vds in both headers', makeReceipt({ labels: [[395, 2]] }), 'COSE_LABEL_IN_BOTH'],
    ['with kid in both headers', makeReceipt({ labels: [[4, nil]] }), 'COSE_LABEL_IN_BOTH'],
    [
      'with alg outside the signed header',
      makeReceipt({ labels: [[1, -7]] }),
      'COSE_LABEL_IN_BOTH',
    ],
    [
      'with crit',
      makeReceipt({
        header: [
          [395, 2],
          [2, [395]],
        ],
      }),
      'COSE_CRIT',
    ],
    ['with crit outside', makeReceipt({ labels: [[2, [395]]] }), 'COSE_CRIT'],
    ['with EdDSA', makeReceipt({ alg: -8 }), 'ALG_NOT_ALLOWED'],
    ['with ML-DSA', makeReceipt({ alg: -49 }), 'ALG_NOT_ALLOWED'],
    ['with a payload', makeReceipt({ payload: ownProof.root }), 'COSE_PAYLOAD'],
    ['with no proofs', makeReceipt({ proofs: [] }), 'VDP'],
    ['with an empty vdp', makeReceipt({ vdp: map() }), 'VDP'],
    ['with a vdp that is no map', makeReceipt({ vdp: [] }), 'VDP'],
    ['with proofs of another kind', makeReceipt({ vdp: map([-1, [proofBytes]], [-3, []]) }), 'VDP'],
    ['with proofs that are no list', makeReceipt({ proofs: proofBytes }), 'VDP'],
    ['with a proof that is no bytes', makeReceipt({ proofs: [map()] }), 'VDP'],
    ['with a proof in bytes of bytes', makeReceipt({ proofs: [encodeCbor(proofBytes)] }), 'VDP'],
    [
      'with 65 proofs',
      makeReceipt({ proofs: Array.from({ length: 65 }, () => proofBytes) }),
      'TOO_LARGE',
    ],
    [
      'with a thousand proofs',
      makeReceipt({ proofs: Array.from({ length: 1000 }, () => proofBytes) }),
      'TOO_LARGE',
    ],
    ['with an empty path', makeReceipt({ proofs: [proofWith(leaf, [])] }), 'MERKLE_PATH'],
    [
      'with 54 steps',
      makeReceipt({
        proofs: [
          proofWith(
            leaf,
            Array.from({ length: 54 }, () => step),
          ),
        ],
      }),
      'MERKLE_PATH',
    ],
    ['with a step of three', makeReceipt({ proofs: [proofWith(leaf, [[true, nil, 1]])] }), 'VDP'],
    [
      'with a leaf of two',
      makeReceipt({ proofs: [proofWith(leaf.slice(0, 2), [step])] }),
      'CLAIMS_DIGEST_MISSING',
    ],
    ['with a leaf of four', makeReceipt({ proofs: [proofWith([...leaf, nil], [step])] }), 'VDP'],
    [
      'with a claims digest of 31 bytes',
      makeReceipt({ proofs: [proofWith([nil, 'ce', nil.subarray(1)], [step])] }),
      'VDP',
    ],
    [
      'with evidence of no bytes',
      makeReceipt({ proofs: [proofWith([nil, '', nil], [step])] }),
      'RECEIPT_FORMAT',
    ],
    [
      'with evidence of 1025 bytes',
      makeReceipt({ proofs: [proofWith([nil, 'x'.repeat(1025), nil], [step])] }),
      'RECEIPT_FORMAT',
    ],
    [
      'with a third label in a proof',
      makeReceipt({ proofs: [encodeCbor(map([1, leaf], [2, [step]], [3, 1]))] }),
      'VDP',
    ],
    ['without tag', encodeCbor(itemsOf(makeReceipt())), 'COSE_TAG'],
    ['of five items', message(header, unprotected, null, signature, 1), 'COSE_STRUCTURE'],
    ['whose signature is short', message(header, unprotected, null, nil), 'SIG_LENGTH'],
    [
      'whose txid is none',
      makeReceipt({
        header: [
          [395, 2],
          ['ccf.v1', map(['txid', '2'])],
        ],
      }),
      'COSE_STRUCTURE',
    ],
    [
      'whose txid is a number',
      makeReceipt({
        header: [
          [395, 2],
          ['ccf.v1', map(['txid', 2])],
        ],
      }),
      'COSE_STRUCTURE',
    ],
    [
      'whose ccf.v1 is no map',
      makeReceipt({
        header: [
          [395, 2],
          ['ccf.v1', 2],
        ],
      }),
      'COSE_STRUCTURE',
    ],
    ['nested ten deep in another label', makeReceipt({ labels: [[99, deep(10)]] }), 'CBOR_DEPTH'],
    ['with a certificate that is none', makeReceipt({ labels: [[33, [1]]] }), 'COSE_STRUCTURE'],
    ['with an indefinite list', Uint8Array.of(0xd2, 0x9f, 0xff), 'CBOR_INDEFINITE'],
    ['of nothing', new Uint8Array(), 'EMPTY_FILE'],
    ['of white space', toUtf8(' \n\t'), 'EMPTY_FILE'],
    ['of text', toUtf8('hello'), 'CBOR_LENGTH'],
    ['of 2 MiB', makeReceipt({ labels: [[99, new Uint8Array(2 * 1024 * 1024)]] }), 'TOO_LARGE'],
  ])('%s', async (_what, bytes, code) => {
    const before = performance.now();
    expect(await codeOf(verify(bytes))).toBe(code);
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test('with an empty path, unless the caller lets it through', async () => {
    const bytes = encodeInclusionProof({ ...ownProof.proof, path: [] });
    const commitEvidenceDigestOf = commitEvidenceDigest(commitEvidence);
    const parts = { writeSetDigest, claimsDigest, commitEvidenceDigest: commitEvidenceDigestOf };
    const root = entryLeafOf({ type: 4, ...parts });
    const receipt = makeReceipt({ proofs: [bytes], root });
    expect(await codeOf(verify(receipt))).toBe('MERKLE_PATH');
    const result = await verifyReceipt(receipt, { services, allowEmptyPath: true });
    expect(result).toMatchObject({ remarks: ['EMPTY_PATH', 'EVIDENCE_NOT_PLACED'] });
  });
});

describe('JSON is refused', () => {
  test.each<[string, string | object, string]>([
    ['with a key twice', Buffer.from(json).toString().replace('{', '{"proof":[],'), 'BAD_JSON'],
    ['nested deep', `{"a":${'['.repeat(200)}`, 'BAD_JSON'],
    ['of 2 MiB', `{"a":"${'x'.repeat(2 * 1024 * 1024)}"}`, 'TOO_LARGE'],
    ['with text behind it', `${Buffer.from(json).toString()} x`, 'TRAILING_BYTES'],
    ['that is a list', '[]', 'CBOR_LENGTH'],
    ['that is empty', {}, 'RECEIPT_FORMAT'],
    ['that is an answer without a receipt', { state: 'Ready' }, 'RECEIPT_FORMAT'],
  ])('%s', async (_what, form, code) => {
    expect(await codeOf(verifyReceipt(form, { services }))).toBe(code);
  });
});
