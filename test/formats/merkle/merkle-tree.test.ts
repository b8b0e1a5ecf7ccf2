import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../../../src/core/bytes.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { foldPath, type MerklePath, MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import {
  bitFlips,
  lengthBombs,
  outcomeOf,
  outcomes,
  truncations,
} from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';

const sizeMax = 33;
const sizes = Array.from({ length: sizeMax }, (_, i) => i + 1);
const leaves = sizes.map((i) => sha256(new Uint8Array([i])));
const zeroLeaf = new Uint8Array(32);

function treeOf(size: number): MerkleTree {
  const tree = new MerkleTree();
  for (const leaf of leaves.slice(0, size)) tree.append(leaf);
  return tree;
}

/** The root by definition: the largest power of two below the count goes left. */
function naiveRoot(of: readonly Uint8Array[]): Uint8Array {
  if (of.length <= 1) return of[0] ?? zeroLeaf;
  const split = splitOf(of.length);
  return sha256(concatBytes([naiveRoot(of.slice(0, split)), naiveRoot(of.slice(split))]));
}

function naivePath(of: readonly Uint8Array[], leaf: number): MerklePath {
  if (of.length <= 1) return [];
  const split = splitOf(of.length);
  const left = of.slice(0, split);
  const right = of.slice(split);
  return leaf < split
    ? [...naivePath(left, leaf), { left: false, hash: naiveRoot(right) }]
    : [...naivePath(right, leaf - split), { left: true, hash: naiveRoot(left) }];
}

function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return split;
}

/** A path or hashes as text: comparing thousands of byte arrays one by one is slow. */
const pathText = (path: MerklePath) =>
  path.map(({ left, hash }) => (left ? 'L' : 'R') + toHex(hash)).join(' ');
const hashesText = (hashes: readonly Uint8Array[]) => hashes.map(toHex);

/** `naivePaths[size][leaf]`, as text. */
const naivePaths = [0, ...sizes].map((size) => {
  const of = leaves.slice(0, size);
  return of.map((_, leaf) => pathText(naivePath(of, leaf)));
});

const naiveRoots = [zeroLeaf, ...sizes.map((size) => naiveRoot(leaves.slice(0, size)))];

/** Every pair first ≤ second with second up to the largest size. */
const pairs = sizes.flatMap((second) =>
  Array.from({ length: second + 1 }, (_, first) => [first, second] as const),
);

describe('MerkleTree.root()', () => {
  test('MerkleTree.root() is the naive root at every size', () => {
    expect(sizes.map((size) => treeOf(size).root())).toEqual(naiveRoots.slice(1));
  });

  test('MerkleTree.rootAt() gives every past root', () => {
    const tree = treeOf(sizeMax);
    expect(sizes.map((size) => tree.rootAt(size))).toEqual(naiveRoots.slice(1));
  });

  test('MerkleTree.root() has no value without leaves', () => {
    expect(() => MerkleTree.empty().root()).toThrow(RangeError);
  });

  test('MerkleTree.genesis() has leaf 0 of 32 zero bytes', () => {
    const tree = MerkleTree.genesis();
    expect(tree).toMatchObject({ leafCount: 1, firstLeaf: 0 });
    expect(tree.leafAt(0)).toEqual(zeroLeaf);
    expect(tree.root()).toEqual(zeroLeaf);
  });

  test('MerkleTree.rootPreimage() is what hashes to the root, at every size', () => {
    const tree = treeOf(sizeMax);
    const hashed = sizes.slice(1).map((size) => sha256(tree.rootPreimage(size)));
    expect(hashed).toEqual(naiveRoots.slice(2));
    expect(() => tree.rootPreimage(1)).toThrow(RangeError);
  });

  test('MerkleTree.rootPreimage() refuses a flushed child', () => {
    const tree = treeOf(8);
    tree.flush(8);
    expect(() => tree.rootPreimage()).toThrow(RangeError);
    expect(tree.root()).toEqual(naiveRoots[8]);
  });
});

