import { join } from 'node:path';
import { ByteReader, ByteWriter, concatBytes } from '../../core/bytes.ts';
import { assert, FormatError, StorageError } from '../../core/errors.ts';
import type { Seqno } from '../../core/words.ts';
import { chunkHeaderBytes, chunkName } from '../../formats/entries/ledger-chunk.ts';
import type { FileHandle, FileSystem } from '../../io/file-system.ts';

/** A chunk's file that does not bear its committed name yet. */
export interface ChunkFile {
  readonly file: string;
  readonly first: Seqno;
  /** `first - 1` when it holds no entry. */
  readonly last: Seqno;
  /** Its table is written, and the header names it. */
  readonly isComplete: boolean;
}

/** Entries that are written with one call and synced together. */
export interface Batch {
  /** First seqno of their chunk. */
  readonly first: Seqno;
  readonly last: Seqno;
  /** Where the first of them goes; 8 in a new chunk. */
  readonly position: number;
  readonly entries: readonly Uint8Array[];
}

/** What {@link ChunkFiles.open} finds on the disk. */
export interface ChunkFilesOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** Oldest first; only the last one may be open. */
  readonly files: readonly ChunkFile[];
  /** Where the entries of the open one end. */
  readonly size: number;
}

/** A header of zeros: the chunk is open. */
const openHeader = new Uint8Array(chunkHeaderBytes);

/** Bytes copied at a time when a file is written again. */
const rewriteBytesMax = 4 * 1024 * 1024;

/**
 * The effects behind a {@link LedgerWriter}: one step on the chunks' files each, durable when it resolves.
 * The caller runs one step at a time, and none after one that failed but {@link ChunkFiles.close}.
 *
 * Every step that changes two things syncs the first before it begins the second, so that a crash leaves what
 * `decodeChunk` reads as an open chunk with a torn tail. One assumption: the eight bytes of a header, which lie in
 * one sector, are written whole or not at all.
 */
export class ChunkFiles {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  /** Oldest first. */
  readonly #files: ChunkFile[];
  /** Of the last file while it is open. */
  #handle: FileHandle | undefined;

  /** Cuts off what is torn, and makes durable what was found: it may have been only in the system's memory. */
  static async open(options: ChunkFilesOptions): Promise<ChunkFiles> {
    const files = new ChunkFiles(options);
    try {
      await files.#restore(options.size);
    } catch (error) {
      await files.close().catch(() => undefined);
      throw error;
    }
    return files;
  }

