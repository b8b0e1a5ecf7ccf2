import { StorageError } from '../../core/errors.ts';
import {
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketSlots,
  leafBitsMax,
  nodeBirth,
  nodeBits,
  nodeEntries,
  nodePrefix,
  rootBitsMax,
  word,
} from '../memory/layout.ts';
import { pageBytes, type Ref } from '../memory/memories.ts';
import type { StoreContext } from './buckets.ts';
import { entryOf, KeyPlace } from './index-reader.ts';

const nodeBytes = (bits: number): number => (nodeEntries + 2 ** bits) * 4;

/** Most buckets of a fan. */
export const fanEntriesMax = pageBytes / 4 - bucketSlots;

/**
 * The way from a table's root to its buckets, and how it grows: a root or leaf doubles, a leaf splits, a bucket
 * becomes two. What a held moment sees is copied before it is changed, a root and a leaf once each.
 */
export class IndexTree {
  root: Ref = 0;
  readonly place = new KeyPlace();
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Finds the key that the context has. */
  find(): boolean {
    return this.#context.reader.find(this.root, this.#context.key, this.place);
  }

  /** Makes root and leaf of {@link place} our own, born if there were none. */
  own(): void {
    const { place } = this;
    if (this.root === 0) {
      this.root = this.#newNode(0, 0);
      place.rootEntry = 0;
    } else if (this.#isShared(this.root)) {
      this.root = this.#copy(this.root, nodeBytes(this.#bitsOf(this.root)));
    }
    if (place.leaf === 0) {
      const leaf = this.#newNode(0, this.#bitsOf(this.root));
      this.#setLeaf(leaf);
      place.leafEntry = 0;
    } else if (this.#isShared(place.leaf)) {
      this.#setLeaf(this.#copy(place.leaf, nodeBytes(this.#bitsOf(place.leaf))));
    }
  }

  /** Bits of the hash that the leaf entry of {@link place} stands for. */
  get entryBits(): number {
    const { leaf } = this.place;
    return this.#prefixOf(leaf) + this.#bitsOf(leaf);
  }

