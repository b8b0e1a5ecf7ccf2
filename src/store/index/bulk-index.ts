import { compareBytes } from '../../core/bytes.ts';
import { StorageError } from '../../core/errors.ts';
import type { BodyStage } from '../memory/body-stage.ts';
import {
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketLive,
  bucketRecordsMax,
  bucketSlots,
  bucketUsed,
  heapBytesMax,
  heapLiveMax,
  nodeBirth,
  nodeEntries,
  padded,
  stubBytes,
  word,
} from '../memory/layout.ts';
import type { Ref } from '../memory/memories.ts';
import { BucketCursor } from './bucket-cursor.ts';
import { Buckets, type StoreContext } from './buckets.ts';
import { bitsOfSpan, pathBitsMax, Spans, widthOf } from './bulk-tree.ts';
import { chainBytes } from './chains.ts';
import { fanEntriesMax } from './index-tree.ts';
import { type IndexState, SharedIndex } from './shared-index.ts';

const pendingMax = bucketRecordsMax + 1;
const hashesEnd = 2 ** 32;

/**
 * Makes an index of records that come in ascending order of their hashes: buckets are filled one after the other, each
 * as wide as its records allow, and nothing is ever sought or split. Among equal hashes any order will do.
 */
export class BulkIndex {
  readonly #context: StoreContext;
  readonly #buckets: Buckets;
  readonly #stage: BodyStage;
  /** Word of the stage to which waiting records move when it is needed for others. */
  readonly #heldAt: number;
  // Records that wait until their bucket is known, in the order of the index.
  readonly #hashes = new Uint32Array(pendingMax);
  readonly #ats = new Int32Array(pendingMax);
  readonly #bytes = new Int32Array(pendingMax);
  readonly #chains = new Int32Array(pendingMax);
  readonly #moved = new Int32Array(heapBytesMax / 4);
  #count = 0;
  /** Bytes that they take in a heap. */
  #live = 0;
  readonly #spans = new Spans();
  /** The first hash for which there is no bucket yet. */
  #from = 0;
  /** Buckets of the fan that is being filled for the hashes from `#from` on. */
  #fan: Ref[] | undefined;
  /** Records of one hash, too many for a bucket: put one by one, since they come in any order. */
  #tied: { readonly hash: number; readonly index: SharedIndex } | undefined;
  #size = 0;
  #bodyBytes = 0;

  constructor(context: StoreContext, stage: BodyStage, heldAt: number) {
    this.#context = context;
    this.#buckets = new Buckets(context);
    this.#stage = stage;
    this.#heldAt = heldAt;
  }

