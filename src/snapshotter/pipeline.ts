import { type Actor, createActor, type InspectionEvent } from 'xstate';
import type {
  GenerationOutput,
  SnapshotterEmitted,
  SnapshotterEvent,
} from '../../machines/events.ts';
import { brokenOff } from '../../machines/generation-setup.ts';
import type { GenerationRef } from '../../machines/ports.ts';
import type { snapshotterMachine } from '../../machines/snapshotter.ts';
import { assert, ConsensusError } from '../core/errors.ts';
import type { Metrics } from '../core/host-ports.ts';
import type { ReceiptForm, Seqno } from '../core/words.ts';
import { type DirectoryLock, lockDirectory } from '../files/directory-lock.ts';
import { checkDirectorySync, makeDurableDirectory } from '../files/directory-sync.ts';
import { type PrunedSnapshots, pruneSnapshots, type Retention } from '../files/retention.ts';
import { sweepSpools } from '../files/snapshot-directory.ts';
import { guarded, type InspectObserver, watch } from '../inspect/guarded.ts';
import { type CrossCheckVerdict, SecondOpinion } from '../jobs/second-opinion.ts';
import type { LedgerSignatures } from '../ledger/ledger-signatures.ts';
import type { SerialisedState } from '../serialising/copied.ts';
import { bindMachines } from './bind-machines.ts';
import { GenerationWork } from './generation-work.ts';
import type { LiveGeneration, PipelineListener } from './live-generation.ts';
import { logEmitted } from './log-lines.ts';
import { type EndedGeneration, MetricsSinks, recordMetrics } from './metrics.ts';
import { PhaseTransitions, phaseOf } from './phase-transitions.ts';
import type { PipelineOptions } from './pipeline-options.ts';
import type { EvidenceFact } from './receipts.ts';
import { SlowIo } from './slow-io.ts';
import { StepTimes } from './step-times.ts';

interface Deferred extends GenerationRef {
  readonly startedAtMs: number;
  readonly resolve: (output: GenerationOutput) => void;
  readonly ended: Promise<GenerationOutput>;
}

/**
 * Tries cose-js, locks the directory, sweeps what an earlier process left in it, and starts the actors.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE` when cose-js is required and not to be had
 */
export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { directory, environment, crossCheck: mode, executor, logger } = options;
  const opinion = new SecondOpinion({ mode, executor, logger });
  await opinion.begin();
  await makeDurableDirectory(environment.fileSystem, directory);
  const lock = options.lock ?? (await lockDirectory(directory, environment));
  try {
    if (options.lock === undefined) await checkDirectorySync(environment.fileSystem, directory);
    const swept = await sweepSpools(environment.fileSystem, lock);
    if (swept.removed.length > 0) options.logger?.info({ swept }, 'swept leftovers');
    if (swept.failed.length > 0) options.logger?.warn({ swept }, 'leftovers could not be swept');
  } catch (error) {
    // The first failure is the one to tell.
    if (options.lock === undefined) await lock.release().catch(() => undefined);
    throw error;
  }
  return new Pipeline(options, lock, opinion);
}

