import type { KeyObject } from 'node:crypto';
import { fromHex } from '../core/bytes.ts';
import { AbortedError } from '../core/errors.ts';
import type { EvidenceLog, Logger, Metrics, Secrets, SnapshotSource } from '../core/host-ports.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import { type Seqno, seqno as toSeqno } from '../core/words.ts';
import type { DirectoryLock } from '../files/directory-lock.ts';
import type { PrunedSnapshots, Retention } from '../files/retention.ts';
import { entryLeafOf } from '../formats/entries/write-set.ts';
import { profileOfKey, spkiOf } from '../formats/keys/ec-key.ts';
import { commitEvidenceDigest } from '../formats/merkle/commit-evidence.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import { type Environment, environmentOf } from '../jobs/environment.ts';
import { type CrossCheck, type CrossCheckVerdict, crossCheckMode } from '../jobs/second-opinion.ts';
import {
  checkBytes,
  checkRole,
  type Earlier,
  evidenceOf,
  type RecordedEvidence,
  type RecordedStatus,
  statusOf,
} from './host-input.ts';
import type { LiveGeneration, PipelineListener } from './live-generation.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { serialiseCopied, serialiseShared } from './serialise-frozen.ts';
import { slowIoMsDefault } from './slow-io.ts';

/** What a host gives a snapshotter, and how that is to be; all but the first five have a default. */
export interface SnapshotterOptions {
  /** Where the snapshots go; created when it is not there, locked while the snapshotter lives. */
  readonly directory: string;
  readonly source: SnapshotSource;
  readonly evidence: EvidenceLog;
  readonly secrets: Secrets;
  /** The service's key, P-384 or P-256, that COSE signatures must verify under; the public half. */
  readonly identity: KeyObject;
  /** Transactions between two snapshots. @default 10_000 */
  readonly txInterval?: number;
  /** Longest time between two snapshots of a ledger that is signed, in milliseconds; 0: no limit. @default 0 */
  readonly timeIntervalMs?: number;
  /** A snapshot by time needs more than so many transactions since the last one. @default 2 */
  readonly minTxInterval?: number;
  /** Generations that may live at once. @default 5 */
  readonly capacity?: number;
  /** What becomes of a point that finds no free slot. @default 'keep' */
  readonly whenFull?: 'drop' | 'keep';
  /**
   * Whether cose-js, an implementation of its own, must accept each receipt as well as node:crypto before it is
   * published. It takes a thread of its own 20 to 100 ms. `true` is `required`, `false` is `off`.
   * @default 'when-available'
   */
  readonly crossCheck?: CrossCheck | boolean;
  /** How often serialising, submitting, receipt-building and writing the file are tried. @default 3 */
  readonly attemptsMax?: number;
  /** Where the ledger stands at the start. @default an empty ledger without snapshots */
  readonly resumeAt?: LedgerPosition;
  /**
   * How long the answer to a submission, and then evidence, signature, tree and commit are awaited, in
   * milliseconds. @default 2^31 - 1
   */
  readonly evidenceTimeoutMs?: number;
  /** An XState inspection observer; it sees every actor. */
  readonly inspect?: InspectObserver;
  /** Closes the snapshotter when it aborts. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** Counts points, generations and refused events; measures bytes and seconds. @default none */
  readonly metrics?: Metrics;
  /** A step on the file system that takes longer, in milliseconds, is logged and counted. @default 100 */
  readonly slowIoMs?: number;
  /** Parts of the outside world to replace, for simulation. */
  readonly environment?: Partial<Environment>;
}

/** Where a ledger that began earlier stands. */
export interface LedgerPosition {
  /** Everything up to here is committed. */
  readonly committed: Seqno;
  /** Seqno of the newest snapshot; 0 when there is none. */
  readonly lastSnapshot: Seqno;
  /** When that was scheduled, in milliseconds since the Unix epoch. @default now */
  readonly lastSnapshotMs?: number | undefined;
}

/**
 * Takes snapshots of a host's own store and log.
 *
 * Every call is synchronous and cheap. For a signature transaction the order is `recordCommittable`
 * before its entry is serialised, then, once it is applied and before any later transaction,
 * `recordSignature` and `recordTree`. What is malformed is a TypeError, a RangeError or a FormatError; what comes
 * out of order is a ConsensusError, or refused with an `event.refused`. Neither changes a generation.
 */
