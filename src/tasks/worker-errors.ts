import { StorageError } from '../core/errors.ts';

/** How a thread ended that did not answer. */
export interface WorkerEnd {
  readonly exitCode: number;
  /** What ended it, where Node or the watch says so. */
  readonly cause: unknown;
  /** Whether it had loaded its module and could take jobs. */
  readonly wasReady: boolean;
}

/** The error for a thread that ended before its answer; where it never began it says what that needs. */
export function endedError(entry: URL, { exitCode, cause, wasReady }: WorkerEnd): StorageError {
  if (codeOf(cause) === 'ERR_WORKER_INIT_FAILED') return unavailableError(entry, cause);
  const why = cause === undefined ? '' : `: ${wordsOf(cause)}`;
  const when = wasReady ? 'before its answer' : 'before it could begin';
  const advice = wasReady ? '' : `; ${adviceFor(entry, cause)}`;
  const message = `the worker thread ended (exit code ${exitCode}) ${when}${why}${advice}`;
  return new StorageError('WORKER_DIED', message, { actual: exitCode, cause });
}

/** The error for a thread that the system does not give. */
export function unavailableError(entry: URL, cause: unknown): StorageError {
  const message = `no worker thread can be had: ${wordsOf(cause)}; ${adviceFor(entry, cause)}`;
  const actual = codeOf(cause);
  return new StorageError('WORKER_UNAVAILABLE', message, { ...(actual && { actual }), cause });
}

/** The sentence of EMBEDDING.md on bundlers: there the module is not beside the code that starts it. */
const bundlers =
  'from a bundler keep the package external: it starts worker threads from its own files (EMBEDDING.md)';

function adviceFor(entry: URL, cause: unknown): string {
  const code = codeOf(cause);
  const words = `${code} ${wordsOf(cause)}`;
  if (code === 'ERR_ACCESS_DENIED') return adviceForDenied(entry, cause);
  if (/\bE[MN]FILE\b/.test(words)) return 'raise the limit of open files (ulimit -n)';
  if (/\b(?:EAGAIN|ENOMEM|ERR_WORKER_INIT_FAILED)\b/.test(words)) {
    return 'raise the limit of processes and threads (ulimit -u, or pids of the container)';
  }
  return `its module is ${entry.pathname}; ${bundlers}`;
}

/** Node's permission model lets no thread start, or does not let this one read its own module. */
function adviceForDenied(entry: URL, cause: unknown): string {
  const isOfFile =
    cause instanceof Error && 'permission' in cause && /^File/.test(`${cause.permission}`);
  return isOfFile
    ? `allow this process to read ${entry.pathname} and what it imports (node --allow-fs-read)`
    : 'allow worker threads (node --allow-worker)';
}

function codeOf(cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);
