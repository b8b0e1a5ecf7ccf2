import { AbortedError, LedgerSnapshotterError, StorageError } from '../core/errors.ts';
import { UsageError } from './errors.ts';

/**
 * What the process ends with. 0 done and true · 1 checked and false · 2 wrong usage or configuration ·
 * 3 could not read, write, lock or compare · 130 interrupted.
 */
export type ExitStatus = 0 | 1 | 2 | 3 | 130;

/** The weightiest first: what is known to be false outweighs what could not be found out. */
const byWeight: readonly ExitStatus[] = [130, 2, 1, 3, 0];

/** The one status of several results. */
export function worstOf(statuses: readonly ExitStatus[]): ExitStatus {
  return byWeight.find((status) => statuses.includes(status)) ?? 0;
}

/** Codes of errors about bytes that say "could not", not "false". */
const unavailable: ReadonlySet<string> = new Set([
  'EMPTY_LEDGER',
  'CHUNK_GAP',
  'CHUNK_OVERLAP',
  'SECRETS_MISSING',
  'CROSS_CHECK_UNAVAILABLE',
  'LAYOUT_UNAVAILABLE',
]);

/** What a command that ended with this error exits with. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (error instanceof UsageError) return 2;
  if (error instanceof AbortedError) return 130;
  if (error instanceof StorageError) return 3;
  if (!(error instanceof LedgerSnapshotterError)) return 3;
  return unavailable.has(error.code) || error.name === 'ConsensusError' ? 3 : 1;
}
