import { expect, test } from 'vitest';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { leadsFrom } from '../../../src/formats/merkle/merkle-path.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';

const leavesMax = 40;

function* paths() {
  const tree = MerkleTree.genesis();
  for (let leafCount = 2; leafCount <= leavesMax; leafCount++) {
    tree.append(sha256(Uint8Array.of(leafCount)));
    for (let leaf = 0; leaf < leafCount; leaf++) yield { path: tree.path(leaf), leaf, leafCount };
  }
}

const sidesOf = (path: readonly { readonly left: boolean }[]) =>
  path.map(({ left }) => (left ? 'l' : 'r')).join('');

test('leadsFrom() knows the sides of every leaf’s path in every tree', () => {
  for (const { path, leaf, leafCount } of paths()) {
    expect(leadsFrom(path, leaf, leafCount)).toBe(true);
    expect(leadsFrom(path, leaf)).toBe(true);
  }
});

test('leadsFrom() knows every other leaf of a tree from it', () => {
  for (const { path, leaf, leafCount } of paths()) {
    for (let other = 0; other < leafCount; other++) {
      expect(leadsFrom(path, other, leafCount)).toBe(other === leaf);
    }
  }
});

test('leadsFrom() without a number of leaves accepts what some tree has, and nothing else', () => {
  const known = new Map<number, Set<string>>();
  for (const { path, leaf } of paths()) {
    known.set(leaf, (known.get(leaf) ?? new Set()).add(sidesOf(path)));
  }
  for (const { path } of paths()) {
    if (path.length > 4) continue;
    for (let leaf = 0; leaf < 16; leaf++) {
      expect(leadsFrom(path, leaf)).toBe(known.get(leaf)?.has(sidesOf(path)));
    }
  }
});

test('leadsFrom() refuses a path that goes on, and one that stops early', () => {
  const tree = MerkleTree.genesis();
  for (let i = 1; i < 16; i++) tree.append(sha256(Uint8Array.of(i)));
  const path = tree.path(5);
  expect(leadsFrom([...path, ...path.slice(0, 1)], 5, 16)).toBe(false);
  expect(leadsFrom(path.slice(0, -1), 5, 16)).toBe(false);
  expect(leadsFrom([...path, ...path.slice(0, 1)], 5)).toBe(false);
  expect(leadsFrom([], 5)).toBe(false);
});
