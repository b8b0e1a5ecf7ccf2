import { join } from 'node:path';
import { LedgerSnapshotterError, StorageError } from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import type { DirectoryLock } from '../files/directory-lock.ts';
import { quarantineSnapshot } from '../files/quarantine.ts';
import { parseSnapshotName } from '../formats/encoding/file-name.ts';
import type { Environment } from '../jobs/environment.ts';
import { isDefect } from '../recovery/candidate-files.ts';
import type { FileDefect, RecoveredLedger } from '../recovery/report.ts';
import { verifySnapshot } from '../verification/verify.ts';
import type { NodePlace } from './node-place.ts';

/**
 * Sets aside those snapshots of a node's own directory that a recovery refused and that do not verify by themselves:
 * they would be tried again at every start, and count where the newest ones are kept. The recovery has read each, and
 * its verdict is on the file alone; under the lock it is still that file. What may be good elsewhere or later stays: what cannot be
 * read, what is of another ledger or service, what the ledger does not go on from, and the names of CCF 1.x,
 * which wrote no receipts.
 *
 * A start does not depend on it: a file that cannot be moved is logged.
 */
export async function setInvalidAside(
  { refused, defects }: Pick<RecoveredLedger, 'refused' | 'defects'>,
  { paths, environment, lock }: NodePlace & { readonly lock: DirectoryLock },
  logger: Logger | undefined,
): Promise<void> {
  // Oldest first, as the oldest are the first to go when there are too many.
  for (const { file } of refused.toReversed()) {
    const defect = defects.get(file);
    if (defect === undefined || parseSnapshotName(file)?.commitSeqno !== undefined) continue;
    const error = await stillDefective(join(paths.snapshots, file), defect, environment);
    if (error !== undefined) await setAside(file, error, { lock, environment, logger });
  }
}

/** A file that has changed meanwhile may be good; where the file system does not say, it is read again. */
async function stillDefective(
  path: string,
  { identity, error }: FileDefect,
  environment: Environment,
): Promise<LedgerSnapshotterError | undefined> {
  const now = await environment.fileSystem.stat(path);
  if (now?.identity !== identity) return undefined;
  return identity === undefined ? flawOf(path, environment) : error;
}

/** Why a file does not verify by itself, if it is so. */
async function flawOf(
  path: string,
  environment: Environment,
): Promise<LedgerSnapshotterError | undefined> {
  try {
    await verifySnapshot(path, { environment });
    return undefined;
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return isDefect(error) ? error : undefined;
  }
}

interface Setting {
  readonly lock: DirectoryLock;
  readonly environment: Environment;
  readonly logger: Logger | undefined;
}

async function setAside(
  file: string,
  { code, message: reason }: LedgerSnapshotterError,
  { lock, environment: { fileSystem }, logger }: Setting,
): Promise<void> {
  try {
    const aside = await quarantineSnapshot(file, { fileSystem, lock });
    logger?.warn({ file, code, reason, aside }, 'a snapshot that does not verify was set aside');
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    logger?.warn({ file, code, reason, error }, 'a snapshot could not be set aside');
  }
}
