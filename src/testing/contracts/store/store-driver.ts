import { compareBytes, toHex, toUtf8 } from '../../../core/bytes.ts';
import { type Seqno, seqno as toSeqno } from '../../../core/words.ts';
import type { MapWrites } from '../../../formats/entries/write-set.ts';
import { ReferenceStore, type StoreTable } from '../../../store/heap/reference-store.ts';
import type {
  HeldState,
  LedgerState,
  LedgerStore,
  TableState,
} from '../../../store/ledger-store.ts';
import { check, checkSame } from '../expectations.ts';
import type { Closable, ContractCase } from '../framework.ts';

/** A store as it is tested: any {@link LedgerStore}, and what one has that gives old versions too. */
export interface NodeStore extends LedgerStore {
  /** The state after `seqno`, for as long as it can be rolled back to. @throws RangeError when it cannot be had */
  at?(seqno: Seqno): LedgerState;
}

/** A store under test. */
export interface StoreDriver extends Closable {
  /** A store that goes on from a state: 0 and no table for a new ledger. */
  start(seqno: Seqno, tables: ReadonlyMap<string, StoreTable>): Promise<NodeStore> | NodeStore;
}

/** `at`: the store gives every version that can be rolled back to, not the newest alone. */
export type StoreCapability = 'at';

/** The rules of a {@link NodeStore}. */
export const storeRules = {
  T1: 'a store begins with the state that it is given, at its seqno, and without tombstones',
  T2: 'apply takes the next seqno and no other; what it refuses changes nothing',
  T3: 'writes and removals are in the state, each key and table with the seqno that last changed it',
  T4: 'to remove a key that is not there changes nothing, and removed keys leave nothing behind',
  T5: 'keys and values are any bytes, copied: what the caller does with its own later does not show',
  T6: 'the state, walked or looked up, is that of the seqno, and at(seqno) that of each that was neither compacted nor taken back',
  T7: 'what freeze, hold and at gave stays as it is',
  T8: 'rollback undoes everything above its seqno',
  T9: 'compact forgets what is below its seqno, and nothing else',
  T10: 'at, rollback and compact refuse with a RangeError what cannot be had, and then change nothing',
  T11: "records are walked in a snapshot's order or in CCF's own, get finds each, and size counts them",
  T12: 'what does not change is the same by stamp or identity, and what is written anew is not',
  T13: 'to release a state gives back that state, and no other',
  T14: 'a call that throws has changed nothing',
} as const;

export type StoreRule = keyof typeof storeRules;

export type StoreCase = ContractCase<StoreDriver, StoreCapability, StoreRule>;

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