export interface Snapshotter {
  /** True when this signature transaction is a snapshot point: end the ledger chunk with it. */
  recordCommittable(seqno: Seqno): boolean;
  recordEvidence(seqno: Seqno, evidence: RecordedEvidence | Earlier<RecordedEvidence>): void;
  /** @throws ConsensusError `PROOF_BELOW_COMMIT` */
  recordSignature(seqno: Seqno, coseSign1: Uint8Array): void;
  /** @throws ConsensusError `PROOF_BELOW_COMMIT` */
  recordTree(seqno: Seqno, serialisedTree: Uint8Array): void;
  /** Call it when a status is committed: the next snapshot's intervals are counted from there. */
  recordStatus(status: RecordedStatus | Earlier<RecordedStatus>): void;
  /** @throws ConsensusError `COMMIT_BELOW_COMMIT` */
  commit(seqno: Seqno, role: { readonly primary: boolean }): void;
  /** @throws ConsensusError `ROLLBACK_BELOW_COMMIT` */
  rollback(seqno: Seqno): void;
  /**
   * Makes the next signature transaction a snapshot point. As in CCF a rollback that comes before it takes the
   * request back: it belongs to a ledger that is gone. Ask again after it when the snapshot is still wanted.
   */
  force(): void;
  enable(): void;
  disable(): void;
  cancel(generation: number): void;
  /**
   * The host's log is gone, and commits nothing any more: every generation and every point that waits ends as
   * `cancelled`, with what they hold. From then on `untilIdle` and every call that records or asks throws `error`.
   * `close` is still due. A generation whose file is being published may end as `committed`.
   */
  fail(error: Error): void;
  /** Generations that have not ended, each with the promise of its end. */
  readonly live: readonly LiveGeneration[];
  /** Whether it takes snapshots: not yet closed, not failed, and not broken. */
  readonly isOpen: boolean;
  /** What the self-test of cose-js came to, once it is over. */
  readonly crossCheck: Promise<CrossCheckVerdict>;
  /**
   * Until no generation lives; by then no point waits for a slot either. Each needs the host's commits to end: a host
   * whose log is gone calls {@link Snapshotter.fail} or {@link Snapshotter.close}, which end them.
   * @throws what {@link Snapshotter.fail} was given, once every generation has ended
   */
  untilIdle(): Promise<void>;
  /** Calls `listener` for every point and generation that begins or ends; returns how to stop that. */
  subscribe(listener: PipelineListener): () => void;
  /** Tells an observer of every actor that lives, and then of all that happens; returns how to stop that. */
  inspect(observer: InspectObserver): () => void;
  /** Hands counts and measures to one more sink; returns how to stop that. */
  measure(metrics: Metrics): () => void;
  /**
   * Removes the committed snapshots that are neither among the newest `keep` nor newer than `newestValid`, the file of a
   * generation that ended `committed`: the newest that the caller knows to verify.
   * @throws RangeError for a `keep` below 1
   * @throws StorageError `LOCKED`, `CLOSED`, `READ_FAILED`, `SYNC_FAILED`
   */
  prune(retention: Retention): Promise<PrunedSnapshots>;
  /** Cancels what lives, awaits it, and releases every thread, handle and lock. */
  close(): Promise<void>;
}

/**
 * Starts a snapshotter on a directory.
 * @throws StorageError `LOCKED` when another process or snapshotter has it; those of the file system
 * @throws RangeError for options out of range
 * @throws VerificationError `ALG_KEY_MISMATCH` for an identity that is neither P-384 nor P-256;
 * `CROSS_CHECK_UNAVAILABLE` when cose-js is required, and is not there or fails its self-test
 * @throws AbortedError when `signal` has aborted already
 */
export function createSnapshotter(options: SnapshotterOptions): Promise<Snapshotter> {
  return createSnapshotterUnder(undefined, options);
}

/**
 * As {@link createSnapshotter}, under a lock on the directory that the caller holds, and gives back after the close.
 * @throws as {@link createSnapshotter}
 */
