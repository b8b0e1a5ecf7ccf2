import { assert, FormatError } from '../../core/errors.ts';
import { chunkBytesMax } from '../../core/limits.ts';
import { type Seqno, seqno } from '../../core/words.ts';
import {
  type Chunk,
  type ChunkEntry,
  type ChunkPlace,
  chunkHeaderBytes,
  decodeChunk,
  decodeOpenChunk,
} from '../../formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { beginOf, type IgnoredFile, type LedgerChunk, pathOf } from '../ledger-names.ts';
import { type ChunkPin, pinOf, readGrowing, readPinned } from './chunk-bytes.ts';
import { type ChunkOverlap, type ReadCopy, readCopy } from './chunk-copies.ts';
import { CopyChecks } from './copy-checks.ts';
import { FoundChunks } from './found-chunks.ts';
import { isOfBytes } from './ledger-cover.ts';
import { type LedgerAccess, type LedgerListing, listLedger } from './ledger-listing.ts';
import type { BrokenTail } from './torn-tail.ts';

export type { ChunkIgnored, IgnoredFile, LedgerChunk } from '../ledger-names.ts';
export { type LedgerListing, listLedger } from './ledger-listing.ts';

/** An entry and where it lies. */
export interface LedgerEntry {
  readonly seqno: Seqno;
  /** The whole entry, header included; a view on the chunk's bytes. */
  readonly bytes: Uint8Array;
  readonly file: string;
  /** Of the entry's header, in `file`. */
  readonly offset: number;
}

export interface EntriesOptions {
  /** First seqno wanted. @default the ledger's first */
  readonly from?: Seqno | undefined;
  /** Reads a chunk. @default {@link LedgerDirectory.readChunk} */
  readonly read?: (chunk: LedgerChunk) => Promise<Pick<Chunk, 'entries'>>;
}

/**
 * Looks at the names in a ledger directory, and in its read-only ones. They must follow one another without a gap; the
 * ledger may begin above seqno 1, when its older chunks are gone. Where files overlap, committed ones are preferred,
 * then those that reach furthest, then those whose directory comes first; the others are compared with them.
 *
 * @param readOnly other directories of the same ledger, as CCF's `read_only_directories`: of them committed chunks
 * alone count
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED`; `SYMLINK_REFUSED`, `NOT_A_REGULAR_FILE` for
 * what bears a chunk's name and is no file, since to pass over it would silently shorten the ledger
 * @throws FormatError `EMPTY_LEDGER`, `CHUNK_GAP`; `CHUNK_OVERLAP` where `access` refuses overlaps
 */
export async function openLedger(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[] = [],
  access: LedgerAccess = 'any',
): Promise<LedgerDirectory> {
  const listing = await listLedger(fileSystem, directory, readOnly, access);
  return new LedgerDirectory(fileSystem, listing);
}

/** Chunks kept in memory: whoever looks ahead reads the chunk that comes next, and then comes to it. */
const recentChunksMax = 2;

/** A ledger's chunks in order, and their entries; made by {@link openLedger} only. */
export class LedgerDirectory {
  readonly directory: string;
  /** In the order of their entries. */
  readonly chunks: readonly LedgerChunk[];
  readonly ignored: readonly IgnoredFile[];
  /** First seqno of the first chunk. */
  readonly first: Seqno;
  readonly #fileSystem: FileSystem;
  readonly #access: LedgerAccess;
  readonly #found: FoundChunks;
  readonly #copies: CopyChecks;
  /** Of chunks that may grow, as they were when they were first read. */
  readonly #pins = new Map<LedgerChunk, ChunkPin>();
  readonly #read = new Set<LedgerChunk>();
  #recent: readonly { readonly of: LedgerChunk; readonly chunk: Chunk }[] = [];
  #brokenTail: BrokenTail | undefined;

  constructor(fileSystem: FileSystem, listing: LedgerListing) {
    const { directory, chunks, ignored, access } = listing;
    const [first] = chunks;
    if (first === undefined) {
      throw new FormatError('EMPTY_LEDGER', `no ledger chunk in ${directory}`, { file: directory });
    }
    this.directory = directory;
    this.chunks = chunks;
    this.ignored = ignored;
    this.first = beginOf(first);
    this.#fileSystem = fileSystem;
    this.#access = access;
    this.#found = new FoundChunks(fileSystem, listing);
    this.#copies = new CopyChecks(fileSystem, listing);
    for (const [i, chunk] of chunks.entries()) {
      if (chunk.last !== undefined) this.#checkFollows(chunk, chunk.last + 1, chunks[i + 1]);
    }
  }

