import { join } from 'node:path';
import { assert, StorageError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { type Batch, type ChunkFile, ChunkFiles, readTable } from './chunk-files.ts';
import { LedgerPlan, type PlannedChunk, seqnoBefore } from './ledger-plan.ts';

/** The chunk that entries are appended to. */
export interface OpenChunk {
  readonly file: string;
  readonly first: Seqno;
  /** Offset of each entry's header. */
  readonly positions: readonly number[];
  /** Where the next entry goes; what lies behind it is torn and is cut off. */
  readonly size: number;
}

/** A chunk with its table, still named `ledger_<first>`. */
export interface CompletedChunk {
  readonly file: string;
  readonly first: Seqno;
  readonly last: Seqno;
}

/** Where a ledger ends. */
export interface LedgerEnd {
  /** Seqno of the last entry; 0 in an empty ledger. */
  readonly last: Seqno;
  readonly open: OpenChunk | undefined;
  /** Complete chunks that are not committed yet, oldest first. */
  readonly completed: readonly CompletedChunk[];
}

/** One entry on its way to the disk. */
export interface AppendedEntry {
  readonly seqno: Seqno;
  /** The whole entry; they must not change until it is durable. */
  readonly bytes: Uint8Array;
  readonly isSignature: boolean;
  /** The chunk is completed with this entry, which is a signature's. */
  readonly endsChunk: boolean;
}

export interface LedgerWriterOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly end: LedgerEnd;
  /** Everything up to `seqno` is synced, its file's name too. Called between two steps, ascending but for a rollback. */
  readonly onDurable: (seqno: Seqno) => void;
  /** Called once; nothing is written any more. */
  readonly onFailed: (error: StorageError) => void;
  /** Rejects when the ledger is not ours any more; called before each step, and before the first change. @default never */
  readonly checkLock?: () => Promise<void>;
  /** Runs each write with its sync, so that its owner can measure them. @default just that */
  readonly around?: (write: () => Promise<void>) => Promise<void>;
}

/** Most bytes of one write, unless a single entry has more. */
const batchBytesMax = 4 * 1024 * 1024;

/** An entry with its place in its chunk. */
interface EntryStep {
  readonly kind: 'entry';
  readonly seqno: Seqno;
  readonly bytes: Uint8Array;
  readonly isSignature: boolean;
  /** First seqno of its chunk. */
  readonly first: Seqno;
  readonly position: number;
  /** Of the chunk that ends with it. */
  readonly table: Uint8Array | undefined;
}

interface CommitStep {
  readonly kind: 'commit';
  readonly seqno: Seqno;
}

interface CutStep {
  readonly kind: 'cut';
  readonly seqno: Seqno;
  /** Where the first entry that goes has its place. */
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: StorageError) => void;
}

type Step = EntryStep | CommitStep | CutStep;

/**
 * Writes a node's own ledger: entries into chunks, in batches, each with one write and one sync. While one is
 * synced, those appended meanwhile make up the next.
 *
 * **Order contract:** a signature is written only after everything before it is synced: a batch ends before the
 * next signature, or begins with one. So *whenever a signature is on disk, everything before it is durable*. This is
 * how a restart tells a torn tail from damage: what a crash tore lies behind the last signature, or is that signature;
 * where something is broken and a signature follows it, the disk has lost what it had promised to keep.
 *
 * **Order contract:** steps run one at a time, in the order of the calls; a chunk is complete before the next one's
 * file is made, and only the last file is ever changed.
 *
 * A step that fails is the last: after a failed sync the system cannot say what is on the disk, so no file is tried
 * again, and only a new process, which reads it all, may go on.
 */
export class LedgerWriter {
  readonly #options: LedgerWriterOptions;
  readonly #files: ChunkFiles;
  /** The ledger as it will be when all steps are done. */
  readonly #plan: LedgerPlan;
  #steps: Step[] = [];
  #durable: Seqno;
  #pendingBytes = 0;
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #failure: StorageError | undefined;