  private constructor({ fileSystem, directory, files }: ChunkFilesOptions) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#files = [...files];
  }

  /** Writes a batch into the open chunk, or into a new one. */
  async append(batch: Batch): Promise<void> {
    const { position, entries, last } = batch;
    if (this.#handle === undefined) return this.#create(batch);
    await this.#handle.write(concatBytes(entries), position);
    await this.#handle.sync();
    this.#setLast({ last });
  }

  /** Appends the table of the open chunk, then lets its header point to it; the file is closed. */
  async complete(table: Uint8Array, size: number): Promise<void> {
    const handle = this.#openHandle();
    await handle.write(table, size);
    await handle.sync();
    await handle.write(new ByteWriter(chunkHeaderBytes).u64(size).finish(), 0);
    await handle.sync();
    await this.close();
    this.#setLast({ isComplete: true });
  }

  /**
   * Gives the complete chunks up to `seqno` their final names, oldest first; one is durable before the next is
   * renamed, so that no committed chunk ever follows one that is not.
   */
  async commit(seqno: Seqno): Promise<void> {
    for (let [chunk] = this.#files; chunk !== undefined; [chunk] = this.#files) {
      const { file, first, last, isComplete } = chunk;
      if (!isComplete || last > seqno) break;
      const finalPath = this.#path(chunkName(first, last, true));
      if ((await this.#fileSystem.stat(finalPath)) !== undefined) throw takenError(finalPath);
      await this.#fileSystem.rename(this.#path(file), finalPath);
      await this.#syncDirectory();
      this.#files.shift();
    }
  }

  /**
   * Drops every entry above `seqno`. Files go newest first, each durably before the next, so that no crash leaves
   * a gap; a complete chunk is opened again before it is cut.
   * @param size where the entry after `seqno` was, in the chunk that holds both
   */
  async cut(seqno: Seqno, size: number): Promise<void> {
    for (let tail = this.#files.at(-1); tail && tail.first > seqno; tail = this.#files.at(-1)) {
      await this.close();
      await this.#fileSystem.remove(this.#path(tail.file));
      await this.#syncDirectory();
      this.#files.pop();
    }
    const tail = this.#files.at(-1);
    if (tail === undefined || tail.last <= seqno) return;
    if (tail.isComplete) await this.#reopen(tail);
    const handle = this.#openHandle();
    await handle.truncate(size);
    await handle.sync();
    this.#setLast({ last: seqno });
  }

  /** Releases the handle, also when it throws; it may be called again. */
  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #restore(size: number): Promise<void> {
    const tail = this.#files.at(-1);
    if (tail !== undefined) {
      this.#handle = await this.#fileSystem.open(this.#path(tail.file), { for: 'fill' });
      await this.#restoreTail(tail, this.#handle, size);
      if (tail.isComplete) await this.close();
    }
    await this.#syncDirectory();
  }

  async #restoreTail({ file, isComplete }: ChunkFile, handle: FileHandle, size: number) {
    const found = await handle.size();
    if (!isComplete) {
      // A crash may have left less than the header of a chunk without entries; its zeros are written here.
      if (found < size && size !== chunkHeaderBytes)
        throw shrunkError(this.#path(file), found, size);
      if (found !== size) await handle.truncate(size);
    }
    await this.#rewrite(file, handle, isComplete ? found : size);
    await handle.sync();
  }

  /**
   * Writes a file's bytes over themselves. After a failed sync the system still shows what the disk has lost, and
   * the next sync says nothing of it; so a new process that merely synced what it reads would trust what is gone.
   */
  async #rewrite(file: string, handle: FileHandle, size: number): Promise<void> {
    const source = await this.#fileSystem.open(this.#path(file), { for: 'read' });
    try {
      for (let at = 0; at < size; at += rewriteBytesMax) {
        await handle.write(await source.read(at, Math.min(rewriteBytesMax, size - at)), at);
      }
    } finally {
      await source.close();
    }
  }

  async #create({ first, last, position, entries }: Batch): Promise<void> {
    assert(position === chunkHeaderBytes, `ledger_${first} begins at ${position}`);
    const file = chunkName(first);
    this.#handle = await this.#fileSystem.open(this.#path(file), { for: 'create' });
    this.#files.push({ file, first, last, isComplete: false });
    await this.#handle.write(concatBytes([openHeader, ...entries]), 0);
    await this.#handle.sync();
    await this.#syncDirectory();
  }

  /** The header goes first: a header that names a table which is cut already would be damage. */
  async #reopen({ file }: ChunkFile): Promise<void> {
    this.#handle = await this.#fileSystem.open(this.#path(file), { for: 'fill' });
    await this.#handle.write(openHeader, 0);
    await this.#handle.sync();
    this.#setLast({ isComplete: false });
  }

  #setLast(change: Partial<Pick<ChunkFile, 'last' | 'isComplete'>>): void {
    const tail = this.#files.pop();
    assert(tail !== undefined, 'no chunk to change');
    this.#files.push({ ...tail, ...change });
  }

  #openHandle(): FileHandle {
    assert(this.#handle !== undefined, 'no chunk is open');
    return this.#handle;
  }

  #syncDirectory(): Promise<void> {
    return this.#fileSystem.syncDirectory(this.#directory);
  }

  #path(file: string): string {
    return join(this.#directory, file);
  }
}

/** Where the entries of a complete chunk lie, as its table says. */
export interface ChunkTable {
  readonly positions: readonly number[];
  /** Where the last entry ends and the table begins. */
  readonly size: number;
}

/**
 * Reads the table of a complete chunk, not its entries.
 * @throws FormatError `BAD_OFFSET_TABLE` when it is not there whole, or is not of `first` to `last`
 * @throws StorageError `NOT_FOUND`, `READ_FAILED`
 */
export async function readTable(
  fileSystem: FileSystem,
  path: string,
  { first, last }: { readonly first: Seqno; readonly last: Seqno },
): Promise<ChunkTable> {
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const size = new ByteReader(await handle.read(0, chunkHeaderBytes)).u64('offset of the table');
    const length = 4 * (last - first + 1);
    const table = await handle.read(size, length + 1);
    if (size < chunkHeaderBytes || table.length !== length) {
      const what = `no table of seqnos ${first} to ${last} at ${size}`;
      throw new FormatError('BAD_OFFSET_TABLE', `${path}: ${what}`, { file: path, offset: size });
    }
    const reader = new ByteReader(table);
    const positions = Array.from({ length: length / 4 }, () => reader.u32('position'));
    return { positions, size };
  } finally {
    await handle.close();
  }
}

function takenError(file: string): StorageError {
  const message = `${file} exists already: a committed chunk is never replaced`;
  return new StorageError('ALREADY_EXISTS', message, { file });
}

function shrunkError(file: string, actual: number, expected: number): StorageError {
  const message = `${file} has ${actual} bytes, its entries ended at ${expected} when it was read`;
  return new StorageError('CHANGED_WHILE_READING', message, { file, actual, expected });
}
