import type { KeyObject } from 'node:crypto';
import {
  AbortedError,
  assert,
  FormatError,
  type LedgerSnapshotterError,
  VerificationError,
} from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import { digest, type Seqno, seqno as toSeqno } from '../core/words.ts';
import { type LedgerDirectory, openLedger } from '../files/ledger-directory.ts';
import { decodeEnvelope, openPrivateDomain } from '../formats/entry.ts';
import type { LedgerSecrets } from '../formats/ledger-secrets.ts';
import { decodePrivateDomain, decodePublicDomain } from '../formats/write-set.ts';
import { ReferenceStore } from '../store/reference-store.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { drawState } from './draw-state.ts';
import type { Serialise } from './effects.ts';
import { type Environment, environmentOf } from './environment.ts';
import { type ExistingSnapshot, ExistingSnapshots } from './existing-snapshots.ts';
import { startFromSnapshot } from './heap-snapshot.ts';
import type { InspectObserver } from './inspection.ts';
import type { SnapshotJobs } from './jobs.ts';
import { indexLedger, type LedgerIndex } from './ledger-index.ts';
import { LedgerVerifier } from './ledger-verifier.ts';
import { type Pipeline, type PipelineOptions, startPipeline } from './pipeline.ts';
import { type PlannedSnapshot, planReplay, type ReplayPlan } from './replay-plan.ts';
import type { ReplayedSnapshot, ReplayReport } from './replay-report.ts';
import { type ReplayStart, startOfLedger } from './replay-start.ts';
import { serialiseDrawn } from './serialise-frozen.ts';
import { PortLog, SnapshotReplay } from './snapshot-replay.ts';

/** Which ledger is replayed, with which keys, and what becomes of its snapshots. */
export interface ReplayOptions {
  /** Directory of the ledger's chunks. */
  readonly ledger: string;
  /** Where the snapshots go; created when it is not there. */
  readonly out: string;
  /** Existing snapshots to compare with. @default none */
  readonly snapshots?: string | undefined;
  /** A snapshot file to start from, when older chunks are gone. @default the first transaction */
  readonly from?: string | undefined;
  /** Members' RSA private keys, whose shares open the ledger secrets. @default none */
  readonly memberKeys?: readonly KeyObject[];
  /** @default COSE where the next signature has one, else JSON */
  readonly receipt?: 'json' | 'cose' | undefined;
  /** Regenerates only the snapshot of this seqno; the whole ledger is verified all the same. */
  readonly at?: Seqno | undefined;
  /** Called for each snapshot once it is decided, in the order of their evidence. */
  readonly onSnapshot?: (snapshot: ReplayedSnapshot) => void;
  /** Called after each entry. */
  readonly onProgress?: (progress: { readonly seqno: Seqno; readonly last: Seqno }) => void;
  readonly inspect?: InspectObserver | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}

/**
 * Reads a whole ledger, verifies it, and regenerates every snapshot that it vouches for, through the
 * same actors that take a node's snapshots: the ledger's own evidence, signatures and trees are their
 * events.
 * @returns what became of each snapshot, and in `failure` why the ledger does not hold, if it does not
 * @throws StorageError when something could not be read, written or locked
 * @throws FormatError `EMPTY_LEDGER`, `CHUNK_GAP`, `CHUNK_OVERLAP`
 * @throws FormatError, VerificationError those of a `from` that does not verify, or is of another service
 * @throws AbortedError when `signal` aborts
 * @throws TypeError without `ledger` or `out`
 */
export async function replayLedger(options: ReplayOptions): Promise<ReplayReport> {
  for (const name of ['ledger', 'out'] as const) {
    if (typeof options[name] !== 'string') throw new TypeError(`${name} must name a directory`);
  }
  const environment = environmentOf(options.environment);
  const executor = environment.startExecutor();
  try {
    const reading = await openReading(options, environment);
    prepareCrossCheck(reading, executor);
    const log = new PortLog();
    const pipeline = await startPipeline(pipelineOptions(reading, executor, log));
    try {
      return await feed(reading, await snapshotReplay(reading, { executor, pipeline, log }));
    } finally {
      await pipeline.close();
    }
  } finally {
    await executor.close();
  }
}

