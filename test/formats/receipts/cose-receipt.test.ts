import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { concatBytes, equalBytes, toHex } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { type CborMap, type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import {
  type CoseReceipt,
  decodeCoseReceipt,
  encodeCoseReceipt,
  verifyCoseReceipt,
} from '../../../src/formats/receipts/cose-receipt.ts';
import { foldReceiptProof } from '../../../src/formats/receipts/receipt-proof.ts';
import { encodeCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import { signRootSignature } from '../../../src/formats/signatures/root-signature.ts';
import { bitFlips, outcomeOf, refusalOf, truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { codeOf, refusalOfAsync, refusals } from '../expect-code.ts';
import { makeKey } from '../make-keys.ts';
import { makeCoseReceipt, makeProof, makeService } from '../make-snapshot-file.ts';

const made = makeService('cose receipt', 'P-256');
const claimsDigest = new Uint8Array(32).fill(9);
const { proof, root } = makeProof(claimsDigest);
const key = made.service.publicKey;
let bytes: Uint8Array;
let receipt: CoseReceipt;

beforeEach(async () => {
  bytes = await makeCoseReceipt(made, claimsDigest);
  receipt = decodeCoseReceipt(bytes);
});

test("encodeCoseReceipt() copies the ledger's message and replaces its unprotected header", async () => {
  const claims = { iat: 1, iss: '', sub: '', txId: { view: view(2), seqno: seqno(15) } };
  const rootSignature = await signRootSignature(root, claims, made.service.privateKey);
  const hex = toHex(encodeCoseReceipt({ rootSignature, proof }));
  const ledger = toHex(rootSignature);
  expect(hex.startsWith(ledger.slice(0, ledger.lastIndexOf('a0f65840')))).toBe(true);
  expect(hex.endsWith(ledger.slice(ledger.lastIndexOf('f65840')))).toBe(true);
  expect(hex).toContain('a119018ca12081');
});

test('decodeCoseReceipt() reads back the proof and the signature transaction', () => {
  expect(receipt.proof).toStrictEqual(proof);
  expect(receipt.signature.txId).toStrictEqual({ view: 2, seqno: 15 });
});

test('verifyCoseReceipt() proves the evidence transaction and the root', async () => {
  const verified = await verifyCoseReceipt(receipt, key, claimsDigest);
  const [evidence, signature] = [12, 15].map((seqno) => ({ view: 2, seqno }));
  const { leaf } = foldReceiptProof(proof);
  expect(verified).toStrictEqual({ evidence, leaf, signature, root });
});

describe('decodeCoseReceipt() refuses', () => {
  const leaf = [proof.writeSetDigest, proof.commitEvidence, proof.claimsDigest];
  const path = proof.path.map(({ left, hash }) => [left, hash]);
  const proofMap = (...entries: [number, CborValue][]) =>
    encodeCbor(new Map<number, CborValue>(entries));
  const good = proofMap([1, leaf], [2, path]);
  const vdp = (...proofs: CborValue[]) => new Map([[396, new Map([[-1, proofs]])]]);
  const hash = new Uint8Array(32);

  test.each<[string, CborMap, string]>([
    ['no vdp', new Map(), 'VDP: vdp (396) is not a map'],
    [
      'another unprotected label',
      new Map<number, CborValue>([...vdp(good), [7, 1]]),
      'COSE_UNKNOWN_UNPROTECTED: vdp is not the only unprotected label',
    ],
    ['a vdp that is no map', new Map([[396, 1]]), 'VDP: vdp (396) is not a map'],
    ['no inclusion proof', vdp(), 'VDP: vdp does not hold exactly one inclusion proof'],
    ['two inclusion proofs', vdp(good, good), 'VDP: vdp does not hold exactly one inclusion proof'],
    [
      'only a consistency proof',
      new Map([[396, new Map([[-2, [good]]])]]),
      'VDP: the inclusion proofs (-1) is not an array',
    ],
    [
      'a consistency proof beside it',
      new Map([
        [
          396,
          new Map([
            [-1, [good]],
            [-2, [good]],
          ]),
        ],
      ]),
      'VDP: vdp does not hold exactly one inclusion proof',
    ],
    [
      'a proof that is not wrapped in bytes',
      vdp('x'),
      'VDP: the inclusion proof is not a byte string',
    ],
    [
      'a proof of other keys',
      vdp(proofMap([1, leaf], [2, path], [3, 0])),
      'VDP: the inclusion proof is not in the one form that CCF writes',
    ],
    [
      'a proof in another order',
      vdp(proofMap([2, path], [1, leaf])),
      'VDP: the inclusion proof is not in the one form that CCF writes',
    ],
    ['a proof without leaf', vdp(proofMap([2, path])), 'VDP: the leaf (1) is not an array'],
    ['a proof without path', vdp(proofMap([1, leaf])), 'VDP: the path (2) is not an array'],
    [
      'a leaf of two parts',
      vdp(proofMap([1, leaf.slice(0, 2)], [2, path])),
      'CLAIMS_DIGEST_MISSING: the receipt does not claim a digest',
    ],
    [
      'a leaf of four parts',
      vdp(proofMap([1, [...leaf, 0]], [2, path])),
      'VDP: the inclusion proof is not in the one form that CCF writes',
    ],
    [
      'a digest of 31 bytes',
      vdp(proofMap([1, [hash.subarray(1), 'ce', hash]], [2, path])),
      'VDP: a digest in the leaf is not of 32 bytes',
    ],
    [
      'empty commit evidence',
      vdp(proofMap([1, [hash, '', hash]], [2, path])),
      'RECEIPT_FORMAT: commit evidence of 0 bytes',
    ],
    [
      'long commit evidence',
      vdp(proofMap([1, [hash, 'a'.repeat(1025), hash]], [2, path])),
      'RECEIPT_FORMAT: commit evidence of 1025 bytes',
    ],
    [
      'an empty path',
      vdp(proofMap([1, leaf], [2, []])),
      'MERKLE_PATH: a path of 0 steps: 1 to 53 are expected',
    ],
    [
      '54 steps',
      vdp(proofMap([1, leaf], [2, Array.from({ length: 54 }, () => [true, hash])])),
      'MERKLE_PATH: a path of 54 steps: 1 to 53 are expected',
    ],
    [
      'a hash of 31 bytes',
      vdp(proofMap([1, leaf], [2, [[true, hash.subarray(1)]]])),
      'MERKLE_PATH: a hash of 31 bytes',
    ],
    [
      'a side that is no boolean',
      vdp(proofMap([1, leaf], [2, [[1, hash]]])),
      'MERKLE_PATH: a step has no side',
    ],
    [
      'a step of three items',
      vdp(proofMap([1, leaf], [2, [[true, hash, 0]]])),
      'VDP: the inclusion proof is not in the one form that CCF writes',
    ],
    ['a proof that is no map', vdp(encodeCbor([])), 'VDP: the inclusion proof is not a map'],
    [
      'a write-set digest that is no bytes',
      vdp(proofMap([1, ['x', 'ce', hash]], [2, path])),
      'VDP: the write-set digest is not a byte string',
    ],
    [
      'commit evidence that is no text',
      vdp(proofMap([1, [hash, hash, hash]], [2, path])),
      'VDP: the commit evidence is not a text',
    ],
    [
      'a claims digest of 31 bytes',
      vdp(proofMap([1, [hash, 'ce', hash.subarray(1)]], [2, path])),
      'VDP: a digest in the leaf is not of 32 bytes',
    ],
    [
      'a step that is no array',
      vdp(proofMap([1, leaf], [2, [0]])),
      'MERKLE_PATH: a step of the path is not an array',
    ],
    [
      'a hash that is no bytes',
      vdp(proofMap([1, leaf], [2, [[true, 'x']]])),
      'MERKLE_PATH: the hash of a step is not a byte string',
    ],
    [
      'bytes behind the proof',
      vdp(Uint8Array.of(...good, 0)),
      'TRAILING_BYTES: 1 bytes after the item, at offset 291',
    ],
  ])('%s', (_what, unprotectedHeader, code) => {
    const changed = encodeCoseSign1({ ...receipt.signature.message, unprotectedHeader });
    expect(refusalOf(() => decodeCoseReceipt(changed))).toBe(code);
  });

  const decodeWith = (...steps: CborValue[]) => {
    const unprotectedHeader = vdp(proofMap([1, leaf], [2, steps]));
    const message = { ...receipt.signature.message, unprotectedHeader };
    return decodeCoseReceipt(encodeCoseSign1(message)).proof.path;
  };

  test('no path of 53 steps, the longest there is', () => {
    expect(decodeWith(...Array.from({ length: 53 }, () => [true, hash]))).toHaveLength(53);
  });

  test('what it measured, and says the bound', () => {
    const steps = Array.from({ length: 54 }, () => [true, hash]);
    expect(() => decodeWith(...steps)).toThrow(
      expect.objectContaining({ actual: 54, expected: 53 }),
    );
    expect(() => decodeWith([true, hash.subarray(1)])).toThrow(
      expect.objectContaining({ actual: 31 }),
    );
  });

  test('an attached payload', () => {
    const message = { ...receipt.signature.message, payload: root };
    expect(refusalOf(() => decodeCoseReceipt(encodeCoseSign1(message)))).toBe(
      'COSE_PAYLOAD: the payload is attached, not detached',
    );
  });

  test("a ledger's root signature, which has no proof", () => {
    const { protectedBytes, signature } = receipt.signature.message;
    const message = encodeCoseSign1({ protectedBytes, payload: undefined, signature });
    expect(outcomeOf(() => decodeCoseReceipt(message))).toBe('VDP');
  });
});

describe('verifyCoseReceipt() refuses', () => {
  const { path } = proof;
  const withProof = (change: Partial<CoseReceipt['proof']>) => ({
    ...receipt,
    proof: { ...receipt.proof, ...change },
  });

  test('another claims digest', async () => {
    expect(await codeOf(verifyCoseReceipt(receipt, key, root))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('another key, before its signature is tried', async () => {
    const other = makeKey('other').publicKey;
    expect(await codeOf(verifyCoseReceipt(receipt, other, claimsDigest))).toBe('KID_MISMATCH');
  });

  test.each<[string, Partial<CoseReceipt['proof']>, string]>([
    [
      'swapped sides',
      { path: path.map(({ left, hash }) => ({ left: !left, hash })) },
      'SIG_INVALID: the COSE signature does not verify under this key',
    ],
    [
      'a shortened path',
      { path: path.slice(1) },
      'SIG_INVALID: the COSE signature does not verify under this key',
    ],
    [
      'a path in another order',
      { path: path.toReversed() },
      'SIG_INVALID: the COSE signature does not verify under this key',
    ],
    ['no path', { path: [] }, 'MERKLE_PATH: the path has no steps'],
    [
      'another write set',
      { writeSetDigest: root },
      'SIG_INVALID: the COSE signature does not verify under this key',
    ],
    [
      'other commit evidence',
      { commitEvidence: `ce:2.13:${'0'.repeat(64)}` },
      'SIG_INVALID: the COSE signature does not verify under this key',
    ],
    [
      'commit evidence of no form',
      { commitEvidence: 'ce:2.12' },
      'RECEIPT_FORMAT: not commit evidence: ce:2.12',
    ],
  ])('%s', async (_what, change, code) => {
    expect(await refusalOfAsync(verifyCoseReceipt(withProof(change), key, claimsDigest))).toBe(
      code,
    );
  });

  test('the leaf of another transaction in the same tree, with its valid path', async () => {
    const { tree } = makeProof(claimsDigest);
    const changed = withProof({ path: tree.path(11), writeSetDigest: root });
    expect(await codeOf(verifyCoseReceipt(changed, key, claimsDigest))).toBe('SIG_INVALID');
  });
});

describe('a receipt that is damaged', () => {
  const verify = async (input: Uint8Array) =>
    verifyCoseReceipt(decodeCoseReceipt(input), key, claimsDigest);

  test('is refused at every truncation', async () => {
    await refusals(truncations(bytes), verify);
  });

  slowTest('is refused with any bit flipped', async () => {
    await refusals(bitFlips(bytes), verify);
  });

  slowTest('is refused with bytes put in, taken out or overwritten at random', async () => {
    const edit = fc.record({
      at: fc.nat(),
      cut: fc.nat({ max: 8 }),
      put: fc.uint8Array({ maxLength: 8 }),
    });
    const verifying = fc.asyncProperty(edit, async ({ at, cut, put }) => {
      const from = at % bytes.length;
      const edited = concatBytes([bytes.subarray(0, from), put, bytes.subarray(from + cut)]);
      fc.pre(!equalBytes(edited, bytes));
      await refusals([edited], verify);
    });
    await fc.assert(verifying, { numRuns: 500 });
  });
});
