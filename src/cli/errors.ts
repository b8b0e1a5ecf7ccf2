import { basename } from 'node:path';
import { inspect } from 'node:util';
import { type ErrorCode, LedgerSnapshotterError } from '../core/errors.ts';
import { isSyncUnsupported } from '../io/storage-error.ts';

/** What the user asked for cannot be: a wrong option, or a file given to the wrong one. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly next: string | undefined;

  constructor(message: string, next?: string) {
    super(message);
    this.next = next;
  }
}

export interface ExplainOptions {
  /** Adds the stack and the causes. @default false */
  readonly debug?: boolean | undefined;
}

/** An error for people: what is wrong, with its code, where, and what to do next. */
export function explain(error: unknown, { debug = false }: ExplainOptions = {}): readonly string[] {
  const trace = debug ? inspect(error).split('\n') : [];
  return [...linesOf(error), ...trace];
}

function linesOf(error: unknown): readonly string[] {
  if (error instanceof UsageError) return withNext(`error: ${error.message}`, error.next);
  if (error instanceof LedgerSnapshotterError) {
    const place = placeOf(error);
    return [
      `error: ${whatOf(error)} [${error.code}]`,
      ...(place === '' ? [] : [`  at: ${place}`]),
      ...nextLine(nextOf(error)),
    ];
  }
  const what = error instanceof Error ? error.message : String(error);
  return withNext(
    `error: this should not have happened: ${what}`,
    'run it again with --debug and report what it prints',
  );
}

const withNext = (first: string, next: string | undefined) => [first, ...nextLine(next)];

const nextLine = (next: string | undefined) => (next === undefined ? [] : [`  next: ${next}`]);

/** A sentence instead of the system call's words where one says it better. */
export function whatOf(error: LedgerSnapshotterError): string {
  const file = error.file ?? 'the file';
  switch (error.code) {
    case 'NOT_FOUND':
      return `${file} does not exist`;
    case 'NOT_A_DIRECTORY':
      return `${file} is not a directory`;
    case 'SYMLINK_REFUSED':
      // One that was followed, and led to no file, says where it led.
      if (error.expected !== undefined) return error.message;
      return `${file} is a symbolic link, which is not followed`;
    case 'NOT_A_REGULAR_FILE':
      return `${file} is not a regular file`;
    case 'READ_FAILED':
      return `${file} cannot be read (${reasonOf(error)})`;
    case 'SYNC_FAILED':
      if (isSyncUnsupported(error))
        return `the file system of ${file} cannot sync (${error.actual})`;
      return `${file} cannot be written (${reasonOf(error)})`;
    case 'WRITE_FAILED':
      return `${file} cannot be written (${reasonOf(error)})`;
    default:
      return error.message;
  }
}

const errnoWords: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EIO: 'the device failed',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open on this machine',
  ENOTSUP: 'the file system cannot do this',
  EOPNOTSUPP: 'the file system cannot do this',
  ENOSYS: 'the file system cannot do this',
  EXDEV: 'it lies on another file system',
  ENOMEM: 'no memory is left',
  EADDRINUSE: 'another process listens there',
};

/** A system's error code with a sentence for it, where there is one. */
export function wordsOfErrno(code: unknown): string | undefined {
  const words = errnoWords[String(code)];
  return words === undefined ? undefined : `${code}: ${words}`;
}

function reasonOf({ actual, message }: LedgerSnapshotterError): string {
  return wordsOfErrno(actual) ?? message;
}

