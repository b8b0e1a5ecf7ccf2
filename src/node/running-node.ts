import type { Consensus } from '../consensus/consensus.ts';
import { SingleNode } from '../consensus/single-node.ts';
import { toHex } from '../core/bytes.ts';
import type { Metrics } from '../core/host-ports.ts';
import { type Digest, digest, type Seqno, seqno as toSeqno } from '../core/words.ts';
import { LedgerWriter } from '../files/ledger/ledger-writer.ts';
import { findSnapshots } from '../files/snapshot-directory.ts';
import { decodeSnapshotStatus, tables } from '../formats/entries/tables.ts';
import { singletonKey } from '../formats/entries/write-set.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { MadeReceipt, ProofForm } from '../ledger/receipt-maker.ts';
import type { RecoveredLedger, RecoveryReport } from '../recovery/report.ts';
import { createSnapshotterUnder, type Snapshotter } from '../snapshotter/create-snapshotter.ts';
import { MetricsSinks } from '../snapshotter/metrics.ts';
import { SlowIo } from '../snapshotter/slow-io.ts';
import { Transaction } from '../store/transaction.ts';
import { appendTimes } from './append-times.ts';
import type { LedgerNode, NodeSnapshots, NodeStatus } from './ledger-node.ts';
import type { NodeLocks } from './locks.ts';
import { NodeLedger } from './node-ledger.ts';
import type { NodeOptions, NodeSettings } from './node-options.ts';
import type { NodePlace, OpenedService } from './node-place.ts';
import { makeNodeReceipt } from './receipt.ts';
import { keepNewest } from './retention.ts';
import { type Applied, Sequencer, type Until } from './sequencer.ts';
import type { TransactionBody } from './transaction-run.ts';
import { viewRecord } from './view-record.ts';

/** What a node is started from. */
export interface NodeStart extends NodePlace {
  readonly options: NodeOptions;
  readonly settings: NodeSettings;
  readonly service: OpenedService;
  readonly isNew: boolean;
  /** The node releases them when it is closed. */
  readonly locks: NodeLocks;
}

/** Starts what a node is made of, and signs what an earlier run has left unsigned. */
export async function startNode(start: NodeStart): Promise<LedgerNode> {
  const { options, settings, environment, service } = start;
  const { recovered, secrets } = service;
  const log = new NodeLedger(
    {
      store: recovered.store,
      tree: recovered.tree,
      viewHistory: recovered.viewHistory,
    },
    secrets,
  );
  const sequencer = new Sequencer({
    log,
    settings,
    keys: service.keys,
    node: service.node,
    clock: environment.clock,
    logger: options.logger,
    committed: recovered.verifiedUntil,
    lastSnapshot: recovered.snapshot?.seqno ?? toSeqno(0),
  });
  const consensus = await startConsensus(start, sequencer);
  const metrics = new MetricsSinks(options.logger);
  if (options.metrics) metrics.add(options.metrics);
  const writer = await openWriter(start, sequencer, metrics);
  let snapshotter: Snapshotter | undefined;
  try {
    snapshotter = await startSnapshotter(start, { log, sequencer, metrics });
    sequencer.start({ writer, consensus, snapshotter });
    const node = new RunningNode(start, {
      ...{ log, sequencer, consensus, writer, snapshotter, metrics },
    });
    await node.begin();
    return node;
  } catch (error) {
    // The first failure is the one to tell.
    await snapshotter?.close().catch(() => undefined);
    await writer.close().catch(() => undefined);
    throw error;
  }
}

function startConsensus(
  { environment, paths, service, isNew }: NodeStart,
  sequencer: Sequencer,
): Promise<Consensus> {
  return SingleNode.start({
    isNew,
    committed: service.recovered.verifiedUntil,
    lastView: service.recovered.view,
    views: viewRecord(environment.fileSystem, paths),
    onCommitted: (seqno) => sequencer.commit(seqno),
  });
}

function openWriter(
  { environment, paths, service, options, locks, settings: { slowIoMs } }: NodeStart,
  sequencer: Sequencer,
  metrics: Metrics,
): Promise<LedgerWriter> {
  const { clock } = environment;
  const slowIo = new SlowIo({ metrics, logger: options.logger, slowIoMs });
  return LedgerWriter.open({
    fileSystem: environment.fileSystem,
    directory: paths.ledger,
    end: service.recovered.end,
    onDurable: (seqno) => sequencer.persisted(seqno),
    onFailed: (error) => sequencer.fail(error),
    checkLock: () => locks.root.check(),
    around: appendTimes({ clock, metrics, slowIo }),
  });
}

