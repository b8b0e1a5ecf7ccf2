import { join } from 'node:path';
import { equalBytes, fromUtf8, toHex, toUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import type { Randomness } from '../core/randomness.ts';
import { sha256 } from '../formats/sha256.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { Processes } from '../io/process.ts';
import { removeIfThere } from './remove-if-there.ts';
import { SerialQueue } from './serial-queue.ts';

/** Name of the lock in a snapshots directory. */
const lockName = 'lock';

/** Tells the lock, and what a take-over that died has left beside it. */
export function isLockName(name: string): boolean {
  return /^lock(\.[0-9a-f]{16})*$/.test(name);
}

export interface LockOptions {
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly randomness: Randomness;
}

/**
 * Locks a directory for the life of one snapshotter. A lock whose process is dead, or that a crash left
 * unreadable, is taken over; one of a live process is refused, also when that process is our own.
 *
 * The lock is a file `lock` that is created exclusively: JSON `{pid, start, nonce}`, where `start` tells
 * the process from a later one of the same id and `nonce` this lock from any other.
 *
 * @throws StorageError `LOCKED` naming the process that holds it; those of the file system
 */
export async function lockDirectory(
  directory: string,
  options: LockOptions,
): Promise<DirectoryLock> {
  const { processes, randomness } = options;
  const start = (await processes.incarnation(processes.pid)) ?? '';
  const holder: Holder = { pid: processes.pid, start, nonce: toHex(randomness.bytes(8)) };
  const own = toUtf8(`${JSON.stringify(holder)}\n`);
  await new LockFiles(options, own).acquire(join(directory, lockName));
  return new DirectoryLock(directory, options.fileSystem, own);
}

/** A held lock; made by {@link lockDirectory} only. */
export class DirectoryLock {
  readonly directory: string;
  readonly #fileSystem: FileSystem;
  readonly #own: Uint8Array;
  readonly #queue = new SerialQueue();
  #isReleased = false;

  constructor(directory: string, fileSystem: FileSystem, own: Uint8Array) {
    this.directory = directory;
    this.#fileSystem = fileSystem;
    this.#own = own;
  }

  /**
   * Runs an operation while no other does under this lock, after it has made sure that the lock's file is
   * still ours: an operator may have removed it, and another node taken its place.
   * @throws StorageError `LOCKED` when it is not ours any more, `CLOSED` after the release
   */
  exclusively<T>(operation: () => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      if (this.#isReleased)
        throw new StorageError('CLOSED', `the lock on ${this.directory} is released`);
      if (!(await this.isIn(this.directory))) throw lockedError(this.#path, 'it is no longer ours');
      return operation();
    });
  }

  /** Gives the lock back, after the operations under way; a second call does nothing. */
  release(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#isReleased) return;
      if (await this.isIn(this.directory)) await this.#fileSystem.remove(this.#path);
      this.#isReleased = true;
    });
  }

  get #path(): string {
    return join(this.directory, lockName);
  }

  /** Whether a path leads to the locked directory, as a link or a mount may: no other has this very lock in it. */
  async isIn(directory: string): Promise<boolean> {
    const found = await readLock(this.#fileSystem, join(directory, lockName));
    return found !== undefined && equalBytes(found, this.#own);
  }
}

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly nonce: string;
}

/** Nested take-overs: each needs a process that died within another's take-over. */
const takeOverDepthMax = 4;

/**
 * Creates lock files and removes those of the dead.
 *
 * Two starters that find the same dead lock must not remove each other's new one. So only who holds the *claim*
 * on that very lock, a lock file named after its digest, may remove it, and looks again before it does; a claim
 * whose owner died is claimed in the same way.
 */
class LockFiles {
  readonly #options: LockOptions;
  readonly #own: Uint8Array;

  constructor(options: LockOptions, own: Uint8Array) {
    this.#options = options;
    this.#own = own;
  }

  async acquire(path: string, depth = 0): Promise<void> {
    if (await this.#create(path)) return;
    const found = await readLock(this.#options.fileSystem, path);
    if (found !== undefined) {
      const holder = parseHolder(found);
      if (holder !== undefined && (await this.#isAlive(holder))) {
        throw lockedError(path, `process ${holder.pid} holds it`, holder.pid);
      }
      if (depth === takeOverDepthMax) throw lockedError(path, 'too many take-overs died');
      await this.#removeDead(path, found, depth);
    }
    if (!(await this.#create(path))) throw lockedError(path, 'another process was quicker');
  }

  async #removeDead(path: string, dead: Uint8Array, depth: number): Promise<void> {
    const { fileSystem } = this.#options;
    const claim = `${path}.${toHex(sha256(dead)).slice(0, 16)}`;
    await this.acquire(claim, depth + 1);
    try {
      const found = await readLock(fileSystem, path);
      if (found !== undefined && equalBytes(found, dead)) await fileSystem.remove(path);
    } finally {
      await removeIfThere(fileSystem, claim);
    }
  }

  /**
   * Creates a lock file of ours; false when there is one. It is read again at the end, since between its creation
   * and its write it looks like one that a crash left, and a starter may have removed it.
   */
  async #create(path: string): Promise<boolean> {
    const { fileSystem } = this.#options;
    try {
      const handle = await fileSystem.open(path, { for: 'create' });
      try {
        await handle.write(this.#own, 0);
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (error instanceof StorageError && error.code === 'ALREADY_EXISTS') return false;
      throw error;
    }
    const found = await readLock(fileSystem, path);
    return found !== undefined && equalBytes(found, this.#own);
  }

  async #isAlive({ pid, start }: Holder): Promise<boolean> {
    const now = await this.#options.processes.incarnation(pid);
    if (now === undefined) return false;
    return now === start || now === '' || start === '';
  }
}

/** Larger files of that name are not ours: they are refused, not removed. */
const lockBytesMax = 4096;

async function readLock(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  try {
    return await fileSystem.readFile(path, { bytesMax: lockBytesMax });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code === 'NOT_FOUND') return undefined;
    if (error.code === 'CHANGED_WHILE_READING') throw lockedError(path, 'it is changing hands');
    throw error;
  }
}

/** `undefined` for what a crash left of a lock. */
function parseHolder(bytes: Uint8Array): Holder | undefined {
  try {
    const parsed: unknown = JSON.parse(fromUtf8(bytes));
    return isHolder(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  const { pid, start, nonce } = value as Partial<Record<keyof Holder, unknown>>;
  const isPid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
  return isPid && typeof start === 'string' && typeof nonce === 'string';
}

function lockedError(path: string, why: string, pid?: number): StorageError {
  const place = pid === undefined ? { file: path } : { file: path, actual: pid };
  return new StorageError('LOCKED', `${path}: ${why}`, place);
}