  /**
   * Cuts what is torn behind `end.open.size` off, durably, and makes what was found durable too; creates nothing.
   * @throws StorageError `CHANGED_WHILE_READING` when the open chunk has shrunk; those of `checkLock` and the file system
   * @throws FormatError `BAD_OFFSET_TABLE` when a completed chunk is not
   */
  static async open(options: LedgerWriterOptions): Promise<LedgerWriter> {
    const { fileSystem, directory, end } = options;
    const { open } = end;
    const chunks: PlannedChunk[] = [];
    for (const { file, first, last } of end.completed) {
      const table = await readTable(fileSystem, join(directory, file), { first, last });
      chunks.push({ first, positions: [...table.positions], size: table.size, isComplete: true });
    }
    if (open !== undefined) {
      chunks.push({ ...open, positions: [...open.positions], isComplete: false });
    }
    const plan = new LedgerPlan(end.last, chunks);
    const files = filesOf(end);
    const size = plan.chunkBytes;
    await options.checkLock?.();
    return new LedgerWriter(
      options,
      plan,
      await ChunkFiles.open({ fileSystem, directory, files, size }),
    );
  }

  private constructor(options: LedgerWriterOptions, plan: LedgerPlan, files: ChunkFiles) {
    this.#options = options;
    this.#plan = plan;
    this.#files = files;
    this.#durable = plan.last;
  }

  /** Everything up to here would survive a power cut. */
  get durable(): Seqno {
    return this.#durable;
  }

  /** Bytes of entries that are queued or being written, and not yet durable. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Size of the chunk that the next entry goes to, queued entries included; 8 for a new one. */
  get chunkBytes(): number {
    return this.#plan.chunkBytes;
  }

  /**
   * Queues the next entry.
   * @throws StorageError the failure, if there was one; `CLOSED` after {@link LedgerWriter.close}
   * @throws RangeError when the chunk would pass 4 GiB; nothing is queued then
   */
  append(entry: AppendedEntry): void {
    this.#checkUsable();
    const { seqno, bytes, isSignature, endsChunk } = entry;
    assert(isSignature || !endsChunk, `seqno ${seqno} ends a chunk and is no signature`);
    const place = this.#plan.append(seqno, bytes.length, endsChunk);
    this.#pendingBytes += bytes.length;
    this.#push({ kind: 'entry', seqno, bytes, isSignature, ...place });
  }

  /**
   * Names the complete chunks whose last seqno is not above `seqno` as committed, behind what is queued; a file that
   * has such a name already is a failure, never replaced. After a failure or a close it does nothing.
   */
  commit(seqno: Seqno): void {
    if (this.#failure !== undefined || this.#closing !== undefined) return;
    if (this.#plan.commit(seqno)) this.#push({ kind: 'commit', seqno });
  }

  /**
   * Drops every entry above `seqno`, from the queue and from the disk; a chunk that was complete, and not yet
   * committed, may be open again. Entries may be appended at once, even before it resolves; when it does, nothing of
   * what was dropped is left to come back after a crash. It must not go below a committed chunk.
   * @throws StorageError the failure, if there was one or comes; `CLOSED` after {@link LedgerWriter.close}
   */
  async rollback(seqno: Seqno): Promise<void> {
    this.#checkUsable();
    this.#plan.cut(seqno);
    this.#dropAbove(seqno);
    this.#durable = toSeqno(Math.min(this.#durable, seqno));
    const size = this.#plan.chunkBytes;
    await new Promise<void>((resolve, reject) => {
      this.#push({ kind: 'cut', seqno, size, resolve, reject });
    });
  }

  /** Writes and syncs what is queued, and closes the file; a second call gives the first one's answer. @throws StorageError the failure, if there was one */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#draining;
    // After a failure it is closed already, and this does nothing.
    await this.#files.close().catch((error: unknown) => this.#fail(error));
    if (this.#failure !== undefined) throw this.#failure;
  }

  #checkUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing === undefined) return;
    const { directory } = this.#options;
    throw new StorageError('CLOSED', `the ledger in ${directory} is closed`, { file: directory });
  }

  #dropAbove(seqno: Seqno): void {
    const isDropped = (step: Step): step is EntryStep =>
      step.kind === 'entry' && step.seqno > seqno;
    for (const { bytes } of this.#steps.filter(isDropped)) this.#pendingBytes -= bytes.length;
    this.#steps = this.#steps.filter((step) => !isDropped(step));
  }

  #push(step: Step): void {
    this.#steps.push(step);
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // What is appended in one turn is one batch; and whoever appends is never called back within the call.
    await undefined;
    try {
      while (this.#steps.length > 0) {
        await this.#checkLock();
        // A rollback may have taken steps back meanwhile.
        const [step] = this.#steps;
        if (step === undefined) break;
        if (step.kind === 'entry') await this.#write(takeBatch(this.#steps));
        else await this.#perform(step);
      }
    } catch (error) {
      this.#fail(error);
      // What a lost file's close has to say is of no use to anyone.
      await this.#files.close().catch(() => undefined);
    } finally {
      this.#draining = undefined;
    }
  }