/** Everything that a state says, in the order in which it says it; a table that nothing was written to is as good as none. */
export function contentOf(state: LedgerState) {
  return [...state.values()]
    .filter(({ version }) => version > 0)
    .map(({ name, version, live, tombstones }) => ({
      name,
      version,
      size: live.size,
      records: recordsOf(live),
      tombstones: tombstones?.size ?? 0,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function recordsOf(live: TableState['live']) {
  return [...live.records()].map(({ key, version: at, value }) => {
    const found = live.get(key);
    const isFound = found?.version === at && compareBytes(found.value, value) === 0;
    return { key: toHex(key), at, value: toHex(value), isFound };
  });
}

export type StateContent = ReturnType<typeof contentOf>;

/** The same, whatever the order of the walk. */
export function sortedContentOf(state: LedgerState): StateContent {
  return contentOf(state).map((table) => ({
    ...table,
    records: table.records.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  }));
}

/** A state that was given out, with what it said then and what it must say. */
interface GivenState {
  readonly seqno: number;
  readonly state: LedgerState & Partial<HeldState>;
  readonly was: StateContent;
  readonly expected: ReadonlyMap<string, StoreTable>;
}

/** A store beside the reference store, of which every state is kept as it was. */
export class StoreRun {
  readonly store: NodeStore;
  /** What each seqno must have that can be had. */
  readonly #states = new Map<number, ReadonlyMap<string, StoreTable>>();
  #given: GivenState[] = [];
  /** Given out above a rollback: held until the next one. */
  #overdue: GivenState[] = [];
  readonly #contents = new WeakMap<object, StateContent>();
  #compacted = 0;
  #holds = 0;

  constructor(store: NodeStore) {
    this.store = store;
    this.#states.set(0, new Map());
  }

  /** The reference store's state after the last transaction. */
  get expected(): ReadonlyMap<string, StoreTable> {
    return this.#states.get(this.store.seqno) ?? new Map();
  }

  /** How many states are held of what was not taken back. */
  get heldCount(): number {
    return this.#given.length;
  }

  apply(maps: readonly MapWrites[]): void {
    const oracle = ReferenceStore.fromTables(this.expected, { keepsTombstones: false });
    const next = toSeqno(this.store.seqno + 1);
    oracle.apply(next, maps);
    this.store.apply(next, maps);
    this.#states.set(next, oracle.freeze());
  }

  /** Keeps the state now, to be looked at again after each later step: frozen, and held as a transaction does it. */
  hold(): void {
    const { store, expected } = this;
    this.#holds += 1;
    const { tables } = store;
    const state = this.#holds % 2 === 1 ? store.freeze() : (tables.hold?.() ?? tables);
    this.#given.push({ seqno: store.seqno, state, was: contentOf(state), expected });
  }

  /** Gives back the oldest of those that {@link hold} keeps, or the newest. */
  release(which: 'oldest' | 'newest'): void {
    const given = which === 'oldest' ? this.#given.shift() : this.#given.pop();
    given?.state.release?.();
  }

  rollback(seqno: number): void {
    for (let undone = this.store.seqno as number; undone > seqno; undone--) {
      this.#states.delete(undone);
    }
    for (const { state } of this.#overdue) state.release?.();
    this.#overdue = this.#given.filter((given) => given.seqno > seqno);
    this.#given = this.#given.filter((given) => given.seqno <= seqno);
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
    checkSame(store.seqno, seqnos.at(-1) ?? 0, `the seqno after ${after}`);
    checkSame(store.compacted, this.#compacted, `the oldest version after ${after}`);
    for (const [seqno, expected] of this.#states) {
      if (store.at === undefined) break;
      this.#checkState(store.at(toSeqno(seqno)), expected, `the state at ${seqno}, after ${after}`);
    }
    this.#checkState(store.tables, this.expected, `the state now, after ${after}`);
    for (const { seqno, state, was, expected } of [...this.#overdue, ...this.#given]) {
      const what = `what was given out at ${seqno}, after ${after}`;
      this.#checkState(state, expected, what);
      checkContent(contentOf(state), was, what);
    }
    check(seqnos.length > 0, 'no version can be had');
  }

  /** What a state must hold is looked at again and again, and never changes. */
  #contentOf(expected: ReadonlyMap<string, StoreTable>): StateContent {
    const known = this.#contents.get(expected) ?? sortedContentOf(expected);
    this.#contents.set(expected, known);
    return known;
  }

  #checkState(state: LedgerState, expected: ReadonlyMap<string, StoreTable>, what: string): void {
    checkContent(sortedContentOf(state), this.#contentOf(expected), what);
    checkNames(state, what);
    // What only the newest state has must not be found in an older one.
    for (const [name, { live }] of this.expected) {
      for (const { key } of live.records()) {
        if (expected.get(name)?.live.get(key) !== undefined) continue;
        const found = state.get(name)?.live.get(key);
        check(
          found === undefined,
          `${what} finds the key ${toHex(key)} of ${name}, which it has not`,
        );
      }
    }
  }

  /** Gives back everything; the state now is still what it must be. */
  end(): void {
    for (const { state } of [...this.#overdue, ...this.#given]) state.release?.();
    this.#overdue = [];
    this.#given = [];
    this.check('everything was released');
  }
}

/** As {@link checkSame}, which takes its time to say what differs. */
function checkContent(found: StateContent, expected: StateContent, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) checkSame(found, expected, what);
}

/** @throws ContractError unless its tables are as many as it says, and each is found by its name */
function checkNames(state: LedgerState, what: string): void {
  const tables = [...state.values()];
  checkSame(state.size, tables.length, `the number of tables of ${what}`);
  for (const { name, version, live } of tables) {
    const found = state.get(name);
    checkSame([found?.version, found?.live.size], [version, live.size], `${name} of ${what}`);
  }
  checkSame(state.get('no such table'), undefined, `a table that is not there, of ${what}`);
}

/** A case that runs beside the reference store. */
export const beside = (
  rule: StoreRule,
  title: string,
  run: (run: StoreRun) => void,
  needs: readonly StoreCapability[] = [],
): StoreCase => ({
  rule,
  title,
  needs,
  async run(driver) {
    const besideOracle = new StoreRun(await startEmpty(driver));
    run(besideOracle);
    besideOracle.end();
  },
});
