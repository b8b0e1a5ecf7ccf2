import {
  AbortedError,
  assert,
  FormatError,
  type LedgerSnapshotterError,
  VerificationError,
} from '../core/errors.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import { type Seqno, seqno as toSeqno } from '../core/words.ts';
import { copiesIn } from '../files/ledger/chunk-copies.ts';
import { LedgerDirectory, listLedger } from '../files/ledger/ledger-directory.ts';
import { judgeTail, type TornTail } from '../files/ledger/torn-tail.ts';
import { namedFile } from '../files/named-file.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import { type Environment, environmentOf } from '../jobs/environment.ts';
import { type CrossCheck, crossCheckMode } from '../jobs/second-opinion.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import { identitiesOf } from '../ledger/ledger-identities.ts';
import { type ReplayStart, startOfLedger } from '../ledger/ledger-start.ts';
import { LedgerVerifier } from '../ledger/ledger-verifier.ts';
import { unverifiedOf } from '../ledger/other-signatures.ts';
import { readSignedLedger, type SignedLedger } from '../ledger/signed-ledger.ts';
import { steeringIn } from '../ledger/unsigned-tail.ts';
import { pinnedKeys } from '../ledger/vouching.ts';
import { startFromSnapshot } from '../recovery/load-heap.ts';
import { copyState } from '../serialising/copy-state.ts';
import { type ExistingSnapshot, ExistingSnapshots } from '../snapshots/existing.ts';
import { type Pipeline, startPipeline } from '../snapshotter/pipeline.ts';
import type { PipelineOptions } from '../snapshotter/pipeline-options.ts';
import { ReferenceStore } from '../store/heap/reference-store.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { checkLevel } from './ledger-levels.ts';
import { replayLevels } from './level.ts';
import type { ReplayOptions } from './options.ts';
import { bySnapshot, type PlannedSnapshot, planReplay, type ReplayPlan } from './plan.ts';
import type { ReplayedFrom, ReplayedSnapshot, ReplayReport } from './report.ts';
import { SearchNotes, searchRelease, tablesMentioned } from './search.ts';
import { SnapshotReplay } from './snapshot-replay.ts';

/**
 * Reads a whole ledger, verifies it, and regenerates every snapshot that it vouches for, through the
 * same actors that take a node's snapshots: the ledger's own evidence, signatures and trees are their
 * events.
 *
 * At a lower `level` no snapshot is made: then each run of a ledger with gaps is checked by itself.
 * @returns what became of each snapshot, and in `failure` why the ledger does not hold, if it does not
 * @throws StorageError when something could not be read, written or locked
 * @throws FormatError `EMPTY_LEDGER`, at the level `full` `CHUNK_GAP`
 * @throws FormatError, VerificationError those of a `from` that does not verify, or is of another service
 * @throws AbortedError when `signal` aborts
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE` when cose-js is required, and is not there or fails its self-test
 * @throws TypeError without `ledger` or `out`; RangeError for a `crossCheck` or `level` that is none
 */
export async function replayLedger(options: ReplayOptions): Promise<ReplayReport> {
  const { level = 'full' } = options;
  if (!replayLevels.includes(level))
    throw new RangeError(`level must be ${replayLevels.join(', ')}`);
  const isFull = level === 'full';
  for (const name of ['ledger', ...(isFull ? (['out'] as const) : [])] as const) {
    if (typeof options[name] !== 'string') throw new TypeError(`${name} must name a directory`);
  }
  const environment = environmentOf(options.environment);
  if (level !== 'full') return checkLevel(level, options, environment);
  const executor = environment.startExecutor();
  try {
    const reading = await openReading(options, environment);
    const log = new SearchNotes();
    const pipeline = await startPipeline(pipelineOptions(reading, executor, log));
    try {
      const report = await feed(reading, snapshotReplay(reading, { executor, pipeline, log }));
      return { ...report, crossCheck: await pipeline.crossCheck };
    } finally {
      await pipeline.close();
    }
  } finally {
    await executor.close();
  }
}

/** Where no receipt of COSE comes out there is nothing to ask cose-js: unless it is required it stays unloaded. */
function crossCheckOf({ plan, options }: Reading): CrossCheck {
  const mode = crossCheckMode(options.crossCheck, 'when-available');
  const isCose = plan.snapshots.some(({ form, whyNot }) => form === 'cose' && whyNot === undefined);
  return mode === 'when-available' && !isCose ? 'off' : mode;
}

/** A ledger that is being read, and all that is known of it beforehand. */
interface Reading {
  readonly options: ReplayOptions;
  readonly environment: Environment;
  readonly ledger: LedgerDirectory;
  readonly start: ReplayStart;
  readonly index: SignedLedger;
  readonly secrets: LedgerSecrets;
  readonly plan: ReplayPlan;
  readonly verifier: LedgerVerifier;
  readonly existing: ExistingSnapshots;
}

