import type { Metrics } from '../core/host-ports.ts';
import type { Digest, Seqno, View } from '../core/words.ts';
import type { FoundSnapshot } from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import type { CrossCheckVerdict } from '../jobs/second-opinion.ts';
import type { MadeReceipt, ProofForm } from '../ledger/receipt-maker.ts';
import type { RecoveryReport } from '../recovery/report.ts';
import type { LiveGeneration, PipelineListener } from '../snapshotter/live-generation.ts';
import type { Applied, Until } from './sequencer.ts';
import type { TransactionBody } from './transaction-run.ts';

/** How far a node has come. */
export interface NodeStatus {
  /** Term of the last and the next entry's primary: this node. */
  readonly view: View;
  /** Last entry. */
  readonly seqno: Seqno;
  /** Everything up to here is on disk. */
  readonly durable: Seqno;
  /** Everything up to here is signed, too: the last signature. */
  readonly committed: Seqno;
  /** Why the node has stopped, if it has. */
  readonly failure: Error | undefined;
}

/** The snapshots of a node. */
export interface NodeSnapshots {
  readonly directory: string;
  /** Generations that have not ended. */
  readonly live: readonly LiveGeneration[];
  /** Whether snapshots are taken: not yet closed, not failed, and not broken. */
  readonly isOpen: boolean;
  /** What the self-test of cose-js came to, once it is over. */
  readonly crossCheck: Promise<CrossCheckVerdict>;
  /** Calls `listener` for every point and generation that begins or ends; returns how to stop that. */
  subscribe(listener: PipelineListener): () => void;
  /** Tells an observer of every actor that lives, and then of all that happens; returns how to stop that. */
  inspect(observer: InspectObserver): () => void;
  /** Hands counts and measures to one more sink; returns how to stop that. */
  measure(metrics: Metrics): () => void;
  /**
   * Makes the next signature a snapshot point. A rollback that comes before it takes the request back.
   * @throws StorageError when the ledger cannot be written; ConsensusError `CLOSED`
   */
  force(): void;
  /** What the directory holds, newest first. */
  list(): Promise<readonly FoundSnapshot[]>;
  /**
   * Resolves when no generation is under way, and those that `keepSnapshots` lets go are gone.
   * @throws StorageError when the ledger cannot be written: the generations have ended then, as `cancelled`
   */
  untilIdle(): Promise<void>;
}

/** A service of one node, which keeps its own ledger and takes snapshots of it. */
export interface LedgerNode extends AsyncDisposable {
  /** The service's identity: pin it to verify snapshots. */
  readonly service: Certificate;
  readonly status: NodeStatus;
  readonly snapshots: NodeSnapshots;
  /** What was found on disk at the start. */
  readonly recovered: RecoveryReport;
  /**
   * Runs `body`, which reads and writes tables, and puts what it wrote into the ledger as one transaction.
   * Tables are private, that is encrypted, unless their names begin with `public:`. When `body` throws,
   * nothing has happened; one that waits is run again when others have changed what it read.
   * @returns once it is on disk, or as `until` says
   * @throws ConsensusError `CONFLICT`, `ROLLED_BACK`, `CLOSED`
   * @throws RangeError, TypeError for keys, values and names out of bounds
   * @throws StorageError when the ledger cannot be written; the node has stopped then
   */
  transaction<T>(
    body: TransactionBody<T>,
    options?: { readonly until?: Until },
  ): Promise<Applied<T>>;
  /** The value of a key now; `undefined` when it has none. */
  get(table: string, key: string | Uint8Array): Uint8Array | undefined;
  /** The Merkle root over every entry so far. */
  root(): Digest;
  /**
   * Resolves once everything up to `seqno` is signed and on disk.
   * @throws ConsensusError `ROLLED_BACK`, `CLOSED`
   * @throws StorageError when the ledger cannot be written; the node has stopped then
   */
  untilCommitted(seqno: Seqno): Promise<void>;
  /**
   * Signs what is not signed yet, and answers once it is committed with the last signature's seqno.
   * @throws ConsensusError `ROLLED_BACK`, `CLOSED`
   * @throws StorageError when the ledger cannot be written; the node has stopped then
   */
  sign(): Promise<Seqno>;
  /**
   * A receipt for one transaction: anyone who has the service's key can verify it without this node. Resolves once
   * the transaction is committed; it is read from the ledger on the disk.
   * @param options `form`: COSE, signed by the service, or JSON, signed by this node. @default COSE
   * @example
   * const { txId } = await node.transaction((tx) => tx.put('public:a', 'k', 'v'));
   * const { bytes } = await node.receipt(txId.seqno);
   * @throws RangeError for a seqno above the last one, or that is none
   * @throws ConsensusError `ROLLED_BACK`, `CLOSED`
   * @throws FormatError `CHUNK_GAP` when its chunk has been removed
   * @throws VerificationError, FormatError when the ledger on the disk is damaged; StorageError when it cannot be read
   */
  receipt(seqno: Seqno | number, options?: { readonly form?: ProofForm }): Promise<MadeReceipt>;
  /**
   * Takes back every transaction above `seqno`, as the loss of an election does, and begins a new view.
   * @throws ConsensusError `ROLLBACK_BELOW_COMMIT`, `CLOSED`
   * @throws RangeError for a seqno above the last one, or that is none
   */
  rollback(seqno: Seqno): Promise<void>;
  /** Signs and commits what is there, cancels the snapshots under way, and releases everything. */
  close(): Promise<void>;
}