describe('MerkleTree.path()', () => {
  test('MerkleTree.path() is the naive path of every leaf at every size', () => {
    const tree = treeOf(sizeMax);
    for (const [leaf, size] of pairs.filter(([first, second]) => first < second)) {
      expect(pathText(tree.path(leaf, size))).toBe(naivePaths[size]?.[leaf]);
    }
  });

  test('MerkleTree.path() leads to the root, and its last step hashes the root preimage', () => {
    const tree = treeOf(sizeMax);
    for (const [leaf, size] of pairs.filter(([first, second]) => first < second && second > 1)) {
      const { root, preimage } = foldPath(tree.leafAt(leaf), tree.path(leaf, size));
      expect(toHex(root)).toBe(toHex(naiveRoots[size] ?? zeroLeaf));
      expect(toHex(preimage)).toBe(toHex(tree.rootPreimage(size)));
    }
  });

  test.each([
    [-1, 4],
    [4, 4],
    [0, 0],
    [0, 6],
    [0.5, 4],
    [Number.NaN, 4],
  ])('MerkleTree.path() refuses leaf %d of %d', (leaf, count) => {
    expect(() => treeOf(5).path(leaf, count)).toThrow(RangeError);
  });
});

describe('foldPath()', () => {
  test('foldPath() of an empty path is the leaf itself', () => {
    expect(foldPath(zeroLeaf, [])).toEqual({ root: zeroLeaf, preimage: new Uint8Array(0) });
  });

  test('foldPath() refuses hashes of another size and endless paths', () => {
    const step = { left: true, hash: zeroLeaf };
    const short = { left: true, hash: zeroLeaf.subarray(1) };
    expect(outcomeOf(() => foldPath(zeroLeaf.subarray(1), []))).toBe('MERKLE_PATH');
    expect(outcomeOf(() => foldPath(zeroLeaf, [short]))).toBe('MERKLE_PATH');
    expect(outcomeOf(() => foldPath(zeroLeaf, Array(54).fill(step)))).toBe('MERKLE_PATH');
    expect(outcomeOf(() => foldPath(zeroLeaf, Array(53).fill(step)))).toBe('accepted');
  });
});

describe('MerkleTree.append()', () => {
  test('MerkleTree.append() copies the leaf', () => {
    const tree = new MerkleTree();
    const leaf = new Uint8Array(32);
    tree.append(leaf);
    leaf.fill(1);
    expect(tree.root()).toEqual(zeroLeaf);
  });
});

describe('MerkleTree says which leaves it has', () => {
  const tree = treeOf(8);
  tree.flush(3);
  test.each<[string, () => unknown]>([
    ['leaf 2 is not in 3 … 7', () => tree.leafAt(2)],
    ['leaf 8 is not in 3 … 7', () => tree.leafAt(8)],
    ['leaf 5 is not in 3 … 4', () => tree.path(5, 5)],
    ['9 leaves are not in 3 … 8', () => tree.rootAt(9)],
    ['2 leaves are not in 3 … 8', () => tree.rootAt(2)],
    ['3.5 leaves are not in 3 … 8', () => tree.rootAt(3.5)],
    ['9 leaves are not in 3 … 8', () => tree.flush(9)],
    ['9 leaves are not in 3 … 8', () => tree.retract(9)],
    ['9 leaves are not in 3 … 8', () => tree.serialise({ leafCount: 9 })],
    ['2 leaves are not in 3 … 8', () => tree.serialise({ flushed: 2 })],
    ['flushed 5 above 4 leaves', () => tree.serialise({ flushed: 5, leafCount: 4 })],
    ['0 leaves are not in 1 … 0', () => MerkleTree.empty().root()],
    ['1 leaves are not in 2 … 1', () => treeOf(1).rootPreimage()],
    ['a leaf of 31 bytes', () => MerkleTree.empty().append(new Uint8Array(31))],
  ])('%s', (message, call) => {
    expect(call).toThrow(new RangeError(message));
  });

  test("the root's children are flushed", () => {
    const flushed = treeOf(8);
    flushed.flush(8);
    expect(() => flushed.rootPreimage()).toThrow("the root's children are flushed");
  });

  test.each([3, 4])('in what it hands out of %i, which no later call changes', (size) => {
    const own = treeOf(size);
    const handed = [
      own.leafAt(0),
      own.root(),
      own.rootPreimage(),
      ...own.path(0).map((s) => s.hash),
    ];
    const copies = handed.map((bytes) => bytes.slice());
    own.retract(0);
    for (let i = 0; i < 4; i++) own.append(zeroLeaf);
    expect(handed).toEqual(copies);
  });

  test('with a flush of few trees for every later root and path', () => {
    for (const [flushed, size] of pairs.filter(([, count]) => count <= 9)) {
      const own = treeOf(size);
      own.flush(flushed);
      for (const leaf of leaves.slice(size, 12)) own.append(leaf);
      expect(own).toMatchObject({ firstLeaf: flushed, leafCount: 12 });
      for (let count = Math.max(1, flushed); count <= 12; count++) {
        expect(toHex(own.rootAt(count))).toBe(toHex(naiveRoots[count] ?? zeroLeaf));
        if (count > flushed)
          expect(pathText(own.path(flushed, count))).toBe(naivePaths[count]?.[flushed]);
      }
    }
  });
});