  async #write(steps: readonly EntryStep[]): Promise<void> {
    const batch = batchOf(steps);
    const { around = (write) => write() } = this.#options;
    await around(() => this.#files.append(batch));
    const bytes = steps.reduce((sum, step) => sum + step.bytes.length, 0);
    this.#pendingBytes -= bytes;
    this.#tellDurable(batch.last);
    const table = steps.at(-1)?.table;
    if (table === undefined) return;
    await this.#checkLock();
    await this.#files.complete(table, batch.position + bytes);
  }

  /** Between the check and the write nothing is awaited but the calls on the file. */
  async #checkLock(): Promise<void> {
    await this.#options.checkLock?.();
  }

  /** What a rollback took back while it was written is not told: its seqno may stand for another entry by now. */
  #tellDurable(written: Seqno): void {
    let reached = written;
    for (const step of this.#steps) {
      if (step.kind === 'cut' && step.seqno < reached) reached = step.seqno;
    }
    if (reached <= this.#durable) return;
    this.#durable = reached;
    this.#options.onDurable(reached);
  }

  /** The step stays in the queue until it is done, so that a failure reaches who waits for it. */
  async #perform(step: CommitStep | CutStep): Promise<void> {
    if (step.kind === 'commit') await this.#files.commit(step.seqno);
    else await this.#files.cut(step.seqno, step.size);
    this.#steps.shift();
    if (step.kind === 'cut') step.resolve();
  }

  #fail(error: unknown): void {
    const failure = asStorageError(error, this.#options.directory);
    this.#failure = failure;
    const waiting = this.#steps;
    this.#steps = [];
    this.#pendingBytes = 0;
    for (const step of waiting) if (step.kind === 'cut') step.reject(failure);
    this.#options.onFailed(failure);
  }
}

function filesOf({ last, open, completed }: LedgerEnd): ChunkFile[] {
  const files: ChunkFile[] = completed.map((chunk) => ({ ...chunk, isComplete: true }));
  if (open === undefined) return files;
  const { file, first, positions } = open;
  const isEmpty = positions.length === 0;
  return [...files, { file, first, last: isEmpty ? seqnoBefore(first) : last, isComplete: false }];
}

/**
 * Takes the entries from the queue that may be written together: those before the next signature, or before the
 * next one after a signature that comes first; one that ends its chunk is alone.
 */
function takeBatch(steps: Step[]): EntryStep[] {
  const batch: EntryStep[] = [];
  let bytes = 0;
  for (const step of steps) {
    if (step.kind !== 'entry') break;
    bytes += step.bytes.length;
    if (batch.length > 0 && (step.isSignature || bytes > batchBytesMax)) break;
    batch.push(step);
    if (step.table !== undefined) break;
  }
  steps.splice(0, batch.length);
  return batch;
}

function batchOf(steps: readonly EntryStep[]): Batch {
  const first = steps[0];
  const last = steps.at(-1);
  assert(first !== undefined && last !== undefined, 'a batch has entries');
  const entries = steps.map(({ bytes }) => bytes);
  return { first: first.first, last: last.seqno, position: first.position, entries };
}

/** Our own mistakes end the writer too, rather than leave those who wait for it waiting for ever. */
function asStorageError(error: unknown, file: string): StorageError {
  if (error instanceof StorageError) return error;
  const what = error instanceof Error ? error.message : String(error);
  return new StorageError('WRITE_FAILED', `writing the ledger in ${file} failed: ${what}`, {
    file,
    cause: error,
  });
}
