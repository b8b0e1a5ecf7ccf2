import { StorageError } from '../../src/core/errors.ts';
import type { DirectoryEntry, FileHandle, FileStat, FileSystem } from '../../src/io/file-system.ts';

/** A disk that takes everything and keeps but the lock, so that whatever grows is the snapshotter's own. */
export class ForgetfulFileSystem implements FileSystem {
  readonly #locks = new Map<string, Uint8Array>();
  /** Spools that were created and neither named nor removed. */
  readonly spools = new Set<string>();
  openHandles = 0;
  named = 0;

  async open(path: string, options: { readonly for: string }): Promise<FileHandle> {
    if (options.for === 'create' && path.includes('spool_')) this.spools.add(path);
    this.openHandles++;
    return {
      size: async () => 0,
      read: async () => new Uint8Array(0),
      write: async (bytes) => {
        if (path.includes('/lock')) this.#locks.set(path, bytes.slice());
      },
      truncate: async () => {},
      sync: async () => {},
      close: async () => {
        this.openHandles--;
      },
    };
  }

  async readFile(path: string): Promise<Uint8Array> {
    const lock = this.#locks.get(path);
    if (lock === undefined) throw new StorageError('NOT_FOUND', `${path} is forgotten`);
    return lock;
  }

  async list(): Promise<readonly DirectoryEntry[]> {
    return [];
  }

  async stat(): Promise<FileStat | undefined> {
    return undefined;
  }

  async makeDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    const lock = this.#locks.get(from);
    this.#locks.delete(from);
    if (lock !== undefined) this.#locks.set(to, lock);
    this.spools.delete(from);
    if (lock === undefined) this.named++;
  }

  async remove(path: string): Promise<void> {
    this.spools.delete(path);
    this.#locks.delete(path);
  }

  async syncDirectory(): Promise<void> {}
}
