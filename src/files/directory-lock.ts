import { join } from 'node:path';
import { StorageError } from '../core/errors.ts';
import { LockFile, type LockOptions, lockName } from './lock-file.ts';
import { lockedError } from './lock-holder.ts';
import { Mutex } from './mutex.ts';

export { isLockName, type LockOptions } from './lock-file.ts';

/**
 * Locks a directory for the life of its holder. A lock whose process is dead is taken over; one of a live process is
 * refused, also when that process is our own, and so is one whose process cannot be judged from here: see
 * `stateOfHolder` for each case, and {@link LockFile} for how it is taken.
 *
 * Whatever fails, nothing of ours is left behind, or it counts as dead.
 * @throws StorageError `LOCKED` naming the process that holds it; those of the file system
 */
export async function lockDirectory(
  directory: string,
  options: LockOptions,
): Promise<DirectoryLock> {
  const file = new LockFile(directory, options);
  await file.acquire();
  return new DirectoryLock(directory, file);
}

/** A held lock; made by {@link lockDirectory} only. */
export class DirectoryLock {
  readonly directory: string;
  readonly #file: LockFile;
  readonly #queue = new Mutex();
  #isReleased = false;

  constructor(directory: string, file: LockFile) {
    this.directory = directory;
    this.#file = file;
  }

  /**
   * Makes sure that the lock is still ours: an operator may have removed it, and another node taken its place.
   * @throws StorageError `LOCKED` when it is not ours any more, `CLOSED` after the release
   */
  async check(): Promise<void> {
    if (this.#isReleased) {
      throw new StorageError('CLOSED', `the lock on ${this.directory} is released`);
    }
    if (await this.#file.isHeld()) return;
    throw lockedError(join(this.directory, lockName), 'it is no longer ours');
  }

  /**
   * Runs an operation while no other does under this lock, after a {@link DirectoryLock.check}.
   * @throws StorageError `LOCKED` when it is not ours any more, `CLOSED` after the release
   */
  exclusively<T>(operation: () => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      await this.check();
      return operation();
    });
  }

  /** Gives the lock back, after the operations under way; a second call does nothing. */
  release(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#isReleased) return;
      this.#isReleased = true;
      await this.#file.release();
    });
  }

  /** Whether a path leads to the locked directory, as a link or a mount may: no other has this very lock in it. */
  isIn(directory: string): Promise<boolean> {
    return this.#file.isIn(directory);
  }
}
