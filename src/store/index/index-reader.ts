import { compareBytes } from '../../core/bytes.ts';
import type { StoreRecord } from '../../core/host-ports.ts';
import type { KeyScratch } from '../kernels/key-scratch.ts';
import {
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketHeap,
  bucketSlots,
  chainWords,
  int64At,
  nodeBits,
  nodeEntries,
  nodePrefix,
  padded,
  word,
} from '../memory/layout.ts';
import type { Memories, Ref } from '../memory/memories.ts';
import { chainBytes } from './chains.ts';

/** Where a key is in a table, or would be. */
export class KeyPlace {
  leaf: Ref = 0;
  /** Entry of the root, and of the leaf. */
  rootEntry = 0;
  leafEntry = 0;
  /** 0 where the bucket is in no fan. */
  fan: Ref = 0;
  fanEntry = 0;
  /** 0 where there is none. */
  bucket: Ref = 0;
  slot = 0;
  isFound = false;
}

/** Reads tables, on any thread: of what is frozen, or on the owner's thread. */
export class IndexReader {
  readonly memories: Memories;
  readonly #slab = new Slab();

  constructor(memories: Memories) {
    this.memories = memories;
  }

  /** Finds a key's place; `place.isFound` tells whether it is there. */
  find(root: Ref, key: KeyScratch, place: KeyPlace): boolean {
    place.isFound = false;
    place.leaf = 0;
    place.fan = 0;
    place.bucket = 0;
    if (root === 0) return false;
    const { memories } = this;
    const rootWords = memories.wordsOf(root);
    const rootAt = memories.wordAt(root);
    place.rootEntry = entryOf(key.hash, 0, word(rootWords, rootAt + nodeBits));
    place.leaf = word(rootWords, rootAt + nodeEntries + place.rootEntry);
    if (place.leaf === 0) return false;
    const leafWords = memories.wordsOf(place.leaf);
    const leafAt = memories.wordAt(place.leaf);
    const prefix = word(leafWords, leafAt + nodePrefix);
    place.leafEntry = entryOf(key.hash, prefix, word(leafWords, leafAt + nodeBits));
    const node = word(leafWords, leafAt + nodeEntries + place.leafEntry);
    if (node === 0) return false;
    const isFan = word(memories.wordsOf(node), memories.wordAt(node) + bucketCapacity) === 0;
    if (isFan) this.#findInFan(node, key, place);
    else place.bucket = node;
    return this.#findInBucket(key, place);
  }