export async function createSnapshotterUnder(
  lock: DirectoryLock | undefined,
  options: SnapshotterOptions,
): Promise<Snapshotter> {
  const resolved = resolveOptions(options);
  profileOfKey(options.identity);
  const spki = spkiOf(options.identity);
  if (options.signal?.aborted) throw new AbortedError('the snapshotter');
  const environment = environmentOf(options.environment);
  const baselineMs = options.resumeAt?.lastSnapshotMs ?? environment.clock.now();
  const { slowIoMs, ...machine } = resolved;
  const settings = { ...machine, baselineMs };
  const crossCheck = crossCheckMode(options.crossCheck, 'when-available');
  const executor = environment.startExecutor();
  const { secrets, directory, source, evidence, inspect, logger, metrics } = options;
  const pipeline = await startPipeline({
    directory,
    lock,
    environment,
    executor,
    source,
    evidence,
    crossCheck,
    inspect,
    logger,
    metrics,
    slowIoMs,
    serialise: (job, { signal }) => {
      const secret = secrets.at(job.seqno);
      const serialise = job.frozen.share === undefined ? serialiseCopied : serialiseShared;
      return serialise(executor, { ...job, secret }, signal);
    },
    settings,
  }).catch(async (error: unknown) => {
    await executor.close();
    throw error;
  });
  const close = async () => {
    try {
      await pipeline.close();
    } finally {
      await executor.close();
    }
  };
  if (options.signal?.aborted) {
    await close();
    throw new AbortedError('the snapshotter');
  }
  const onAbort = () => {
    close().catch((error: unknown) => logger?.error({ error }, 'could not close'));
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  return new HostSnapshotter(pipeline, spki, async () => {
    options.signal?.removeEventListener('abort', onAbort);
    await close();
  });
}

function resolveOptions(options: SnapshotterOptions) {
  const { timeIntervalMs = 0, minTxInterval = 2, logger } = options;
  if (timeIntervalMs > 0 && minTxInterval < 2) {
    const details = { timeIntervalMs, minTxInterval };
    logger?.warn(
      details,
      "a snapshot's evidence and its signature may bring the next one about, for ever",
    );
  }
  return {
    txInterval: count('txInterval', options.txInterval ?? 10_000),
    timeIntervalMs: count('timeIntervalMs', timeIntervalMs, anyCount),
    minTxInterval: count('minTxInterval', minTxInterval, anyCount),
    capacity: count('capacity', options.capacity ?? 5),
    whenFull: policy(options.whenFull ?? 'keep'),
    receipt: 'cose' as const,
    slowIoMs: count('slowIoMs', options.slowIoMs ?? slowIoMsDefault, anyCount),
    attemptsMax: count('attemptsMax', options.attemptsMax ?? 3),
    evidenceTimeoutMs: count('evidenceTimeoutMs', options.evidenceTimeoutMs ?? timerDelayMsMax),
    ...(options.resumeAt && {
      committed: toSeqno(options.resumeAt.committed),
      baseline: toSeqno(options.resumeAt.lastSnapshot),
    }),
  };
}

/** What is no timer's delay, and may be none. */
const anyCount = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;

function count(
  name: string,
  value: number,
  { min, max } = { min: 1, max: timerDelayMsMax },
): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} must be an integer of ${min} … ${max}, is ${value}`);
}

function policy(whenFull: 'drop' | 'keep'): 'drop' | 'keep' {
  if (whenFull === 'drop' || whenFull === 'keep') return whenFull;
  throw new RangeError(`whenFull must be drop or keep, is ${whenFull}`);
}

class HostSnapshotter implements Snapshotter {
  readonly #pipeline: Pipeline;
  readonly #spki: Uint8Array;
  readonly close: () => Promise<void>;

  constructor(pipeline: Pipeline, spki: Uint8Array, close: () => Promise<void>) {
    this.#pipeline = pipeline;
    this.#spki = spki;
    this.close = close;
  }

  get live(): readonly LiveGeneration[] {
    return this.#pipeline.live;
  }

  get isOpen(): boolean {
    return this.#pipeline.isOpen;
  }

  get crossCheck(): Promise<CrossCheckVerdict> {
    return this.#pipeline.crossCheck;
  }

  recordCommittable(seqno: Seqno): boolean {
    return this.#pipeline.recordCommittable(toSeqno(seqno));
  }

  recordEvidence(seqno: Seqno, fact: RecordedEvidence | Earlier<RecordedEvidence>): void {
    const evidence = evidenceOf(fact);
    const leaf = entryLeafOf({
      type: 4,
      writeSetDigest: evidence.writeSetDigest,
      commitEvidenceDigest: commitEvidenceDigest(evidence.commitEvidence),
      claimsDigest: fromHex(evidence.digest),
    });
    this.#pipeline.recordEvidence(toSeqno(seqno), { ...evidence, leaf });
  }

  recordSignature(seqno: Seqno, message: Uint8Array): void {
    checkBytes('coseSign1', message);
    const cose = { form: 'cose' as const, message, spki: this.#spki };
    this.#pipeline.recordSignatures(toSeqno(seqno), { cose, node: undefined });
  }

  recordTree(seqno: Seqno, serialisedTree: Uint8Array): void {
    checkBytes('serialisedTree', serialisedTree);
    this.#pipeline.closeSignature(toSeqno(seqno), serialisedTree);
  }

  recordStatus(status: RecordedStatus | Earlier<RecordedStatus>): void {
    const { seqno, timestampMs } = statusOf(status);
    this.#pipeline.recordStatus(seqno, timestampMs);
  }

  commit(seqno: Seqno, role: { readonly primary: boolean }): void {
    checkRole(role);
    this.#pipeline.commit(toSeqno(seqno), role);
  }

  rollback(seqno: Seqno): void {
    this.#pipeline.rollback(toSeqno(seqno));
  }

  force(): void {
    this.#pipeline.force();
  }

  enable(): void {
    this.#pipeline.enable();
  }

  disable(): void {
    this.#pipeline.disable();
  }

  cancel(generation: number): void {
    this.#pipeline.cancel(generation);
  }

  fail(error: Error): void {
    this.#pipeline.fail(error);
  }

  async untilIdle(): Promise<void> {
    while (this.live.length > 0) await Promise.all(this.live.map(({ ended }) => ended));
    if (this.#pipeline.failure) throw this.#pipeline.failure;
  }

  subscribe(listener: PipelineListener): () => void {
    return this.#pipeline.subscribe(listener);
  }

  inspect(observer: InspectObserver): () => void {
    return this.#pipeline.inspect(observer);
  }

  measure(metrics: Metrics): () => void {
    return this.#pipeline.measure(metrics);
  }

  prune(retention: Retention): Promise<PrunedSnapshots> {
    return this.#pipeline.prune(retention);
  }
}
