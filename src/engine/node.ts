import { AbortedError } from '../core/errors.ts';
import type { Logger, Metrics } from '../core/host-ports.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import type { Digest, Seqno, View } from '../core/words.ts';

import type { FoundSnapshot } from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/certificate.ts';
import { type Environment, environmentOf } from './environment.ts';
import type { InspectObserver } from './inspection.ts';
import type { LiveGeneration, PipelineListener } from './live-generation.ts';
import { nodePaths } from './node-keys.ts';
import { lockNode } from './node-locks.ts';
import { setInvalidAside } from './node-quarantine.ts';
import { beginService, openService } from './node-start.ts';
import type { MadeReceipt, ProofForm } from './receipt-maker.ts';
import type { RecoveryReport } from './recovery-report.ts';
import { startNode } from './running-node.ts';
import {
  type CrossCheck,
  type CrossCheckVerdict,
  checkCrossCheck,
  crossCheckMode,
} from './second-opinion.ts';
import type { Applied, Until } from './sequencer.ts';
import { slowIoMsDefault } from './slow-io.ts';
import type { TransactionBody } from './transaction-run.ts';

/** How a node is to be; all but the directory has a default. */
export interface NodeOptions {
  /** Where the node keeps its ledger, snapshots and keys; created when it is not there. */
  readonly directory: string;
  /** Transactions between two snapshots, at least 3. @default 10_000 */
  readonly snapshotTxInterval?: number;
  /** Longest time between two snapshots while there are transactions, in milliseconds; 0: no limit. @default 0 */
  readonly snapshotTimeIntervalMs?: number;
  /** A snapshot by time needs more than so many transactions since the last one. @default 2 */
  readonly snapshotMinTxInterval?: number;
  /** Transactions after which a signature follows. @default a quarter of `snapshotTxInterval`, 500 at most */
  readonly signatureTxInterval?: number;
  /** Longest time that a transaction waits for a signature, in milliseconds. @default 1_000 */
  readonly signatureDelayMs?: number;
  /** Size, in bytes, at which a chunk of the ledger ends with the next signature. @default 5_000_000 */
  readonly chunkBytesMax?: number;
  /** Members of a new service, each with a share of its ledger secret. @default 1 */
  readonly members?: number;
  /** Shares that recover the ledger secret of a new service. @default all members */
  readonly recoveryThreshold?: number;
  /** Snapshots that may be under way at once. @default 5 */
  readonly capacity?: number;
  /** Committed snapshots that stay when one more is committed, the newest; at least 1. @default all */
  readonly keepSnapshots?: number;
  /** What becomes of a snapshot that is due when so many are under way. @default 'keep', until one has ended */
  readonly whenFull?: 'drop' | 'keep';
  /** Oldest state that a start lets pass, by its last seqno: an older one may be a rollback. @default 0 */
  readonly minSeqno?: number;
  /** Largest snapshot file that a start reads, in bytes. @default 256 GiB */
  readonly snapshotBytesMax?: number;
  /**
   * Refuses to start from snapshots that others could change: with a hard link, or where the file or its directory may
   * be written by its group or by everybody. @default false: the log says so
   */
  readonly strict?: boolean;
  /**
   * Whether cose-js, an implementation of its own, must accept each receipt as well as node:crypto before it is
   * published. `required`: without it the node does not start. `true` is `required`, `false` is `off`.
   * @default 'when-available'
   */
  readonly crossCheck?: CrossCheck | boolean;
  /** Called while the ledger of an earlier run is read. */
  readonly onProgress?: (progress: { readonly seqno: Seqno; readonly last: Seqno }) => void;
  /** An XState inspection observer; it sees every actor. */
  readonly inspect?: InspectObserver;
  /** Closes the node when it aborts. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** Counts snapshots and refused events; measures bytes and seconds. @default none */
  readonly metrics?: Metrics;
  /** A step on the file system that takes longer, in milliseconds, is logged and counted. @default 100 */
  readonly slowIoMs?: number;
  /** Parts of the outside world to replace, for simulation. */
  readonly environment?: Partial<Environment>;
}

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