async function openReading(options: ReplayOptions, environment: Environment): Promise<Reading> {
  const { fileSystem } = environment;
  const { receipt, at, from } = options;
  const listing = await listLedger(fileSystem, options.ledger, options.readOnlyLedgers);
  for (const file of listing.ignored) options.onPassedOver?.(file);
  const ledger = new LedgerDirectory(fileSystem, listing);
  const start =
    from === undefined
      ? startOfLedger(ledger, () => new ReferenceStore())
      : await startFromSnapshot(await namedFile(fileSystem, from), options.signal);
  const index = await readIndex(ledger, start, options);
  const plan = planReplay(index, { receipt, at, after: start.seqno });
  const secrets = secretsOf(index);
  const verifier = new LedgerVerifier(await start.open(secrets), secrets, { known: index.proven });
  const existing =
    options.snapshots === undefined
      ? ExistingSnapshots.none(fileSystem)
      : await ExistingSnapshots.open(fileSystem, options.snapshots, options.signal);
  return { options, environment, ledger, start, index, secrets, plan, verifier, existing };
}

/** Of a ledger that does not hold, those that show where; of another one, those that are signed. */
function secretsOf({ secrets, failure }: SignedLedger): LedgerSecrets {
  return failure === undefined ? secrets : failure.claimedSecrets();
}

/**
 * The first entry that is not replayed: where one above the last signature steers verification, nothing above it is
 * believed. A ledger that does not hold is read on, to where it breaks.
 */
function endOf(index: SignedLedger): Seqno | undefined {
  if (index.failure !== undefined || steeringIn(index) === undefined) return undefined;
  return toSeqno(index.signedUntil + 1);
}

async function readIndex(
  ledger: LedgerDirectory,
  start: ReplayStart,
  { memberKeys = [], signal, onIndexProgress }: ReplayOptions,
): Promise<SignedLedger> {
  const reading = { start: start.inTheClear(), memberKeys, signal };
  if (onIndexProgress === undefined) return readSignedLedger(ledger, reading);
  const last = await ledger.expectedLast();
  const onEntry = (seqno: Seqno) => onIndexProgress({ seqno, last });
  return readSignedLedger(ledger, { ...reading, onEntry });
}

function pipelineOptions(
  reading: Reading,
  executor: JobExecutor<SnapshotJobs>,
  log: SearchNotes,
): PipelineOptions {
  const { options, environment, plan, verifier, ledger, secrets } = reading;
  const evidences = bySnapshot(plan);
  const evidencesOf = (snapshotSeqno: Seqno) => evidences.get(snapshotSeqno) ?? [];
  return {
    directory: outOf(options),
    environment,
    executor,
    crossCheck: crossCheckOf(reading),
    inspect: options.inspect,
    logger: options.logger,
    source: { freeze: () => verifier.freeze() },
    evidence: {
      submit: async ({ snapshotSeqno, digest }) => {
        log.submitted(snapshotSeqno);
        const planned = evidencesOf(snapshotSeqno).find((evidence) => evidence.digest === digest);
        assert(planned !== undefined, `a snapshot of ${snapshotSeqno} with its digest is planned`);
        return { seqno: planned.evidenceSeqno };
      },
    },
    serialise: searchRelease({ ledger, secrets, executor, log, evidencesOf }),
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

function outOf({ out }: ReplayOptions): string {
  assert(out !== undefined, 'a full replay has a directory to write to');
  return out;
}

interface Machinery {
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly pipeline: Pipeline;
  readonly log: SearchNotes;
}

function snapshotReplay(reading: Reading, machinery: Machinery): SnapshotReplay {
  const { options, plan, verifier, secrets, ledger, existing } = reading;
  const { executor, pipeline, log } = machinery;
  const replayOptions = {
    plan,
    pipeline,
    existing,
    start: reading.start,
    onSnapshot: (snapshot: ReplayedSnapshot) => {
      if (!options.signal?.aborted) options.onSnapshot?.(snapshot);
    },
    isComparable: (seqno: Seqno) => verifier.isComplete && secrets.secretAt(seqno) !== undefined,
    comparePublic: async (planned: PlannedSnapshot, { publicDigest }: ExistingSnapshot) => {
      const { leaf, viewHistory, tables } = verifier.freeze();
      const pieces = await copyState(tables);
      const state = { seqno: planned.snapshotSeqno, leaf, viewHistory, pieces };
      const lateMaps = await tablesMentioned(ledger, secrets, planned);
      return executor.run('comparePublic', { state, lateMaps, publicDigest });
    },
  };
  return new SnapshotReplay(replayOptions, log);
}

/** Reads the ledger to its end, or to where it does not hold. */
async function feed(
  reading: Reading,
  snapshots: SnapshotReplay,
): Promise<Omit<ReplayReport, 'crossCheck'>> {
  let failure: LedgerSnapshotterError | undefined;
  let torn: TornTail | undefined;
  try {
    await feedEntries(reading, snapshots);
    torn = endOf(reading.index) === undefined ? judgeEnd(reading) : undefined;
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof VerificationError)) throw error;
    failure = error;
  }
  const decided = await snapshots.finish(failure === undefined);
  const { transactions, verifiedUntil, nodeSignatures, coseSignatures, privateDomains, others } =
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
  const otherSignatures = others.list();
  const { ignored: passedOver } = reading.ledger;
  const from = fromOf(reading, decided);
  const notCompared = withoutEvidence(reading);
  const { index, options } = reading;
  const whose = await identitiesOf(withSigners(reading), pinnedKeys(options.services ?? []));
  return {
    ...{ snapshots: decided, summary, passedOver, torn, notCompared, from },
    ...checkedOf(reading),
    ...whose,
    otherSignatures,
    unverified: unverifiedOf(otherSignatures),
    unsigned: steeringIn(index),
    failure,
  };
}

