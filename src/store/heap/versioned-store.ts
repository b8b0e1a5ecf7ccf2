import { assert } from '../../core/errors.ts';
import type { Seqno } from '../../core/words.ts';
import type { MapWrites } from '../../formats/entries/write-set.ts';
import type { HeldState, LedgerStore } from '../ledger-store.ts';
import { ReferenceStore, type ReferenceStoreOptions, type StoreTable } from './reference-store.ts';

/**
 * The state of a node, with every version since compaction: what is not committed yet can be rolled
 * back, and what was frozen stays as it was.
 *
 * Versions share all that did not change between them, so that one costs a map of its tables and a path
 * for each changed key. Nothing is kept of removed keys, unless it is told to.
 */
export class VersionedStore implements LedgerStore {
  #store: ReferenceStore;
  #seqno: Seqno;
  #compacted: Seqno;
  readonly #options: ReferenceStoreOptions;
  /** The states after each seqno from `#compacted` to `#seqno`, and no others. */
  readonly #versions = new Map<number, ReadonlyMap<string, StoreTable>>();

  /**
   * @param tables the state after `seqno`: 0 and no table for a new ledger; its tombstones are dropped
   * @param options keep them, and those to come; by default they are not kept
   */
  constructor(
    seqno: Seqno,
    tables: ReadonlyMap<string, StoreTable>,
    { keepsTombstones = false }: ReferenceStoreOptions = {},
  ) {
    this.#options = { keepsTombstones };
    this.#store = ReferenceStore.fromTables(tables, this.#options);
    this.#seqno = seqno;
    this.#compacted = seqno;
    this.#versions.set(seqno, this.#store.freeze());
  }

  /** The seqno that was last applied, or rolled back to. */
  get seqno(): Seqno {
    return this.#seqno;
  }

  /** The oldest version that can be had. */
  get compacted(): Seqno {
    return this.#compacted;
  }

  /** The state now, frozen: later changes don't show through. */
  get tables(): ReadonlyMap<string, StoreTable> {
    return this.at(this.#seqno);
  }

  /** The state now: held by whoever has it, so that its release does nothing. */
  freeze(): HeldState {
    const { tables } = this;
    return {
      size: tables.size,
      get: (name) => tables.get(name),
      values: () => tables.values(),
      release: () => {},
    };
  }

  /** Applies the transaction that follows `seqno`; keys and values are copied. */
  apply(seqno: Seqno, maps: readonly MapWrites[]): void {
    assert(seqno === this.#seqno + 1, `${seqno} is applied after ${this.#seqno}`);
    this.#store.apply(seqno, maps);
    this.#seqno = seqno;
    this.#versions.set(seqno, this.#store.freeze());
  }

  /**
   * The state after `seqno`, frozen.
   * @throws RangeError when that version was compacted, or was not applied yet
   */
  at(seqno: Seqno): ReadonlyMap<string, StoreTable> {
    const tables = this.#versions.get(seqno);
    if (tables === undefined) {
      throw new RangeError(`no state at ${seqno}: there are ${this.#compacted} to ${this.#seqno}`);
    }
    return tables;
  }

  /**
   * Undoes every transaction above `seqno`; what was frozen before stays as it is.
   * @throws RangeError when that version was compacted, or was not applied yet
   */
  rollback(seqno: Seqno): void {
    this.#store = ReferenceStore.fromTables(this.at(seqno), this.#options);
    for (let undone = seqno + 1; undone <= this.#seqno; undone++) this.#versions.delete(undone);
    this.#seqno = seqno;
  }

  /**
   * Forgets every version below `seqno`, which can't be rolled back any more, in time that depends on
   * their number alone. Does nothing when more was forgotten already.
   * @throws RangeError when `seqno` was not applied yet
   */
  compact(seqno: Seqno): void {
    if (seqno > this.#seqno) {
      throw new RangeError(`compacting to ${seqno}, but ${this.#seqno} is the last applied`);
    }
    for (let old = this.#compacted; old < seqno; old++) this.#versions.delete(old);
    if (seqno > this.#compacted) this.#compacted = seqno;
  }
}
