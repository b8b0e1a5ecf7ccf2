import type { FormatError, VerificationError } from '../../core/errors.ts';
import { chunkBytesMax } from '../../core/limits.ts';
import { seqno as toSeqno } from '../../core/words.ts';
import type { ChunkEntry } from '../../formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { beginOf, type LedgerChunk, pathOf } from '../ledger-names.ts';
import { readGrowing } from './chunk-bytes.ts';
import {
  type ChunkOverlap,
  compareCopies,
  copiesDiffer,
  isGone,
  type ReadCopy,
  readCopy,
} from './chunk-copies.ts';
import type { LedgerListing } from './ledger-listing.ts';

/** Compares the files that hold the same seqnos, each pair once, when the first of the two is read. */
export class CopyChecks {
  readonly #fileSystem: FileSystem;
  readonly #chunks: readonly LedgerChunk[];
  /** By the index of the chunk that is read. */
  readonly #othersOf: ReadonlyMap<number, readonly LedgerChunk[]>;
  readonly #done = new Set<number>();
  /** Where files end whose names do not say it. */
  readonly #ends = new Map<LedgerChunk, number>();
  readonly #overlaps: ChunkOverlap[] = [];
  #recent: ReadCopy | undefined;

  constructor(
    fileSystem: FileSystem,
    listing: Pick<LedgerListing, 'chunks' | 'others' | 'access'>,
  ) {
    this.#fileSystem = fileSystem;
    this.#chunks = listing.chunks;
    this.#othersOf = listing.access === 'any' ? pairsOf(listing) : new Map();
  }

  get overlaps(): readonly ChunkOverlap[] {
    return this.#overlaps;
  }

  /**
   * Compares what is read from a chunk with every other file that holds some of it.
   * @throws VerificationError `LEDGER_COPIES_DIFFER`; StorageError when one of them cannot be read
   */
  async check(i: number, entries: readonly ChunkEntry[]): Promise<void> {
    const others = this.#othersOf.get(i);
    if (others === undefined || this.#done.has(i)) return;
    const chunk = this.#at(i);
    const counted = { chunk, entries, begin: beginOf(chunk), end: this.#endOf(i) };
    const found: ChunkOverlap[] = [];
    for (const other of others) {
      if ((this.#ends.get(other) ?? Number.MAX_SAFE_INTEGER) < counted.begin) continue;
      const copy = await this.#read(other);
      if (copy) this.#ends.set(other, other.last ?? other.first + copy.entries.length);
      const overlap = copy && compareCopies(counted, copy);
      if (overlap) found.push(overlap);
    }
    this.#overlaps.push(...found);
    this.#done.add(i);
  }

  /** The error of a chunk that cannot be read, with the file that holds the same and can. */
  async blame(
    i: number,
    error: FormatError | VerificationError,
  ): Promise<FormatError | VerificationError> {
    const others = this.#othersOf.get(i);
    if (others === undefined || error.code === 'LEDGER_COPIES_DIFFER') return error;
    const chunk = this.#at(i);
    const own = await this.#read(chunk);
    if (own === undefined || own.isCut) return error;
    const broken = chunk.first + own.entries.length;
    const at = toSeqno(Math.min(broken, chunk.last ?? broken));
    for (const other of others) {
      const copy = await this.#read(other);
      const isSound = copy?.defect === undefined && copy?.entries[at - other.first] !== undefined;
      if (isSound) return copiesDiffer(at, [chunk, other], error);
    }
    return error;
  }

  /** `undefined` for a file that is gone: nothing relies on it. */
  async #read(chunk: LedgerChunk): Promise<ReadCopy | undefined> {
    if (this.#recent?.chunk === chunk) return this.#recent;
    this.#recent = undefined;
    try {
      this.#recent = readCopy(chunk, await this.#bytesOf(chunk));
      return this.#recent;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  #bytesOf(chunk: LedgerChunk): Promise<Uint8Array> {
    const path = pathOf(chunk);
    return chunk.last === undefined
      ? readGrowing(this.#fileSystem, path)
      : this.#fileSystem.readFile(path, { bytesMax: chunkBytesMax });
  }

  #at(i: number): LedgerChunk {
    const chunk = this.#chunks[i];
    if (chunk === undefined) throw new RangeError(`no chunk ${i}`);
    return chunk;
  }

  /** The last seqno that is read from a chunk. */
  #endOf(i: number): number {
    return countedEnd(this.#chunks, i);
  }
}

function countedEnd(chunks: readonly LedgerChunk[], i: number): number {
  const next = chunks[i + 1];
  const last = chunks[i]?.last ?? Number.MAX_SAFE_INTEGER;
  return next === undefined ? last : Math.min(last, beginOf(next) - 1);
}

/** Which files may hold what is read from which chunk. */
function pairsOf({
  chunks,
  others,
}: Pick<LedgerListing, 'chunks' | 'others'>): ReadonlyMap<number, readonly LedgerChunk[]> {
  const pairs = new Map<number, LedgerChunk[]>();
  const add = (i: number, other: LedgerChunk) => {
    const known = pairs.get(i);
    if (known === undefined) pairs.set(i, [other]);
    else known.push(other);
  };
  for (const other of [...chunks, ...others]) {
    const last = other.last ?? Number.MAX_SAFE_INTEGER;
    for (let i = firstAfter(chunks, other.first); i < chunks.length; i++) {
      const chunk = chunks[i];
      if (chunk === undefined || beginOf(chunk) > last) break;
      if (chunk !== other && countedEnd(chunks, i) >= other.first) add(i, other);
    }
  }
  return pairs;
}

/** The first chunk of which something is read at or above a seqno, by bisection. */
function firstAfter(chunks: readonly LedgerChunk[], at: number): number {
  let low = 0;
  for (let high = chunks.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (countedEnd(chunks, middle) >= at) high = middle;
    else low = middle + 1;
  }
  return low;
}
