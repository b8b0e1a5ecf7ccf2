import { BucketCursor } from '../index/bucket-cursor.ts';
import { chainPieces } from '../index/chains.ts';
import type { IndexState } from '../index/shared-index.ts';
import {
  bucketCapacity,
  bucketCount,
  bucketHeap,
  bucketSlots,
  heapBytesAt,
  word,
} from '../memory/layout.ts';
import { granuleBytes, type Memories, type Ref } from '../memory/memories.ts';
import type { OpenedState } from './shared-descriptor.ts';

const nothing = new Uint8Array(0);

/**
 * A map's records as a snapshot has them, piece by piece into whatever memory the caller has: the records lie
 * in the right order and layout already, so that this copies and does nothing else.
 *
 * Gathers of one opened state share a stage: they may take turns between two calls, on one thread.
 */
export class BodyGather {
  /** Bytes in all. */
  readonly bodyBytes: number;
  readonly #state: OpenedState;
  readonly #cursor: BucketCursor;
  #bucket: Ref = 0;
  #slot = 0;
  #slots = 0;
  #chain: Iterator<Uint8Array> | undefined;
  /** What did not go into the last target. */
  #rest: Uint8Array = nothing;

  /** @param index the records of one of the state's tables */
  constructor(state: OpenedState, index: IndexState) {
    this.#state = state;
    this.#cursor = new BucketCursor(state.memories, index.root);
    this.bodyBytes = index.bodyBytes;
  }

  /** Fills the target and tells with how many bytes: fewer than it has only at the end. */
  fill(target: Uint8Array): number {
    let to = 0;
    while (to < target.length) {
      if (this.#rest.length === 0) {
        const piece = this.#next();
        if (piece === undefined) break;
        this.#rest = piece;
        continue;
      }
      const left = target.length - to;
      const isWhole = this.#rest.length <= left;
      target.set(isWhole ? this.#rest : this.#rest.subarray(0, left), to);
      to += Math.min(left, this.#rest.length);
      this.#rest = isWhole ? nothing : this.#rest.subarray(left);
    }
    // The stage may be another gather's next.
    if (this.#rest.length > 0) this.#rest = new Uint8Array(this.#rest);
    return to;
  }

  /** The next bytes, as a view. */
  #next(): Uint8Array | undefined {
    const piece = this.#chain?.next();
    if (piece !== undefined && piece.done !== true) return piece.value;
    this.#chain = undefined;
    const { memories } = this.#state;
    if (this.#slot === this.#slots && !this.#nextBucket()) return undefined;
    const heap = word(memories.wordsOf(this.#bucket), memories.wordAt(this.#bucket) + bucketHeap);
    const kernel = this.#state.kernelOf(heap >>> memories.shift);
    if (kernel === undefined) return this.#nextRecord(memories, heap);
    const first = this.#firstSlot(memories);
    const records = kernel.gather(
      {
        halves: memories.halvesOf(this.#bucket),
        from: first + this.#slot,
        to: first + this.#slots,
        heap: (heap & memories.mask) * granuleBytes,
      },
      heap >>> memories.shift === this.#bucket >>> memories.shift,
    );
    this.#slot += kernel.done;
    return kernel.done > 0 ? records : this.#nextRecord(memories, heap);
  }

  #nextBucket(): boolean {
    this.#bucket = this.#cursor.next();
    if (this.#bucket === 0) return false;
    const { memories } = this.#state;
    this.#slot = 0;
    this.#slots = word(memories.wordsOf(this.#bucket), memories.wordAt(this.#bucket) + bucketCount);
    return true;
  }

  /** Where the bucket's offsets begin, in 16-bit units. */
  #firstSlot(memories: Memories): number {
    const at = memories.wordAt(this.#bucket);
    return (at + bucketSlots + word(memories.wordsOf(this.#bucket), at + bucketCapacity)) * 2;
  }

  /** One record by itself: a large one, or where there is no kernel. */
  #nextRecord(memories: Memories, heap: Ref): Uint8Array {
    const offset = memories.halvesOf(this.#bucket)[this.#firstSlot(memories) + this.#slot] ?? 0;
    this.#slot++;
    const words = memories.wordsOf(heap);
    const at = memories.wordAt(heap) + offset * 2;
    if (word(words, at + 1) !== 0) {
      this.#chain = chainPieces(memories, word(words, at + 2));
      return nothing;
    }
    return memories.bytesOf(heap).subarray(at * 4, at * 4 + heapBytesAt(words, at));
  }
}