/** Has the cross-check ready by the time of the first receipt: its first use takes most of a second. */
function prepareCrossCheck({ plan }: Reading, executor: JobExecutor<SnapshotJobs>): void {
  if (!plan.snapshots.some(({ form, whyNot }) => form === 'cose' && whyNot === undefined)) return;
  executor.run('prepareCrossCheck', undefined).catch(() => {});
}

/** A ledger that is being read, and all that is known of it beforehand. */
interface Reading {
  readonly options: ReplayOptions;
  readonly environment: Environment;
  readonly ledger: LedgerDirectory;
  readonly start: ReplayStart;
  readonly index: LedgerIndex;
  readonly plan: ReplayPlan;
  readonly verifier: LedgerVerifier;
}

async function openReading(options: ReplayOptions, environment: Environment): Promise<Reading> {
  const { fileSystem } = environment;
  const { memberKeys = [], receipt, at, from } = options;
  const ledger = await openLedger(fileSystem, options.ledger);
  const start =
    from === undefined
      ? startOfLedger(ledger, () => new ReferenceStore())
      : await startFromSnapshot(fileSystem, from, options.signal);
  const index = await indexLedger(ledger, {
    memberKeys,
    start: start.snapshot,
    signal: options.signal,
  });
  const plan = planReplay(index, { receipt, at, after: start.seqno });
  const verifier = new LedgerVerifier(await start.open(index.secrets), index.secrets);
  return { options, environment, ledger, start, index, plan, verifier };
}

function pipelineOptions(
  reading: Reading,
  executor: JobExecutor<SnapshotJobs>,
  log: PortLog,
): PipelineOptions {
  const { options, environment, plan, verifier } = reading;
  // Of several evidences of one version the first counts, as in SnapshotReplay: hence the reversal.
  const ordered = plan.snapshots.toReversed();
  const byVersion = new Map(ordered.map((planned) => [planned.version, planned]));
  const plannedAt = (version: Seqno) => {
    const planned = byVersion.get(version);
    assert(planned !== undefined, `a snapshot of ${version} is planned`);
    return planned;
  };
  return {
    directory: options.out,
    environment,
    executor,
    inspect: options.inspect,
    logger: options.logger,
    source: { freeze: () => verifier.freeze() },
    evidence: {
      submit: async ({ version }) => {
        log.submitted(version);
        return { seqno: plannedAt(version).seqno };
      },
    },
    serialise: (job, run) =>
      searchRelease(reading, { executor, log }, plannedAt(job.seqno))(job, run),
    settings: {
      capacity: plan.capacity,
      // Points are where the ledger has evidence, whatever the interval was.
      txInterval: Number.MAX_SAFE_INTEGER,
      whenFull: 'keep',
      receipt: 'cose',
      attemptsMax: 1,
      evidenceTimeoutMs: timerDelayMsMax,
    },
  };
}

/** Replay's own way to serialise: the digest is known, so the release that wrote it can be searched. */
function searchRelease(
  { ledger, index }: Reading,
  { executor, log }: Pick<Machinery, 'executor' | 'log'>,
  planned: PlannedSnapshot,
): Serialise {
  return async (job, { signal }) => {
    const secret = index.secrets.secretAt(planned.version);
    assert(secret !== undefined, 'a generation starts only where the secret is known');
    const lateMaps = await tablesMentioned(ledger, index.secrets, planned);
    const search = { digest: planned.digest, lateMaps };
    try {
      return await serialiseDrawn(executor, { ...job, secret, search }, signal);
    } catch (error) {
      if (error instanceof VerificationError && error.code === 'SNAPSHOT_DIGEST_MISMATCH') {
        log.foundOther(planned.version, digest(String(error.actual)));
      }
      throw error;
    }
  };
}