  /** Puts a bucket in the place of the one that is there; root and leaf are our own. */
  replace(bucket: Ref): void {
    const { place } = this;
    if (place.fan !== 0) {
      this.#ownFan();
      this.#set(place.fan, bucketSlots + place.fanEntry, bucket);
    } else {
      this.#setEntries(
        bucket,
        place.bucket === 0 ? this.entryBits : this.#sharedBits(place.bucket),
      );
    }
    place.bucket = bucket;
  }

  /** Whether one more bit can tell keys of the bucket apart. */
  canSplit(): boolean {
    const { bucket, fan } = this.place;
    if (fan !== 0) return false;
    const { memories } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const first = word(words, at + bucketSlots);
    const last = word(words, at + bucketSlots + word(words, at + bucketCount) - 1);
    return (first ^ last) >>> (32 - rootBitsMax - leafBitsMax) !== 0;
  }

  /** Makes room for a split: the entries of the bucket are two at least afterwards. */
  widen(): void {
    const { place } = this;
    while (this.#sharedBits(place.bucket) === this.entryBits) {
      if (this.#bitsOf(place.leaf) < leafBitsMax) this.#doubleLeaf();
      else {
        if (this.#prefixOf(place.leaf) === this.#bitsOf(this.root)) this.#doubleRoot();
        this.#splitLeaf();
      }
    }
  }

  /** Puts two buckets in the place of one, in a bit's order; either may be 0. */
  setHalves(left: Ref, right: Ref): void {
    const { leaf, leafEntry, bucket } = this.place;
    const span = 2 ** (this.entryBits - this.#sharedBits(bucket));
    const start = leafEntry - (leafEntry % span);
    for (let i = 0; i < span; i++) {
      this.#set(leaf, nodeEntries + start + i, i < span / 2 ? left : right);
    }
  }

  /** Puts two buckets in the place of one, in a fan. @throws StorageError `OUT_OF_MEMORY` when it has too many */
  fanOut(left: Ref, right: Ref): void {
    const { place } = this;
    const { arena, epochs } = this.#context;
    const bits = this.#sharedBits(place.bucket);
    const count = place.fan === 0 ? 1 : this.#get(place.fan, bucketCount);
    if (count === fanEntriesMax) {
      throw new StorageError('OUT_OF_MEMORY', 'too many keys share the bits of their hash', {
        expected: fanEntriesMax,
      });
    }
    const fan = arena.alloc((bucketSlots + count + 1) * 4);
    const at = place.fan === 0 ? 0 : place.fanEntry;
    for (let from = 0, to = 0; from < count; from++, to++) {
      if (from !== at) this.#set(fan, bucketSlots + to, this.#get(place.fan, bucketSlots + from));
      else {
        this.#set(fan, bucketSlots + to, left);
        to++;
        this.#set(fan, bucketSlots + to, right);
      }
    }
    this.#set(fan, nodeBirth, epochs.current);
    this.#set(fan, bucketCount, count + 1);
    this.#set(fan, bucketBits, bits);
    this.#set(fan, bucketCapacity, 0);
    this.#setEntries(fan, bits);
    if (place.fan !== 0) this.#retire(place.fan);
  }

  /** Takes the bucket out, and what has become empty above it. */
  remove(): void {
    const { place } = this;
    if (place.fan !== 0) {
      this.#removeFromFan();
      return;
    }
    this.#setEntries(0, this.#sharedBits(place.bucket));
    const { leaf } = place;
    if (this.#hasEntries(leaf)) return;
    this.#setLeaf(0);
    this.#retire(leaf);
    if (this.#hasEntries(this.root)) return;
    this.#retire(this.root);
    this.root = 0;
  }

  #removeFromFan(): void {
    const { place } = this;
    const bits = this.#get(place.fan, bucketBits);
    const count = this.#get(place.fan, bucketCount) - 1;
    if (count === 1) {
      const left = this.#get(place.fan, bucketSlots + 1 - place.fanEntry);
      this.#retire(place.fan);
      this.#setEntries(left, bits);
      return;
    }
    this.#ownFan();
    for (let i = place.fanEntry; i < count; i++) {
      this.#set(place.fan, bucketSlots + i, this.#get(place.fan, bucketSlots + i + 1));
    }
    this.#set(place.fan, bucketCount, count);
  }

  #ownFan(): void {
    const { place } = this;
    if (!this.#isShared(place.fan)) return;
    const bits = this.#get(place.fan, bucketBits);
    const fan = this.#copy(place.fan, (bucketSlots + this.#get(place.fan, bucketCount)) * 4);
    this.#setEntries(fan, bits);
    place.fan = fan;
  }

  #doubleLeaf(): void {
    const { place } = this;
    place.leaf = this.#doubled(place.leaf);
    this.#setLeaf(place.leaf);
    place.leafEntry = this.#entryOfKey(this.#prefixOf(place.leaf), this.#bitsOf(place.leaf));
  }

  #doubleRoot(): void {
    this.root = this.#doubled(this.root);
    this.place.rootEntry = this.#entryOfKey(0, this.#bitsOf(this.root));
  }

  #doubled(node: Ref): Ref {
    const bits = this.#bitsOf(node);
    const twice = this.#newNode(bits + 1, this.#prefixOf(node));
    for (let i = 0; i < 2 ** bits; i++) {
      const entry = this.#get(node, nodeEntries + i);
      this.#set(twice, nodeEntries + 2 * i, entry);
      this.#set(twice, nodeEntries + 2 * i + 1, entry);
    }
    this.#retire(node);
    return twice;
  }

  #splitLeaf(): void {
    const { place } = this;
    const { leaf } = place;
    const bits = this.#bitsOf(leaf) - 1;
    const prefix = this.#prefixOf(leaf);
    const span = 2 ** (this.#bitsOf(this.root) - prefix);
    const start = place.rootEntry - (place.rootEntry % span);
    const halves = [0, 1].map((half) => this.#halfOf(leaf, half, bits));
    for (let i = 0; i < span; i++) {
      this.#set(this.root, nodeEntries + start + i, halves[i < span / 2 ? 0 : 1] ?? 0);
    }
    this.#retire(leaf);
    place.leaf = this.#get(this.root, nodeEntries + place.rootEntry);
    place.leafEntry = this.#entryOfKey(prefix + 1, bits);
  }

  /** One half of a leaf; 0 when it is empty and the key is not in it. */
  #halfOf(leaf: Ref, half: number, bits: number): Ref {
    const from = nodeEntries + half * 2 ** bits;
    const hasKey = this.place.leafEntry >>> bits === half;
    let isEmpty = true;
    for (let i = 0; i < 2 ** bits && isEmpty; i++) isEmpty = this.#get(leaf, from + i) === 0;
    if (isEmpty && !hasKey) return 0;
    const node = this.#newNode(bits, this.#prefixOf(leaf) + 1);
    for (let i = 0; i < 2 ** bits; i++) this.#set(node, nodeEntries + i, this.#get(leaf, from + i));
    return node;
  }

  #newNode(bits: number, prefix: number): Ref {
    const { arena, epochs, memories } = this.#context;
    const node = arena.alloc(nodeBytes(bits));
    const at = memories.wordAt(node);
    memories.wordsOf(node).fill(0, at + nodeEntries, at + nodeEntries + 2 ** bits);
    this.#set(node, nodeBirth, epochs.current);
    this.#set(node, nodeBits, bits);
    this.#set(node, nodePrefix, prefix);
    return node;
  }

  #copy(node: Ref, bytes: number): Ref {
    const { arena, epochs, memories } = this.#context;
    const copy = arena.alloc(bytes);
    const from = memories.wordAt(node);
    const words = memories.wordsOf(node).subarray(from, from + bytes / 4);
    memories.wordsOf(copy).set(words, memories.wordAt(copy));
    this.#set(copy, nodeBirth, epochs.current);
    this.#retire(node);
    return copy;
  }

  #retire(node: Ref): void {
    this.#context.epochs.retire(node, this.#get(node, nodeBirth));
  }

  #isShared(node: Ref): boolean {
    return this.#context.epochs.isShared(this.#get(node, nodeBirth));
  }

  #hasEntries(node: Ref): boolean {
    for (let i = 2 ** this.#bitsOf(node) - 1; i >= 0; i--) {
      if (this.#get(node, nodeEntries + i) !== 0) return true;
    }
    return false;
  }

  /** Sets the entries of the root that stand for the place's leaf; a new one has only its own. */
  #setLeaf(leaf: Ref): void {
    const { place } = this;
    const old = leaf === 0 ? place.leaf : leaf;
    const span = 2 ** (this.#bitsOf(this.root) - this.#prefixOf(old));
    const start = place.rootEntry - (place.rootEntry % span);
    for (let i = 0; i < span; i++) this.#set(this.root, nodeEntries + start + i, leaf);
    place.leaf = leaf;
  }

  /** Sets the entries of the leaf whose first `bits` bits are those of the key. */
  #setEntries(node: Ref, bits: number): void {
    const { leaf, leafEntry } = this.place;
    const span = 2 ** (this.entryBits - bits);
    const start = leafEntry - (leafEntry % span);
    for (let i = 0; i < span; i++) this.#set(leaf, nodeEntries + start + i, node);
  }

  #entryOfKey(prefix: number, bits: number): number {
    return entryOf(this.#context.key.hash, prefix, bits);
  }

  #sharedBits(bucket: Ref): number {
    return this.#get(bucket, bucketBits);
  }

  #bitsOf(node: Ref): number {
    return this.#get(node, nodeBits);
  }

  #prefixOf(node: Ref): number {
    return this.#get(node, nodePrefix);
  }

  #get(block: Ref, index: number): number {
    const { memories } = this.#context;
    return word(memories.wordsOf(block), memories.wordAt(block) + index);
  }

  #set(block: Ref, index: number, value: number): void {
    const { memories } = this.#context;
    memories.wordsOf(block)[memories.wordAt(block) + index] = value;
  }
}
