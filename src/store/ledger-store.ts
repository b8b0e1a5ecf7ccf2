import type { FrozenTable, RecordSet, SharedDescriptor, StoreRecord } from '../core/host-ports.ts';
import type { Seqno } from '../core/words.ts';
import type { MapWrites } from '../formats/entries/write-set.ts';

/**
 * Something that can be compared with what it was at another moment: by its stamp, which is given to one
 * incarnation of it and never again, or, where it has none, by identity.
 */
interface Stamped {
  readonly stamp?: number;
}

/** A record as it was read; its bytes are not to be changed. */
export interface ReadRecord extends StoreRecord, Stamped {}

/**
 * A table's records, which can be looked up.
 * **Order contract:** they are walked in the order of a snapshot, by the hashes of their keys, or in that of CCF's
 * own map; always in the same one while nothing changes.
 */
export interface KeyedRecords extends RecordSet, Stamped {
  get(key: Uint8Array): ReadRecord | undefined;
}

/** One table of a {@link LedgerState}. */
export interface TableState extends FrozenTable {
  readonly live: KeyedRecords;
}

/** The tables at one moment. */
export interface LedgerState {
  /** Tables. */
  readonly size: number;
  get(name: string): TableState | undefined;
  values(): Iterable<TableState>;
  /** Keeps the state beyond the store's next change; a state that has no such method is kept anyway. */
  hold?(): HeldState;
}

/**
 * A state that stays as it is until it is released, whatever is applied, taken back, compacted or released meanwhile.
 * **Contract:** each one that is given out is given back by itself, also when two are of one seqno.
 */
export interface HeldState extends LedgerState {
  /** The same state for another thread, one reader at a time; a state that has no such method is drawn and copied. */
  share?(): SharedDescriptor;
  /** Nothing of the state may be read afterwards. */
  release(): void;
}

/**
 * The state of a node: what is not committed yet can be rolled back.
 * **Contract:** a call that throws has changed nothing.
 */
export interface LedgerStore {
  /** The seqno that was last applied, or rolled back to. */
  readonly seqno: Seqno;
  /** The oldest seqno that can be rolled back to. */
  readonly compacted: Seqno;
  /** The state now: good until the next change, unless it is held. */
  readonly tables: LedgerState;
  /** Applies the transaction that follows `seqno`; keys and values are copied. */
  apply(seqno: Seqno, maps: readonly MapWrites[]): void;
  /** Undoes every transaction above `seqno`. @throws RangeError when it was compacted, or not applied yet */
  rollback(seqno: Seqno): void;
  /** Forgets what a rollback below `seqno` would need. @throws RangeError when it was not applied yet */
  compact(seqno: Seqno): void;
  /** The state now, kept as it is until it is released. */
  freeze(): HeldState;
}

/**
 * Whether two readings, of a key or of a table's records, found the same: not only the same bytes and version,
 * since a store that rolls back uses each version again.
 */
export function isSame(a: Stamped | undefined, b: Stamped | undefined): boolean {
  return a === b || (a?.stamp !== undefined && a.stamp === b?.stamp);
}
