import type { KeyScratch } from '../kernels/key-scratch.ts';
import type { Arena } from '../memory/arena.ts';
import type { Epochs } from '../memory/epochs.ts';
import {
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketHeap,
  bucketHeapBirth,
  bucketLive,
  bucketSlots,
  bucketUsed,
  heapBytesAt,
  heapBytesMax,
  nodeBirth,
  padded,
  setInt64,
  word,
} from '../memory/layout.ts';
import type { Memories, Ref } from '../memory/memories.ts';
import type { Chains } from './chains.ts';
import type { IndexReader } from './index-reader.ts';

/** What all tables of a store work with. */
export interface StoreContext {
  readonly arena: Arena;
  readonly memories: Memories;
  readonly epochs: Epochs;
  readonly chains: Chains;
  readonly reader: IndexReader;
  /** The key that is being read or written. */
  readonly key: KeyScratch;
}

/** What a new bucket is made of. */
export interface BucketPlan {
  readonly bits: number;
  /** Bytes and slots for records that are to come. */
  readonly extraBytes: number;
  readonly extraSlots: number;
}

const headBytes = bucketSlots * 4;
const slotBytes = 6;

/** Makes, copies and fills buckets; where they belong is the tree's. */
export class Buckets {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** An empty bucket. */
  create({ bits, extraBytes, extraSlots }: BucketPlan): Ref {
    const { arena, memories, epochs } = this.#context;
    const heap = arena.alloc(Math.min(extraBytes, heapBytesMax));
    const bucket = this.#allocBucket(extraSlots);
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    words[at + nodeBirth] = epochs.current;
    words[at + bucketHeap] = heap;
    words[at + bucketCount] = 0;
    words[at + bucketUsed] = 0;
    words[at + bucketLive] = 0;
    words[at + bucketHeapBirth] = epochs.current;
    words[at + bucketBits] = bits;
    return bucket;
  }

  /** A bucket with a heap of its own for the records of slots `from` to `to`, in their order. */
  build(source: Ref, from: number, to: number, plan: BucketPlan): Ref {
    const live = this.#liveOf(source, from, to);
    const bucket = this.create({
      bits: plan.bits,
      extraBytes: live + plan.extraBytes,
      extraSlots: to - from + plan.extraSlots,
    });
    this.#copyRecords(source, from, to, bucket);
    return bucket;
  }

