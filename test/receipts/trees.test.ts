import { describe, expect, test } from 'vitest';
import { concatBytes, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { type CborKey, type CborValue, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import {
  makeReceipt,
  makeStatement,
  map,
  proofBytes,
  services,
  statementDigest,
  transparent,
} from './make-receipts.ts';

/** A tree by its definition, with or without the prefixes of RFC 9162. */
class PlainTree {
  readonly #leaves: readonly Uint8Array[];
  readonly #prefix: Uint8Array;

  constructor(leaves: readonly Uint8Array[], isRfc9162: boolean) {
    this.#leaves = leaves;
    this.#prefix = isRfc9162 ? Uint8Array.of(1) : new Uint8Array();
  }

  root(from = 0, to = this.#leaves.length): Uint8Array {
    const [leaf] = this.#leaves.slice(from, to);
    if (to - from === 1 && leaf !== undefined) return leaf;
    const middle = from + split(to - from);
    return sha256(concatBytes([this.#prefix, this.root(from, middle), this.root(middle, to)]));
  }

  /** RFC 9162 section 2.1.3.1, with sides. */
  path(index: number, from = 0, to = this.#leaves.length): { left: boolean; hash: Uint8Array }[] {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...this.path(index, from, middle), { left: false, hash: this.root(middle, to) }]
      : [...this.path(index, middle, to), { left: true, hash: this.root(from, middle) }];
  }

  /** RFC 9162 section 2.1.4.1. */
  consistency(older: number, from = 0, to = this.#leaves.length, isWhole = true): Uint8Array[] {
    if (older === to - from) return isWhole ? [] : [this.root(from, to)];
    const half = split(to - from);
    const middle = from + half;
    return older <= half
      ? [...this.consistency(older, from, middle, isWhole), this.root(middle, to)]
      : [...this.consistency(older - half, middle, to, false), this.root(from, middle)];
  }

  /** The draft's: from the last complete subtree of the older tree to the newer root, with sides. */
  ccfConsistency(older: number) {
    let size = 1;
    while (older % (2 * size) === 0) size *= 2;
    const anchor = this.root(older - size, older);
    return { anchor, path: this.#pathOf(older - size, older, 0, this.#leaves.length) };
  }

  #pathOf(a: number, b: number, from: number, to: number): { left: boolean; hash: Uint8Array }[] {
    if (a === from && b === to) return [];
    const middle = from + split(to - from);
    return b <= middle
      ? [...this.#pathOf(a, b, from, middle), { left: false, hash: this.root(middle, to) }]
      : [...this.#pathOf(a, b, middle, to), { left: true, hash: this.root(from, middle) }];
  }
}

/** The largest power of two below a size. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

const entries = Array.from({ length: 40 }, (_, i) => toUtf8(`entry ${i}`));
const rfcTree = (size: number) =>
  new PlainTree(
    entries.slice(0, size).map((entry) => sha256(concatBytes([Uint8Array.of(0), entry]))),
    true,
  );
const ccfTree = (size: number) => new PlainTree(entries.slice(0, size).map(sha256), false);

const rfcReceipt = (kind: -1 | -2, proof: CborValue, root: Uint8Array) =>
  makeReceipt({ header: [[395, 1]], vdp: map([kind, [encodeCbor(proof)]]), root });
const ccfReceipt = (proof: CborValue, root: Uint8Array) =>
  makeReceipt({ header: [[395, 2]], vdp: map([-2, [encodeCbor(proof)]]), root });
const ccfProof = ({ anchor, path }: ReturnType<PlainTree['ccfConsistency']>) =>
  map([1, anchor], [2, path.map(({ left, hash }) => [left, hash])]);

describe('inclusion in a tree by RFC 9162', () => {
  test('is verified for every leaf of every small tree', async () => {
    for (let size = 2; size <= 17; size++) {
      const tree = rfcTree(size);
      for (let index = 0; index < size; index++) {
        const path = tree.path(index).map(({ hash }) => hash);
        const receipt = rfcReceipt(-1, [size, index, path], tree.root());
        const result = await verifyReceipt(receipt, {
          services,
          claims: entries[index] ?? toUtf8(''),
        });
        expect(result).toMatchObject({
          tree: 'RFC9162_SHA256',
          trusted: true,
          inclusions: [{ leafIndex: index, treeSize: size }],
        });
      }
    }
  });

  const tree = rfcTree(11);
  const path = tree.path(6).map(({ hash }) => hash);
  const refused = async (proof: CborValue, claims = entries[6]) =>
    codeOf(
      verifyReceipt(rfcReceipt(-1, proof, tree.root()), { services, ...(claims && { claims }) }),
    );

  test.each<[string, CborValue, string]>([
    ['a leaf beyond the tree', [11, 11, path], 'VDP'],
    ['a negative leaf', [11, -1, path], 'VDP'],
    ['a tree without leaves', [0, 0, path], 'VDP'],
    ['another leaf', [11, 5, path], 'SIG_INVALID'],
    ['a smaller size', [8, 6, path], 'MERKLE_PATH'],
    ['a larger size', [100, 6, path], 'MERKLE_PATH'],
    ['a path cut', [11, 6, path.slice(1)], 'MERKLE_PATH'],
    ['a path that goes on', [11, 6, [...path, ...path]], 'MERKLE_PATH'],
    ['an empty path', [11, 6, []], 'MERKLE_PATH'],
    ['55 hashes', [11, 6, Array.from({ length: 55 }, () => new Uint8Array(32))], 'MERKLE_PATH'],
    ['a short hash', [11, 6, [new Uint8Array(31)]], 'MERKLE_PATH'],
    ['two items', [11, 6], 'VDP'],
    ['CCF’s proof', map([1, []], [2, []]), 'VDP'],
  ])('is refused for %s', async (_what, proof, code) => {
    expect(await refused(proof)).toBe(code);
  });

  test('is refused for other claims, and does not say its own', async () => {
    expect(await refused([11, 6, path], entries[5])).toBe('SIG_INVALID');
    const receipt = rfcReceipt(-1, [11, 6, path], tree.root());
    expect(await codeOf(verifyReceipt(receipt, { services }))).toBe('CLAIMS_DIGEST_MISSING');
  });

  test('is that of a statement’s digest, or of the statement', async () => {
    const statement = makeStatement();
    const digest = statementDigest(statement);
    for (const entry of [digest, encodeCbor(statement)]) {
      const leaf = sha256(concatBytes([Uint8Array.of(0), entry]));
      const root = sha256(concatBytes([Uint8Array.of(1), leaf, digest]));
      const receipt = rfcReceipt(-1, [2, 0, [digest]], root);
      const options = { services };
      expect(await verifyReceipt(transparent(statement, [receipt]), options)).toMatchObject({
        trusted: true,
      });
      const other = transparent(makeStatement('another'), [receipt]);
      expect(await codeOf(verifyReceipt(other, options))).toBe('SIG_INVALID');
    }
  });

  test('may have the root attached, which must be that of the proof', async () => {
    const vdp = map([-1, [encodeCbor([11, 6, path])]]);
    const draft = { header: [[395, 1]] as [CborKey, CborValue][], vdp, root: tree.root() };
    const claims = entries[6] ?? toUtf8('');
    const attached = makeReceipt({ ...draft, payload: tree.root() });
    expect(await verifyReceipt(attached, { services, claims })).toMatchObject({ trusted: true });
    const other = makeReceipt({ ...draft, payload: new Uint8Array(32) });
    expect(await codeOf(verifyReceipt(other, { services, claims }))).toBe('COSE_PAYLOAD');
  });
});

describe('consistency', () => {
  test('of trees by RFC 9162 is verified for every pair of small sizes', async () => {
    for (let newer = 2; newer <= 17; newer++) {
      for (let older = 1; older < newer; older++) {
        const tree = rfcTree(newer);
        const receipt = rfcReceipt(-2, [older, newer, tree.consistency(older)], tree.root());
        const olderRoot = rfcTree(older).root();
        const result = await verifyReceipt(receipt, { services, trustedRoots: [olderRoot] });
        expect(result).toMatchObject({
          root: toHex(tree.root()),
          consistencies: [{ olderRoot: toHex(olderRoot), isTrusted: true }],
        });
      }
    }
  });

  test('of CCF’s trees is verified for every pair of small sizes', async () => {
    for (let newer = 2; newer <= 17; newer++) {
      for (let older = 1; older < newer; older++) {
        const tree = ccfTree(newer);
        const receipt = ccfReceipt(ccfProof(tree.ccfConsistency(older)), tree.root());
        const olderRoot = toHex(ccfTree(older).root());
        const result = await verifyReceipt(receipt, { services, trustedRoots: [olderRoot] });
        expect(result).toMatchObject({ consistencies: [{ olderRoot, isTrusted: true }] });
      }
    }
  });

  const tree = ccfTree(38);
  const proof = tree.ccfConsistency(23);
  const older = ccfTree(23).root();
  const outcome = (changed: CborValue, root = tree.root(), trustedRoots = [older]) =>
    codeOf(verifyReceipt(ccfReceipt(changed, root), { services, trustedRoots }));
  const steps = (path: typeof proof.path) => ccfProof({ ...proof, path });
  const [first, ...others] = proof.path;

  test('needs a root that is trusted', async () => {
    expect(await outcome(ccfProof(proof))).toBe('accepted');
    expect(await outcome(ccfProof(proof), tree.root(), [])).toBe('MERKLE_ROOT_MISMATCH');
    expect(await outcome(ccfProof(proof), tree.root(), [ccfTree(22).root()])).toBe(
      'MERKLE_ROOT_MISMATCH',
    );
  });

  const flipped = first && [{ ...first, left: true }, ...others];
  const zeroed = (side: boolean) =>
    proof.path.map((step, index) =>
      step.left === side && index > 0 ? { ...step, hash: new Uint8Array(32) } : step,
    );
  test.each<[string, CborValue, string]>([
    ['an anchor of 31 bytes', map([1, new Uint8Array(31)], [2, []]), 'MERKLE_PATH'],
    [
      'an anchor of 33 bytes',
      map([1, new Uint8Array(33)], [2, [[false, new Uint8Array(32)]]]),
      'VDP',
    ],
    ['an anchor that is text', map([1, 'x'], [2, []]), 'VDP'],
    ['no anchor', map([2, []]), 'VDP'],
    ['no path', map([1, new Uint8Array(32)]), 'VDP'],
    ['an empty path', steps([]), 'MERKLE_PATH'],
    ['a third label', map([1, proof.anchor], [2, [[false, older]]], [3, 1]), 'VDP'],
    ['a list', [proof.anchor, []], 'VDP'],
    ['a step of three', map([1, proof.anchor], [2, [[false, older, 1]]]), 'VDP'],
    ['a side that is no boolean', map([1, proof.anchor], [2, [[0, older]]]), 'MERKLE_PATH'],
    ['a first sibling on the left', steps(flipped ?? []), 'MERKLE_PATH'],
    ['the path from the other end', steps([...proof.path].reverse()), 'MERKLE_ROOT_MISMATCH'],
    ['another anchor', ccfProof({ ...proof, anchor: new Uint8Array(32) }), 'MERKLE_ROOT_MISMATCH'],
    ['another shared sibling', steps(zeroed(true)), 'MERKLE_ROOT_MISMATCH'],
    ['another newer sibling', steps(zeroed(false)), 'SIG_INVALID'],
    ['a path cut', steps(proof.path.slice(0, -1)), 'SIG_INVALID'],
  ])('is refused for %s', async (_what, changed, code) => {
    const actual = await outcome(changed);
    // What is cut from the top may be a shared sibling as well.
    expect(_what === 'a path cut' ? ['SIG_INVALID', 'MERKLE_ROOT_MISMATCH'] : [code]).toContain(
      actual,
    );
  });

  test('beside inclusion must lead to the same root', async () => {
    const both = (root: Uint8Array) => {
      const beside = encodeCbor(map([1, older], [2, [[false, root]]]));
      return makeReceipt({ vdp: map([-1, [proofBytes]], [-2, [beside]]) });
    };
    expect(await codeOf(verifyReceipt(both(older), { services }))).toBe('MERKLE_ROOT_MISMATCH');
  });

  test('must begin at a trusted root each', async () => {
    const sizes = [23, 30];
    const proofs = sizes.map((size) => encodeCbor(ccfProof(tree.ccfConsistency(size))));
    const receipt = makeReceipt({ vdp: map([-2, proofs]), root: tree.root() });
    const roots = sizes.map((size) => ccfTree(size).root());
    const judged = (trustedRoots: Uint8Array[]) =>
      codeOf(verifyReceipt(receipt, { services, trustedRoots }));
    expect(await judged(roots)).toBe('accepted');
    expect(await judged(roots.slice(0, 1))).toBe('MERKLE_ROOT_MISMATCH');
    expect(await judged(roots.slice(1))).toBe('MERKLE_ROOT_MISMATCH');
  });

  test('that is alone is compared with no claims', async () => {
    const receipt = ccfReceipt(ccfProof(proof), tree.root());
    const options = { services, trustedRoots: [older], claims: toUtf8('x') };
    expect(await codeOf(verifyReceipt(receipt, options))).toBe('CLAIMS_DIGEST_MISSING');
  });

  test.each<[string, CborValue]>([
    ['two sizes that are the same', [5, 5, [older]]],
    ['a newer tree that is smaller', [5, 4, [older]]],
    ['an older tree without leaves', [0, 4, [older]]],
  ])('of RFC 9162 is refused for %s', async (_what, changed) => {
    const receipt = rfcReceipt(-2, changed, older);
    expect(await codeOf(verifyReceipt(receipt, { services, trustedRoots: [older] }))).toBe('VDP');
  });

  test('of RFC 9162 is refused for another root, a longer and a shorter path', async () => {
    const newer = rfcTree(13);
    const path = newer.consistency(6);
    const refused = (hashes: CborValue, root: Uint8Array) =>
      codeOf(
        verifyReceipt(rfcReceipt(-2, [6, 13, hashes], newer.root()), {
          services,
          trustedRoots: [root],
        }),
      );
    const right = rfcTree(6).root();
    expect(await refused(path, right)).toBe('accepted');
    expect(await refused(path, rfcTree(7).root())).toBe('MERKLE_ROOT_MISMATCH');
    expect(await refused([...path, right], right)).toBe('MERKLE_PATH');
    expect(await refused(path.slice(0, -1), right)).toBe('MERKLE_PATH');
  });
});
