import { FormatError } from '../../core/errors.ts';
import { merklePathMax } from '../../core/limits.ts';

/** Bytes of a hash in a tree. */
const digestBytes = 32;

/** One level of a path; a level where the node is promoted alone has no step. */
export interface PathStep {
  /** Whether the sibling stands on the left. */
  readonly left: boolean;
  /** The sibling, 32 bytes. */
  readonly hash: Uint8Array;
}

/** Siblings from the leaf up to the root; empty only in a tree of one leaf. */
export type MerklePath = readonly PathStep[];

/** Where a path leads. */
export interface FoldedPath {
  readonly root: Uint8Array;
  /**
   * The 64 bytes whose hash is the root: lets a signature over the root as a prehashed digest be
   * checked by an API that wants to hash for itself. Empty when the path is.
   */
  readonly preimage: Uint8Array;
}

/** SHA-256, of whatever makes it: node:crypto, or plain JavaScript in a browser. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/**
 * Computes the root that a path leads to from a leaf; proves nothing until the root is compared.
 * @throws FormatError `MERKLE_PATH` on more steps than a tree can have, or a hash not of 32 bytes
 */
export function foldPathWith(hashOf: Sha256, leaf: Uint8Array, path: MerklePath): FoldedPath {
  if (path.length > merklePathMax) {
    const bounds = { actual: path.length, expected: merklePathMax };
    const message = `a path of ${path.length} steps: at most ${merklePathMax} are read`;
    throw new FormatError('MERKLE_PATH', message, bounds);
  }
  checkHash(leaf);
  let root = leaf;
  let preimage: Uint8Array = new Uint8Array(0);
  for (const { left, hash } of path) {
    checkHash(hash);
    preimage = left ? pair(hash, root) : pair(root, hash);
    root = hashOf(preimage);
  }
  return { root, preimage };
}

/**
 * Whether a path's sides are those of one leaf: hashes alone tell where a path leads to, its sides where it comes from.
 * @param leafCount of the whole tree. @default unknown: whether there is a tree in which that leaf has this path
 */
export function leadsFrom(path: MerklePath, leafIndex: number, leafCount?: number): boolean {
  if (leafCount === undefined) return mayLeadFrom(path, leafIndex);
  const sides = sidesOf(leafIndex, leafCount);
  return sides.length === path.length && path.every(({ left }, i) => left === sides[i]);
}

function sidesOf(leafIndex: number, leafCount: number): readonly boolean[] {
  const sides: boolean[] = [];
  let index = leafIndex;
  for (let nodes = leafCount; nodes > 1; nodes = Math.ceil(nodes / 2)) {
    const left = index % 2 === 1;
    if (left || index + 1 < nodes) sides.push(left);
    index = Math.floor(index / 2);
  }
  return sides;
}

/** Whoever is promoted alone once is at the right edge, and has nobody on the right any more. */
function mayLeadFrom(path: MerklePath, leafIndex: number): boolean {
  let step = 0;
  let isAtEdge = false;
  for (let index = leafIndex; index > 0 || step < path.length; index = Math.floor(index / 2)) {
    const left = path[step]?.left;
    const isRightChild = index % 2 === 1;
    if (isRightChild ? left === true : left === false && !isAtEdge) step++;
    else if (isRightChild || index === 0) return false;
    else isAtEdge = true;
  }
  return true;
}

function checkHash(hash: Uint8Array): void {
  if (hash.length === digestBytes) return;
  throw new FormatError('MERKLE_PATH', `a hash of ${hash.length} bytes`, { actual: hash.length });
}

/** Two children side by side: what an inner node hashes. */
export function pair(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2 * digestBytes);
  bytes.set(left);
  bytes.set(right, digestBytes);
  return bytes;
}