/**
 * Starts a node on a directory: a new service where there is none, else the one whose ledger lies there, from
 * its newest valid snapshot and the ledger after it. Newer snapshots that do not verify are moved to `quarantine/`.
 * @throws StorageError `LOCKED` when another process has the directory; those of the file system
 * @throws FormatError, VerificationError when ledger, keys and snapshots do not fit together; with
 * `SECRETS_MISSING`, `KID_MISMATCH`, `LEDGER_BEHIND_SNAPSHOT`, `BAD_KEY`, and those of `recover`; before anything is
 * written `CROSS_CHECK_UNAVAILABLE`, when cose-js is required, and is not there or fails its self-test
 * @throws RangeError for options out of range
 * @throws AbortedError when `signal` has aborted already
 */
export async function createNode(options: NodeOptions): Promise<LedgerNode> {
  if (typeof options.directory !== 'string') throw new TypeError('directory must name a directory');
  const settings = resolveOptions(options);
  if (options.signal?.aborted) throw new AbortedError('the node');
  const environment = environmentOf(options.environment);
  const paths = nodePaths(options.directory);
  await checkCrossCheck(settings.crossCheck, environment.startExecutor);
  const locks = await lockNode(paths, environment);
  try {
    const place = { paths, environment };
    const isNew = await beginService(place, settings, options.signal);
    const service = await openService(place, options);
    const { logger } = options;
    await setInvalidAside(service.recovered, { ...place, lock: locks.snapshots }, logger);
    return await startNode({ ...place, options, settings, service, isNew, locks });
  } catch (error) {
    await locks.release().catch(() => undefined);
    throw error;
  }
}

/** {@link NodeOptions} with every number there and in range. */
export type NodeSettings = ReturnType<typeof resolveOptions>;

function resolveOptions(options: NodeOptions) {
  const members = count('members', options.members ?? 1, { max: 64 });
  const snapshotTxInterval = options.snapshotTxInterval ?? 10_000;
  return {
    members,
    recoveryThreshold: count('recoveryThreshold', options.recoveryThreshold ?? members, {
      max: members,
    }),
    // A snapshot's evidence and signature are two transactions: they must not make the next one due.
    snapshotTxInterval: count('snapshotTxInterval', snapshotTxInterval, { min: 3 }),
    snapshotTimeIntervalMs: count(
      'snapshotTimeIntervalMs',
      options.snapshotTimeIntervalMs ?? 0,
      anyCount,
    ),
    snapshotMinTxInterval: count(
      'snapshotMinTxInterval',
      options.snapshotMinTxInterval ?? 2,
      anyCount,
    ),
    signatureTxInterval: count(
      'signatureTxInterval',
      options.signatureTxInterval ?? Math.min(500, Math.ceil(snapshotTxInterval / 4)),
    ),
    signatureDelayMs: count('signatureDelayMs', options.signatureDelayMs ?? 1000),
    chunkBytesMax: count('chunkBytesMax', options.chunkBytesMax ?? 5_000_000),
    capacity: count('capacity', options.capacity ?? 5),
    crossCheck: crossCheckMode(options.crossCheck, 'when-available'),
    slowIoMs: count('slowIoMs', options.slowIoMs ?? slowIoMsDefault, anyCount),
    keepSnapshots:
      options.keepSnapshots === undefined
        ? undefined
        : count('keepSnapshots', options.keepSnapshots),
  };
}

/** What is no timer's delay, and may be none. */
const anyCount = { min: 0, max: Number.MAX_SAFE_INTEGER } as const;

function count(
  name: string,
  value: number,
  { min = 1, max = timerDelayMsMax }: { readonly min?: number; readonly max?: number } = {},
): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new RangeError(`${name} must be an integer of ${min} … ${max}, is ${value}`);
}