describe('MerkleTree.flush()', () => {
  slowTest('MerkleTree.flush() keeps every later root, path and leaf', () => {
    for (const [flushed, size] of pairs) {
      const tree = treeOf(size);
      tree.flush(flushed);
      for (const leaf of leaves.slice(size)) tree.append(leaf);
      expect(tree).toMatchObject({ firstLeaf: flushed, leafCount: sizeMax });
      const counts = sizes.filter((count) => count >= flushed);
      expect(hashesText(counts.map((count) => tree.rootAt(count)))).toEqual(
        hashesText(naiveRoots.slice(Math.max(1, flushed))),
      );
      const kept = counts.filter((count) => count > flushed);
      expect(kept.map((count) => pathText(tree.path(flushed, count)))).toEqual(
        kept.map((count) => naivePaths[count]?.[flushed]),
      );
    }
  });

  test('MerkleTree.flush() in many steps equals one', () => {
    const stepwise = treeOf(sizeMax);
    for (const to of sizes) stepwise.flush(to - 1);
    const once = treeOf(sizeMax);
    once.flush(sizeMax - 1);
    expect(stepwise.serialise()).toEqual(once.serialise());
  });

  test('MerkleTree.flush() never brings leaves back', () => {
    const tree = treeOf(8);
    tree.flush(5);
    tree.flush(3);
    expect(tree.firstLeaf).toBe(5);
    expect(() => tree.leafAt(4)).toThrow(RangeError);
    expect(() => tree.path(4)).toThrow(RangeError);
    expect(() => tree.rootAt(4)).toThrow(RangeError);
    expect(() => tree.flush(9)).toThrow(RangeError);
    expect(tree.leafAt(5)).toEqual(leaves[5]);
  });
});

describe('MerkleTree.retract()', () => {
  test('MerkleTree.retract() takes leaves back and other ones may follow', () => {
    for (const [size, from] of pairs) {
      const tree = treeOf(from);
      tree.retract(size);
      tree.append(zeroLeaf);
      const branch = [...leaves.slice(0, size), zeroLeaf];
      expect(toHex(tree.root())).toBe(toHex(naiveRoot(branch)));
      expect(pathText(tree.path(size))).toBe(pathText(naivePath(branch, size)));
    }
  });

  test('MerkleTree.retract() changes no path handed out before', () => {
    const tree = treeOf(5);
    const before = tree.path(0);
    const copy = before.map(({ left, hash }) => ({ left, hash: hash.slice() }));
    tree.retract(1);
    for (let i = 0; i < 8; i++) tree.append(zeroLeaf);
    expect(before).toEqual(copy);
  });

  test('MerkleTree.retract() refuses to go below flushed leaves', () => {
    const tree = treeOf(8);
    tree.flush(5);
    expect(() => tree.retract(4)).toThrow(RangeError);
    tree.retract(5);
    expect(tree.root()).toEqual(naiveRoots[5]);
  });
});