  #liveOf(bucket: Ref, from: number, to: number): number {
    const { memories, reader } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    if (to - from === word(words, at + bucketCount)) return word(words, at + bucketLive);
    const heap = reader.heapOf(bucket);
    const heapWords = memories.wordsOf(heap);
    const heapAt = memories.wordAt(heap);
    let live = 0;
    for (let slot = from; slot < to; slot++) {
      live += heapBytesAt(heapWords, heapAt + reader.offsetOf(bucket, slot));
    }
    return live;
  }

  #copyRecords(source: Ref, from: number, to: number, bucket: Ref): void {
    const { memories, reader } = this.#context;
    const oldHeap = reader.heapOf(source);
    const oldWords = memories.wordsOf(oldHeap);
    const oldAt = memories.wordAt(oldHeap);
    const oldHashes = memories.wordAt(source) + bucketSlots;
    const sourceWords = memories.wordsOf(source);
    const sourceHalves = memories.halvesOf(source);
    const sourceCapacity = word(sourceWords, oldHashes - bucketSlots + bucketCapacity);
    const sourceOffsets = (oldHashes + sourceCapacity) * 2;
    const heap = reader.heapOf(bucket);
    const heapWords = memories.wordsOf(heap);
    const heapAt = memories.wordAt(heap);
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const offsets = (at + bucketSlots + word(words, at + bucketCapacity)) * 2;
    const halves = memories.halvesOf(bucket);
    let used = 0;
    for (let slot = from; slot < to; slot++) {
      const record = oldAt + (sourceHalves[sourceOffsets + slot] ?? 0) * 2;
      const size = heapBytesAt(oldWords, record) >>> 2;
      const target = heapAt + used;
      for (let i = 0; i < size; i++) heapWords[target + i] = word(oldWords, record + i);
      words[at + bucketSlots + slot - from] = word(sourceWords, oldHashes + slot);
      halves[offsets + slot - from] = used >>> 1;
      used += size;
    }
    words[at + bucketCount] = to - from;
    words[at + bucketUsed] = used * 4;
    words[at + bucketLive] = used * 4;
  }

  /** The same bucket on the same heap, with room for `slots` more; the old one is the caller's to retire. */
  copy(source: Ref, slots: number): Ref {
    const { memories, epochs } = this.#context;
    const count = word(memories.wordsOf(source), memories.wordAt(source) + bucketCount);
    const bucket = this.#allocBucket(count + slots);
    const oldWords = memories.wordsOf(source);
    const oldAt = memories.wordAt(source);
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    for (let i = 1; i < bucketCapacity; i++) words[at + i] = word(oldWords, oldAt + i);
    words[at + nodeBirth] = epochs.current;
    for (let i = 0; i < count; i++) {
      words[at + bucketSlots + i] = word(oldWords, oldAt + bucketSlots + i);
    }
    const oldHalves = memories.halvesOf(source);
    const oldOffsets = (oldAt + bucketSlots + word(oldWords, oldAt + bucketCapacity)) * 2;
    const halves = memories.halvesOf(bucket);
    const offsets = (at + bucketSlots + word(words, at + bucketCapacity)) * 2;
    for (let i = 0; i < count; i++) halves[offsets + i] = oldHalves[oldOffsets + i] ?? 0;
    return bucket;
  }

  /** Gives a bucket of our own a larger heap with all that the old one has, where it was; the old one is retired. */
  growHeap(bucket: Ref, bytes: number): void {
    const { arena, memories, epochs } = this.#context;
    const grown = arena.alloc(bytes);
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const heap = word(words, at + bucketHeap);
    const from = memories.wordAt(heap);
    const used = memories.wordsOf(heap).subarray(from, from + (word(words, at + bucketUsed) >>> 2));
    memories.wordsOf(grown).set(used, memories.wordAt(grown));
    epochs.retire(heap, word(words, at + bucketHeapBirth));
    words[at + bucketHeap] = grown;
    words[at + bucketHeapBirth] = epochs.current;
  }

  #allocBucket(slots: number): Ref {
    const { arena, memories } = this.#context;
    const bucket = arena.alloc(headBytes + slots * slotBytes);
    const capacity = Math.floor((arena.capacityOf(bucket) - headBytes) / slotBytes);
    memories.wordsOf(bucket)[memories.wordAt(bucket) + bucketCapacity] = capacity;
    return bucket;
  }

  /** Lets go of a bucket and its heap. */
  retire(bucket: Ref): void {
    const { memories, epochs } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const heap = word(words, at + bucketHeap);
    const heapBirth = word(words, at + bucketHeapBirth);
    epochs.retire(bucket, word(words, at + nodeBirth));
    epochs.retire(heap, heapBirth);
  }

  /** Appends the key's record to the heap, where there is room, and tells its offset in words. */
  append(bucket: Ref, value: Uint8Array, version: number): number {
    const { memories, key } = this.#context;
    const offset = this.#use(bucket, 24 + padded(key.length) + padded(value.length));
    const heap = this.#context.reader.heapOf(bucket);
    const words = memories.wordsOf(heap);
    let at = memories.wordAt(heap) + offset;
    words[at] = key.length;
    words[at + 1] = 0;
    at += 2;
    const keyWords = padded(key.length) >>> 2;
    for (let i = 0; i < keyWords; i++) words[at + i] = word(key.words, i);
    at += keyWords;
    const length = value.length;
    words[at] = length + 8;
    words[at + 1] = 0;
    setInt64(words, at + 2, version);
    at += 4;
    if (length === 0) return offset;
    const end = at + (padded(length) >>> 2);
    words[end - 1] = 0;
    words[end - 2] = 0;
    const bytes = memories.bytesOf(heap);
    if (length > 32) bytes.set(value, at * 4);
    else for (let i = 0; i < length; i++) bytes[at * 4 + i] = value[i] ?? 0;
    return offset;
  }

  /** Appends a stub for a record in a chain. */
  appendStub(bucket: Ref, bytes: number, chain: Ref): number {
    const { memories, epochs, reader } = this.#context;
    const offset = this.#use(bucket, 16);
    const heap = reader.heapOf(bucket);
    const words = memories.wordsOf(heap);
    const at = memories.wordAt(heap) + offset;
    words[at] = bytes | 0;
    words[at + 1] = 1;
    words[at + 2] = chain;
    words[at + 3] = epochs.current;
    return offset;
  }

  #use(bucket: Ref, bytes: number): number {
    const { memories } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const used = word(words, at + bucketUsed);
    words[at + bucketUsed] = used + bytes;
    words[at + bucketLive] = word(words, at + bucketLive) + bytes;
    return used >>> 2;
  }

  /** Points a slot at a record, in place of another or, with `isNew`, before those from it on. */
  setSlot(bucket: Ref, slot: number, offset: number, isNew: boolean): void {
    const { memories, key } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const hashes = at + bucketSlots;
    const halves = memories.halvesOf(bucket);
    const offsets = (hashes + word(words, at + bucketCapacity)) * 2;
    if (isNew) {
      const count = word(words, at + bucketCount);
      for (let i = count; i > slot; i--) {
        words[hashes + i] = word(words, hashes + i - 1);
        halves[offsets + i] = halves[offsets + i - 1] ?? 0;
      }
      words[at + bucketCount] = count + 1;
      words[hashes + slot] = key.hash | 0;
    }
    halves[offsets + slot] = offset >>> 1;
  }

  /** Takes a slot out. */
  dropSlot(bucket: Ref, slot: number): void {
    const { memories } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    const hashes = at + bucketSlots;
    const halves = memories.halvesOf(bucket);
    const offsets = (hashes + word(words, at + bucketCapacity)) * 2;
    const count = word(words, at + bucketCount) - 1;
    for (let i = slot; i < count; i++) {
      words[hashes + i] = word(words, hashes + i + 1);
      halves[offsets + i] = halves[offsets + i + 1] ?? 0;
    }
    words[at + bucketCount] = count;
  }
}
