import { type BigIntStats, constants, type Dirent } from 'node:fs';
import {
  link as linkNode,
  lstat,
  mkdir,
  type FileHandle as NodeHandle,
  open as openNode,
  readdir,
  readlink,
  realpath,
  rename as renameNode,
  rmdir,
  stat as statNode,
  unlink,
} from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { StorageError } from '../core/errors.ts';
import type {
  FileHandle,
  FileIdentity,
  FileKind,
  FileOperation,
  FileStat,
  FileSystem,
  OpenOptions,
  OpenPurpose,
  ReadFileOptions,
} from './file-system.ts';
import { realLivenessSockets } from './liveness-sockets.ts';
import {
  badLinkError,
  changedError,
  closedError,
  notRegularError,
  sortEntries,
  storageError,
  tooLargeError,
} from './storage-error.ts';

/** The machine's own files. */
export const realFileSystem: FileSystem = {
  open,
  readFile,
  list: async (directory) => {
    const options = { withFileTypes: true } as const;
    const found = await attempt('list', directory, () => readdir(directory, options));
    return sortEntries(found.map((entry) => ({ name: entry.name, kind: kindOf(entry) })));
  },
  stat,
  identify,
  resolveLink,
  makeDirectory,
  rename: async (from, to) => attempt('rename', from, () => renameNode(from, to)),
  link: async (from, to) => attempt('link', to, () => linkNode(from, to)),
  remove: async (path) => attempt('remove', path, () => unlink(path)),
  syncDirectory,
  liveness: realLivenessSockets,
};

const { O_CREAT, O_DIRECT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } =
  constants;

/** No pipe makes us wait and no link is followed; what was opened is then looked at, not the name. */
const flagsFor: Readonly<Record<OpenPurpose, number>> = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  fill: O_WRONLY | O_NOFOLLOW | O_NONBLOCK,
  create: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
};

/** Most bytes given to one system call; Node refuses 2^31. */
const callBytesMax = 2 ** 30;