describe('MerkleTree.serialise()', () => {
  test('MerkleTree.serialise() writes big-endian counts, leaves, then the edge, smallest first', () => {
    const tree = treeOf(7);
    const bytes = tree.serialise({ flushed: 6 });
    expect(toHex(bytes.subarray(0, 16))).toBe('00000000000000010000000000000006');
    const edge = [naiveRoot(leaves.slice(4, 6)), naiveRoot(leaves.slice(0, 4))];
    expect(bytes.subarray(16)).toEqual(concatBytes([leaves[6] ?? zeroLeaf, ...edge]));
  });

  test('MerkleTree.deserialise() goes on from every frontier', () => {
    const whole = treeOf(sizeMax);
    for (const [flushed, leafCount] of pairs) {
      const bytes = whole.serialise({ flushed, leafCount });
      const tree = MerkleTree.deserialise(bytes);
      expect(toHex(tree.serialise())).toBe(toHex(bytes));
      for (const leaf of leaves.slice(leafCount)) tree.append(leaf);
      expect(toHex(tree.root())).toBe(toHex(whole.root()));
      expect(toHex(tree.serialise())).toBe(toHex(whole.serialise({ flushed })));
      if (flushed < sizeMax)
        expect(pathText(tree.path(flushed))).toBe(pathText(whole.path(flushed)));
    }
  });

  test('MerkleTree.serialise() refuses what is flushed or not there', () => {
    const tree = treeOf(8);
    tree.flush(3);
    expect(() => tree.serialise({ flushed: 2 })).toThrow(RangeError);
    expect(() => tree.serialise({ flushed: 5, leafCount: 4 })).toThrow(RangeError);
    expect(() => tree.serialise({ leafCount: 9 })).toThrow(RangeError);
  });

  test('MerkleTree keeps its laws under any sequence of calls', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append'), at: fc.nat(255) }),
      fc.record({ kind: fc.constantFrom('retract', 'flush', 'reload'), at: fc.nat(1000) }),
    );
    return fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let tree = new MerkleTree();
        let model: Uint8Array[] = [];
        for (const { kind, at } of steps) {
          const place = tree.firstLeaf + (at % (model.length - tree.firstLeaf + 1));
          const leaf = sha256(new Uint8Array([at]));
          if (kind === 'append') {
            tree.append(leaf);
            model.push(leaf);
          } else if (kind === 'retract') {
            tree.retract(place);
            model = model.slice(0, place);
          } else if (kind === 'flush') tree.flush(place);
          else tree = MerkleTree.deserialise(tree.serialise());
        }
        expect(tree.leafCount).toBe(model.length);
        if (model.length > 0) expect(tree.root()).toEqual(naiveRoot(model));
      }),
    );
  });
});

describe('MerkleTree.deserialise()', () => {
  const bytes = treeOf(7).serialise({ flushed: 5 });

  test('MerkleTree.deserialise() reads a tree flushed as far as numbers go', () => {
    const edge = 53;
    const huge = new Uint8Array(16 + edge * 32);
    new DataView(huge.buffer).setBigUint64(8, 2n ** 53n - 1n);
    const tree = MerkleTree.deserialise(huge);
    expect(tree).toMatchObject({ leafCount: Number.MAX_SAFE_INTEGER });
    expect(tree.serialise()).toEqual(huge);
  });

  test('MerkleTree.deserialise() refuses every truncation, and a byte more', () => {
    const codes = outcomes([...truncations(bytes), concatBytes([bytes, zeroLeaf])], (given) =>
      MerkleTree.deserialise(given),
    );
    expect(new Set(codes)).toEqual(new Set(['BAD_TREE']));
  });

  test('MerkleTree.deserialise() says what does not fit', () => {
    expect(() => MerkleTree.deserialise(new Uint8Array(15))).toThrow('a tree of 15 bytes');
    expect(() => MerkleTree.deserialise(bytes.subarray(0, -1))).toThrow(
      expect.objectContaining({
        message: `2 leaves from 5 on do not make ${bytes.length - 1} bytes`,
        ...{ actual: bytes.length - 1, expected: bytes.length },
      }),
    );
    expect(() => MerkleTree.deserialise(new Uint8Array(16).fill(0xff))).toThrow(
      expect.objectContaining({
        message: 'a count beyond 2^53-1',
        cause: expect.objectContaining({ message: expect.stringMatching(/^leaf count is /) }),
      }),
    );
    expect(() => MerkleTree.deserialise(new Uint8Array(16).fill(0xff, 8))).toThrow(
      expect.objectContaining({
        cause: expect.objectContaining({ message: expect.stringMatching(/^flushed leaves is /) }),
      }),
    );
    expect(MerkleTree.deserialise(new Uint8Array(16)).leafCount).toBe(0);
  });

  test('MerkleTree.deserialise() refuses every flipped bit of its counts', () => {
    const flips = bitFlips(bytes).slice(0, 16 * 8);
    const codes = outcomes(flips, (given) => MerkleTree.deserialise(given));
    expect(new Set(codes)).toEqual(new Set(['BAD_TREE']));
  });

  test('MerkleTree.deserialise() answers count bombs with BAD_TREE, unless they make another tree', () => {
    const codes = outcomes(lengthBombs(bytes), (given) => MerkleTree.deserialise(given));
    expect(new Set(codes)).toEqual(new Set(['BAD_TREE', 'accepted']));
  });

  test('MerkleTree.deserialise() refuses counts whose sum is beyond 2^53-1', () => {
    const huge = new Uint8Array(16 + 54 * 32);
    new DataView(huge.buffer).setBigUint64(0, 1n);
    new DataView(huge.buffer).setBigUint64(8, 2n ** 53n - 1n);
    expect(outcomeOf(() => MerkleTree.deserialise(huge))).toBe('BAD_TREE');
  });
});
