import { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { assert, FormatError } from '../../core/errors.ts';
import { sha256, sha256Bytes } from '../encoding/sha256.ts';
import { HashSlab } from './hash-slab.ts';
import { type MerklePath, type PathStep, pair } from './merkle-path.ts';

export { foldPath, type MerklePath } from './merkle-path.ts';

/** Which part of a tree to serialise: leaves `flushed` … `leafCount - 1` and the edge before them. */
export interface SerialiseOptions {
  /** @default the tree's leafCount */
  readonly leafCount?: number;
  /** @default the tree's firstLeaf */
  readonly flushed?: number;
}

/**
 * The left-full Merkle tree over a ledger: leaf i is the leaf of seqno i, leaf 0 is 32 zero bytes.
 *
 * Each level is one run of hashes of *complete* subtrees, which never change once written; an
 * incomplete right edge is folded when asked for. So every past root and path stays available until
 * {@link MerkleTree.flush} or {@link MerkleTree.retract}, and an append hashes once on average.
 * Leaves before `firstLeaf` are flushed: only the edge that later roots and paths need is kept.
 *
 * What it returns are copies: no later call changes them.
 * @see CCF 3rdparty/exported/merklecpp/merklecpp.h, src/node/history.h
 */
export class MerkleTree {
  readonly #levels: HashSlab[] = [];
  #leafCount = 0;
  #firstLeaf = 0;

  /** A tree without any leaf. */
  static empty(): MerkleTree {
    return new MerkleTree();
  }

  /** The tree of a ledger without entries: leaf 0 alone, 32 zero bytes, so that leaf i is seqno i. */
  static genesis(): MerkleTree {
    const tree = new MerkleTree();
    tree.append(new Uint8Array(sha256Bytes));
    return tree;
  }

  /**
   * Rebuilds a tree, flushed or not, that appends and proves as the original does; see
   * {@link MerkleTree.serialise} for the bytes. Counts are checked against the bytes that are there.
   * @throws FormatError `BAD_TREE`
   */
  static deserialise(bytes: Uint8Array): MerkleTree {
    const { leafCount, flushed } = readTreeCounts(bytes);
    const tree = new MerkleTree();
    const edge = 16 + leafCount * sha256Bytes;
    tree.#restoreEdge(flushed, bytes.subarray(edge));
    for (let at = 16; at < edge; at += sha256Bytes) {
      tree.append(bytes.subarray(at, at + sha256Bytes));
    }
    return tree;
  }

  /** Leaves ever appended, the flushed ones included. */
  get leafCount(): number {
    return this.#leafCount;
  }

  /** Index of the first leaf that is not flushed. */
  get firstLeaf(): number {
    return this.#firstLeaf;
  }

  /** Adds the next leaf. @throws RangeError when it is not 32 bytes */
  append(leaf: Uint8Array): void {
    if (leaf.length !== sha256Bytes) throw new RangeError(`a leaf of ${leaf.length} bytes`);
    let level = 0;
    let slab = this.#level(0);
    slab.push(leaf);
    while (slab.end % 2 === 0) {
      const parent = sha256(slab.range(slab.end - 2, slab.end));
      slab = this.#level(++level);
      slab.push(parent);
    }
    this.#leafCount++;
  }

  /** The leaf of an index. @throws RangeError when it is flushed or not there yet */
  leafAt(leafIndex: number): Uint8Array {
    this.#checkLeaf(leafIndex, this.#leafCount);
    return this.#node(0, leafIndex).slice();
  }

  /** The root over all leaves. @throws RangeError when there are none */
  root(): Uint8Array {
    return this.rootAt(this.#leafCount);
  }

  /**
   * The root as it was over the first `leafCount` leaves.
   * @throws RangeError unless `leafCount` is 1 … the tree's, and not below `firstLeaf`
   */
  rootAt(leafCount: number): Uint8Array {
    this.#checkCount(leafCount, 1);
    return this.#edgeRoot(leafCount, 0).slice();
  }

  /**
   * The two children, 64 bytes, whose hash is {@link MerkleTree.rootAt} the same count.
   * @throws RangeError below 2 leaves, or when a child is flushed
   */
  rootPreimage(leafCount = this.#leafCount): Uint8Array {
    this.#checkCount(leafCount, 2);
    let level = 0;
    while (2 ** (level + 1) < leafCount) level++;
    if (!this.#level(level).has(0)) throw new RangeError(`the root's children are flushed`);
    return pair(this.#node(level, 0), this.#subtree(level, 1, leafCount));
  }

  /**
   * Siblings from a leaf up to {@link MerkleTree.rootAt} `leafCount`.
   * @throws RangeError when the leaf is flushed or not among the first `leafCount`
   */
  path(leafIndex: number, leafCount = this.#leafCount): MerklePath {
    this.#checkCount(leafCount, 1);
    this.#checkLeaf(leafIndex, leafCount);
    const steps: PathStep[] = [];
    let index = leafIndex;
    for (let level = 0, nodes = leafCount; nodes > 1; level++, nodes = Math.ceil(nodes / 2)) {
      const left = index % 2 === 1;
      const sibling = left ? index - 1 : index + 1;
      if (sibling < nodes) steps.push({ left, hash: this.#subtree(level, sibling, leafCount) });
      index = Math.floor(index / 2);
    }
    return steps;
  }

  /**
   * Forgets the leaves before `toLeaf`, keeping the edge that later roots and paths need; nothing
   * when they are forgotten already.
   * @throws RangeError beyond the last leaf
   */
  flush(toLeaf: number): void {
    if (toLeaf <= this.#firstLeaf) return;
    this.#checkCount(toLeaf, 0);
    this.#firstLeaf = toLeaf;
    for (const [level, slab] of this.#levels.entries()) slab.drop(edgeIndex(toLeaf, level));
  }

  /** Takes back every leaf from index `leafCount` on. @throws RangeError below `firstLeaf` */
  retract(leafCount: number): void {
    this.#checkCount(leafCount, 0);
    for (const [level, slab] of this.#levels.entries()) {
      slab.truncate(Math.floor(leafCount / 2 ** level));
    }
    this.#leafCount = leafCount;
  }

  /**
   * Writes the tree as `public:ccf.internal.tree` holds it. Unlike all else in CCF, big-endian.
   *
   * | offset | size | field |
   * |-------:|-----:|-------|
   * | 0 | 8 | n = leaves that follow, big-endian |
   * | 8 | 8 | f = index of the first of them, big-endian |
   * | 16 | 32 · n | leaves f … f+n-1 |
   * | … | 32 · popcount(f) | roots of the complete subtrees before leaf f, smallest first |
   *
   * @throws RangeError unless firstLeaf ≤ flushed ≤ leafCount ≤ the tree's leafCount
   */
  serialise(options: SerialiseOptions = {}): Uint8Array {
    const { leafCount = this.#leafCount, flushed = this.#firstLeaf } = options;
    this.#checkCount(leafCount, 0);
    this.#checkCount(flushed, 0);
    if (flushed > leafCount) throw new RangeError(`flushed ${flushed} above ${leafCount} leaves`);
    const leaves = leafCount - flushed;
    const writer = new ByteWriter(16 + (leaves + 53) * sha256Bytes).u64be(leaves).u64be(flushed);
    writer.raw(this.#level(0).range(flushed, leafCount));
    for (const { level, index } of completeSubtrees(flushed)) writer.raw(this.#node(level, index));
    return writer.finish();
  }

  #restoreEdge(flushed: number, roots: Uint8Array): void {
    this.#firstLeaf = flushed;
    this.#leafCount = flushed;
    let at = 0;
    for (const { level } of completeSubtrees(flushed)) {
      this.#level(level).push(roots.subarray(at, at + sha256Bytes));
      at += sha256Bytes;
    }
  }

  #level(level: number): HashSlab {
    for (let next = this.#levels.length; next <= level; next++) {
      this.#levels.push(new HashSlab(edgeIndex(this.#firstLeaf, next)));
    }
    const slab = this.#levels[level];
    assert(slab !== undefined, 'the level was just made');
    return slab;
  }

  #node(level: number, index: number): Uint8Array {
    return this.#level(level).range(index, index + 1);
  }

  /** A node of the tree over the first `leafCount` leaves, folded if it is not complete. */
  #subtree(level: number, index: number, leafCount: number): Uint8Array {
    const isComplete = (index + 1) * 2 ** level <= leafCount;
    const start = index * 2 ** level;
    return (isComplete ? this.#node(level, index) : this.#edgeRoot(leafCount, start)).slice();
  }

  /** The root over leaves `from` … `leafCount - 1`, where `from` begins one of the complete subtrees. */
  #edgeRoot(leafCount: number, from: number): Uint8Array {
    let root: Uint8Array | undefined;
    for (const { level, index } of completeSubtrees(leafCount)) {
      if (index * 2 ** level < from) break;
      const left = this.#node(level, index);
      root = root === undefined ? left : sha256(pair(left, root));
    }
    assert(root !== undefined, 'there is a leaf');
    return root;
  }

  #checkLeaf(leafIndex: number, leafCount: number): void {
    if (Number.isInteger(leafIndex) && leafIndex >= this.#firstLeaf && leafIndex < leafCount)
      return;
    throw new RangeError(`leaf ${leafIndex} is not in ${this.#firstLeaf} … ${leafCount - 1}`);
  }

  #checkCount(leafCount: number, min: number): void {
    const low = Math.max(min, this.#firstLeaf);
    if (Number.isInteger(leafCount) && leafCount >= low && leafCount <= this.#leafCount) return;
    throw new RangeError(`${leafCount} leaves are not in ${low} … ${this.#leafCount}`);
  }
}

/**
 * First index to keep on a level when the leaves before `flushed` are forgotten: `flushed`'s own
 * position there, rounded down to even, since a node's left sibling is needed to hash their parent.
 */
function edgeIndex(flushed: number, level: number): number {
  return Math.floor(flushed / 2 ** (level + 1)) * 2;
}

/** The complete subtrees that `leafCount` leaves decompose into, smallest (rightmost) first. */
function* completeSubtrees(leafCount: number): Generator<{ level: number; index: number }> {
  for (let level = 0, rest = leafCount; rest > 0; level++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) yield { level, index: rest - 1 };
  }
}

function readTreeCounts(bytes: Uint8Array): { leafCount: number; flushed: number } {
  if (bytes.length < 16) throw new FormatError('BAD_TREE', `a tree of ${bytes.length} bytes`);
  const [leafCount, flushed] = readCounts(new ByteReader(bytes));
  const hashes = leafCount + [...completeSubtrees(flushed)].length;
  if (16 + hashes * sha256Bytes !== bytes.length || leafCount + flushed > Number.MAX_SAFE_INTEGER) {
    throw new FormatError(
      'BAD_TREE',
      `${leafCount} leaves from ${flushed} on do not make ${bytes.length} bytes`,
      { actual: bytes.length, expected: 16 + hashes * sha256Bytes },
    );
  }
  return { leafCount, flushed };
}

function readCounts(reader: ByteReader): readonly [number, number] {
  try {
    return [reader.u64be('leaf count'), reader.u64be('flushed leaves')];
  } catch (cause) {
    throw new FormatError('BAD_TREE', 'a count beyond 2^53-1', { cause });
  }
}
