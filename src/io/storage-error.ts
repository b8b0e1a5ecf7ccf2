import { compareBytes, toUtf8 } from '../core/bytes.ts';
import { type StorageCode, StorageError } from '../core/errors.ts';
import type { DirectoryEntry, FileOperation, OpenPurpose } from './file-system.ts';

const codeOfErrno: ReadonlyMap<string, StorageCode> = new Map([
  ['ENOENT', 'NOT_FOUND'],
  ['EEXIST', 'ALREADY_EXISTS'],
  ['ELOOP', 'SYMLINK_REFUSED'],
  ['ENOTDIR', 'NOT_A_DIRECTORY'],
  ['EISDIR', 'NOT_A_REGULAR_FILE'],
]);

const codeOfOperation: Readonly<Record<FileOperation, StorageCode>> = {
  open: 'READ_FAILED',
  read: 'READ_FAILED',
  size: 'READ_FAILED',
  list: 'READ_FAILED',
  stat: 'READ_FAILED',
  write: 'WRITE_FAILED',
  truncate: 'WRITE_FAILED',
  close: 'WRITE_FAILED',
  makeDirectory: 'WRITE_FAILED',
  rename: 'WRITE_FAILED',
  link: 'WRITE_FAILED',
  remove: 'WRITE_FAILED',
  sync: 'SYNC_FAILED',
  syncDirectory: 'SYNC_FAILED',
};

/** What file systems answer that have no fsync, of a directory or at all. EIO is not among them: that is a failure. */
const unsupportedSync: readonly unknown[] = [
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EBADF',
  'EISDIR',
];

/** Whether a sync was refused because the file system has none, and not because it failed. */
export function isSyncUnsupported(error: unknown): error is StorageError {
  if (!(error instanceof StorageError) || !unsupportedSync.includes(error.actual)) return false;
  return (
    error.code === 'SYNC_FAILED' ||
    (error.code === 'NOT_A_REGULAR_FILE' && error.actual === 'EISDIR')
  );
}

/** The StorageError for a failed system call; what no errno decides, the operation and the purpose do. */
export function storageError(
  operation: FileOperation,
  path: string,
  cause: unknown,
  purpose: OpenPurpose = 'create',
): StorageError {
  const errno = errnoOf(cause);
  const code = codeOfErrno.get(errno) ?? fallbackCode(operation, errno, purpose);
  const text = cause instanceof Error ? cause.message : String(cause);
  return new StorageError(code, `${operation} of ${path} failed (${errno}): ${text}`, {
    file: path,
    actual: errno,
    cause,
  });
}

function fallbackCode(operation: FileOperation, errno: string, purpose: OpenPurpose): StorageCode {
  // A pipe or a socket that is opened for writing answers so.
  if (operation === 'open' && errno === 'ENXIO') return 'NOT_A_REGULAR_FILE';
  if (operation === 'open' && purpose !== 'read') return 'WRITE_FAILED';
  if (operation === 'close' && purpose === 'read') return 'READ_FAILED';
  return codeOfOperation[operation];
}

/** libuv has no name for EDQUOT, so a full quota arrives as `UNKNOWN` with errno -122. */
function errnoOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'UNKNOWN';
  const { code, errno } = cause as NodeJS.ErrnoException;
  return errno === -122 ? 'EDQUOT' : (code ?? 'UNKNOWN');
}

/** The error for the use of a handle after its close. */
export function closedError(operation: FileOperation, path: string): StorageError {
  return new StorageError('CLOSED', `${operation} of ${path} after its close`, { file: path });
}

/** The error for a link that leads nowhere (`ENOENT`) or in a circle (`ELOOP`); `target` is as far as it led. */
export function badLinkError(
  path: string,
  target: string,
  errno: 'ENOENT' | 'ELOOP',
): StorageError {
  const why = errno === 'ENOENT' ? 'which does not exist' : 'and leads in a circle';
  const message = `${path} is a symbolic link to ${target}, ${why}`;
  return new StorageError('SYMLINK_REFUSED', message, {
    file: path,
    actual: target,
    expected: 'a file',
  });
}

/** The error for a name that is not of a regular file. */
export function notRegularError(path: string): StorageError {
  return new StorageError('NOT_A_REGULAR_FILE', `${path} is not a regular file`, { file: path });
}

/** The error for a file above the caller's bound. */
export function tooLargeError(path: string, size: number, bytesMax: number): StorageError {
  return new StorageError('TOO_LARGE', `${path} has ${size} bytes, at most ${bytesMax} are read`, {
    file: path,
    actual: size,
    expected: bytesMax,
  });
}

/** The error for a file that was not left alone while it was read. */
export function changedError(path: string): StorageError {
  return new StorageError('CHANGED_WHILE_READING', `${path} changed while it was read`, {
    file: path,
  });
}

/** Sorts names by their UTF-8 bytes, which is not the order of JavaScript's UTF-16 strings. */
export function sortEntries(entries: readonly DirectoryEntry[]): DirectoryEntry[] {
  const keyed = entries.map((entry) => ({ entry, key: toUtf8(entry.name) }));
  keyed.sort((a, b) => compareBytes(a.key, b.key));
  return keyed.map(({ entry }) => entry);
}
