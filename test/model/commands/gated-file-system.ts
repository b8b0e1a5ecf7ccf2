import { join } from 'node:path';
import { parseSpoolName } from '../../../src/formats/encoding/file-name.ts';
import type {
  DirectoryEntry,
  FileHandle,
  FileOperation,
  FileStat,
  FileSystem,
  OpenOptions,
  ReadFileOptions,
} from '../../../src/io/file-system.ts';
import type { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import type { FaultKind, Faults, Gates, Port } from './gates.ts';

export const directory = '/snapshots';

export interface GatedOptions {
  readonly disk: MemoryFileSystem;
  readonly gates: Gates;
  readonly faults: Faults;
}

interface Step<Kind> {
  readonly port: Kind;
  readonly operation: FileOperation;
  readonly snapshotSeqno: number;
  readonly path: string;
}

/**
 * The disk in memory, where every step of a snapshot's file waits at its gate and can be made to fail by the
 * seqno of its snapshot. What has to do with no spool, such as the lock, goes straight through.
 */
export class GatedFileSystem implements FileSystem {
  readonly #disk: MemoryFileSystem;
  readonly #gates: Gates;
  readonly #faults: Faults;
  /** Snapshots that have got their name and whose directory is not synced: that call has no name in it. */
  readonly #renamed: number[] = [];
  /** Spools that this process has opened. */
  readonly #own = new Set<string>();
  /** Spools into which a job writes at this moment. */
  readonly #filling = new Set<string>();
  /** What must never be, as it was seen. */
  readonly violations: string[] = [];

  constructor({ disk, gates, faults }: GatedOptions) {
    this.#disk = disk;
    this.#gates = gates;
    this.#faults = faults;
  }

  async open(path: string, options: OpenOptions): Promise<FileHandle> {
    const snapshotSeqno = versionOf(path);
    if (snapshotSeqno === undefined || options.for === 'read')
      return this.#disk.open(path, options);
    if (options.for === 'fill') return this.#filler(path, snapshotSeqno);
    this.#own.add(path);
    const step = { port: 'open', operation: 'open', snapshotSeqno, path } as const;
    const handle = await this.#step(step, () => this.#disk.open(path, options));
    return this.#writer(handle, path, snapshotSeqno);
  }

  readFile(path: string, options: ReadFileOptions): Promise<Uint8Array> {
    return this.#disk.readFile(path, options);
  }

  list(path: string): Promise<readonly DirectoryEntry[]> {
    return this.#disk.list(path);
  }

  /** Asked only of a final name, and only by a spool that is about to take it. */
  async stat(path: string): Promise<FileStat | undefined> {
    const snapshotSeqno = publishedVersionOf(path);
    if (snapshotSeqno === undefined) return this.#disk.stat(path);
    await this.#gates.pass({ port: 'publish', snapshotSeqno });
    if (this.#faults.take('conflict', snapshotSeqno)) await plant(this.#disk, path, otherBytes);
    else if (this.#faults.take('duplicate', snapshotSeqno)) {
      const spool = await this.#spoolOf(snapshotSeqno);
      await plant(this.#disk, path, await this.#disk.readFile(spool, { bytesMax: 1e6 }));
    }
    return this.#disk.stat(path);
  }

  makeDirectory(path: string): Promise<void> {
    return this.#disk.makeDirectory(path);
  }

  async rename(from: string, to: string): Promise<void> {
    const snapshotSeqno = versionOf(from);
    if (snapshotSeqno === undefined) return this.#disk.rename(from, to);
    this.#failIfArmed({ port: 'rename', operation: 'rename', snapshotSeqno, path: from });
    await this.#disk.rename(from, to);
    this.#renamed.push(snapshotSeqno);
  }

  async remove(path: string): Promise<void> {
    const snapshotSeqno = versionOf(path);
    const call = () => this.#disk.remove(path);
    // What an earlier process left is swept before anything begins.
    if (snapshotSeqno === undefined || !this.#own.has(path)) return call();
    return this.#step({ port: 'remove', operation: 'remove', snapshotSeqno, path }, call);
  }

  async syncDirectory(path: string): Promise<void> {
    const snapshotSeqno = this.#renamed.shift();
    const call = () => this.#disk.syncDirectory(path);
    if (snapshotSeqno === undefined) return call();
    return this.#step({ port: 'dirsync', operation: 'syncDirectory', snapshotSeqno, path }, call);
  }

  #writer(handle: FileHandle, path: string, snapshotSeqno: number): FileHandle {
    return {
      size: () => handle.size(),
      read: (position, length) => handle.read(position, length),
      truncate: (size) => handle.truncate(size),
      write: (bytes, position) => {
        if (this.#filling.has(path)) this.violations.push(`${path} was appended to while filled`);
        const step = { port: 'append', operation: 'write', snapshotSeqno, path } as const;
        return this.#step(step, () => handle.write(bytes, position));
      },
      sync: () =>
        this.#step({ port: 'sync', operation: 'sync', snapshotSeqno, path }, () => handle.sync()),
      close: () =>
        this.#step({ port: 'close', operation: 'close', snapshotSeqno, path }, () =>
          handle.close(),
        ),
    };
  }

  async #filler(path: string, snapshotSeqno: number): Promise<FileHandle> {
    if (this.#filling.has(path)) this.violations.push(`${path} was filled twice at once`);
    const handle = await this.#disk.open(path, { for: 'fill' });
    this.#filling.add(path);
    return {
      size: () => handle.size(),
      read: (position, length) => handle.read(position, length),
      truncate: (size) => handle.truncate(size),
      sync: () => handle.sync(),
      write: async (bytes, position) => {
        this.#failIfArmed({ port: 'fill', operation: 'write', snapshotSeqno, path });
        await handle.write(bytes, position);
      },
      close: async () => {
        this.#filling.delete(path);
        await handle.close();
      },
    };
  }

  /**
   * Waits for the turn, and lets the disk refuse it if that is armed. Nothing comes between the fault and its
   * call, so that no other call can take it.
   */
  async #step<T>(step: Step<Port & FaultKind>, call: () => Promise<T>): Promise<T> {
    await this.#gates.pass({ port: step.port, snapshotSeqno: step.snapshotSeqno });
    this.#failIfArmed(step);
    return call();
  }

  #failIfArmed({ port, operation, snapshotSeqno, path }: Step<FaultKind>): void {
    if (!this.#faults.take(port, snapshotSeqno)) return;
    const errno = port === 'fill' || port === 'append' ? 'ENOSPC' : 'EIO';
    this.#disk.failNext(operation, errno, { path: (called) => called === path, bytesWritten: 5 });
  }

  async #spoolOf(snapshotSeqno: number): Promise<string> {
    const names = (await this.#disk.list(directory)).map(({ name }) => name);
    const spool = names.filter((name) => parseSpoolName(name)?.seqno === snapshotSeqno).at(-1);
    return join(directory, spool ?? 'none');
  }
}

const otherBytes = new Uint8Array([1, 2, 3]);

/** Puts a file under a name that the snapshotter is about to take, as another process might. */
async function plant(disk: MemoryFileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const handle = await disk.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.sync();
  await handle.close();
  await disk.syncDirectory(directory);
}

function versionOf(path: string): number | undefined {
  return parseSpoolName(path.slice(directory.length + 1))?.seqno;
}

function publishedVersionOf(path: string): number | undefined {
  const found = /\/snapshot_(\d+)_\d+\.committed$/.exec(path)?.[1];
  return found === undefined ? undefined : Number(found);
}