/**
 * The snapshotter and its generations, running: the one sender of their events, and the one owner of
 * the bytes behind them. A replica's node, a replay and a host's own log all drive this class.
 */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #lock: DirectoryLock;
  readonly #opinion: SecondOpinion;
  readonly #work: GenerationWork;
  readonly #actor: Actor<typeof snapshotterMachine>;
  readonly #live = new Map<number, Deferred>();
  readonly #listeners = new Set<PipelineListener>();
  readonly #metrics: MetricsSinks;
  readonly #times: StepTimes;
  readonly #transitions: PhaseTransitions;
  readonly #closed: Promise<void>;
  #isStepping = false;
  #failure: Error | undefined;
  #due: Seqno | undefined;

  constructor(options: PipelineOptions, lock: DirectoryLock, opinion: SecondOpinion) {
    this.#options = options;
    this.#opinion = opinion;
    this.#lock = lock;
    this.#work = new GenerationWork({
      fileSystem: options.environment.fileSystem,
      lock,
      executor: options.executor,
      serialise: options.serialise,
      evidence: options.evidence,
      opinion,
      logger: options.logger,
    });
    this.#metrics = new MetricsSinks(options.logger);
    if (options.metrics) this.#metrics.add(options.metrics);
    const { logger, slowIoMs } = options;
    const slowIo = new SlowIo({ metrics: this.#metrics, logger, slowIoMs });
    this.#times = new StepTimes(options.environment.clock, this.#metrics, slowIo);
    this.#transitions = new PhaseTransitions(this.#metrics);
    this.#actor = createActor(bindMachines(this.#work, this.#times), {
      input: options.settings,
      clock: options.environment.clock,
      ...(options.inspect && {
        inspect: this.#observing(guarded(options.inspect, options.logger)),
      }),
    });
    this.#actor.on('*', (emitted) => this.#emitted(emitted));
    this.#closed = new Promise((resolve, reject) => {
      this.#actor.subscribe({ complete: resolve, error: reject });
    });
    this.#closed.catch((error: unknown) => this.#broke(error));
    this.#actor.start();
  }

  /** What the self-test of cose-js came to, once it is over. */
  get crossCheck(): Promise<CrossCheckVerdict> {
    return this.#opinion.verdict();
  }

  /** Generations that have not ended. */
  get live(): readonly LiveGeneration[] {
    return [...this.#live.values()].map(({ generation, seqno, startedAtMs, ended }) => {
      const phase = phaseOf(this.#actorOf(generation)?.getSnapshot().value);
      const bytes = this.#work.serialised({ generation, seqno })?.bytes;
      const progress = bytes === undefined ? this.#work.progress({ generation, seqno }) : 1;
      return { generation, seqno, phase, progress, bytes, startedAtMs, ended };
    });
  }

  #actorOf(generation: number) {
    const { children, context } = this.#actor.getSnapshot();
    const slot = context.slots.find((candidate) => candidate.generation === generation);
    return slot && children[slot.id];
  }

  /** What a live generation has serialised, once it has. */
  serialised(ref: GenerationRef): SerialisedState | undefined {
    return this.#work.serialised(ref);
  }

  /** Calls `listener` for each point and generation that ends or begins, in a microtask after it did. */
  subscribe(listener: PipelineListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells an observer of every actor that lives, and then of all that happens; returns how to stop that. */
  inspect(observer: InspectObserver): () => void {
    return watch(this.#actor, this.#observing(guarded(observer, this.#options.logger)));
  }

  /** Whether it takes events: not yet closed, not failed, and not broken. */
  get isOpen(): boolean {
    return this.#failure === undefined && this.#actor.getSnapshot().status === 'active';
  }

  /** What {@link Pipeline.fail} was given. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Hands counts and measures to one more sink; returns how to stop that. */
  measure(metrics: Metrics): () => void {
    return this.#metrics.add(metrics);
  }

  /** Answers whether this signature transaction is a snapshot point, and so ends its ledger chunk. */
  recordCommittable(seqno: Seqno): boolean {
    const nowMs = this.#options.environment.clock.now();
    this.#send({ type: 'committable.recorded', seqno, nowMs });
    const isDue = this.#context.points.at(-1)?.seqno === seqno;
    this.#due = isDue ? seqno : undefined;
    return isDue;
  }

  recordEvidence(seqno: Seqno, fact: EvidenceFact): void {
    this.#work.holdEvidence(seqno, fact);
    const { snapshotSeqno, digest } = fact;
    this.#send({ type: 'evidence.recorded', seqno, snapshotSeqno, digest });
  }

  recordSignatures(seqno: Seqno, signatures: LedgerSignatures): void {
    this.#checkAboveCommit('signatures', seqno);
    this.#work.holdSignatures(seqno, signatures);
    this.#send({ type: 'signature.recorded', seqno });
  }

  /** The last call for a signature transaction: a due state is frozen now, before any later one. */
  closeSignature(seqno: Seqno, tree: Uint8Array): void {
    this.#checkAboveCommit('tree', seqno);
    this.#work.holdTree(seqno, tree);
    this.#send({ type: 'tree.recorded', seqno });
    if (this.#due === seqno) this.#freeze(seqno);
  }

  #freeze(seqno: Seqno): void {
    this.#due = undefined;
    // A rollback since recordCommittable may have taken the point.
    if (!this.#context.points.some((point) => point.seqno === seqno)) return;
    try {
      this.#work.holdFrozen(seqno, this.#options.source.freeze(seqno));
    } catch (error) {
      this.#options.logger?.error({ error, seqno }, 'could not freeze');
      this.#send({ type: 'freeze.failed', seqno, reason: String(error) });
      return;
    }
    this.#send({ type: 'freeze.taken', seqno });
  }

  /** The ledger has committed that a snapshot was scheduled, here or by another node. */
  recordStatus(seqno: Seqno, timestampMs: number): void {
    this.#send({ type: 'status.recorded', seqno, timestampMs });
  }

  /** @throws ConsensusError `COMMIT_BELOW_COMMIT` */
  commit(seqno: Seqno, { primary }: { readonly primary: boolean }): void {
    const limit = this.#settled;
    if (seqno < limit) {
      const message = `commit went back to ${seqno} from ${limit}`;
      throw new ConsensusError('COMMIT_BELOW_COMMIT', message, { seqno, expected: limit });
    }
    this.#send({ type: 'commit.advanced', seqno, primary });
    this.#work.forgetUnneeded(seqno);
  }

  /** @throws ConsensusError `ROLLBACK_BELOW_COMMIT` */
  rollback(seqno: Seqno): void {
    const limit = this.#settled;
    if (seqno < limit) {
      const message = `rollback to ${seqno}, but ${limit} is committed`;
      throw new ConsensusError('ROLLBACK_BELOW_COMMIT', message, { seqno, expected: limit });
    }
    this.#send({ type: 'rollback.occurred', seqno });
    this.#work.forgetAbove(seqno);
  }

  /** Makes the next signature transaction a snapshot point. */
  force(receipt?: ReceiptForm): void {
    this.#send({ type: 'snapshot.forced', receipt });
  }

  enable(): void {
    this.#send({ type: 'snapshots.enabled' });
  }

  disable(): void {
    this.#send({ type: 'snapshots.disabled' });
  }

  cancel(generation: number): void {
    this.#send({ type: 'generation.cancelled', generation });
  }

  /** The ledger is gone: what lives and what waits for a commit ends as cancelled, and whoever calls later is told. */
  fail(error: Error): void {
    if (this.#isStepping) {
      queueMicrotask(() => this.fail(error));
      return;
    }
    if (!this.isOpen) return;
    this.#send({ type: 'shutdown.requested', reason: `the ledger has failed: ${error.message}` });
    this.#failure = error;
  }

  /** Removes old snapshots under the directory's lock; see {@link pruneSnapshots}. */
  async prune(retention: Retention): Promise<PrunedSnapshots> {
    const { fileSystem } = this.#options.environment;
    const pruned = await pruneSnapshots({ ...retention, fileSystem, lock: this.#lock });
    for (const _ of pruned.removed) {
      this.#metrics.increment('retention_deleted_total', { kind: 'snapshot' });
    }
    return pruned;
  }

  /** Cancels what lives, awaits its end, and gives the directory back. */
  async close(): Promise<void> {
    if (this.isOpen) this.#send({ type: 'shutdown.requested' });
    try {
      await this.#closed;
    } finally {
      if (this.#options.lock === undefined) await this.#lock.release();
    }
  }

  get #context() {
    return this.#actor.getSnapshot().context;
  }

  get #committed(): Seqno {
    return this.#context.committed;
  }

  /** Nothing up to here can change: it is committed, and so is every snapshot that is known of. */
  get #settled(): number {
    const { committed, baseline } = this.#context;
    return Math.max(committed, baseline);
  }

  #checkAboveCommit(what: string, seqno: Seqno): void {
    if (seqno > this.#committed) return;
    throw new ConsensusError(
      'PROOF_BELOW_COMMIT',
      `the ${what} of ${seqno} came after ${this.#committed} was committed`,
      { seqno, expected: this.#committed },
    );
  }

  /** An observer runs inside a step, also in one that a child began: it must not call back. */
  #observing(observe: (event: InspectionEvent) => void): (event: InspectionEvent) => void {
    return (event) => {
      const wasStepping = this.#isStepping;
      this.#isStepping = true;
      try {
        observe(event);
      } finally {
        this.#isStepping = wasStepping;
      }
    };
  }

  /** Every event goes through here, so that none is sent from inside a step. */
  #send(event: SnapshotterEvent): void {
    if (this.#isStepping) {
      throw new ConsensusError('RE_ENTRANT_CALL', `${event.type} was sent from inside a step`);
    }
    if (this.#failure) throw this.#failure;
    const { status } = this.#actor.getSnapshot();
    if (status !== 'active') {
      throw new ConsensusError('CLOSED', `${event.type} came after the snapshotter was closed`);
    }
    this.#isStepping = true;
    try {
      this.#actor.send(event);
    } finally {
      this.#isStepping = false;
    }
  }

  /** Runs inside a step: keeps our own books, and tells everyone else after it. */
  #emitted(emitted: SnapshotterEmitted): void {
    if (emitted.type === 'generation.started') this.#started(emitted);
    const ended = emitted.type === 'generation.ended' ? this.#ended(emitted) : undefined;
    const isDropped = emitted.type === 'point.ended' && emitted.end !== 'generated';
    const dropped = isDropped ? this.#work.takeFrozen(emitted.seqno) : undefined;
    queueMicrotask(() => {
      if (isDropped) this.#work.releaseTaken(emitted.seqno, dropped);
      // Whoever ended by its chart holds nothing any more; one that broke off may.
      if (emitted.type === 'generation.ended') void this.#work.abandon(emitted);
      this.#tell(emitted);
      if (emitted.type === 'generation.started') {
        this.#transitions.follow(emitted, this.#actorOf(emitted.generation));
      }
      this.#measure(emitted, ended);
    });
  }

  #started(ref: GenerationRef): void {
    let resolve: ((output: GenerationOutput) => void) | undefined;
    const ended = new Promise<GenerationOutput>((settle) => {
      resolve = settle;
    });
    assert(resolve !== undefined, 'a promise calls its executor at once');
    this.#work.begin(ref);
    const startedAtMs = this.#options.environment.clock.now();
    this.#live.set(ref.generation, { ...ref, startedAtMs, ended, resolve });
  }

  #ended(output: GenerationOutput): EndedGeneration | undefined {
    const live = this.#live.get(output.generation);
    this.#live.delete(output.generation);
    this.#times.forget(output);
    if (live === undefined) return undefined;
    live.resolve(output);
    const elapsedMs = this.#options.environment.clock.now() - live.startedAtMs;
    // A clock that was set back meanwhile has nothing to tell.
    const seconds = Math.max(elapsedMs, 0) / 1000;
    return { bytes: this.#work.serialised(output)?.bytes, seconds };
  }

  /** A fault of ours has ended the actor, which ends nothing more: whoever waits for a generation is told here. */
  #broke(error: unknown): void {
    this.#options.logger?.error({ error }, 'snapshotter broke');
    for (const live of this.#live.values()) {
      this.#emitted({ type: 'generation.ended', ...brokenOff(live, error) });
    }
  }

  #measure(emitted: SnapshotterEmitted, ended: EndedGeneration | undefined): void {
    logEmitted(this.#options.logger, emitted);
    recordMetrics(this.#metrics, emitted, ended);
    if (emitted.type === 'generation.ended') this.#transitions.ended(emitted);
  }

  #tell(emitted: SnapshotterEmitted): void {
    for (const listener of this.#listeners) {
      try {
        listener(emitted);
      } catch (error) {
        this.#options.logger?.error({ error }, 'a listener threw');
      }
    }
  }
}
