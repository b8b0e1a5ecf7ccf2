import { join } from 'node:path';
import { assert, FormatError, StorageError, VerificationError } from '../core/errors.ts';
import { chunkBytesMax } from '../core/limits.ts';
import { type Seqno, seqno } from '../core/words.ts';
import {
  type Chunk,
  type ChunkName,
  decodeChunk,
  decodeOpenChunk,
  parseChunkName,
} from '../formats/ledger-chunk.ts';
import type { DirectoryEntry, FileSystem } from '../io/file-system.ts';
import type { BrokenTail } from './torn-tail.ts';

/** One file of the ledger, as its name describes it. */
export interface LedgerChunk extends ChunkName {
  readonly file: string;
  readonly directory: string;
}

/**
 * Why a file is not part of the ledger; `SUPERSEDED`: another holds the same entries and is preferred; `COPY`: one of
 * the same name was found in a directory before; `NOT_COMMITTED`: in a read-only directory.
 */
export type ChunkIgnored =
  | 'BAD_NAME'
  | 'RECOVERY'
  | 'IGNORED'
  | 'SUPERSEDED'
  | 'COPY'
  | 'NOT_COMMITTED';

/** A file in the ledger's directory that is not part of the ledger. */
export interface IgnoredFile {
  readonly file: string;
  readonly directory: string;
  readonly reason: ChunkIgnored;
}

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
 * Looks at the names in a ledger directory, and in its read-only ones. They must follow one another without gap or
 * overlap; the ledger may begin above seqno 1, when its older chunks are gone. Where two files begin at the same
 * seqno, a committed one is preferred, then the longer, then the one whose directory comes first.
 *
 * @param readOnly other directories of the same ledger, as CCF's `read_only_directories`: of them committed chunks
 * alone count
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED`; `SYMLINK_REFUSED`, `NOT_A_REGULAR_FILE` for
 * what bears a chunk's name and is no file, since to pass over it would silently shorten the ledger
 * @throws FormatError `EMPTY_LEDGER`, `CHUNK_GAP`, `CHUNK_OVERLAP`
 */
export async function openLedger(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[] = [],
): Promise<LedgerDirectory> {
  return new LedgerDirectory(fileSystem, await listLedger(fileSystem, directory, readOnly));
}

/**
 * Looks at the names alone; whether they follow one another is for {@link LedgerDirectory} to see.
 * @throws StorageError as {@link openLedger}
 */
export async function listLedger(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[] = [],
): Promise<LedgerListing> {
  const found = [await chunksIn(fileSystem, directory)];
  for (const other of readOnly) found.push(committedOf(await chunksIn(fileSystem, other)));
  const ignored = found.flatMap((files) => files.ignored);
  const chunks: LedgerChunk[] = [];
  // What is sorted as equal keeps its place: the directories stay in their order.
  for (const chunk of found.flatMap((files) => files.chunks).sort(preferredFirst)) {
    const preferred = chunks.at(-1);
    if (preferred?.first !== chunk.first) chunks.push(chunk);
    else ignored.push(ignore(chunk, preferred.file === chunk.file ? 'COPY' : 'SUPERSEDED'));
  }
  return { directory, chunks, ignored };
}

/** The files of one directory. */
type Files = Pick<LedgerListing, 'chunks' | 'ignored'>;

async function chunksIn(fileSystem: FileSystem, directory: string): Promise<Files> {
  const chunks: LedgerChunk[] = [];
  const ignored: IgnoredFile[] = [];
  for (const entry of await fileSystem.list(directory)) {
    const { name: file } = entry;
    const name = parseChunkName(file);
    if (name === undefined) ignored.push({ file, directory, reason: reasonOf(file) });
    else chunks.push({ ...name, file: regularFile(directory, entry), directory });
  }
  return { chunks, ignored };
}

/** A node renames a chunk before it moves it to a read-only directory: another is not for it to read. */
function committedOf({ chunks, ignored }: Files): Files {
  const others = chunks.filter(({ committed }) => !committed);
  return {
    chunks: chunks.filter(({ committed }) => committed),
    ignored: [...ignored, ...others.map((chunk) => ignore(chunk, 'NOT_COMMITTED'))],
  };
}

const ignore = ({ file, directory }: LedgerChunk, reason: ChunkIgnored): IgnoredFile => ({
  file,
  directory,
  reason,
});

function reasonOf(name: string): ChunkIgnored {
  if (name.endsWith('.recovery')) return 'RECOVERY';
  return name.endsWith('.ignored') ? 'IGNORED' : 'BAD_NAME';
}

function regularFile(directory: string, { name, kind }: DirectoryEntry): string {
  if (kind === 'file') return name;
  const code = kind === 'symlink' ? 'SYMLINK_REFUSED' : 'NOT_A_REGULAR_FILE';
  const file = join(directory, name);
  throw new StorageError(code, `${file} has a chunk's name and is no regular file`, { file });
}