/** Where it is, unless the message says so already. */
function placeOf(error: LedgerSnapshotterError): string {
  const text = whatOf(error);
  const { file, seqno, offset } = error;
  return [
    file === undefined || text.includes(file) ? '' : file,
    seqno === undefined || text.includes(String(seqno)) ? '' : `seqno ${seqno}`,
    offset === undefined || text.includes(String(offset)) ? '' : `offset ${offset}`,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

const pinIt =
  'check which service it should be; to older identities leads --ledger DIR, or a --service-cert each';
const replaceFile = 'take another copy of the file, or an older snapshot';
/** What to do where another file has the name of one that was to be written. */
export const giveEmptyOut = 'give an empty --out, and find out where the other file comes from';
const askForLedger =
  'check the path; a ledger is the directory that holds the files ledger_<first>-<last>.committed, in a node’s directory it is ledger/';
const completeLedger =
  'copy the missing chunk, or start from a later snapshot that verifies (replay --from, recover --snapshots); replay --level tree, or chunks, checks what is there';

const restoreKey = 'restore the key from a copy; without it the service cannot go on';
const restoreView =
  'restore it from a copy, or write a number into it that is certainly higher than any view that the node has used';

const nextByCode: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_FOUND: 'check the path',
  NOT_A_DIRECTORY: 'give the directory, not a file in it',
  HARDLINK_REFUSED: 'copy the file, and give that name alone; without --strict it is a warning',
  INSECURE_MODE: 'chmod go-w what is named; without --strict it is a warning',
  ROLLBACK_REFUSED: 'find the newer files, or give the last seqno that is really known',
  FORK_DETECTED: 'find out which node wrote which, and keep the file of the right one only',
  SNAPSHOT_TOO_LARGE: 'give a larger --max-snapshot-bytes if the file is yours',
  NOT_A_REGULAR_FILE: 'give a file; the snapshots of a directory are DIR/*.committed',
  SYMLINK_REFUSED: 'give the file itself',
  READ_FAILED: 'check who owns it and its mode',
  WRITE_FAILED: 'check who owns the directory, its mode, and the space that is left',
  SYNC_UNSUPPORTED:
    'put the directory on a file system that can: a local disk or a volume, not a shared folder; there is no way to go on without',
  SYNC_FAILED: 'check the disk; what was being written is not to be relied on',
  CHANGED_WHILE_READING: 'something else is writing it: try again when that has finished',
  OUT_OF_MEMORY: 'write less at once, or give the store more memory',
  WORKER_UNAVAILABLE: 'allow what is named, and run it again',
  WORKER_DIED: 'run it again; if it ends so each time, report what --debug prints',
  LOCKED: 'stop that process, or give another directory',
  LISTEN_FAILED: 'give another port, or --live alone for any that is free',
  COMMITTED_CONFLICT: giveEmptyOut,
  EMPTY_LEDGER: askForLedger,
  CHUNK_GAP: completeLedger,
  LEDGER_COPIES_DIFFER:
    'one of the two is damaged, or of another service: replay each of their directories alone, and remove the file that does not hold',
  CHUNK_OVERLAP: 'remove the copy that does not belong to this ledger',
  NO_SIGNATURE:
    'check that the ledger is whole: a service signs its first transactions; without a signature it proves nothing',
  UNSIGNED_TAIL:
    'find out who wrote these entries; to start without them, keep a copy of the file and cut it off at that offset',
  NOT_SNAPSHOT_EVIDENCE: 'do not use the file: no service has recorded it as a snapshot',
  LEAF_MISMATCH:
    'check which ledger the snapshot is of: it is not this one, or one of them is damaged',
  UNTRUSTED_SERVICE: pinIt,
  SERVICE_UNKNOWN:
    'name the service that you trust with --service-cert: its certificate, or its public key where it has none',
  RECEIPT_MISSING:
    'CCF 1.x wrote no receipts, and none is there before the evidence is committed: replay the ledger, with --snapshots, to compare',
  BAD_VERSION:
    'check that the file is a snapshot or a chunk of a ledger: this is neither, or damaged',
  BAD_NAME:
    'give the file the name snapshot_<seqno>_<evidence>.committed that it was written under',
  NAME_MISMATCH: 'the file was renamed, or is another: do not use it under this name',
  NAME_EVIDENCE_MISMATCH: 'the file was renamed, or is another: do not use it under this name',
  EMPTY_FILE: replaceFile,
  TRUNCATED_HEADER: replaceFile,
  TRUNCATED_BODY: replaceFile,
  LENGTH_EXCEEDS_FILE: replaceFile,
  RECEIPT_TRUNCATED: replaceFile,
  CLAIMS_DIGEST_MISMATCH: replaceFile,
  BAD_KEY: restoreKey,
  KID_MISMATCH: 'bring the keys and the ledger of the same service together',
  SECRETS_MISSING:
    'give the members’ keys (--member-keys), or restore them: as many as the service needs for its recovery',
  LEDGER_BEHIND_SNAPSHOT:
    'restore the ledger from a copy; recover reads a snapshot without it. To begin another service give an empty directory',
  LAYOUT_UNAVAILABLE: 'install elkjs beside ledger-snapshotter, and try again',
  CROSS_CHECK_UNAVAILABLE:
    'install what is named, or go on without it: --cross-check=when-available or =off (crossCheck in the library)',
};

/** What to do about an error, where there is something. */
export function nextOf(error: LedgerSnapshotterError): string | undefined {
  const { code, file = '' } = error;
  if (isSyncUnsupported(error)) return nextByCode.SYNC_UNSUPPORTED;
  // Nobody gave these paths: they are a node's own files.
  if (code === 'NOT_FOUND' && file.endsWith('_key.pem')) return restoreKey;
  const isView = basename(file) === 'view';
  if (isView && (code === 'BAD_TEXT' || code === 'NOT_FOUND')) return restoreView;
  return nextByCode[code];
}
