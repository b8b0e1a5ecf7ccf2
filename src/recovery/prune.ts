import type { KeyObject } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { equalBytes } from '../core/bytes.ts';
import { StorageError, VerificationError } from '../core/errors.ts';
import { type DirectoryLock, lockDirectory } from '../files/directory-lock.ts';
import { checkDirectorySync } from '../files/directory-sync.ts';
import {
  checkCopy,
  checkElsewhere,
  expiredChunks,
  type PrunedChunks,
  pruneChunks,
} from '../files/ledger/chunk-retention.ts';
import {
  entryAt,
  type LedgerChunk,
  type LedgerDirectory,
  openLedger,
} from '../files/ledger/ledger-directory.ts';
import { nodePaths } from '../files/node-paths.ts';
import {
  checkKept,
  expiredSnapshots,
  type FailedRemoval,
  makeDurable,
  type PrunedSnapshots,
  pruneSnapshots,
} from '../files/retention.ts';
import { type FoundSnapshot, foundOf, surveySnapshots } from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { FileSystem } from '../io/file-system.ts';
import { type Environment, environmentOf } from '../jobs/environment.ts';
import { leafOf } from '../ledger/entry-leaf.ts';
import { findNewestValid, type NewestValid } from '../verification/newest-valid.ts';
import { checkOneService } from '../verification/one-service.ts';
import type { RecoveredSnapshot, RefusedSnapshot } from '../verification/verdicts.ts';

/** What {@link prune} looks at, and what it lets go. */
export interface PruneOptions {
  /** Directory of snapshots; locked meanwhile, so a node that lives there must prune by itself. */
  readonly snapshots: string;
  /** Committed snapshots that stay, at least 1. */
  readonly keep: number;
  /**
   * The pinned service identities: only a snapshot that verifies under one of them is valid.
   * @default none: under the identity that it names itself
   */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** The ledger whose committed chunks go too; then `copies` must be there. @default none */
  readonly ledger?: PruneLedgerOptions | undefined;
  /** Largest snapshot file that is read, in bytes. @default 256 GiB */
  readonly snapshotBytesMax?: number | undefined;
  /** Says what would go, and changes nothing. @default false */
  readonly dryRun?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}

/** Which chunks go beside the snapshots, and where their copies are. */
export interface PruneLedgerOptions {
  /** Directory of the chunks; locked meanwhile. */
  readonly directory: string;
  /** Directory with copies of them under the same names: what has none stays. */
  readonly copies: string;
  /** Committed chunks that stay, at least 1. @default 1 */
  readonly keepChunks?: number | undefined;
}

/** What a pruning did, or would do. */
export interface PruneReport {
  /** The newest snapshot that verifies, which stays; `undefined`: nothing was removed. */
  readonly newestValid: RecoveredSnapshot | undefined;
  /** Newer ones that did not verify, newest first; they stay. */
  readonly refused: readonly RefusedSnapshot[];
  /** Committed snapshots that are left. */
  readonly kept: number;
  /** Oldest first. */
  readonly removed: readonly FoundSnapshot[];
  /** Those that would not go. */
  readonly failed: readonly FailedRemoval[];
  /** Of the ledger, where one was given. */
  readonly chunks: PrunedChunks | undefined;
}

/**
 * Removes old snapshots, and the ledger's chunks that they make superfluous: those that end before the newest valid
 * snapshot and have a copy elsewhere. The newest snapshot that verifies never goes, nor anything newer; without
 * one nothing goes. Everything is looked at before the first file is removed.
 *
 * @throws RangeError for counts below 1, and for copies that are the ledger itself
 * @throws StorageError `LOCKED` where a node or another process has a directory; `NOT_FOUND`, `NOT_A_DIRECTORY`,
 * `READ_FAILED` when a directory cannot be listed; `SYNC_FAILED`
 * @throws FormatError of `openLedger`; VerificationError `LEAF_MISMATCH`, `LEDGER_BEHIND_SNAPSHOT` when the snapshot is
 * not of the ledger, or that does not reach it
 * @throws VerificationError `UNTRUSTED_SERVICE` when nobody is pinned, and a snapshot of another service would go
 * @throws AbortedError when `signal` aborts, before anything is removed
 */
