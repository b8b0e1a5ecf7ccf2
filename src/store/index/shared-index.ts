import {
  bodyBytesAt,
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketLive,
  bucketRecordsMax,
  bucketSlots,
  bucketUsed,
  heapBytesAt,
  heapBytesMax,
  heapLiveMax,
  inlineBytesMax,
  nodeBirth,
  recordBytes,
  stubBytes,
  word,
} from '../memory/layout.ts';
import type { Ref } from '../memory/memories.ts';
import type { Buckets, StoreContext } from './buckets.ts';
import { IndexTree } from './index-tree.ts';

/** Where the old version of a record goes before it is changed or removed. */
export interface RecordSink {
  /** The key had no record; it is the context's. */
  inserted(): void;
  /** `words` from `at` on are the record, `bytes` long; a chain that it stands for is the sink's from now on. */
  replaced(words: Int32Array, at: number, bytes: number): void;
}

/** What is known of an index at a moment. */
export interface IndexState {
  readonly root: Ref;
  /** Records. */
  readonly size: number;
  /** Length of the records as a snapshot has them. */
  readonly bodyBytes: number;
}

export const emptyIndex: IndexState = { root: 0, size: 0, bodyBytes: 0 };

/** A heap of this size stays, however little of it is used. */
const heapBytesKept = 512;

/** Records by key, in the order of a snapshot. */
export class SharedIndex {
  size = 0;
  bodyBytes = 0;
  readonly #context: StoreContext;
  readonly #buckets: Buckets;
  readonly #tree: IndexTree;

  constructor(context: StoreContext, buckets: Buckets) {
    this.#context = context;
    this.#buckets = buckets;
    this.#tree = new IndexTree(context);
  }

  get state(): IndexState {
    return { root: this.#tree.root, size: this.size, bodyBytes: this.bodyBytes };
  }

  /** Goes back to a state whose blocks are all as they were. */
  restore({ root, size, bodyBytes }: IndexState): void {
    this.#tree.root = root;
    this.size = size;
    this.bodyBytes = bodyBytes;
  }

  /** Whether the context's key is there. */
  has(): boolean {
    return this.#tree.find();
  }

  /** Writes the context's key. @throws StorageError `OUT_OF_MEMORY` */
  put(value: Uint8Array, version: number, sink: RecordSink | undefined): void {
    const { key, chains } = this.#context;
    const bytes = recordBytes(key.length, value.length);
    const isLarge = bytes > inlineBytesMax;
    const isThere = this.#room(isLarge ? stubBytes : bytes);
    const { place } = this.#tree;
    const chain = isLarge ? chains.write(recordParts(key.bytes, value, version)) : 0;
    if (isThere) this.#letGo(place.bucket, place.slot, sink);
    else sink?.inserted();
    const offset = isLarge
      ? this.#buckets.appendStub(place.bucket, bytes, chain)
      : this.#buckets.append(place.bucket, value, version);
    this.#buckets.setSlot(place.bucket, place.slot, offset, !isThere);
    this.bodyBytes += bytes;
    if (!isThere) this.size++;
  }

  /** Removes the context's key and tells whether it was there. @throws StorageError `OUT_OF_MEMORY` */
  remove(sink: RecordSink | undefined): boolean {
    if (!this.#tree.find()) return false;
    this.#tree.own();
    this.#ownBucket();
    const { bucket, slot } = this.#tree.place;
    this.#letGo(bucket, slot, sink);
    this.size--;
    if (this.#get(bucket, bucketCount) === 1) {
      this.#tree.remove();
      this.#buckets.retire(bucket);
      return true;
    }
    this.#buckets.dropSlot(bucket, slot);
    this.#shrink(bucket);
    return true;
  }

  /** Finds the key, and makes its bucket our own with room for a record of so many bytes. */
  #room(bytes: number): boolean {
    const tree = this.#tree;
    const { arena, reader } = this.#context;
    for (;;) {
      const isThere = tree.find();
      tree.own();
      const { bucket } = tree.place;
      if (bucket === 0) {
        const plan = { bits: tree.entryBits, extraBytes: bytes, extraSlots: 1 };
        tree.replace(this.#buckets.create(plan));
        tree.place.slot = 0;
        return false;
      }
      const hasSlot = isThere || this.#get(bucket, bucketCount) < this.#get(bucket, bucketCapacity);
      const used = this.#get(bucket, bucketUsed) + bytes;
      if (used > arena.capacityOf(reader.heapOf(bucket))) {
        if (this.#makeRoom(bucket, bytes)) continue;
      } else if (!hasSlot || this.#isShared(bucket)) {
        this.#replaceByCopy(bucket, hasSlot ? 1 : 1 + (this.#count(bucket) >>> 1));
      }
      return isThere;
    }
  }

  #count(bucket: Ref): number {
    return this.#get(bucket, bucketCount);
  }

  /** Gives a bucket whose heap is full a new one, or splits it; tells whether the key must be sought again. */
  #makeRoom(bucket: Ref, bytes: number): boolean {
    const live = this.#get(bucket, bucketLive);
    const count = this.#count(bucket);
    const isSmall = live + bytes <= heapLiveMax && count < bucketRecordsMax;
    if (isSmall && live === this.#get(bucket, bucketUsed)) {
      // No garbage: the records stay where they are, in one copy.
      this.#ownBucket();
      this.#buckets.growHeap(this.#tree.place.bucket, live + bytes + (live >>> 2));
      return true;
    }
    if (isSmall || count === 1) {
      const plan = {
        bits: this.#get(bucket, bucketBits),
        extraBytes: Math.min(bytes + (live >>> 2), heapBytesMax - live),
        extraSlots: 1 + (count >>> 2),
      };
      const built = this.#buckets.build(bucket, 0, count, plan);
      this.#tree.replace(built);
      this.#buckets.retire(bucket);
      return false;
    }
    this.#split(bucket);
    return true;
  }

  #split(bucket: Ref): void {
    const tree = this.#tree;
    const count = this.#count(bucket);
    if (!tree.canSplit()) {
      const bits = this.#get(bucket, bucketBits);
      const middle = count >>> 1;
      const left = this.#build(bucket, 0, middle, bits);
      tree.fanOut(left, this.#build(bucket, middle, count, bits));
      this.#buckets.retire(bucket);
      return;
    }
    tree.widen();
    const bits = this.#get(bucket, bucketBits) + 1;
    const boundary = this.#firstWithBit(bucket, count, bits);
    const left = this.#build(bucket, 0, boundary, bits);
    tree.setHalves(left, this.#build(bucket, boundary, count, bits));
    this.#buckets.retire(bucket);
  }

  #build(bucket: Ref, from: number, to: number, bits: number): Ref {
    if (from === to) return 0;
    const extraSlots = 1 + ((to - from) >>> 2);
    const share = (this.#get(bucket, bucketLive) * (to - from)) / this.#count(bucket);
    return this.#buckets.build(bucket, from, to, {
      bits,
      extraBytes: Math.min(share >>> 2, 2048),
      extraSlots,
    });
  }

