import { join } from 'node:path';
import { StorageError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import {
  type Chunk,
  chunkHeaderBytes,
  decodeOpenChunk,
  isOpenChunk,
  type OpenChunkContent,
} from '../../formats/entries/ledger-chunk.ts';
import { flawOfEntry } from '../../formats/entries/ledger-tail.ts';
import type { LedgerSecrets } from '../../formats/keys/ledger-secrets.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { beginOf } from '../ledger-names.ts';
import {
  type EntriesOptions,
  type LedgerChunk,
  LedgerDirectory,
  type LedgerEntry,
  type LedgerListing,
  listLedger,
} from './ledger-directory.ts';
import type { LedgerAccess } from './ledger-listing.ts';
import type { CompletedChunk, LedgerEnd, OpenChunk } from './ledger-writer.ts';
import { judgeTail, type TailFlaw, type TailJudging, type TornTail } from './torn-tail.ts';

/** The last chunk, while it is open. */
interface Tail extends OpenChunkContent {
  readonly chunk: LedgerChunk;
  readonly bytes: Uint8Array;
}

/**
 * A ledger directory as a crash may have left it: missing or without a chunk, and in its last open chunk
 * only the well-formed beginning counts. What lies behind that is forgiven by {@link CrashedLedger.judge}
 * alone; everywhere else it is as strict as {@link LedgerDirectory}.
 */
export class CrashedLedger {
  readonly directory: string;
  readonly #fileSystem: FileSystem;
  readonly #ledger: LedgerDirectory | undefined;
  #tail: Promise<Tail | undefined> | undefined;

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    ledger: LedgerDirectory | undefined,
  ) {
    this.#fileSystem = fileSystem;
    this.directory = directory;
    this.#ledger = ledger;
  }

  /**
   * Where chunks are missing, those behind the last gap are the ledger: a node that joined anew from a
   * snapshot leaves such a directory.
   * @throws StorageError as `openLedger`, but for a directory that is missing
   * @param readOnly as of `openLedger`
   * @param access as of `openLedger`; a node's own directory unless it says otherwise
   * @throws FormatError `CHUNK_OVERLAP` where `access` refuses overlaps
   */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    readOnly: readonly string[] = [],
    access: LedgerAccess = 'own',
  ): Promise<CrashedLedger> {
    const listing = await listOrNothing(
      () => listLedger(fileSystem, directory, readOnly, access),
      readOnly.length === 0,
    );
    const chunks = behindLastGap(listing?.chunks ?? []);
    const ledger =
      listing && chunks.length > 0
        ? new LedgerDirectory(fileSystem, { ...listing, chunks })
        : undefined;
    return new CrashedLedger(fileSystem, directory, ledger);
  }

  /** First seqno of the first chunk; `undefined` without a chunk. */
  get first(): Seqno | undefined {
    return this.#ledger?.first;
  }

  /**
   * The entries in order, none without a chunk.
   * @throws as {@link LedgerDirectory.entries}, but for what is wrong in the last open chunk
   */
  async *entries({ from }: Pick<EntriesOptions, 'from'> = {}): AsyncGenerator<LedgerEntry> {
    const ledger = this.#ledger;
    if (ledger === undefined) return;
    yield* ledger.entries({ from, read: (chunk) => this.#readChunk(ledger, chunk) });
  }

  /** Where the well-formed entries of the last open chunk break off. */
  async tailFlaw(): Promise<TailFlaw | undefined> {
    const tail = await this.#readTail();
    if (tail?.flaw === undefined) return undefined;
    const seqno = toSeqno(tail.chunk.first + tail.entries.length);
    return { seqno, offset: tail.end, error: tail.flaw };
  }

  /**
   * What is wrong with a well-formed entry of the last open chunk by itself, so that it may be torn;
   * `undefined` for one that is as it was written, and for those of other chunks.
   */
  async flawOf(entry: LedgerEntry, secrets: LedgerSecrets): Promise<TailFlaw | undefined> {
    const tail = await this.#readTail();
    if (tail?.chunk.file !== entry.file) return undefined;
    const error = flawOfEntry(entry.bytes, secrets);
    return error && { seqno: entry.seqno, offset: entry.offset, error };
  }

  /**
   * Tells a torn tail from damage, see {@link judgeTail}.
   * @throws FormatError, VerificationError the flaw itself, with file and offset, when it is damage
   */
  async judge(flaw: TailFlaw, judging: TailJudging): Promise<TornTail> {
    const tail = await this.#readTail();
    if (tail === undefined) throw flaw.error;
    return judgeTail({ file: tail.chunk.file, bytes: tail.bytes, flaw }, judging);
  }

  /** Whether an entry lies in the last chunk, and that is open, so that it can be cut off. */
  async isInOpenChunk({ file }: LedgerEntry): Promise<boolean> {
    return (await this.#readTail())?.chunk.file === file;
  }

  /**
   * Where the ledger ends.
   * @param cut the first entry of the open chunk that does not count
   */
  async end(cut: Pick<TailFlaw, 'seqno'> | undefined): Promise<LedgerEnd> {
    const chunks = this.#ledger?.chunks ?? [];
    const tail = await this.#readTail();
    const completed: CompletedChunk[] = [];
    for (const [i, chunk] of chunks.entries()) {
      if (chunk.last !== undefined || chunk === tail?.chunk) continue;
      const next = chunks[i + 1];
      if (next !== undefined && !(await this.#isComplete(chunk))) continue;
      const end = next === undefined ? await this.#endOf(chunk) : next.first;
      completed.push({ file: chunk.file, first: chunk.first, last: toSeqno(end - 1) });
    }
    const open = tail && openChunkOf(tail, cut);
    const lastChunk = chunks.at(-1);
    if (open) return { last: toSeqno(open.first + open.positions.length - 1), open, completed };
    const last = lastChunk && (lastChunk.last ?? completed.at(-1)?.last);
    return { last: last ?? toSeqno(0), open: undefined, completed };
  }

  async #readChunk(ledger: LedgerDirectory, chunk: LedgerChunk): Promise<Pick<Chunk, 'entries'>> {
    const tail = chunk === ledger.chunks.at(-1) ? await this.#readTail() : undefined;
    return tail ?? ledger.readChunk(chunk);
  }

  /** Read once: the file does not change under a recovery, and two looks must see the same. */
  #readTail(): Promise<Tail | undefined> {
    this.#tail ??= this.#readLastChunk();
    return this.#tail;
  }

  async #readLastChunk(): Promise<Tail | undefined> {
    const chunk = this.#ledger?.chunks.at(-1);
    if (chunk === undefined || chunk.last !== undefined) return undefined;
    const read = await this.#ledger?.readBytes(chunk);
    if (read === undefined || !isOpenChunk(read.bytes, read.place)) return undefined;
    const { bytes } = read;
    return { chunk, bytes, ...decodeOpenChunk(bytes, chunk) };
  }

  /** The seqno after the last of the last chunk, which is complete. */
  async #endOf(chunk: LedgerChunk): Promise<number> {
    const read = await this.#ledger?.readChunk(chunk);
    return chunk.first + (read?.entries.length ?? 0);
  }

  async #isComplete(chunk: LedgerChunk): Promise<boolean> {
    const handle = await this.#fileSystem.open(join(chunk.directory, chunk.file), { for: 'read' });
    try {
      return !isOpenChunk(await handle.read(0, chunkHeaderBytes), chunk);
    } finally {
      await handle.close();
    }
  }
}

async function listOrNothing(
  list: () => Promise<LedgerListing>,
  mayBeMissing: boolean,
): Promise<LedgerListing | undefined> {
  try {
    return await list();
  } catch (error) {
    const isMissing = error instanceof StorageError && error.code === 'NOT_FOUND';
    // Whoever names several directories means those that there are.
    if (isMissing && mayBeMissing) return undefined;
    throw error;
  }
}

function behindLastGap(chunks: readonly LedgerChunk[]): readonly LedgerChunk[] {
  const start = chunks.findLastIndex((chunk, i) => {
    const before = chunks[i - 1]?.last;
    return before !== undefined && beginOf(chunk) > before + 1;
  });
  return chunks.slice(Math.max(0, start));
}

function openChunkOf(
  { chunk, entries }: Tail,
  cut: Pick<TailFlaw, 'seqno'> | undefined,
): OpenChunk {
  const whole = entries.filter(({ seqno }) => cut === undefined || seqno < cut.seqno);
  const last = whole.at(-1);
  return {
    file: chunk.file,
    first: chunk.first,
    positions: whole.map(({ offset }) => offset),
    size: last === undefined ? chunkHeaderBytes : last.offset + last.bytes.length,
  };
}
