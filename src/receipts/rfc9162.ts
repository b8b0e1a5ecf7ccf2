import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../core/byte-strings.ts';
import { FormatError } from '../core/errors.ts';
import { merklePathMax } from '../core/limits.ts';
import { type CborValue, cborArray, cborBytes, decodeCbor } from '../formats/encoding/cbor.ts';

/** An inclusion proof in a tree by RFC 9162; which entry it is of, the verifier must know. */
export interface Rfc9162Inclusion {
  readonly treeSize: number;
  readonly leafIndex: number;
  readonly path: readonly Uint8Array[];
}

/** A consistency proof of two such trees. */
export interface Rfc9162Consistency {
  readonly olderSize: number;
  readonly newerSize: number;
  readonly path: readonly Uint8Array[];
}

/**
 * Decodes `[tree-size, leaf-index, [+ hash]]`.
 * @throws FormatError `CBOR_*`, `VDP`, `MERKLE_PATH`
 * @see RFC 9942 section 5.2
 */
export function decodeInclusion9162(bytes: Uint8Array): Rfc9162Inclusion {
  const [treeSize, leafIndex, path] = decodeThree(bytes);
  if (treeSize < 1 || leafIndex < 0 || leafIndex >= treeSize) {
    throw new FormatError('VDP', `leaf ${leafIndex} of a tree of ${treeSize} leaves`);
  }
  return { treeSize, leafIndex, path };
}

/**
 * Decodes `[older tree-size, newer tree-size, [+ hash]]`.
 * @throws FormatError `CBOR_*`, `VDP`, `MERKLE_PATH`
 * @see RFC 9942 section 5.3
 */
export function decodeConsistency9162(bytes: Uint8Array): Rfc9162Consistency {
  const [olderSize, newerSize, path] = decodeThree(bytes);
  if (olderSize < 1 || newerSize <= olderSize) {
    throw new FormatError('VDP', `a tree of ${newerSize} leaves after one of ${olderSize}`);
  }
  return { olderSize, newerSize, path };
}

function decodeThree(bytes: Uint8Array): readonly [number, number, readonly Uint8Array[]] {
  const items = cborArray(decodeCbor(bytes), 'the proof', 'VDP');
  const [first, second, third] = items;
  if (items.length !== 3 || typeof first !== 'number' || typeof second !== 'number') {
    throw new FormatError('VDP', 'a proof of RFC 9162 is two numbers and a path');
  }
  return [first, second, hashesOf(cborArray(third, 'the path', 'VDP'))];
}

function hashesOf(items: readonly CborValue[]): readonly Uint8Array[] {
  // A consistency proof may begin with the node that it starts from: one hash more than a path.
  if (items.length > 0 && items.length <= merklePathMax + 1) return items.map(hashOf);
  const place = { actual: items.length, expected: merklePathMax + 1 };
  throw new FormatError('MERKLE_PATH', `a path of ${items.length} hashes`, place);
}

function hashOf(item: CborValue): Uint8Array {
  const hash = cborBytes(item, 'a hash of the path', 'MERKLE_PATH');
  if (hash.length === 32) return hash;
  throw new FormatError('MERKLE_PATH', `a hash of ${hash.length} bytes`, { actual: hash.length });
}

/** A leaf's hash: the prefix keeps leaves and inner nodes apart. @see RFC 9162 section 2.1.1 */
export function leafHash9162(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes([Uint8Array.of(0), entry]));
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes([Uint8Array.of(1), left, right]));
}

/**
 * The root that a proof leads to from a leaf's hash.
 * @throws FormatError `MERKLE_PATH` when the path is not as long as the leaf's place in the tree wants it
 * @see RFC 9162 section 2.1.3.2
 */
export function rootOfInclusion(proof: Rfc9162Inclusion, leafHash: Uint8Array): Uint8Array {
  let index = proof.leafIndex;
  let last = proof.treeSize - 1;
  let root = leafHash;
  for (const sibling of proof.path) {
    if (last === 0) throw wrongLength('more', proof.treeSize);
    if (index % 2 === 1 || index === last) {
      root = nodeHash(sibling, root);
      // The last node of a level may be promoted alone, over as many levels as it takes.
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, sibling);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw wrongLength('fewer', proof.treeSize);
  return root;
}

function wrongLength(which: string, treeSize: number): FormatError {
  const message = `the path has ${which} hashes than a tree of ${treeSize} leaves needs`;
  return new FormatError('MERKLE_PATH', message);
}

/**
 * The newer root that a proof leads to from an older one; `undefined` when it is not a proof of that older root.
 * @throws FormatError `MERKLE_PATH` when the path is not as long as the two sizes want it
 * @see RFC 9162 section 2.1.4.2
 */
export function rootOfConsistency(
  proof: Rfc9162Consistency,
  olderRoot: Uint8Array,
): Uint8Array | undefined {
  const { olderSize, newerSize } = proof;
  const isPowerOfTwo =
    Number.isInteger(Math.log2(olderSize)) && 2 ** Math.log2(olderSize) === olderSize;
  const path = isPowerOfTwo ? [olderRoot, ...proof.path] : proof.path;
  let index = olderSize - 1;
  let last = newerSize - 1;
  while (index % 2 === 1) [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  const [begin = olderRoot, ...rest] = path;
  let older = begin;
  let newer = begin;
  for (const hash of rest) {
    if (last === 0) throw wrongLength('more', newerSize);
    if (index % 2 === 1 || index === last) {
      older = nodeHash(hash, older);
      newer = nodeHash(hash, newer);
      while (index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    } else {
      newer = nodeHash(newer, hash);
    }
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw wrongLength('fewer', newerSize);
  return equalBytes(older, olderRoot) ? newer : undefined;
}