  /** Where the last chunk broke off when it was first read; `undefined` when it ended with a whole entry. */
  get brokenTail(): BrokenTail | undefined {
    return this.#brokenTail;
  }

  /** Chunks of which entries were read. */
  get filesRead(): number {
    return this.#read.size;
  }

  /** Files with the same seqnos, as far as those were read. */
  get overlaps(): readonly ChunkOverlap[] {
    return this.#copies.overlaps;
  }

  /**
   * The last seqno, as far as it is known before the entries are read: an open chunk is read for it, and where that
   * is malformed its first seqno is all there is.
   * @throws StorageError as {@link LedgerDirectory.readChunk}
   */
  async expectedLast(): Promise<Seqno> {
    const chunk = this.chunks.at(-1);
    assert(chunk !== undefined, 'a ledger has a chunk');
    if (chunk.last !== undefined) return chunk.last;
    try {
      const { entries } = await this.readChunk(chunk);
      return entries.at(-1)?.seqno ?? chunk.first;
    } catch (error) {
      if (isOfBytes(error)) return chunk.first;
      throw error;
    }
  }

  /**
   * Reads and splits one of {@link LedgerDirectory.chunks}. Only in the last one a torn tail is forgiven, which
   * {@link LedgerDirectory.brokenTail} then has. One that its node goes on writing is as it was at the first reading.
   * @throws StorageError `CHANGED_WHILE_READING`, `READ_FAILED`, `NOT_FOUND`
   * @throws FormatError, VerificationError those of {@link decodeChunk}
   */
  async readChunk(chunk: LedgerChunk): Promise<Chunk> {
    const known = this.#recent.find(({ of }) => of === chunk);
    if (known !== undefined) return known.chunk;
    const { bytes, place } = await this.readBytes(chunk);
    const isLastChunk = chunk === this.chunks.at(-1);
    const isPinned = this.#pins.has(chunk);
    const read = this.#decode(chunk, bytes, { ...place, isLastChunk });
    if (!isPinned && isLastChunk) this.#brokenTail = brokenTailOf(place, bytes, read);
    if (!isPinned && chunk.last === undefined && this.#access !== 'own') {
      this.#pins.set(chunk, pinOf(bytes, Math.min(bytes.length, endOf(read.entries))));
    }
    this.#recent = [...this.#recent, { of: chunk, chunk: read }].slice(-recentChunksMax);
    return read;
  }