export async function prune(options: PruneOptions): Promise<PruneReport> {
  const { snapshots, ledger, dryRun = false } = options;
  if (typeof snapshots !== 'string') throw new TypeError('snapshots must name a directory');
  checkKept('keep', options.keep);
  if (ledger) checkLedgerOptions(ledger);
  const environment = environmentOf(options.environment);
  const pruning: Pruning = { options, environment };
  if (dryRun) return preview(pruning, await plan(pruning));
  return withLock(snapshots, environment, (lock) => {
    if (ledger === undefined) return carryOut(pruning, { snapshots: lock });
    return withNodeLock(ledger.directory, environment, () =>
      withLock(ledger.directory, environment, (ledgerLock) =>
        carryOut(pruning, { snapshots: lock, ledger: ledgerLock }),
      ),
    );
  });
}

function checkLedgerOptions({ directory, copies, keepChunks = 1 }: PruneLedgerOptions): void {
  if (typeof directory !== 'string') throw new TypeError('ledger.directory must name a directory');
  if (typeof copies !== 'string') throw new TypeError('ledger.copies must name a directory');
  checkKept('keepChunks', keepChunks);
  checkElsewhere(directory, copies);
}

async function withLock<T>(
  directory: string,
  environment: Environment,
  work: (lock: DirectoryLock) => Promise<T>,
): Promise<T> {
  // A directory that is not there is told under its own name, not under its lock's.
  await environment.fileSystem.list(directory);
  const lock = await lockDirectory(directory, environment);
  try {
    await checkDirectorySync(environment.fileSystem, directory);
    return await work(lock);
  } finally {
    await lock.release();
  }
}

/** A node locks its own directory, not the ledger in it: the record of its views tells that there is one. */
async function withNodeLock<T>(
  ledger: string,
  environment: Environment,
  work: () => Promise<T>,
): Promise<T> {
  const { root, view } = nodePaths(dirname(resolve(ledger)));
  if ((await environment.fileSystem.stat(view)) === undefined) return work();
  return withLock(root, environment, work);
}

interface Pruning {
  readonly options: PruneOptions;
  readonly environment: Environment;
}

/** What may go, and what was looked at to know it. */
interface Plan {
  readonly found: readonly FoundSnapshot[];
  readonly refused: readonly RefusedSnapshot[];
  readonly newest: NewestValid | undefined;
  readonly chunks: readonly LedgerChunk[];
}

async function plan(pruning: Pruning): Promise<Plan> {
  const { options, environment } = pruning;
  const { fileSystem } = environment;
  const surveyed = await surveySnapshots(options.snapshots, fileSystem);
  const ledger =
    options.ledger && (await openLedger(fileSystem, options.ledger.directory, [], 'single'));
  const search = { ...options, ledger };
  const { newest, refused } = await findNewestValid(surveyed, search, environment);
  const chunks =
    newest && ledger && options.ledger
      ? await planChunks(ledger, options.ledger, { newest, fileSystem })
      : [];
  const found = surveyed.map(foundOf);
  if (newest) await checkService(pruning, found, newest);
  return { found, refused, newest, chunks };
}

/** Without a pin all that goes must be of the service of the one that stays. */
async function checkService(
  { options, environment: { fileSystem } }: Pruning,
  found: readonly FoundSnapshot[],
  { snapshot: { file }, verified }: NewestValid,
): Promise<void> {
  const { services = [], keep, snapshots: directory } = options;
  if (services.length > 0) return;
  const expired = expiredSnapshots(found, { keep, newestValid: file });
  await checkOneService({ file, newest: verified }, expired, { fileSystem, directory });
}

async function planChunks(
  ledger: LedgerDirectory,
  { copies, keepChunks = 1 }: PruneLedgerOptions,
  { newest, fileSystem }: { readonly newest: NewestValid; readonly fileSystem: FileSystem },
): Promise<readonly LedgerChunk[]> {
  await fileSystem.list(copies);
  const { seqno: watermark } = newest.snapshot;
  const expired = expiredChunks(ledger, { keepChunks, watermark });
  if (expired.length > 0) await checkOfLedger(ledger, newest);
  return expired;
}