  /** The last bucket of a fan that does not begin behind the key; the first one when all do. */
  #findInFan(fan: Ref, key: KeyScratch, place: KeyPlace): void {
    const words = this.memories.wordsOf(fan);
    const at = this.memories.wordAt(fan);
    let low = 0;
    let high = word(words, at + bucketCount) - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#compareSlot(word(words, at + bucketSlots + middle), 0, key) > 0) high = middle - 1;
      else low = middle;
    }
    place.fan = fan;
    place.fanEntry = low;
    place.bucket = word(words, at + bucketSlots + low);
  }

  #findInBucket(key: KeyScratch, place: KeyPlace): boolean {
    const { memories } = this;
    const bucket = place.bucket;
    const words = memories.wordsOf(bucket);
    const slots = memories.wordAt(bucket) + bucketSlots;
    const count = word(words, slots - bucketSlots + bucketCount);
    const hash = key.hash;
    // Hashes are even: where the key's should be is a slot or two off, which mostly saves a line of the cache.
    const bits = word(words, slots - bucketSlots + bucketBits);
    let low = Math.floor((((hash << bits) >>> 0) / 2 ** 32) * count);
    while (low > 0 && word(words, slots + low - 1) >>> 0 >= hash) low--;
    while (low < count && word(words, slots + low) >>> 0 < hash) low++;
    // Keys of one hash are in order; there are seldom two.
    for (let high = count, middle = low; low < high; middle = (low + high) >>> 1) {
      const isTied = word(words, slots + middle) >>> 0 === hash;
      const order = isTied ? this.#compareKey(bucket, middle, key) : 1;
      if (order < 0) low = middle + 1;
      else high = middle;
      place.isFound ||= order === 0;
    }
    place.slot = low;
    return place.isFound;
  }

  #compareSlot(bucket: Ref, slot: number, key: KeyScratch): number {
    const words = this.memories.wordsOf(bucket);
    const hash = word(words, this.memories.wordAt(bucket) + bucketSlots + slot) >>> 0;
    return hash - key.hash || this.#compareKey(bucket, slot, key);
  }

  #compareKey(bucket: Ref, slot: number, key: KeyScratch): number {
    const { memories } = this;
    const heap = this.heapOf(bucket);
    const words = memories.wordsOf(heap);
    const at = memories.wordAt(heap) + this.offsetOf(bucket, slot);
    if (word(words, at + 1) !== 0) return compareBytes(this.#largeKey(words, at), key.bytes);
    const length = word(words, at);
    if (length === key.length) {
      const last = padded(length) >>> 2;
      let i = 0;
      while (i < last && word(words, at + 2 + i) === word(key.words, i)) i++;
      if (i === last) return 0;
    }
    const begin = (at + 2) * 4;
    return compareBytes(memories.bytesOf(heap).subarray(begin, begin + length), key.bytes);
  }

  #largeKey(words: Int32Array, at: number): Uint8Array {
    const chain = word(words, at + 2);
    const first = this.memories.wordsOf(chain);
    const length = word(first, this.memories.wordAt(chain) + 2);
    return chainBytes(this.memories, chain, 8, length);
  }

  heapOf(bucket: Ref): Ref {
    return word(this.memories.wordsOf(bucket), this.memories.wordAt(bucket) + bucketHeap);
  }

  /** Where a slot's record begins in the heap, in words. */
  offsetOf(bucket: Ref, slot: number): number {
    const at = this.memories.wordAt(bucket);
    const capacity = word(this.memories.wordsOf(bucket), at + bucketCapacity);
    const offset = this.memories.halvesOf(bucket)[(at + bucketSlots + capacity) * 2 + slot] ?? 0;
    return offset * 2;
  }

  /** Version and value of the record in a slot: a copy, which is not to be changed or transferred. */
  readAt(bucket: Ref, slot: number): { readonly version: number; readonly value: Uint8Array } {
    const heap = this.heapOf(bucket);
    const offset = this.offsetOf(bucket, slot);
    const words = this.memories.wordsOf(heap);
    const at = this.memories.wordAt(heap) + offset;
    if (word(words, at + 1) !== 0) return this.#readChain(heap, offset, word(words, at + 2));
    const value = at + 2 + (padded(word(words, at)) >>> 2);
    return {
      version: int64At(words, value + 2),
      value: this.#slab.copy(words, value + 4, word(words, value) - 8),
    };
  }

  /** Of a large record, mostly without copying its key. */
  #readChain(heap: Ref, offset: number, chain: Ref): ReturnType<IndexReader['readAt']> {
    const words = this.memories.wordsOf(chain);
    const at = this.memories.wordAt(chain) + chainWords;
    const from = 8 + padded(word(words, at));
    // The lengths may lie in the second block.
    if (from + 16 > word(words, at - 1)) return this.recordAt(heap, offset);
    const value = at + (from >>> 2);
    const length = word(words, value) - 8;
    return {
      version: int64At(words, value + 2),
      value: chainBytes(this.memories, chain, from + 16, length),
    };
  }

  /** A key by itself, or in a chain by itself, that begins at a word of a block, as a copy. */
  keyIn(block: Ref, offset: number): Uint8Array {
    const words = this.memories.wordsOf(block);
    const at = this.memories.wordAt(block) + offset;
    const length = word(words, at);
    if (word(words, at + 1) !== 0) return chainBytes(this.memories, word(words, at + 2), 0, length);
    return copyOf(this.memories.bytesOf(block), (at + 2) * 4, length);
  }

  /** The record that begins at a word of a block, as a copy. */
  recordAt(block: Ref, offset: number): StoreRecord {
    const words = this.memories.wordsOf(block);
    const at = this.memories.wordAt(block) + offset;
    if (word(words, at + 1) !== 0) {
      const bytes = chainBytes(this.memories, word(words, at + 2), 0, word(words, at) >>> 0);
      return recordIn(bytes, new Int32Array(bytes.buffer), 0);
    }
    return recordIn(this.memories.bytesOf(block), words, at);
  }
}

function recordIn(bytes: Uint8Array, words: Int32Array, at: number): StoreRecord {
  const length = word(words, at);
  const value = at + 2 + (padded(length) >>> 2);
  return {
    key: copyOf(bytes, (at + 2) * 4, length),
    version: int64At(words, value + 2),
    value: copyOf(bytes, (value + 4) * 4, word(words, value) - 8),
  };
}

function copyOf(bytes: Uint8Array, from: number, length: number): Uint8Array {
  // Of unshared memory: most of what takes bytes refuses others.
  const copy = new Uint8Array(length);
  if (length > 64) copy.set(bytes.subarray(from, from + length));
  else for (let i = 0; i < length; i++) copy[i] = bytes[from + i] ?? 0;
  return copy;
}

const slabBytes = 16 * 1024;

/**
 * Many small copies in one buffer: a buffer for each would cost more than what is copied. What keeps one copy
 * keeps the slab.
 */
class Slab {
  #words = new Int32Array(0);
  #used = 0;

  copy(from: Int32Array, at: number, length: number): Uint8Array {
    const count = (length + 3) >>> 2;
    if (count > this.#words.length - this.#used) {
      this.#words = new Int32Array(Math.max(slabBytes / 4, count));
      this.#used = 0;
    }
    const words = this.#words;
    const begin = this.#used;
    for (let i = 0; i < count; i++) words[begin + i] = word(from, at + i);
    this.#used = begin + count;
    return new Uint8Array(words.buffer, begin * 4, length);
  }
}

/** The `bits` of a hash behind its first `prefix` ones. */
export function entryOf(hash: number, prefix: number, bits: number): number {
  return bits === 0 ? 0 : (hash << prefix) >>> (32 - bits);
}