  #decode(chunk: LedgerChunk, bytes: Uint8Array, place: ChunkPlace & LedgerChunk): Chunk {
    try {
      return decodeChunk(bytes, place);
    } catch (error) {
      const next = this.chunks[this.chunks.indexOf(chunk) + 1];
      const { reaches = 0 } = chunk;
      if (next === undefined || beginOf(next) > reaches + 1) throw error;
      return beginningOf(readCopy(place, bytes), reaches);
    }
  }

  /**
   * Reads a chunk's file, under the name that it has now.
   * @throws StorageError as {@link LedgerDirectory.readChunk}
   */
  async readBytes(chunk: LedgerChunk): Promise<{ bytes: Uint8Array; place: LedgerChunk }> {
    if (this.#access === 'own') {
      return { bytes: await this.#readStill(chunk), place: chunk };
    }
    const pin = this.#pins.get(chunk);
    return this.#found.read(chunk, async (place) => {
      if (pin !== undefined) {
        const bytes = await readPinned(this.#fileSystem, pathOf(place), pin);
        return { bytes, place: { ...chunk, file: place.file, directory: place.directory } };
      }
      const isStill = place.last !== undefined;
      const bytes = await (isStill
        ? this.#readStill(place)
        : readGrowing(this.#fileSystem, pathOf(place)));
      return { bytes, place };
    });
  }

  #readStill(chunk: LedgerChunk): Promise<Uint8Array> {
    return this.#fileSystem.readFile(pathOf(chunk), { bytesMax: chunkBytesMax });
  }

  /**
   * The entries in order, two chunks in memory at a time, and a third that is compared with one of them. Where an open
   * chunk ends is known only here, so its gap to the next one, or overlap, is found here too.
   *
   * **Order contract:** an entry is given only after all files that hold its seqno were compared.
   * @throws FormatError `CHUNK_GAP` when `from` lies before the ledger, `CHUNK_GAP`, `CHUNK_OVERLAP`; see
   * {@link LedgerDirectory.readChunk}
   * @throws VerificationError `LEDGER_COPIES_DIFFER`
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<LedgerEntry> {
    const { from = this.first, read = (chunk) => this.readChunk(chunk) } = options;
    if (from < this.first) throw beforeLedgerError(from, this.chunks[0]);
    for (const [i, chunk] of this.chunks.entries()) {
      const next = this.chunks[i + 1];
      if (next !== undefined && beginOf(next) <= from) continue;
      const entries = await this.#checked(i, read);
      const end = next === undefined ? Number.POSITIVE_INFINITY : beginOf(next);
      const begin = Math.max(from, beginOf(chunk));
      for (const entry of entries) {
        if (entry.seqno >= begin && entry.seqno < end) yield { ...entry, file: chunk.file };
      }
    }
  }

  /** The entries of a chunk, once they are the same in every file that has them. */
  async #checked(
    i: number,
    read: (chunk: LedgerChunk) => Promise<Pick<Chunk, 'entries'>>,
  ): Promise<readonly ChunkEntry[]> {
    const chunk = this.chunks[i];
    assert(chunk !== undefined, 'a chunk that is listed');
    try {
      const { entries } = await read(chunk);
      this.#read.add(chunk);
      this.#checkFollows(chunk, chunk.first + entries.length, this.chunks[i + 1]);
      await this.#copies.check(i, entries);
      return entries;
    } catch (error) {
      if (!isOfBytes(error) || error.code === 'CHUNK_GAP') throw error;
      throw await this.#copies.blame(i, error);
    }
  }

  /** @param end the seqno after the last of `chunk`, up to which the next chunk must begin, or exactly there */
  #checkFollows(chunk: LedgerChunk, end: number, next: LedgerChunk | undefined): void {
    if (next === undefined || beginOf(next) === end) return;
    const isGap = beginOf(next) > end;
    if (!isGap && this.#access === 'any') return;
    const what = isGap ? missing(end, beginOf(next) - 1) : `seqno ${next.first} is in both`;
    throw new FormatError(
      isGap ? 'CHUNK_GAP' : 'CHUNK_OVERLAP',
      `between ${chunk.file} and ${next.file}: ${what}`,
      {
        file: next.file,
        seqno: seqno(Math.min(end, next.first)),
        actual: next.first,
        expected: end,
      },
    );
  }
}

/** Where entries are looked up by their seqno. */
export interface EntrySource {
  /** `undefined` without an entry. */
  readonly first: Seqno | undefined;
  entries(options?: Pick<EntriesOptions, 'from'>): AsyncIterable<LedgerEntry>;
}

/**
 * The entry at a seqno; `undefined` where the ledger has none, before its first or behind its last.
 * @throws as {@link LedgerDirectory.entries}
 */
export async function entryAt(ledger: EntrySource, seqno: Seqno): Promise<LedgerEntry | undefined> {
  if (ledger.first === undefined || seqno < ledger.first) return undefined;
  for await (const entry of ledger.entries({ from: seqno })) return entry;
  return undefined;
}

/** What a chunk counts for that breaks off where others go on. @throws FormatError when it does so before that */
function beginningOf({ chunk, entries, defect }: ReadCopy, reaches: number): Chunk {
  const count = reaches - chunk.first + 1;
  if (entries.length < count && defect !== undefined) throw defect;
  return { entries: entries.slice(0, count), complete: false, tornBytes: 0 };
}

function endOf(entries: readonly ChunkEntry[]): number {
  const last = entries.at(-1);
  return last === undefined ? chunkHeaderBytes : last.offset + last.bytes.length;
}

/** How a last chunk breaks off, of which `read` was accepted. */
function brokenTailOf(
  chunk: LedgerChunk,
  bytes: Uint8Array,
  { entries, tornBytes }: Chunk,
): BrokenTail | undefined {
  if (tornBytes === 0) return undefined;
  const { flaw: error } = decodeOpenChunk(bytes, chunk);
  assert(error !== undefined, 'what is torn is no entry');
  const at = seqno(chunk.first + entries.length);
  return {
    file: chunk.file,
    bytes,
    flaw: { seqno: at, offset: bytes.length - tornBytes, error },
  };
}

const missing = (first: number, last: number): string =>
  first === last ? `seqno ${first} is missing` : `seqnos ${first} to ${last} are missing`;

function beforeLedgerError(from: Seqno, first: LedgerChunk | undefined): FormatError {
  const message = `seqno ${from} is missing: the ledger begins with ${first?.file}`;
  return new FormatError('CHUNK_GAP', message, { seqno: from });
}