  #firstWithBit(bucket: Ref, count: number, bits: number): number {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#get(bucket, bucketSlots + middle) >>> (32 - bits)) & 1) === 1) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #ownBucket(): void {
    const { bucket } = this.#tree.place;
    if (this.#isShared(bucket)) this.#replaceByCopy(bucket, 0);
  }

  #replaceByCopy(bucket: Ref, slots: number): void {
    this.#tree.replace(this.#buckets.copy(bucket, slots));
    this.#context.epochs.retire(bucket, this.#get(bucket, nodeBirth));
  }

  /** A heap that is mostly garbage gives way to one of its records' size. */
  #shrink(bucket: Ref): void {
    const { arena, reader } = this.#context;
    const capacity = arena.capacityOf(reader.heapOf(bucket));
    const live = this.#get(bucket, bucketLive);
    if (capacity <= heapBytesKept || live * 4 > capacity) return;
    const plan = { bits: this.#get(bucket, bucketBits), extraBytes: live >>> 2, extraSlots: 1 };
    this.#tree.replace(this.#buckets.build(bucket, 0, this.#count(bucket), plan));
    this.#buckets.retire(bucket);
  }

  /** Hands a record that is about to go to the sink, or lets its chain go. */
  #letGo(bucket: Ref, slot: number, sink: RecordSink | undefined): void {
    const { memories, reader, chains } = this.#context;
    const heap = reader.heapOf(bucket);
    const words = memories.wordsOf(heap);
    const at = memories.wordAt(heap) + reader.offsetOf(bucket, slot);
    const bytes = heapBytesAt(words, at);
    if (sink !== undefined) sink.replaced(words, at, bytes);
    else if (word(words, at + 1) !== 0) chains.retire(word(words, at + 2), word(words, at + 3));
    this.bodyBytes -= bodyBytesAt(words, at);
    const bucketWords = memories.wordsOf(bucket);
    const live = memories.wordAt(bucket) + bucketLive;
    bucketWords[live] = word(bucketWords, live) - bytes;
  }

  #isShared(bucket: Ref): boolean {
    return this.#context.epochs.isShared(this.#get(bucket, nodeBirth));
  }

  #get(block: Ref, index: number): number {
    const { memories } = this.#context;
    return word(memories.wordsOf(block), memories.wordAt(block) + index);
  }
}

function recordParts(key: Uint8Array, value: Uint8Array, version: number): Uint8Array[] {
  const padding = (length: number) => new Uint8Array(-length & 7);
  const lengths = new DataView(new ArrayBuffer(24));
  lengths.setUint32(0, key.length, true);
  lengths.setUint32(8, value.length + 8, true);
  lengths.setBigInt64(16, BigInt(version), true);
  const bytes = new Uint8Array(lengths.buffer);
  return [
    bytes.subarray(0, 8),
    key,
    padding(key.length),
    bytes.subarray(8),
    value,
    padding(value.length),
  ];
}
