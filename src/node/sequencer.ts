import type { Consensus } from '../consensus/consensus.ts';
import { fromHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { assert, ConsensusError } from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import type { Digest, Seqno, TxId } from '../core/words.ts';
import type { LedgerWriter } from '../files/ledger/ledger-writer.ts';
import type { MapWrites } from '../formats/entries/write-set.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { Snapshotter } from '../snapshotter/create-snapshotter.ts';
import { DelayedTasks, type TimedTaskHandle } from '../tasks/delayed-tasks.ts';
import type { NodeKeys } from './keys.ts';
import type { Appended, NodeLedger } from './node-ledger.ts';
import { SerialQueue } from './serial-queue.ts';
import { makeSignature } from './signing.ts';
import { evidenceChanges } from './system-tables.ts';
import { type TransactionBody, TransactionRun } from './transaction-run.ts';
import { Watermark } from './watermark.ts';

export interface SequencerSettings {
  /** Transactions after which a signature follows. */
  readonly signatureTxInterval: number;
  /** Transactions between two snapshots, for which a signature comes early. */
  readonly snapshotTxInterval: number;
  /** Longest time that a transaction waits for a signature. */
  readonly signatureDelayMs: number;
  /** A signature ends a chunk of this size, also where it is no snapshot point. */
  readonly chunkBytesMax: number;
}

export interface SequencerOptions {
  readonly log: NodeLedger;
  readonly keys: NodeKeys;
  /** The node's certificate, which the service has endorsed. */
  readonly node: Certificate;
  readonly clock: Clock;
  readonly settings: SequencerSettings;
  readonly logger: Logger | undefined;
  /** Everything up to here is committed at the start. */
  readonly committed: Seqno;
  /** Seqno of the newest snapshot at the start. */
  readonly lastSnapshot: Seqno;
}

/** What a sequencer tells of the log. */
export interface SequencerParts {
  readonly writer: LedgerWriter;
  readonly consensus: Consensus;
  readonly snapshotter: Snapshotter;
}

/** How far a transaction must have come before its caller goes on. */
export type Until = 'applied' | 'durable' | 'committed';

/** A transaction that is in the log. */
export interface Applied<T> {
  /** Of a transaction that writes nothing: the last one before it. */
  readonly txId: TxId;
  /** What the body returned. */
  readonly result: T;
}

/** Bytes that may wait for the disk; more transactions wait until there are fewer. */
const pendingBytesMax = 16 * 1024 * 1024;

/** How often a transaction's body is run when others keep changing what it has read. */
const attemptsMax = 10;

/**
 * Puts transactions in order: applies each, makes its entry, and hands that on to disk, consensus and
 * snapshotter; writes the signature transactions between them, by count and by time.
 */
export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #queue: SerialQueue;
  readonly #durable: Watermark;
  readonly #committed: Watermark;
  #parts: SequencerParts | undefined;
  #unsigned: number;
  /** Last seqno at which a snapshot could be due. */
  #lastPoint: Seqno;
  readonly #delayed: DelayedTasks;
  #signatureDue: TimedTaskHandle | undefined;
  #failure: Error | undefined;
  #closed: Error | undefined;

  constructor(options: SequencerOptions) {
    const { log, committed, lastSnapshot } = options;
    this.#options = options;
    this.#delayed = new DelayedTasks(options.clock, (error) => this.#broke(error));
    this.#durable = new Watermark(log.last);
    this.#committed = new Watermark(committed);
    this.#queue = new SerialQueue(() => this.#the.writer.pendingBytes < pendingBytesMax);
    this.#unsigned = log.last - log.lastSignature;
    this.#lastPoint = lastSnapshot;
  }

  /** Begins, with the parts that report to it. */
  start(parts: SequencerParts): void {
    this.#parts = parts;
    if (this.#failure) parts.snapshotter.fail(this.#failure);
    parts.writer.commit(this.#committed.reached);
  }

  get durable(): Seqno {
    return this.#durable.reached;
  }

  get committed(): Seqno {
    return this.#committed.reached;
  }

  /** Why the node has stopped, if it has. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  untilCommitted(seqno: Seqno): Promise<void> {
    return this.#committed.until(seqno);
  }

  /**
   * Runs a transaction's body, puts what it writes in order, and answers once that has come as far as
   * `until` says. A body that waits is run again when another transaction has changed what it read.
   */
  async transaction<T>(body: TransactionBody<T>, until: Until): Promise<Applied<T>> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const tx = new TransactionRun<T>();
      const atOnce = await this.#queue.pass(() =>
        tx.begin(body, this.#options.log.tables) ? this.#applyRun(tx, until) : undefined,
      );
      if (atOnce !== undefined) return atOnce;
      await tx.finish();
      const applied = await this.#queue.pass(() => this.#applyRun(tx, until));
      if (applied !== undefined) return applied;
    }
    throw new ConsensusError(
      'CONFLICT',
      `other transactions changed what this one had read, ${attemptsMax} times over`,
    );
  }

  /** `undefined` when what it read is not so any more. */
  #applyRun<T>(
    { transaction, result }: TransactionRun<T>,
    until: Until,
  ): Promise<Applied<T>> | undefined {
    const { log } = this.#options;
    if (!transaction.isCurrent(log.tables)) return undefined;
    const changes = transaction.changes();
    const txId = changes.length > 0 ? this.#append(changes).txId : log.lastTxId;
    // The wait begins in this step: later, a rollback may have given the seqno to another one.
    return this.#reached(txId.seqno, until).then(() => ({ txId, result: result as T }));
  }

  async #reached(seqno: Seqno, until: Until): Promise<void> {
    if (until === 'durable') await this.#durable.until(seqno);
    if (until === 'committed') await this.#committed.until(seqno);
  }

  /** Puts a snapshot's evidence in order, unless the node has ended. */
  async submitEvidence(
    evidence: { readonly snapshotSeqno: Seqno; readonly digest: Digest },
    signal: AbortSignal,
  ): Promise<{ readonly seqno: Seqno } | 'refused'> {
    const { clock } = this.#options;
    try {
      return await this.#queue.pass(() => {
        if (signal.aborted) return 'refused';
        const changes = evidenceChanges(evidence, clock.now());
        const appended = this.#append(changes, { claims: fromHex(evidence.digest) });
        const { writeSetDigest, commitEvidence, txId } = appended;
        const fact = { ...evidence, writeSetDigest, commitEvidence };
        this.#the.snapshotter.recordEvidence(txId.seqno, fact);
        return { seqno: txId.seqno };
      });
    } catch (error) {
      if (error instanceof ConsensusError && error.code === 'CLOSED') return 'refused';
      throw error;
    }
  }

  #append(changes: readonly MapWrites[], how: AppendHow = {}): Appended {
    const { log } = this.#options;
    const { consensus, writer } = this.#the;
    const { isSignature = false, endsChunk = false, ...options } = how;
    const appended = log.append(changes, { view: consensus.view, ...options });
    const { txId, bytes } = appended;
    consensus.replicate({ seqno: txId.seqno, bytes, isSignature });
    writer.append({ seqno: txId.seqno, bytes, isSignature, endsChunk });
    if (isSignature) this.#signed();
    else this.#countUnsigned();
    return appended;
  }

  #countUnsigned(): void {
    this.#unsigned++;
    const { signatureTxInterval } = this.#options.settings;
    if (this.#unsigned >= signatureTxInterval || this.#mayBePoint) this.#signNow();
    else this.#signLater();
  }

  /** Whether the next entry, were it a signature, could be a snapshot point: the snapshotter decides. */
  get #mayBePoint(): boolean {
    const { log, settings } = this.#options;
    return log.next - this.#lastPoint >= settings.snapshotTxInterval;
  }

  #signed(): void {
    this.#unsigned = 0;
    this.#forgetTimer();
  }

  #forgetTimer(): void {
    this.#signatureDue?.cancel();
    this.#signatureDue = undefined;
  }

  #signLater(): void {
    const { signatureDelayMs } = this.#options.settings;
    this.#signatureDue ??= this.#delayed.after(signatureDelayMs, () => this.#signNow());
  }

  #signNow(): void {
    this.#forgetTimer();
    this.#queue.hold(() => this.#sign()).catch((error: unknown) => this.#broke(error));
  }

  /** Signs whatever is not signed yet; answers with the last signature's seqno once that is committed. */
  async sign(): Promise<Seqno> {
    if (this.#closed) throw this.#closed;
    if (this.#failure) throw this.#failure;
    return this.#signAndCommit();
  }

  async #signAndCommit(): Promise<Seqno> {
    const { signature, committed } = await this.#queue.hold(async () => {
      await this.#sign();
      const { lastSignature } = this.#options.log;
      // The wait begins while nothing else can: a rollback may give the seqno to another entry.
      return { signature: lastSignature, committed: this.#committed.until(lastSignature) };
    });
    await committed;
    return signature;
  }

  async #sign(): Promise<void> {
    if (this.#unsigned === 0) return;
    if (this.#failure) throw this.#failure;
    const { log, keys, node, clock, settings } = this.#options;
    const { consensus, snapshotter, writer } = this.#the;
    const isPoint = snapshotter.recordCommittable(log.next);
    // Also where the snapshotter has declined: the next attempt is an interval away.
    if (isPoint || this.#mayBePoint) this.#lastPoint = log.next;
    const endsChunk = isPoint || writer.chunkBytes >= settings.chunkBytesMax;
    const nowMs = clock.now();
    const made = await makeSignature(log, { keys, node, nowMs, view: consensus.view });
    if (this.#failure) throw this.#failure;
    this.#append(made.changes, {
      isSignature: true,
      endsChunk,
      flags: isPoint ? endsChunkFlag : 0,
    });
    snapshotter.recordSignature(made.seqno, made.cose);
    snapshotter.recordTree(made.seqno, made.tree);
  }

  /**
   * Takes back every transaction above `seqno`, as an election does that another node wins; a new view
   * begins. Who waits for one of them learns `ROLLED_BACK`.
   * @throws ConsensusError `ROLLBACK_BELOW_COMMIT`
   */
  async rollback(seqno: Seqno): Promise<void> {
    if (this.#closed) throw this.#closed;
    await this.#queue.hold(async () => {
      if (this.#failure) throw this.#failure;
      const { log } = this.#options;
      const { writer, consensus, snapshotter } = this.#the;
      if (seqno > log.last) throw new RangeError(`seqno ${seqno} is above the last, ${log.last}`);
      snapshotter.rollback(seqno);
      log.rollback(seqno);
      const gone = new ConsensusError('ROLLED_BACK', `rolled back to seqno ${seqno}`, { seqno });
      this.#durable.goBack(seqno, gone);
      this.#committed.goBack(seqno, gone);
      try {
        // The consensus forgets first: what is being written now must not be committed any more.
        await Promise.all([consensus.abandonAbove(seqno), writer.rollback(seqno)]);
      } catch (error) {
        this.#broke(error);
        throw error;
      }
      this.#countAnew();
      // The point is gone with its signature: the next entry asks the snapshotter anew.
      if (this.#lastPoint > seqno) this.#lastPoint = this.#options.lastSnapshot;
    });
  }

  #countAnew(): void {
    const { last, lastSignature } = this.#options.log;
    this.#unsigned = last - lastSignature;
    if (this.#unsigned > 0) this.#signLater();
    else this.#forgetTimer();
  }

  /** The ledger holds everything up to `seqno`; of that, a rollback may have taken a part meanwhile. */
  persisted(seqno: Seqno): void {
    const { last } = this.#options.log;
    this.#durable.reach(seqno < last ? seqno : last);
    this.#the.consensus.persisted(seqno);
    this.#queue.turn();
  }

  /** Everything up to `seqno` is committed. */
  commit(seqno: Seqno): void {
    const { writer, snapshotter, consensus } = this.#the;
    writer.commit(seqno);
    this.#options.log.compact(seqno);
    // Of a ledger that has failed what was written before may still be committed, but no snapshot of it.
    if (!this.#failure) snapshotter.commit(seqno, { primary: consensus.isPrimary });
    this.#committed.reach(seqno);
  }

  /**
   * Nothing more can be written: everyone who waits learns of it, snapshots under way end, and nobody is let through
   * any more.
   */
  fail(error: Error): void {
    if (this.#failure) return;
    this.#failure = error;
    this.#options.logger?.error({ error }, 'the node has stopped: its ledger cannot be written');
    this.#forgetTimer();
    this.#parts?.snapshotter.fail(error);
    this.#queue.close(error);
    this.#durable.fail(error);
    this.#committed.fail(error);
  }

  /** Lets nobody through any more, and signs and commits what was let through. */
  async close(): Promise<void> {
    const closed = new ConsensusError('CLOSED', 'the node is closed');
    this.#queue.close(closed);
    this.#closed = closed;
    try {
      if (this.#failure) return;
      await this.#signAndCommit();
      this.#durable.fail(closed);
      this.#committed.fail(closed);
    } catch (error) {
      this.#broke(error);
    } finally {
      await this.#delayed.shutdown();
    }
  }

  /** Whatever breaks the order of the log ends the node. */
  #broke(error: unknown): void {
    this.fail(error instanceof Error ? error : new Error(String(error)));
  }

  get #the(): SequencerParts {
    assert(this.#parts !== undefined, 'the sequencer has started');
    return this.#parts;
  }
}

interface AppendHow {
  readonly claims?: Uint8Array;
  readonly flags?: number;
  readonly isSignature?: boolean;
  readonly endsChunk?: boolean;
}

/** CCF's FORCE_LEDGER_CHUNK_AFTER. */
const endsChunkFlag = 0x01;
