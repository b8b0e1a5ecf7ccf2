import { basename, join } from 'node:path';
import {
  FormatError,
  LedgerSnapshotterError,
  StorageError,
  VerificationError,
} from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import type { DirectoryLock } from '../files/directory-lock.ts';
import { quarantineSnapshot } from '../files/quarantine.ts';
import { parseSnapshotName } from '../formats/file-name.ts';
import type { Environment } from './environment.ts';
import type { NodePlace } from './node-start.ts';
import type { RefusedSnapshot } from './recovery-report.ts';
import { verifySnapshot } from './verify.ts';

/**
 * Sets aside those snapshots of a node's own directory that a recovery refused and that do not verify by themselves:
 * they would be tried again at every start, and count where the newest ones are kept. Each is read once more, under the
 * lock, so that the verdict is on the file alone. What may be good elsewhere or later stays: what cannot be
 * read, what is of another ledger or service, what the ledger does not go on from, and the names of CCF 1.x,
 * which wrote no receipts.
 *
 * A start does not depend on it: a file that cannot be moved is logged.
 */
export async function setInvalidAside(
  refused: readonly RefusedSnapshot[],
  { paths, environment, lock }: NodePlace & { readonly lock: DirectoryLock },
  logger: Logger | undefined,
): Promise<void> {
  // Oldest first, as the oldest are the first to go when there are too many.
  for (const { file } of refused.toReversed()) {
    const flaw = await flawOf(join(paths.snapshots, file), environment);
    if (flaw !== undefined) await setAside(file, flaw, { lock, environment, logger });
  }
}

/** Why a file does not verify by itself, if it is so. */
async function flawOf(
  path: string,
  environment: Environment,
): Promise<LedgerSnapshotterError | undefined> {
  if (parseSnapshotName(basename(path))?.commitSeqno !== undefined) return undefined;
  try {
    await verifySnapshot(path, { environment });
    return undefined;
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return isFlaw(error) ? error : undefined;
  }
}

/** Nobody is pinned here, so that a stranger's snapshot verifies; one that names no identity cannot be judged. */
function isFlaw(error: LedgerSnapshotterError): boolean {
  if (error instanceof FormatError) return true;
  return error instanceof VerificationError && error.code !== 'SERVICE_UNKNOWN';
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
