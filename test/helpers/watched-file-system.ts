import { toHex } from '../../src/core/bytes.ts';
import { FormatError } from '../../src/core/errors.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import {
  decodeEnvelope,
  entryHeaderBytes,
  readEntrySize,
} from '../../src/formats/entries/entry.ts';
import { chunkHeaderBytes } from '../../src/formats/entries/ledger-chunk.ts';
import type {
  DirectoryEntry,
  FileHandle,
  FileIdentity,
  FileStat,
  FileSystem,
  OpenOptions,
  ReadFileOptions,
} from '../../src/io/file-system.ts';

interface Watching {
  /** Called before each call that changes something. */
  readonly onChange?: () => void;
  /** Called before each write. */
  readonly onWrite?: (path: string, bytes: Uint8Array, position: number) => void;
}

/** A file system that tells of its calls before it passes them on. */
class WatchedFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #watching: Watching;

  constructor(inner: FileSystem, watching: Watching) {
    this.#inner = inner;
    this.#watching = watching;
  }

  async open(path: string, options: OpenOptions): Promise<FileHandle> {
    if (options.for === 'create') this.#watching.onChange?.();
    return new WatchedHandle(path, await this.#inner.open(path, options), this.#watching);
  }

  readFile(path: string, options: ReadFileOptions): Promise<Uint8Array> {
    return this.#inner.readFile(path, options);
  }

  list(directory: string): Promise<readonly DirectoryEntry[]> {
    return this.#inner.list(directory);
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.#inner.stat(path);
  }

  async identify(path: string): Promise<FileIdentity | undefined> {
    return this.#inner.identify?.(path);
  }

  makeDirectory(path: string): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.makeDirectory(path);
  }

  rename(from: string, to: string): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.rename(from, to);
  }

  remove(path: string): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.remove(path);
  }

  syncDirectory(directory: string): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.syncDirectory(directory);
  }
}

class WatchedHandle implements FileHandle {
  readonly #path: string;
  readonly #inner: FileHandle;
  readonly #watching: Watching;

  constructor(path: string, inner: FileHandle, watching: Watching) {
    this.#path = path;
    this.#inner = inner;
    this.#watching = watching;
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#inner.read(position, length);
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    this.#watching.onChange?.();
    this.#watching.onWrite?.(this.#path, bytes, position);
    return this.#inner.write(bytes, position);
  }

  truncate(size: number): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.truncate(size);
  }

  sync(): Promise<void> {
    this.#watching.onChange?.();
    return this.#inner.sync();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/**
 * Every ledger entry that was ever written, over several lives of one ledger: each pair of seqno and view
 * must have one content, as it is the nonce under which that is encrypted.
 */
export class WrittenEntries {
  readonly #digests = new Map<string, string>();
  /** Pairs that were written with two contents. */
  readonly reused: string[] = [];

  /** A record of its own of what was written so far: for one of several futures. */
  copy(): WrittenEntries {
    const copy = new WrittenEntries();
    for (const [pair, digest] of this.#digests) copy.#digests.set(pair, digest);
    copy.reused.push(...this.reused);
    return copy;
  }

  /** How many pairs were written. */
  get size(): number {
    return this.#digests.size;
  }

  /** The file system, watched; a ledger that is about to be born lies in a `.tmp` file and doesn't count. */
  watch(fileSystem: FileSystem, { onChange }: Pick<Watching, 'onChange'> = {}): FileSystem {
    return new WatchedFileSystem(fileSystem, {
      ...(onChange && { onChange }),
      onWrite: (path, bytes, position) => {
        if (/\/ledger_\d+$/.test(path)) this.#add(bytes, position);
      },
    });
  }

  #add(bytes: Uint8Array, position: number): void {
    for (const entry of entriesIn(bytes, position === 0 ? chunkHeaderBytes : 0)) {
      const { seqno, view } = decodeEnvelope(entry);
      const pair = `seqno ${seqno} of view ${view}`;
      const digest = toHex(sha256(entry));
      if ((this.#digests.get(pair) ?? digest) !== digest) this.reused.push(pair);
      this.#digests.set(pair, digest);
    }
  }
}

/** The whole entries from `offset` on, up to what is none: a chunk's table. */
function* entriesIn(bytes: Uint8Array, offset: number): Generator<Uint8Array> {
  for (let at = offset; at < bytes.length; ) {
    const size = sizeAt(bytes, at);
    if (size === undefined || at + size > bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function sizeAt(bytes: Uint8Array, at: number): number | undefined {
  try {
    return entryHeaderBytes + readEntrySize(bytes, at).size;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
