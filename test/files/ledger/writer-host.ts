import type { StorageError } from '../../../src/core/errors.ts';
import { type Seqno, seqno } from '../../../src/core/words.ts';
import {
  type AppendedEntry,
  type LedgerEnd,
  LedgerWriter,
} from '../../../src/files/ledger/ledger-writer.ts';
import type { FileSystem } from '../../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { emptyEnd, endOf, filesIn } from '../make-log.ts';

/** A directory in memory for the writers of one ledger, and all that they told. */
export class WriterHost {
  readonly fileSystem: MemoryFileSystem;
  readonly told: Seqno[] = [];
  readonly failures: StorageError[] = [];

  constructor(fileSystem: MemoryFileSystem) {
    this.fileSystem = fileSystem;
  }

  static async make(): Promise<WriterHost> {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory('/l');
    return new WriterHost(fileSystem);
  }

  open(end = emptyEnd, fileSystem: FileSystem = this.fileSystem): Promise<LedgerWriter> {
    return LedgerWriter.open({
      fileSystem,
      directory: '/l',
      end,
      onDurable: (reached) => this.told.push(reached),
      onFailed: (error) => this.failures.push(error),
    });
  }

  /** Writes entries in one turn, and closes. */
  async write(entries: readonly AppendedEntry[], end = emptyEnd): Promise<void> {
    const writer = await this.open(end);
    append(writer, entries);
    await writer.close();
  }

  /** The files that are there now. */
  files(): Promise<Record<string, string>> {
    return filesIn(this.fileSystem, '/l');
  }

  /** The files that are there after a power cut that loses all it can. */
  filesAfterCrash(): Promise<Record<string, string>> {
    return filesIn(this.fileSystem.crash(), '/l');
  }

  end(): Promise<LedgerEnd> {
    return endOf(this.fileSystem, '/l');
  }

  /** The calls that the file system got so far. */
  get calls(): number {
    return this.fileSystem.journal.length;
  }

  /** The operations since there were `begin` calls. */
  operations(begin: number): string[] {
    return this.fileSystem.journal.slice(begin).map(({ operation }) => operation);
  }
}

export function append(writer: LedgerWriter, entries: readonly AppendedEntry[]): void {
  for (const entry of entries) writer.append(entry);
}

/** Resolves when all that is queued, up to `last`, is on the disk. */
export async function settle(writer: LedgerWriter, last: number): Promise<void> {
  await writer.rollback(seqno(last));
}

export function bytesOf(entries: readonly AppendedEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
