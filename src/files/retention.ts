import { join } from 'node:path';
import { StorageError } from '../core/errors.ts';
import type { FileSystem } from '../io/file-system.ts';
import { changedError } from '../io/storage-error.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { removeIfThere } from './remove-if-there.ts';
import { type FoundSnapshot, findSnapshots } from './snapshot-directory.ts';

/** Which snapshots of a directory stay. */
export interface Retention {
  /** So many of the newest committed ones, at least 1. */
  readonly keep: number;
  /** File name of the newest one that verifies: it stays, and so does everything newer. */
  readonly newestValid: string;
  /** Of the file that was found to verify, see `FileStat.identity`; for any other nothing goes. @default not checked */
  readonly identity?: string | undefined;
}

/** A file that would not go, and why. */
export interface FailedRemoval {
  readonly file: string;
  readonly error: StorageError;
}

/** What became of a directory's snapshots. */
export interface PrunedSnapshots {
  /** Oldest first. */
  readonly removed: readonly FoundSnapshot[];
  readonly failed: readonly FailedRemoval[];
}

export interface PruneSnapshotsOptions extends Retention {
  readonly fileSystem: FileSystem;
  /** The held lock on the snapshots directory. */
  readonly lock: DirectoryLock;
}

/**
 * The committed snapshots that {@link Retention} lets go, oldest first: beyond the newest `keep`, and older than
 * the newest that verifies. Of what is newer than that one nobody knows whether it will verify elsewhere, and
 * without it nothing goes. Other names never do: uncommitted, empty, odd ones, links and what is set aside.
 * @param found as `findSnapshots` gives it, newest first
 * @throws RangeError for a `keep` below 1
 */
export function expiredSnapshots(
  found: readonly FoundSnapshot[],
  { keep, newestValid }: Retention,
): readonly FoundSnapshot[] {
  checkKept('keep', keep);
  const committed = found.filter(({ ignored }) => ignored === undefined);
  const valid = committed.findIndex(({ file }) => file === newestValid);
  return valid < 0 ? [] : committed.slice(Math.max(keep, valid + 1)).reverse();
}

/** A count that is none, such as NaN, must not let everything go. @throws RangeError below 1 */
export function checkKept(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 1) return;
  throw new RangeError(`${name} must be an integer of 1 or above, is ${value}`);
}

/**
 * Removes the {@link expiredSnapshots} of the lock's directory, oldest first; one that will not go is told, and the
 * rest goes on. The newest that verifies is made durable before: a crash may have left its name, or a copy its
 * bytes, only in the system's memory, and a power cut could otherwise take it and keep the removals.
 * @throws StorageError `LOCKED`, `CLOSED` without the lock; `READ_FAILED` when the directory cannot be listed, `CHANGED_WHILE_READING`
 * when the newest valid one is another file by now, and `SYNC_FAILED`: then nothing has been removed, or the removals may come back
 */
export function pruneSnapshots(options: PruneSnapshotsOptions): Promise<PrunedSnapshots> {
  const { fileSystem, lock, newestValid } = options;
  return lock.exclusively(async () => {
    const expired = expiredSnapshots(await findSnapshots(lock.directory, fileSystem), options);
    if (expired.length === 0) return { removed: [], failed: [] };
    await makeDurable(fileSystem, lock.directory, newestValid, options.identity);
    const pruned = await removeAll(fileSystem, lock.directory, expired);
    await fileSystem.syncDirectory(lock.directory);
    return pruned;
  });
}

async function removeAll(
  fileSystem: FileSystem,
  directory: string,
  expired: readonly FoundSnapshot[],
): Promise<PrunedSnapshots> {
  const removed: FoundSnapshot[] = [];
  const failed: FailedRemoval[] = [];
  for (const snapshot of expired) {
    try {
      await removeIfThere(fileSystem, join(directory, snapshot.file));
      removed.push(snapshot);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      failed.push({ file: snapshot.file, error });
    }
  }
  return { removed, failed };
}

/**
 * Makes a file's content and name durable, whoever wrote it; it is only opened for reading.
 * @param identity of the file that is meant, see `FileStat.identity`
 * @throws StorageError as {@link FileSystem.open} for reading; `SYNC_FAILED`; `CHANGED_WHILE_READING` when it is another
 * file by now
 */
export async function makeDurable(
  fileSystem: FileSystem,
  directory: string,
  file: string,
  identity?: string | undefined,
): Promise<void> {
  const path = join(directory, file);
  if (identity !== undefined && (await fileSystem.stat(path))?.identity !== identity) {
    throw changedError(path);
  }
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fileSystem.syncDirectory(directory);
}
