import type { Seqno, View } from '../core/words.ts';

/** An entry as a consensus is told of it. */
export interface LogEntry {
  readonly seqno: Seqno;
  /** The whole ledger entry. */
  readonly bytes: Uint8Array;
  /** Only a signature transaction can become the last committed one. */
  readonly isSignature: boolean;
}

/**
 * Agrees with other nodes on the log.
 * **Order contract:** the node calls {@link Consensus.replicate} for each entry in the order of seqnos, and
 * {@link Consensus.persisted} once its own ledger holds the entry durably. What becomes committed is told
 * through {@link ConsensusOptions.onCommitted}, never from inside `replicate`.
 */
export interface Consensus {
  /** The term that entries belong to now. */
  readonly view: View;
  /** Whether this node orders the transactions: then it is the primary of each view that it begins. */
  readonly isPrimary: boolean;
  replicate(entry: LogEntry): void;
  /** This node's own ledger holds everything up to `seqno` durably. */
  persisted(seqno: Seqno): void;
  /**
   * Gives up every entry above `seqno`, none of which is committed, and begins a new view. What was told to be
   * durable above it is forgotten as well: entries that take those places are durable when they are told to be.
   * @throws StorageError when the new view could not be recorded
   */
  abandonAbove(seqno: Seqno): Promise<void>;
}

/** What a node gives its consensus. */
export interface ConsensusOptions {
  /** Everything up to `seqno` is committed at the start. */
  readonly committed: Seqno;
  /** Called when more is committed: `seqno` is that of a signature transaction. */
  readonly onCommitted: (seqno: Seqno) => void;
  readonly views: ViewRecord;
}

/**
 * Where a node keeps the last view that it has used.
 *
 * An entry is encrypted under its seqno and view, so that a pair that came twice with another content would
 * give away both: a view is recorded durably before the first entry in it, and none is used again after a
 * restart or a rollback.
 */
export interface ViewRecord {
  /** `undefined` when none was recorded. */
  read(): Promise<View | undefined>;
  /** Durable when it resolves. */
  write(view: View): Promise<void>;
}