/** A snapshot of another ledger, or one that this ledger does not reach, makes none of its chunks superfluous. */
async function checkOfLedger(
  ledger: LedgerDirectory,
  { snapshot: { file, seqno }, leaf: expected }: NewestValid,
): Promise<void> {
  const entry = await entryAt(ledger, seqno);
  if (entry === undefined) {
    const message = `the ledger in ${ledger.directory} ends before seqno ${seqno}, that of ${file}`;
    throw new VerificationError('LEDGER_BEHIND_SNAPSHOT', message, { file, seqno });
  }
  const leaf = leafOf(entry);
  if (leaf !== undefined && equalBytes(leaf, expected)) return;
  const message = `${file} is not of the ledger in ${ledger.directory}: another transaction is at seqno ${seqno}`;
  throw new VerificationError('LEAF_MISMATCH', message, { file, seqno });
}

async function preview({ options, environment }: Pruning, planned: Plan): Promise<PruneReport> {
  const { keep, ledger } = options;
  const newestValid = planned.newest?.snapshot.file;
  const removed =
    newestValid === undefined ? [] : expiredSnapshots(planned.found, { keep, newestValid });
  const chunks = ledger && (await previewChunks(environment.fileSystem, ledger, planned.chunks));
  return reportOf(planned, { removed, failed: [] }, chunks);
}

async function previewChunks(
  fileSystem: FileSystem,
  { directory, copies }: PruneLedgerOptions,
  expired: readonly LedgerChunk[],
): Promise<PrunedChunks> {
  const removed: LedgerChunk[] = [];
  for (const chunk of expired) {
    const { file } = chunk;
    try {
      await checkCopy(fileSystem, { ledger: directory, copies, file });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      return { removed, stopped: { file, error } };
    }
    removed.push(chunk);
  }
  return { removed, stopped: undefined };
}

interface Locks {
  readonly snapshots: DirectoryLock;
  readonly ledger?: DirectoryLock;
}

async function carryOut(pruning: Pruning, locks: Locks): Promise<PruneReport> {
  const planned = await plan(pruning);
  const { options, environment } = pruning;
  const { keep, ledger } = options;
  const newestValid = planned.newest?.snapshot.file;
  if (newestValid === undefined) {
    return reportOf(planned, { removed: [], failed: [] }, ledger && noChunks);
  }
  const chunks = await carryOutChunks(pruning, locks, {
    newestValid,
    identity: planned.newest?.identity,
    expired: planned.chunks,
  });
  const { fileSystem } = environment;
  const { identity } = planned.newest ?? {};
  const retention = { keep, newestValid, identity };
  const pruned = await pruneSnapshots({ fileSystem, lock: locks.snapshots, ...retention });
  return reportOf(planned, pruned, chunks);
}

const noChunks: PrunedChunks = { removed: [], stopped: undefined };

interface ChunkRemoval {
  readonly newestValid: string;
  readonly identity: string | undefined;
  readonly expired: readonly LedgerChunk[];
}

async function carryOutChunks(
  { options, environment: { fileSystem } }: Pruning,
  { snapshots, ledger: lock }: Locks,
  { newestValid, identity, expired }: ChunkRemoval,
): Promise<PrunedChunks | undefined> {
  if (lock === undefined || options.ledger === undefined) return undefined;
  if (expired.length === 0) return noChunks;
  // The chunks go on the strength of this one file, so no power cut may take it.
  await makeDurable(fileSystem, snapshots.directory, newestValid, identity);
  return pruneChunks({ fileSystem, lock, copies: options.ledger.copies, expired });
}

function reportOf(
  { found, newest, refused }: Plan,
  { removed, failed }: PrunedSnapshots,
  chunks: PrunedChunks | undefined,
): PruneReport {
  const committed = found.filter(({ ignored }) => ignored === undefined).length;
  const kept = committed - removed.length;
  return { newestValid: newest?.snapshot, refused, kept, removed, failed, chunks };
}