  /**
   * Takes the next record; no other has the same key.
   * @param at word of the stage where it begins
   * @param bytes in a snapshot
   * @param chain of a large record, which lies nowhere else; else 0
   * @throws StorageError `OUT_OF_MEMORY`
   */
  add(hash: number, at: number, bytes: number, chain: Ref): void {
    this.#size++;
    this.#bodyBytes += bytes;
    if (this.#tied !== undefined && this.#tied.hash === hash) {
      this.#putTied(this.#tied.index, at, bytes, chain);
      return;
    }
    if (this.#tied !== undefined) this.#spliceTied(this.#tied.index);
    if (this.#fan !== undefined && hash >= this.#from + widthOf(pathBitsMax)) this.#closeFan();
    const slot = this.#slotFor(hash, at, chain);
    this.#hashes[slot] = hash;
    this.#ats[slot] = at;
    this.#bytes[slot] = bytes;
    this.#chains[slot] = chain;
    this.#count++;
    this.#live += chain === 0 ? bytes : stubBytes;
    while (this.#live > heapLiveMax || this.#count > bucketRecordsMax) this.#emit();
  }

  /** Moves the records that wait out of the way of others. */
  hold(): void {
    const { words } = this.#stage;
    let to = 0;
    for (let i = 0; i < this.#count; i++) {
      if (this.#chains[i] !== 0) continue;
      const at = this.#ats[i] ?? 0;
      const size = (this.#bytes[i] ?? 0) >>> 2;
      this.#moved.set(words.subarray(at, at + size), to);
      this.#ats[i] = this.#heldAt + to;
      to += size;
    }
    words.set(this.#moved.subarray(0, to), this.#heldAt);
  }

  /** The index; what was added last is in it. @throws StorageError `OUT_OF_MEMORY` */
  finish(): IndexState {
    if (this.#tied !== undefined) this.#spliceTied(this.#tied.index);
    if (this.#fan !== undefined) this.#closeFan();
    while (this.#count > 0) this.#closeSpan(bitsOfSpan(this.#from, hashesEnd));
    const root = this.#spans.build(this.#context);
    return { root, size: this.#size, bodyBytes: this.#bodyBytes };
  }

  /** Makes room behind those of lesser hash, and among equals where the key belongs. */
  #slotFor(hash: number, at: number, chain: Ref): number {
    const count = this.#count;
    if (count === 0 || this.#hashes[count - 1] !== hash) return count;
    const key = this.#keyOf(at, chain);
    let slot = count;
    while (slot > 0 && this.#hashes[slot - 1] === hash) {
      const before = this.#keyOf(this.#ats[slot - 1] ?? 0, this.#chains[slot - 1] ?? 0);
      if (compareBytes(before, key) < 0) break;
      slot--;
    }
    for (const list of this.#lists) list.copyWithin(slot + 1, slot, count);
    return slot;
  }

  get #lists(): (Uint32Array | Int32Array)[] {
    return [this.#hashes, this.#ats, this.#bytes, this.#chains];
  }

  #keyOf(at: number, chain: Ref): Uint8Array {
    if (chain === 0) {
      const { words, bytes } = this.#stage;
      return bytes.subarray((at + 2) * 4, (at + 2) * 4 + word(words, at));
    }
    const { memories } = this.#context;
    const length = word(memories.wordsOf(chain), memories.wordAt(chain) + 2);
    return chainBytes(memories, chain, 8, length);
  }

  /** Makes one bucket at least of what waits; the last record is not in it. */
  #emit(): void {
    const last = this.#hashes[this.#count - 1] ?? 0;
    if (this.#fan === undefined) {
      const bits = bitsOfSpan(this.#from, last);
      if (bits <= pathBitsMax) {
        this.#closeSpan(bits);
        return;
      }
      this.#fan = [];
    }
    const count = this.#countBelow(last);
    if (count > 0) this.#fan.push(this.#take(count, pathBitsMax));
    else this.#beginTied(last);
  }

  #countBelow(hash: number): number {
    let count = this.#count;
    while (count > 0 && (this.#hashes[count - 1] ?? 0) >= hash) count--;
    return count;
  }

  #closeSpan(bits: number): void {
    const end = this.#from + widthOf(bits);
    const count = this.#countBelow(end);
    if (count > 0) this.#spans.add(this.#from, bits, this.#take(count, bits));
    this.#from = end;
  }

  #closeFan(): void {
    const refs = this.#fan ?? [];
    if (this.#count > 0) refs.push(this.#take(this.#count, pathBitsMax));
    const [only = 0] = refs;
    this.#spans.add(this.#from, pathBitsMax, refs.length === 1 ? only : this.#fanOf(refs));
    this.#from += widthOf(pathBitsMax);
    this.#fan = undefined;
  }

  #fanOf(refs: readonly Ref[]): Ref {
    if (refs.length > fanEntriesMax) {
      throw new StorageError('OUT_OF_MEMORY', 'too many keys share the bits of their hash', {
        expected: fanEntriesMax,
      });
    }
    const { arena, epochs, memories } = this.#context;
    const fan = arena.alloc((bucketSlots + refs.length) * 4);
    const words = memories.wordsOf(fan);
    const at = memories.wordAt(fan);
    words[at + nodeBirth] = epochs.current;
    words[at + bucketCount] = refs.length;
    words[at + bucketBits] = pathBitsMax;
    words[at + bucketCapacity] = 0;
    words.set(refs, at + bucketSlots);
    return fan;
  }

  /** All that waits is of one hash. */
  #beginTied(hash: number): void {
    const index = new SharedIndex(this.#context, this.#buckets);
    for (let i = 0; i < this.#count; i++) {
      this.#putTied(index, this.#ats[i] ?? 0, this.#bytes[i] ?? 0, this.#chains[i] ?? 0);
    }
    this.#count = 0;
    this.#live = 0;
    this.#tied = { hash, index };
  }

  #putTied(index: SharedIndex, at: number, size: number, chain: Ref): void {
    const { key, chains, epochs, memories } = this.#context;
    const record =
      chain === 0
        ? this.#stage.bytes.slice(at * 4, at * 4 + size)
        : chainBytes(memories, chain, 0, size);
    if (chain !== 0) chains.retire(chain, epochs.current);
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    const keyLength = view.getUint32(0, true);
    const value = 8 + padded(keyLength);
    key.load(record.subarray(8, 8 + keyLength));
    const end = value + 8 + view.getUint32(value, true);
    const version = Number(view.getBigInt64(value + 8, true));
    index.put(record.subarray(value + 16, end), version, undefined);
  }

  /** The buckets of one hash become part of the fan; what led to them goes. */
  #spliceTied(index: SharedIndex): void {
    const { memories, arena } = this.#context;
    const get = (ref: Ref, at: number) => word(memories.wordsOf(ref), memories.wordAt(ref) + at);
    const { root } = index.state;
    const leaf = get(root, nodeEntries);
    const node = get(leaf, nodeEntries);
    const cursor = new BucketCursor(memories, root);
    for (let bucket = cursor.next(); bucket !== 0; bucket = cursor.next()) {
      memories.wordsOf(bucket)[memories.wordAt(bucket) + bucketBits] = pathBitsMax;
      this.#fan?.push(bucket);
    }
    if (get(node, bucketCapacity) === 0) arena.free(node);
    arena.free(leaf);
    arena.free(root);
    this.#tied = undefined;
  }

  /** Makes a bucket of the first records that wait. */
  #take(count: number, bits: number): Ref {
    let live = 0;
    for (let i = 0; i < count; i++) {
      live += this.#chains[i] === 0 ? (this.#bytes[i] ?? 0) : stubBytes;
    }
    const bucket = this.#buckets.create({
      bits,
      extraBytes: live + Math.min(live >>> 2, 2048),
      extraSlots: 1 + count + (count >>> 2),
    });
    this.#fill(bucket, count, live);
    this.#count -= count;
    this.#live -= live;
    for (const list of this.#lists) list.copyWithin(0, count, count + this.#count);
    return bucket;
  }

  #fill(bucket: Ref, count: number, live: number): void {
    const { memories, reader } = this.#context;
    const words = memories.wordsOf(bucket);
    const at = memories.wordAt(bucket);
    words[at + bucketCount] = count;
    words[at + bucketUsed] = live;
    words[at + bucketLive] = live;
    words.set(this.#hashes.subarray(0, count), at + bucketSlots);
    const offsets = (at + bucketSlots + word(words, at + bucketCapacity)) * 2;
    const halves = memories.halvesOf(bucket);
    const heap = reader.heapOf(bucket);
    const begin = memories.wordAt(heap);
    let to = begin;
    // Records that lie behind each other are copied together: 136 ns a copy is more than all else.
    let runFrom = 0;
    let runTo = 0;
    for (let i = 0; i < count; i++) {
      halves[offsets + i] = (to - begin) >>> 1;
      const isLarge = this.#chains[i] !== 0;
      const size = isLarge ? stubBytes / 4 : (this.#bytes[i] ?? 0) >>> 2;
      const from = this.#ats[i] ?? 0;
      if (isLarge || from !== runTo) {
        this.#copyRun(heap, to, runFrom, runTo);
        runFrom = from;
        runTo = from;
      }
      if (isLarge) this.#putStub(heap, to, i);
      else runTo += size;
      to += size;
      if (isLarge) runFrom = runTo = 0;
    }
    this.#copyRun(heap, to, runFrom, runTo);
  }

  /** Copies words of the stage so that they end at a word of the heap's memory. */
  #copyRun(heap: Ref, end: number, from: number, to: number): void {
    if (to === from) return;
    const run = this.#stage.words.subarray(from, to);
    this.#context.memories.wordsOf(heap).set(run, end - run.length);
  }

  #putStub(heap: Ref, to: number, record: number): void {
    const { memories, epochs } = this.#context;
    const words = memories.wordsOf(heap);
    words[to] = this.#bytes[record] ?? 0;
    words[to + 1] = 1;
    words[to + 2] = this.#chains[record] ?? 0;
    words[to + 3] = epochs.current;
  }
}