async function open(path: string, options: OpenOptions): Promise<RealFileHandle> {
  const { for: purpose, direct = false } = options;
  const opening = () => openNode(path, flagsFor[purpose], 0o600);
  const handle = new RealFileHandle(path, purpose, await attempt('open', path, opening, purpose));
  try {
    if (!(await handle.stat()).isFile()) throw notRegularError(path);
    if (direct && purpose === 'fill') await handle.openDirect();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** What a write past the page cache is aligned to, in file and memory. */
const directAlignment = 4096;

/** The same open file a second time, past the page cache; `undefined` where that cannot be. */
async function reopenDirect(handle: NodeHandle): Promise<NodeHandle | undefined> {
  // 0 where the system has no such flag.
  if (!O_DIRECT) return undefined;
  try {
    return await openNode(`/proc/self/fd/${handle.fd}`, O_WRONLY | O_NONBLOCK | O_DIRECT);
  } catch {
    return undefined;
  }
}

async function readFile(path: string, { bytesMax }: ReadFileOptions): Promise<Uint8Array> {
  const handle = await open(path, { for: 'read' });
  try {
    const before = await handle.stat();
    if (before.size > bytesMax) throw tooLargeError(path, Number(before.size), bytesMax);
    const bytes = await handle.read(0, Number(before.size));
    if (!(await isUnchanged(path, before))) throw changedError(path);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Whether the name still stands for the same file with the same content. */
async function isUnchanged(path: string, before: BigIntStats): Promise<boolean> {
  try {
    const after = await attempt('stat', path, () => lstat(path, { bigint: true }));
    return (['dev', 'ino', 'size', 'mtimeNs'] as const).every((key) => after[key] === before[key]);
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return false;
    throw error;
  }
}

async function stat(path: string): Promise<FileStat | undefined> {
  const found = await statIfThere(path);
  return (
    found && {
      size: Number(found.size),
      kind: kindOf(found),
      // POSIX counts blocks of 512 bytes, whatever the file system's own are.
      allocatedBytes: Number(found.blocks) * 512,
      links: Number(found.nlink),
      mode: Number(found.mode) & 0o7777,
      identity: identityOf(found),
    }
  );
}

async function identify(path: string): Promise<FileIdentity | undefined> {
  const found = await statIfThere(path);
  return found && { inode: `${found.dev}:${found.ino}`, modified: `${found.mtimeNs}` };
}

async function resolveLink(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined || (code !== 'ENOENT' && code !== 'ELOOP'))
      throw storageError('stat', path, cause);
    throw badLinkError(path, target, code);
  }
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await attempt('stat', path, () => lstat(path, { bigint: true }));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

function kindOf(found: Pick<Dirent, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): FileKind {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  return found.isSymbolicLink() ? 'symlink' : 'other';
}

async function makeDirectory(path: string): Promise<void> {
  const created = await attempt('makeDirectory', path, () => mkdirOrRefuse(path));
  if (created === undefined) return;
  const top = resolve(created);
  const made: string[] = [];
  for (let at = resolve(path); at.length >= top.length; at = dirname(at)) made.push(at);
  try {
    for (const at of made) await syncDirectory(dirname(at));
  } catch (error) {
    // Where they cannot be made durable nothing is left of them; what others put in stays.
    for (const at of made) await rmdir(at).catch(() => undefined);
    throw error;
  }
}

/**
 * The topmost directory that it created, `undefined` when all were there. It makes one level at a time:
 * Node's own recursion never ends where a directory refuses new names with ENOENT, as /proc does.
 */
async function mkdirOrRefuse(path: string, isRetry = false): Promise<string | undefined> {
  try {
    await mkdir(path, { mode: 0o700 });
    return path;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' || isRetry) {
      if (await isDirectory(path)) return undefined;
      // "Exists" can only mean that something else bears the name.
      if (code !== 'EEXIST') throw cause;
      throw Object.assign(new Error(`${path} exists`, { cause }), { code: 'ENOTDIR' });
    }
  }
  const above = await mkdirOrRefuse(dirname(path));
  const made = await mkdirOrRefuse(path, true);
  return above ?? made;
}

/** Also through a symbolic link, as `mkdir -p` has it. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await statNode(path)).isDirectory();
  } catch {
    return false;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const opening = () => openNode(directory, O_RDONLY | O_DIRECTORY);
  const handle = await attempt('syncDirectory', directory, opening);
  try {
    await attempt('syncDirectory', directory, () => handle.sync());
  } finally {
    await attempt('close', directory, () => handle.close());
  }
}

class RealFileHandle implements FileHandle {
  readonly #path: string;
  readonly #purpose: OpenPurpose;
  readonly #handle: NodeHandle;
  #direct: NodeHandle | undefined;
  #isClosed = false;

  constructor(path: string, purpose: OpenPurpose, handle: NodeHandle) {
    this.#path = path;
    this.#purpose = purpose;
    this.#handle = handle;
  }

  stat(): Promise<BigIntStats> {
    return this.#attempt('size', () => this.#handle.stat({ bigint: true }));
  }

  async size(): Promise<number> {
    return Number((await this.stat()).size);
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, await this.readInto(bytes, position));
  }

  async readInto(target: Uint8Array, position: number): Promise<number> {
    let filled = 0;
    while (filled < target.length) {
      const count = Math.min(target.length - filled, callBytesMax);
      const { bytesRead } = await this.#attempt('read', () =>
        this.#handle.read(target, filled, count, position + filled),
      );
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return filled;
  }

  /** Lets aligned writes go past the page cache from now on, if that can be. */
  async openDirect(): Promise<void> {
    this.#direct = await reopenDirect(this.#handle);
  }

  /** False when nothing was written: it is not aligned, or the file system does not do it after all. */
  async #writeDirect(bytes: Uint8Array, position: number): Promise<boolean> {
    const direct = this.#direct;
    const isAligned = [bytes.length, bytes.byteOffset, position].every(
      (value) => value % directAlignment === 0,
    );
    if (direct === undefined || !isAligned || bytes.length > callBytesMax) return false;
    return this.#attempt('write', async () => {
      try {
        const { bytesWritten } = await direct.write(bytes, 0, bytes.length, position);
        return bytesWritten === bytes.length;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'EINVAL') return false;
        throw cause;
      }
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    if (await this.#writeDirect(bytes, position)) return;
    let written = 0;
    while (written < bytes.length) {
      const count = Math.min(bytes.length - written, callBytesMax);
      const { bytesWritten } = await this.#attempt('write', () =>
        this.#handle.write(bytes, written, count, position + written),
      );
      if (bytesWritten === 0) throw storageError('write', this.#path, new Error('0 bytes written'));
      written += bytesWritten;
    }
  }

  async truncate(size: number): Promise<void> {
    await this.#attempt('truncate', () => this.#handle.truncate(size));
  }

  async sync(): Promise<void> {
    await this.#attempt('sync', () => this.#handle.sync());
  }

  async close(): Promise<void> {
    await this.#attempt('close', async () => {
      this.#isClosed = true;
      try {
        await this.#direct?.close();
      } finally {
        await this.#handle.close();
      }
    });
  }

  async #attempt<T>(operation: FileOperation, call: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closedError(operation, this.#path);
    return attempt(operation, this.#path, call, this.#purpose);
  }
}

async function attempt<T>(
  operation: FileOperation,
  path: string,
  call: () => Promise<T>,
  purpose?: OpenPurpose,
): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    throw storageError(operation, path, cause, purpose);
  }
}