function startSnapshotter(
  start: NodeStart,
  { log, sequencer, metrics }: Pick<NodeParts, 'log' | 'sequencer' | 'metrics'>,
): Promise<Snapshotter> {
  const { environment, paths, service, settings, options } = start;
  const { recovered, secrets, certificate } = service;
  return createSnapshotterUnder(start.locks.snapshots, {
    environment,
    secrets,
    directory: paths.snapshots,
    source: { freeze: () => log.freeze() },
    evidence: { submit: (evidence, { signal }) => sequencer.submitEvidence(evidence, signal) },
    identity: certificate.publicKey,
    txInterval: settings.snapshotTxInterval,
    timeIntervalMs: settings.snapshotTimeIntervalMs,
    minTxInterval: settings.snapshotMinTxInterval,
    capacity: settings.capacity,
    crossCheck: settings.crossCheck,
    whenFull: options.whenFull ?? 'keep',
    slowIoMs: settings.slowIoMs,
    metrics,
    resumeAt: {
      committed: recovered.verifiedUntil,
      lastSnapshot: recovered.snapshot?.seqno ?? toSeqno(0),
      lastSnapshotMs: lastSnapshotMs(recovered),
    },
    ...(options.inspect && { inspect: options.inspect }),
    ...(options.logger && { logger: options.logger }),
  });
}

/** When the last snapshot was taken, as the ledger has it; `undefined` when it has none. */
function lastSnapshotMs({ store }: RecoveredLedger): number | undefined {
  const status = store.tables.get(tables.snapshotStatus)?.live.get(singletonKey);
  return status && decodeSnapshotStatus(status.value).timestampMs;
}

interface NodeParts {
  readonly log: NodeLedger;
  readonly sequencer: Sequencer;
  readonly consensus: Consensus;
  readonly writer: LedgerWriter;
  readonly snapshotter: Snapshotter;
  /** Whoever counts and measures, the ledger's writes too. */
  readonly metrics: MetricsSinks;
}

class RunningNode implements LedgerNode {
  readonly snapshots: NodeSnapshots;
  readonly #start: NodeStart;
  readonly #parts: NodeParts;
  readonly #onAbort = () => {
    this.close().catch((error: unknown) =>
      this.#start.options.logger?.error({ error }, 'could not close'),
    );
  };
  #closing: Promise<void> | undefined;

  constructor(start: NodeStart, parts: NodeParts) {
    this.#start = start;
    this.#parts = parts;
    this.snapshots = nodeSnapshots(start, parts);
  }

  /** Signs what an earlier run has left unsigned, so that all that was kept is committed. */
  async begin(): Promise<void> {
    await this.sign();
    const { signal } = this.#start.options;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
  }

  get service(): Certificate {
    return this.#start.service.certificate;
  }

  get recovered(): RecoveryReport {
    return this.#start.service.recovered;
  }

  get status(): NodeStatus {
    const { log, consensus, sequencer } = this.#parts;
    const { durable, committed, failure } = sequencer;
    return { view: consensus.view, seqno: log.last, durable, committed, failure };
  }

  async transaction<T>(
    body: TransactionBody<T>,
    { until = 'durable' }: { readonly until?: Until } = {},
  ): Promise<Applied<T>> {
    return this.#parts.sequencer.transaction(body, until);
  }

  get(table: string, key: string | Uint8Array): Uint8Array | undefined {
    return new Transaction(this.#parts.log.tables).get(table, key);
  }

  root(): Digest {
    return digest(toHex(this.#parts.log.tree.root()));
  }

  async untilCommitted(seqno: Seqno): Promise<void> {
    await this.#parts.sequencer.untilCommitted(toSeqno(seqno));
  }

  sign(): Promise<Seqno> {
    return this.#parts.sequencer.sign();
  }

  async receipt(
    seqno: number,
    { form = 'cose' }: { readonly form?: ProofForm } = {},
  ): Promise<MadeReceipt> {
    const { sequencer, log } = this.#parts;
    if (!Number.isInteger(seqno) || seqno < 1 || seqno > log.last) {
      throw new RangeError(`no transaction has seqno ${seqno}: there are 1 … ${log.last}`);
    }
    await sequencer.untilCommitted(toSeqno(seqno));
    const wanted = { seqno: toSeqno(seqno), form, until: sequencer.committed };
    return makeNodeReceipt(this.#start, wanted);
  }

  async rollback(seqno: Seqno): Promise<void> {
    await this.#parts.sequencer.rollback(toSeqno(seqno));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A ledger that could not be written has told everyone already, so that is no failure of the close. */
  async #close(): Promise<void> {
    const { sequencer, snapshotter, writer } = this.#parts;
    const { options, locks } = this.#start;
    options.signal?.removeEventListener('abort', this.#onAbort);
    await sequencer.close();
    try {
      await snapshotter.close();
    } finally {
      await writer
        .close()
        .catch(() => undefined)
        .finally(() => locks.release());
    }
  }
}

function nodeSnapshots(
  { paths, environment, settings, options }: NodeStart,
  { snapshotter, metrics }: NodeParts,
): NodeSnapshots {
  const { keepSnapshots: keep } = settings;
  const untilPruned = keepNewest({ snapshotter, keep, logger: options.logger });
  return {
    directory: paths.snapshots,
    get live() {
      return snapshotter.live;
    },
    get isOpen() {
      return snapshotter.isOpen;
    },
    get crossCheck() {
      return snapshotter.crossCheck;
    },
    subscribe: (listener) => snapshotter.subscribe(listener),
    inspect: (observer) => snapshotter.inspect(observer),
    measure: (sink) => metrics.add(sink),
    force: () => snapshotter.force(),
    list: () => findSnapshots(paths.snapshots, environment.fileSystem),
    untilIdle: async () => {
      await snapshotter.untilIdle();
      await untilPruned();
    },
  };
}