function preferredFirst(a: LedgerChunk, b: LedgerChunk): number {
  if (a.first !== b.first) return a.first - b.first;
  if (a.committed !== b.committed) return a.committed ? -1 : 1;
  return (b.last ?? 0) - (a.last ?? 0);
}

/** What the names in a directory, and its read-only ones, say; `chunks` by their first seqno. */
export interface LedgerListing {
  /** Not a read-only one. */
  readonly directory: string;
  readonly chunks: readonly LedgerChunk[];
  readonly ignored: readonly IgnoredFile[];
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
  #recent: readonly { readonly file: string; readonly chunk: Chunk }[] = [];
  #brokenTail: BrokenTail | undefined;

  constructor(fileSystem: FileSystem, { directory, chunks, ignored }: LedgerListing) {
    const [first] = chunks;
    if (first === undefined) {
      throw new FormatError('EMPTY_LEDGER', `no ledger chunk in ${directory}`, { file: directory });
    }
    for (const [i, chunk] of chunks.entries()) {
      if (chunk.last !== undefined) checkFollows(chunk, chunk.last + 1, chunks[i + 1]);
    }
    this.directory = directory;
    this.chunks = chunks;
    this.ignored = ignored;
    this.first = first.first;
    this.#fileSystem = fileSystem;
  }

  /** Where the last chunk broke off when it was last read; `undefined` when it ended with a whole entry. */
  get brokenTail(): BrokenTail | undefined {
    return this.#brokenTail;
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
      if (error instanceof FormatError || error instanceof VerificationError) return chunk.first;
      throw error;
    }
  }

  /**
   * Reads and splits one of {@link LedgerDirectory.chunks}. Only in the last one a torn tail is forgiven, which
   * {@link LedgerDirectory.brokenTail} then has.
   * @throws StorageError `CHANGED_WHILE_READING`, `READ_FAILED`, `NOT_FOUND`
   * @throws FormatError, VerificationError those of {@link decodeChunk}
   */
  async readChunk(chunk: LedgerChunk): Promise<Chunk> {
    const known = this.#recent.find(({ file }) => file === chunk.file);
    if (known !== undefined) return known.chunk;
    const path = join(chunk.directory, chunk.file);
    const bytes = await this.#fileSystem.readFile(path, { bytesMax: chunkBytesMax });
    const isLastChunk = chunk === this.chunks.at(-1);
    const read = decodeChunk(bytes, { ...chunk, isLastChunk });
    if (isLastChunk) this.#brokenTail = brokenTailOf(chunk, bytes, read);
    this.#recent = [...this.#recent, { file: chunk.file, chunk: read }].slice(-recentChunksMax);
    return read;
  }

  /**
   * The entries in order, two chunks in memory at a time. Where an open chunk ends is known only here, so its gap
   * to the next one, or overlap, is found here too.
   * @throws FormatError `CHUNK_GAP` when `from` lies before the ledger, `CHUNK_GAP`, `CHUNK_OVERLAP`; see
   * {@link LedgerDirectory.readChunk}
   */
  async *entries(options: EntriesOptions = {}): AsyncGenerator<LedgerEntry> {
    const { from = this.first, read = (chunk) => this.readChunk(chunk) } = options;
    if (from < this.first) throw beforeLedgerError(from, this.chunks[0]);
    for (const [i, chunk] of this.chunks.entries()) {
      const next = this.chunks[i + 1];
      if (next !== undefined && next.first <= from) continue;
      const { entries } = await read(chunk);
      checkFollows(chunk, chunk.first + entries.length, next);
      for (const entry of entries) {
        if (entry.seqno >= from) yield { ...entry, file: chunk.file };
      }
    }
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

/** @param end the seqno after the last of `chunk`, which must be the first of the next chunk */
function checkFollows(chunk: LedgerChunk, end: number, next: LedgerChunk | undefined): void {
  if (next === undefined || next.first === end) return;
  const isGap = next.first > end;
  const what = isGap ? missing(end, next.first - 1) : `seqno ${next.first} is in both`;
  throw new FormatError(
    isGap ? 'CHUNK_GAP' : 'CHUNK_OVERLAP',
    `between ${chunk.file} and ${next.file}: ${what}`,
    { file: next.file, seqno: seqno(Math.min(end, next.first)), actual: next.first, limit: end },
  );
}

const missing = (first: number, last: number): string =>
  first === last ? `seqno ${first} is missing` : `seqnos ${first} to ${last} are missing`;

function beforeLedgerError(from: Seqno, first: LedgerChunk | undefined): FormatError {
  const message = `seqno ${from} is missing: the ledger begins with ${first?.file}`;
  return new FormatError('CHUNK_GAP', message, { seqno: from });
}