/** A full replay reads one run, each entry of it twice. */
function checkedOf({
  ledger,
  start,
  verifier,
}: Reading): Pick<ReplayReport, 'level' | 'checked' | 'runs' | 'gaps' | 'overlaps'> {
  const { transactions: entries, roots, verifiedUntil } = verifier.counts;
  const { nodeSignatures, coseSignatures } = verifier.counts;
  const checked = {
    ...{ files: ledger.filesRead, entries, copies: copiesIn(ledger.overlaps), roots },
    ...{ signatures: nodeSignatures + coseSignatures, notVerified: 0 },
  };
  const first = toSeqno(start.seqno + 1);
  const last = toSeqno(start.seqno + entries);
  const above = toSeqno(verifiedUntil + 1);
  const uncovered = above <= last ? [{ first: above, last }] : [];
  const runs = entries === 0 ? [] : [{ first, last, ...checked, uncovered }];
  return { level: 'full', checked, runs, gaps: [], overlaps: ledger.overlaps };
}

/** Where no signature follows the start, it is the snapshot's that counts. */
function withSigners({ index, start: { file } }: Reading): SignedLedger {
  const signers = file && { serviceKeyId: file.serviceKeyId, node: undefined };
  return { ...index, signers: index.signers ?? signers };
}

/** Names of the existing snapshots that the ledger does not vouch for. */
function withoutEvidence({ options, index, existing }: Reading): readonly string[] | undefined {
  const { snapshots, at } = options;
  if (snapshots === undefined || at !== undefined) return undefined;
  return existing.without(index.evidences);
}

/** @throws FormatError, VerificationError when what is behind the last entry is damage, and no torn tail */
function judgeEnd({ ledger, verifier, secrets }: Reading): TornTail | undefined {
  const { verifiedUntil } = verifier.counts;
  const { brokenTail } = ledger;
  return brokenTail && judgeTail(brokenTail, { verifiedUntil, secrets });
}

function fromOf(
  { start, options }: Reading,
  decided: readonly ReplayedSnapshot[],
): ReplayedFrom | undefined {
  const { seqno, file: verified } = start;
  if (verified === undefined || (options.at !== undefined && options.at !== seqno))
    return undefined;
  const { file, evidenceSeqno } = verified;
  const isCompared = decided.some(
    (snapshot) => snapshot.seqno === seqno && snapshot.evidenceSeqno === evidenceSeqno,
  );
  return { file, seqno, evidenceSeqno, isCompared };
}

async function feedEntries(reading: Reading, snapshots: SnapshotReplay): Promise<void> {
  const { ledger, start, index, verifier, options } = reading;
  const end = endOf(index);
  const signatures = new Set(index.signatures.map(({ seqno }) => seqno));
  for await (const entry of ledger.entries({ from: toSeqno(start.seqno + 1) })) {
    if (options.signal?.aborted) throw new AbortedError('the replay');
    // What a node has written since the first reading is not known: not whether it steers, nor who signed it.
    if (entry.seqno === end || entry.seqno > index.last) return;
    if (signatures.has(entry.seqno)) await snapshots.beforeSignature(entry.seqno);
    await snapshots.afterEntry(await verifier.apply(entry));
    options.onProgress?.({ seqno: entry.seqno, last: index.last });
  }
}
