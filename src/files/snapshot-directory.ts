import { join } from 'node:path';
import { compareBytes, toUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { parseSnapshotName, parseSpoolName } from '../formats/encoding/file-name.ts';
import type { DirectoryEntry, FileStat, FileSystem } from '../io/file-system.ts';
import { realFileSystem } from '../io/real-file-system.ts';
import { type DirectoryLock, isLockName } from './directory-lock.ts';
import { type FileWarning, warningsOf } from './file-warnings.ts';

/** Name of the directory in which files that did not verify are set aside. */
export const quarantineName = 'quarantine';

/** Why a file of the directory is not a candidate: a closed union. */
export type SnapshotIgnored =
  | 'BAD_NAME'
  | 'SPOOL'
  | 'LOCK'
  | 'QUARANTINE'
  | 'SYMLINK_REFUSED'
  | 'NOT_A_REGULAR_FILE'
  | 'READ_FAILED'
  | 'UNCOMMITTED'
  | 'EMPTY_FILE';

/** What a snapshots directory says about one name; nothing of it is proved. */
export interface FoundSnapshot {
  readonly file: string;
  readonly seqno?: Seqno;
  readonly evidenceSeqno?: Seqno;
  /** Size of the file. */
  readonly bytes: number;
  readonly committed: boolean;
  /** Absent for a file worth verifying. */
  readonly ignored?: SnapshotIgnored;
  /** What somebody else could change it by; refused only where that is asked for. @default nothing */
  readonly warnings?: readonly FileWarning[];
}

/** A name of a snapshots directory, with what tells its file from any other. */
export interface SurveyedSnapshot extends FoundSnapshot {
  /** See `FileStat.identity`. */
  readonly identity: string | undefined;
  /** Whether the disk keeps less of it than its size: a hole takes no space, yet as long to read as data. */
  readonly isSparse: boolean;
}

/**
 * All names of a snapshots directory: those of snapshots newest first (by seqno, then evidence, as numbers), then
 * the others. No file is opened, and an odd one never hides the rest.
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED` for the directory itself
 */
export async function findSnapshots(
  directory: string,
  fileSystem: FileSystem = realFileSystem,
): Promise<readonly FoundSnapshot[]> {
  const surveyed = await surveySnapshots(directory, fileSystem);
  return surveyed.map(foundOf);
}

/** Without what is nobody's but ours. */
export function foundOf({ identity: _, isSparse: __, ...found }: SurveyedSnapshot): FoundSnapshot {
  return found;
}

/** As {@link findSnapshots}, for whoever keeps verdicts or has an order to find. @throws as that */
export async function surveySnapshots(
  directory: string,
  fileSystem: FileSystem,
): Promise<readonly SurveyedSnapshot[]> {
  const entries = await fileSystem.list(directory);
  const found: SurveyedSnapshot[] = [];
  for (let i = 0; i < entries.length; i += statsAtOnce) {
    const some = entries.slice(i, i + statsAtOnce);
    const batch = await Promise.all(some.map((entry) => describe(fileSystem, directory, entry)));
    for (const snapshot of batch) if (snapshot !== undefined) found.push(snapshot);
  }
  return found.sort(newestFirst);
}

/** Sizes asked for at the same time: enough to keep Node's four file threads busy. */
const statsAtOnce = 32;

/** `undefined` for a name that went away meanwhile. */
async function describe(
  fileSystem: FileSystem,
  directory: string,
  entry: DirectoryEntry,
): Promise<SurveyedSnapshot | undefined> {
  const stat = await statOf(fileSystem, join(directory, entry.name));
  if (stat === undefined) return undefined;
  const size = stat === 'READ_FAILED' ? stat : stat.size;
  const name = parseSnapshotName(entry.name);
  const ignored = ignoredByName(entry.name) ?? ignoredByFile(entry, size);
  const known = stat === 'READ_FAILED' ? undefined : stat;
  const warnings = name === undefined ? [] : warningsOf(known);
  return {
    file: entry.name,
    ...(name && { seqno: name.seqno, evidenceSeqno: name.evidenceSeqno }),
    bytes: size === 'READ_FAILED' ? 0 : size,
    committed: name?.committed ?? false,
    ...(ignored && { ignored }),
    ...(warnings.length > 0 && { warnings }),
    identity: known?.identity,
    isSparse: (known?.allocatedBytes ?? Number.POSITIVE_INFINITY) < (known?.size ?? 0),
  };
}

async function statOf(
  fileSystem: FileSystem,
  path: string,
): Promise<FileStat | 'READ_FAILED' | undefined> {
  try {
    return await fileSystem.stat(path);
  } catch (error) {
    if (error instanceof StorageError) return 'READ_FAILED';
    throw error;
  }
}

function ignoredByName(name: string): SnapshotIgnored | undefined {
  if (parseSpoolName(name) !== undefined) return 'SPOOL';
  if (isLockName(name)) return 'LOCK';
  if (name === quarantineName) return 'QUARANTINE';
  return parseSnapshotName(name) === undefined ? 'BAD_NAME' : undefined;
}

function ignoredByFile(
  { name, kind }: DirectoryEntry,
  size: number | 'READ_FAILED',
): SnapshotIgnored | undefined {
  if (kind === 'symlink') return 'SYMLINK_REFUSED';
  if (kind !== 'file') return 'NOT_A_REGULAR_FILE';
  if (parseSnapshotName(name)?.committed !== true) return 'UNCOMMITTED';
  if (size === 'READ_FAILED') return 'READ_FAILED';
  return size === 0 ? 'EMPTY_FILE' : undefined;
}

function newestFirst(a: FoundSnapshot, b: FoundSnapshot): number {
  const bySeqno = (b.seqno ?? 0) - (a.seqno ?? 0);
  if (bySeqno !== 0) return bySeqno;
  const byEvidence = (b.evidenceSeqno ?? 0) - (a.evidenceSeqno ?? 0);
  return byEvidence !== 0 ? byEvidence : compareBytes(toUtf8(a.file), toUtf8(b.file));
}

/** What a sweep did. */
export interface Sweep {
  readonly removed: readonly string[];
  /** Names that would not go, and why; the next sweep tries again. */
  readonly failed: readonly { readonly file: string; readonly error: StorageError }[];
}

/**
 * Removes the spools that earlier runs left in the lock's directory; what they left of the lock is gone since it was
 * taken. To be called once, before the first spool of this run.
 * @throws StorageError `LOCKED`, `CLOSED` without the lock; `READ_FAILED` when the directory cannot be listed
 */
export function sweepSpools(fileSystem: FileSystem, lock: DirectoryLock): Promise<Sweep> {
  return lock.exclusively(async () => {
    const removed: string[] = [];
    const failed: { file: string; error: StorageError }[] = [];
    for (const { name } of await fileSystem.list(lock.directory)) {
      if (parseSpoolName(name) === undefined) continue;
      const error = await tryRemove(fileSystem, join(lock.directory, name));
      if (error === undefined) removed.push(name);
      else failed.push({ file: name, error });
    }
    return { removed, failed };
  });
}

async function tryRemove(fileSystem: FileSystem, path: string): Promise<StorageError | undefined> {
  try {
    await fileSystem.remove(path);
    return undefined;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}
