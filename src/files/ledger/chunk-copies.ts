import { equalBytes } from '../../core/bytes.ts';
import { FormatError, StorageError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import { decodeEnvelope } from '../../formats/entries/entry.ts';
import {
  type ChunkEntry,
  chunkHeaderBytes,
  decodeChunk,
  decodeOpenChunk,
  encodeTable,
  type OpenChunkContent,
} from '../../formats/entries/ledger-chunk.ts';
import { isCommitted, type LedgerChunk, pathOf } from '../ledger-names.ts';
import { isOfBytes } from './ledger-cover.ts';

/** Two files that hold the same seqnos, which were compared byte for byte. */
export interface ChunkOverlap {
  readonly file: string;
  readonly directory: string;
  /** The file whose entries were read. */
  readonly with: { readonly file: string; readonly directory: string };
  /** The seqnos that are the same in both; `last` is below `first` where none is. */
  readonly first: Seqno;
  readonly last: number;
  /**
   * From here on `file`, which is not committed, holds other entries, of another view, or what is no entry: a node
   * wrote them before it lost them to others.
   */
  readonly differsFrom?: Seqno;
  /** From here on `file`, which is committed, is cut off. */
  readonly cutFrom?: Seqno;
}

/** Seqnos that were compared and are the same, once for each pair of files. */
export function copiesIn(overlaps: readonly ChunkOverlap[]): number {
  return overlaps.reduce((sum, { first, last }) => sum + Math.max(0, last - first + 1), 0);
}

/** A file as far as its entries can be read. */
export interface ReadCopy {
  readonly chunk: LedgerChunk;
  readonly entries: readonly ChunkEntry[];
  /** What is wrong with it; `undefined` for a whole chunk, and for one that may grow. */
  readonly defect: FormatError | VerificationError | undefined;
  /** Whether the file ends before its header says: the rest is as it was written. */
  readonly isCut: boolean;
}

/** Takes a file apart, however it ends. */
export function readCopy(chunk: LedgerChunk, bytes: Uint8Array): ReadCopy {
  try {
    const { entries } = decodeChunk(bytes, { ...chunk, isLastChunk: true });
    return { chunk, entries, defect: undefined, isCut: false };
  } catch (defect) {
    if (!isOfBytes(defect)) throw defect;
    const open = decodeOpenChunk(bytes, chunk);
    const { first, last } = chunk;
    const count = last === undefined ? undefined : last - first + 1;
    const entries = open.entries.slice(0, count);
    return { chunk, entries, defect, isCut: isCutOff(bytes, { ...open, entries }, count) };
  }
}

/** Whether bytes are the beginning of a complete chunk of so many entries. */
function isCutOff(
  bytes: Uint8Array,
  { entries, flaw }: Pick<OpenChunkContent, 'entries' | 'flaw'>,
  count: number | undefined,
): boolean {
  if (count === undefined) return false;
  if (bytes.length < chunkHeaderBytes) return true;
  const table = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (entries.length < count) {
    const isCutEntry = flaw === undefined || flaw.code.startsWith('TRUNCATED_');
    return table > BigInt(bytes.length) && isCutEntry;
  }
  const last = entries.at(-1);
  const end = last === undefined ? chunkHeaderBytes : last.offset + last.bytes.length;
  const rest = bytes.subarray(end);
  const positions = encodeTable(entries.map(({ offset }) => offset));
  const isBeginning = equalBytes(rest, positions.subarray(0, rest.length));
  return table === BigInt(end) && rest.length < positions.length && isBeginning;
}

/** What is read, and up to where. */
export interface CountedChunk {
  readonly chunk: LedgerChunk;
  readonly entries: readonly ChunkEntry[];
  /** The seqnos that are read from it. */
  readonly begin: Seqno;
  readonly end: number;
}

/**
 * Compares what a chunk counts for with another file that holds some of it.
 * @returns `undefined` where they share nothing
 * @throws VerificationError `LEDGER_COPIES_DIFFER` when both cannot be true: both are committed, or they hold two
 * entries of one seqno and view
 */
export function compareCopies(counted: CountedChunk, copy: ReadCopy): ChunkOverlap | undefined {
  const { chunk, entries, begin } = counted;
  const other = copy.chunk;
  const first = toSeqno(Math.max(begin, other.first));
  const end = Math.min(counted.end, chunk.first + entries.length - 1);
  const known = other.first + copy.entries.length - 1;
  const files = {
    ...{ file: other.file, directory: other.directory },
    with: { file: chunk.file, directory: chunk.directory },
  };
  for (let at: number = first; at <= Math.min(end, known); at++) {
    const mine = entries[at - chunk.first];
    const theirs = copy.entries[at - other.first];
    if (mine === undefined || theirs === undefined || equalBytes(mine.bytes, theirs.bytes)) {
      continue;
    }
    const seqno = toSeqno(at);
    // What is committed is committed for all; else a later view may have written other entries.
    if (isCommitted(other) || viewOf(mine) === viewOf(theirs)) {
      throw copiesDiffer(seqno, [chunk, other]);
    }
    return { ...files, first, last: at - 1, differsFrom: seqno };
  }
  const last = Math.min(end, known);
  return restOf({ files, first, last, end }, counted, copy);
}

interface SharedPart {
  readonly files: Pick<ChunkOverlap, 'file' | 'directory' | 'with'>;
  readonly first: Seqno;
  readonly last: number;
  /** Of what is read. */
  readonly end: number;
}

/** What follows from where a copy breaks off. */
function restOf(
  { files, first, last, end }: SharedPart,
  { chunk }: CountedChunk,
  { chunk: other, entries, defect, isCut }: ReadCopy,
): ChunkOverlap | undefined {
  const overlap = { ...files, first, last };
  const broken = other.first + entries.length;
  const at = toSeqno(Math.min(broken, other.last ?? broken));
  if (defect !== undefined && at >= first && at <= end) {
    if (isCommitted(other) && !isCut) throw copiesDiffer(at, [chunk, other], defect);
    if (at === broken) return { ...overlap, [isCut ? 'cutFrom' : 'differsFrom']: at };
  }
  return last < first ? undefined : overlap;
}

/** `undefined` where an entry is malformed. */
function viewOf({ bytes }: ChunkEntry): number | undefined {
  try {
    return decodeEnvelope(bytes).view;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** The error for two files of which one at least is wrong. */
export function copiesDiffer(
  seqno: Seqno,
  [read, other]: readonly [LedgerChunk, LedgerChunk],
  cause?: Error,
): VerificationError {
  const why = cause === undefined ? '' : `: ${cause.message}`;
  const message = `seqno ${seqno} is not the same in ${pathOf(read)} and in ${pathOf(other)}${why}`;
  return new VerificationError('LEDGER_COPIES_DIFFER', message, {
    file: pathOf(other),
    seqno,
    ...(cause && { cause }),
  });
}

/** Whether a file is not there any more. */
export const isGone = (error: unknown): boolean =>
  error instanceof StorageError && error.code === 'NOT_FOUND';