interface Machinery {
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly pipeline: Pipeline;
  readonly log: PortLog;
}

async function snapshotReplay(reading: Reading, machinery: Machinery): Promise<SnapshotReplay> {
  const { options, environment, plan, verifier, index, ledger } = reading;
  const { executor, pipeline, log } = machinery;
  const existing =
    options.snapshots === undefined
      ? ExistingSnapshots.none(environment.fileSystem)
      : await ExistingSnapshots.open(environment.fileSystem, options.snapshots, options.signal);
  const replayOptions = {
    plan,
    pipeline,
    existing,
    onSnapshot: (snapshot: ReplayedSnapshot) => {
      if (!options.signal?.aborted) options.onSnapshot?.(snapshot);
    },
    isComparable: (seqno: Seqno) =>
      verifier.isComplete && index.secrets.secretAt(seqno) !== undefined,
    comparePublic: async (planned: PlannedSnapshot, { publicDigest }: ExistingSnapshot) => {
      const { leaf, viewHistory, tables } = verifier.freeze();
      const pieces = await drawState(tables);
      const state = { seqno: planned.version, leaf, viewHistory, pieces };
      const lateMaps = await tablesMentioned(ledger, index.secrets, planned);
      return executor.run('comparePublic', { state, lateMaps, publicDigest });
    },
  };
  return new SnapshotReplay(replayOptions, log);
}

/** Reads the ledger to its end, or to where it does not hold. */
async function feed(reading: Reading, snapshots: SnapshotReplay): Promise<ReplayReport> {
  let failure: LedgerSnapshotterError | undefined;
  try {
    await feedEntries(reading, snapshots);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof VerificationError)) throw error;
    failure = error;
  }
  const decided = await snapshots.finish(failure === undefined);
  const { transactions, verifiedUntil, nodeSignatures, coseSignatures, privateDomains } =
    reading.verifier.counts;
  const summary = {
    transactions,
    verifiedUntil,
    nodeSignatures,
    coseSignatures,
    privateDomains,
    evidences: decided.length,
    identical: decided.filter(({ result }) => result === 'identical').length,
  };
  return { snapshots: decided, summary, failure };
}

async function feedEntries(reading: Reading, snapshots: SnapshotReplay): Promise<void> {
  const { ledger, start, index, verifier, options } = reading;
  const signatures = new Set(index.signatures.map(({ seqno }) => seqno));
  for await (const entry of ledger.entries({ from: toSeqno(start.seqno + 1) })) {
    if (options.signal?.aborted) throw new AbortedError('the replay');
    if (signatures.has(entry.seqno)) await snapshots.beforeSignature(entry.seqno);
    await snapshots.afterEntry(await verifier.apply(entry));
    options.onProgress?.({ seqno: entry.seqno, last: index.last });
  }
}

/**
 * The tables that transactions between a snapshot and its evidence mention, in order of their first
 * mention: the node may have taken the snapshot after any of them, with the new ones in it, empty.
 */
async function tablesMentioned(
  ledger: LedgerDirectory,
  secrets: LedgerSecrets,
  { version, seqno: evidenceSeqno }: PlannedSnapshot,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for await (const { seqno, bytes } of ledger.entries({ from: toSeqno(version + 1) })) {
    if (seqno >= evidenceSeqno) break;
    const envelope = decodeEnvelope(bytes);
    const secret = secrets.secretAt(seqno);
    const plain = secret && openPrivateDomain(envelope, secret);
    const maps = [
      ...decodePublicDomain(envelope.publicDomain).maps,
      ...(plain ? decodePrivateDomain(plain) : []),
    ];
    for (const { name } of maps) names.add(name);
  }
  return [...names];
}
