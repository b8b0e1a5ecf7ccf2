import { toHex, toUtf8 } from '../../core/bytes.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import type { MapWrites } from '../../formats/write-set.ts';
import { ReferenceStore, type StoreTable } from '../../store/reference-store.ts';
import type { VersionedStore } from '../../store/versioned-store.ts';
import { check, checkSame } from './expectations.ts';
import type { Closable, ContractCase } from './framework.ts';

/** What a node needs of its store: what the log and the transactions of our own node use. */
export type NodeStore = Pick<
  VersionedStore,
  'seqno' | 'compacted' | 'tables' | 'apply' | 'at' | 'rollback' | 'compact'
>;

/** A store under test. */
export interface StoreDriver extends Closable {
  /** A store that goes on from a state: 0 and no table for a new ledger. */
  start(seqno: Seqno, tables: ReadonlyMap<string, StoreTable>): Promise<NodeStore> | NodeStore;
}

/** The rules of a {@link NodeStore}. */
export const storeRules = {
  T1: 'a store begins with the state that it is given, at its seqno, and without tombstones',
  T2: 'apply takes the next seqno and no other; what it refuses changes nothing',
  T3: 'writes and removals are in the state, each key and table with the seqno that last changed it',
  T4: 'to remove a key that is not there changes nothing, and removed keys leave nothing behind',
  T5: 'keys and values are any bytes, copied: what the caller does with its own later does not show',
  T6: 'at(seqno) is the state after each seqno that was neither compacted nor taken back',
  T7: 'what at and tables gave stays as it is',
  T8: 'rollback undoes everything above its seqno',
  T9: 'compact forgets what is below its seqno, and nothing else',
  T10: 'at, rollback and compact refuse with a RangeError what cannot be had, and then change nothing',
  T11: "records are walked in the reference store's order, get finds each, and size counts them",
  T12: 'what does not change is the same object, and what is written anew is another one',
} as const;

export type StoreRule = keyof typeof storeRules;

export type StoreCase = ContractCase<StoreDriver, never, StoreRule>;

/** One transaction on tables, in few words; `undefined` removes. */
export type Changes = Readonly<Record<string, Readonly<Record<string, string | undefined>>>>;

/** Write sets as a store takes them. */
export function mapsOf(changes: Changes): readonly MapWrites[] {
  return Object.entries(changes).map(([name, keys]) => {
    const sorted = Object.entries(keys).sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      name,
      writes: sorted.flatMap(([key, value]) =>
        value === undefined ? [] : [{ key: toUtf8(key), value: toUtf8(value) }],
      ),
      removes: sorted.flatMap(([key, value]) => (value === undefined ? [toUtf8(key)] : [])),
    };
  });
}

/** Applies the next transaction. */
export function applyNext(store: NodeStore, maps: readonly MapWrites[]): Seqno {
  const next = toSeqno(store.seqno + 1);
  store.apply(next, maps);
  return next;
}

/** A new store. */
export async function startEmpty(driver: StoreDriver): Promise<NodeStore> {
  return driver.start(toSeqno(0), new Map());
}

/** Everything that a state says; tables that nothing was ever written to are as good as none. */
export function contentOf(tables: ReadonlyMap<string, StoreTable>) {
  return [...tables.values()]
    .filter(({ version }) => version > 0)
    .map(({ name, version, live, tombstones }) => ({
      name,
      version,
      size: live.size,
      records: [...live.records()].map(({ key, version: at, value }) => {
        const found = live.get(key);
        return { key: toHex(key), at, value: toHex(value), isFound: found?.version === at };
      }),
      tombstones: tombstones.size,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

export type StateContent = ReturnType<typeof contentOf>;

/** A store beside the reference store, of which every state is kept as it was. */
export class StoreRun {
  readonly store: NodeStore;
  /** What each seqno must have that can be had. */
  readonly #states = new Map<number, ReadonlyMap<string, StoreTable>>();
  /** What was given out, with what it said then. */
  readonly #given: {
    readonly tables: ReadonlyMap<string, StoreTable>;
    readonly was: StateContent;
  }[] = [];
  #compacted = 0;

  constructor(store: NodeStore) {
    this.store = store;
    this.#states.set(0, new Map());
  }

  /** The reference store's state after the last transaction. */
  get expected(): ReadonlyMap<string, StoreTable> {
    return this.#states.get(this.store.seqno) ?? new Map();
  }

  apply(maps: readonly MapWrites[]): void {
    const oracle = ReferenceStore.fromTables(this.expected, { keepsTombstones: false });
    const next = toSeqno(this.store.seqno + 1);
    oracle.apply(next, maps);
    this.store.apply(next, maps);
    this.#states.set(next, oracle.freeze());
  }

  /** Keeps what the store gives now, to be looked at again after each later step. */
  hold(): void {
    const { tables } = this.store;
    this.#given.push({ tables, was: contentOf(tables) });
  }

  rollback(seqno: number): void {
    for (let undone = this.store.seqno as number; undone > seqno; undone--) {
      this.#states.delete(undone);
    }
    this.store.rollback(toSeqno(seqno));
  }

  compact(seqno: number): void {
    for (let old = this.#compacted; old < seqno; old++) this.#states.delete(old);
    this.#compacted = Math.max(this.#compacted, seqno);
    this.store.compact(toSeqno(seqno));
  }

  /** @throws ContractError unless every version is what it must be, and what was held is what it was */
  check(after: string): void {
    const { store } = this;
    const seqnos = [...this.#states.keys()];
    const last = seqnos.at(-1) ?? 0;
    checkSame(store.seqno, last, `the seqno after ${after}`);
    checkSame(store.compacted, this.#compacted, `the oldest version after ${after}`);
    for (const [seqno, expected] of this.#states) {
      const found = contentOf(store.at(toSeqno(seqno)));
      checkSame(found, contentOf(expected), `the state at ${seqno}, after ${after}`);
    }
    checkSame(contentOf(store.tables), contentOf(this.expected), `the state now, after ${after}`);
    for (const { tables, was } of this.#given) {
      checkSame(contentOf(tables), was, `what was given out, after ${after}`);
    }
    check(seqnos.length > 0, 'no version can be had');
  }
}
