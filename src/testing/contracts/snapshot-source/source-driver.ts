import type { SnapshotSource } from '../../../core/host-ports.ts';
import type { Seqno } from '../../../core/words.ts';
import type { Closable, ContractCase } from '../framework.ts';
import type { TableChange } from './state-oracle.ts';

/** A snapshot source under test, and the store and log behind it. */
export interface SourceDriver extends Closable {
  readonly source: SnapshotSource;
  /** Tables that {@link SourceDriver.apply} can write, empty at the start: one at least, better two. */
  readonly tables: readonly string[];
  /** Seqno of the last entry of the log. */
  last(): Seqno;
  /** Applies one transaction, and nothing behind it; answers with its seqno. Keys and values are UTF-8. */
  apply(changes: readonly TableChange[]): Promise<Seqno> | Seqno;
  /** Takes back every transaction above `seqno`; an entry that begins a view may follow. */
  rollback?(seqno: Seqno): Promise<void> | void;
  /** Commits everything, with whatever entry that takes, and compacts the store. */
  commit?(): Promise<void> | void;
  /** The Merkle leaf of the entry at `seqno`, as the log's tree has it. */
  leafAt?(seqno: Seqno): Uint8Array;
  /** The view of the entry at `seqno`, an entry of the log as it is now. */
  viewAt?(seqno: Seqno): number;
}

/** What a source's driver may be able to do; the methods of {@link SourceDriver} have the same names. */
export type SourceCapability = 'rollback' | 'commit' | 'leafAt' | 'viewAt';

/** The rules of a {@link SnapshotSource}. */
export const sourceRules = {
  F1: 'a frozen state has every record of its moment, each once, and no other',
  F2: 'a record has the seqno that last wrote its key, a table the one that last changed it',
  F3: 'frozen means frozen: later transactions, rollbacks and compactions do not show through',
  F4: 'a frozen state can be walked again and again, always the same',
  F5: 'the leaf is the 32-byte Merkle leaf of the transaction that is at the seqno now',
  F6: 'the view history has the first seqno of each view, none above the seqno, and stays as it is',
  F7: 'to release a state gives back that state, and no other',
  F8: 'freeze answers at once, with a state that is complete',
  F9: 'a tombstone is of a key that is not live, under minus the seqno that removed it',
  F10: 'a state that is shared with workers is the same to them',
} as const;

export type SourceRule = keyof typeof sourceRules;

export type SourceCase = ContractCase<SourceDriver, SourceCapability, SourceRule>;
