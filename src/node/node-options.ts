import type { Logger, Metrics } from '../core/host-ports.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import type { Seqno } from '../core/words.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import type { Environment } from '../jobs/environment.ts';
import { type CrossCheck, crossCheckMode } from '../jobs/second-opinion.ts';
import { slowIoMsDefault } from '../snapshotter/slow-io.ts';

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

export function resolveOptions(options: NodeOptions) {
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

/** {@link NodeOptions} with every number there and in range. */
export type NodeSettings = ReturnType<typeof resolveOptions>;

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
