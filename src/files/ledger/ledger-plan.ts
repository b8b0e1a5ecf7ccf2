import { assert } from '../../core/errors.ts';
import { chunkBytesMax } from '../../core/limits.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import { chunkHeaderBytes, encodeTable } from '../../formats/entries/ledger-chunk.ts';

/** A chunk without its committed name, as it will be. */
export interface PlannedChunk {
  readonly first: Seqno;
  /** Offset of each entry's header. */
  readonly positions: number[];
  /** Where the next entry goes, or the table is. */
  size: number;
  isComplete: boolean;
}

/** Where an entry has its place. */
export interface EntryPlace {
  /** First seqno of its chunk. */
  readonly first: Seqno;
  readonly position: number;
  /** Of the chunk that ends with it. */
  readonly table: Uint8Array | undefined;
}

/** Bytes of a table for one entry. */
const positionBytes = 4;

/** Knows where each entry goes, ahead of the disk: the ledger's end as it will be when all that is queued is done. */
export class LedgerPlan {
  /** Not committed, oldest first; only the last one may be open. */
  readonly #chunks: PlannedChunk[];
  #last: Seqno;
  /** Up to here the chunks are committed, and nothing is dropped. */
  #floor: Seqno;

  constructor(last: Seqno, chunks: readonly PlannedChunk[]) {
    const [oldest] = chunks;
    let end = oldest === undefined ? last : seqnoBefore(oldest.first);
    this.#floor = end;
    for (const chunk of chunks) {
      assert(chunk.first === end + 1, `chunk ${chunk.first} follows seqno ${end}`);
      end = lastOf(chunk);
    }
    assert(end === last, `the chunks end at seqno ${end}, the ledger at ${last}`);
    this.#chunks = [...chunks];
    this.#last = last;
  }

  get last(): Seqno {
    return this.#last;
  }

  /** Size of the chunk that the next entry goes to. */
  get chunkBytes(): number {
    return this.#open?.size ?? chunkHeaderBytes;
  }

  /** Gives the next entry its place. @throws RangeError when its chunk, with a table, would pass 4 GiB */
  append(seqno: Seqno, bytes: number, endsChunk: boolean): EntryPlace {
    assert(seqno === this.#last + 1, `seqno ${seqno} follows ${this.#last}`);
    const position = this.chunkBytes;
    const count = (this.#open?.positions.length ?? 0) + 1;
    const whole = position + bytes + count * positionBytes;
    if (whole > chunkBytesMax) {
      throw new RangeError(`with seqno ${seqno} its chunk has ${whole} bytes, above 4 GiB`);
    }
    const chunk = this.#open ?? this.#begin(seqno);
    chunk.positions.push(position);
    chunk.size = position + bytes;
    chunk.isComplete = endsChunk;
    this.#last = seqno;
    const table = endsChunk ? encodeTable(chunk.positions) : undefined;
    return { first: chunk.first, position, table };
  }

  /** Forgets the complete chunks up to `seqno`; whether there are any. */
  commit(seqno: Seqno): boolean {
    const before = this.#floor;
    for (let [chunk] = this.#chunks; chunk?.isComplete; [chunk] = this.#chunks) {
      if (lastOf(chunk) > seqno) break;
      this.#floor = lastOf(chunk);
      this.#chunks.shift();
    }
    return this.#floor !== before;
  }

  /** Drops the entries above `seqno`, and the chunks that begin above it. */
  cut(seqno: Seqno): void {
    assert(
      seqno >= this.#floor,
      `rollback to ${seqno} below the chunk committed to ${this.#floor}`,
    );
    for (let tail = this.#chunks.at(-1); tail && tail.first > seqno; tail = this.#chunks.at(-1)) {
      this.#chunks.pop();
    }
    const tail = this.#chunks.at(-1);
    if (tail !== undefined) cutChunk(tail, seqno);
    this.#last = toSeqno(Math.min(this.#last, seqno));
  }

  get #open(): PlannedChunk | undefined {
    const tail = this.#chunks.at(-1);
    return tail?.isComplete === false ? tail : undefined;
  }

  #begin(first: Seqno): PlannedChunk {
    const chunk = { first, positions: [], size: chunkHeaderBytes, isComplete: false };
    this.#chunks.push(chunk);
    return chunk;
  }
}

/** The seqno before a chunk's first: 0 before the first of all. */
export function seqnoBefore(first: Seqno): Seqno {
  return toSeqno(first - 1);
}

function lastOf({ first, positions }: PlannedChunk): Seqno {
  return toSeqno(first + positions.length - 1);
}

function cutChunk(chunk: PlannedChunk, seqno: Seqno): void {
  const kept = seqno - chunk.first + 1;
  const size = chunk.positions[kept];
  if (size === undefined) return;
  chunk.positions.length = kept;
  chunk.size = size;
  chunk.isComplete = false;
}
