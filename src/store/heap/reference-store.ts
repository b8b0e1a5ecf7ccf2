import { compareBytes } from '../../core/bytes.ts';
import type { FrozenTable, StoreRecord } from '../../core/host-ports.ts';
import type { Seqno } from '../../core/words.ts';
import type { MapWrites } from '../../formats/entries/write-set.ts';
import { ChampMap } from './champ-map.ts';

/** One table at one moment. */
export interface StoreTable extends FrozenTable {
  readonly live: ChampMap<StoreRecord>;
  /** Keys that were removed and not written since, under minus the seqno of their removal. */
  readonly tombstones: ChampMap<StoreRecord>;
}

/** A table that nothing was ever written to. */
export const emptyTable = (name: string): StoreTable => ({
  name,
  version: 0,
  live: ChampMap.empty(),
  tombstones: ChampMap.empty(),
});

const noValue = new Uint8Array(0);

/** How a {@link ReferenceStore} treats removed keys. */
export interface ReferenceStoreOptions {
  /**
   * Whether removed keys leave tombstones, and CCF's order what it was. Replay needs both; a node's own store
   * must not grow with every key that it ever had.
   * @default true
   */
  readonly keepsTombstones?: boolean;
}

/**
 * The simple store: every table a persistent map, so that freezing is one pointer.
 *
 * Unless told otherwise it keeps what CCF 1.x and 2.x keep of removed keys as well; who serialises the
 * state decides whether tombstones are written. It is the oracle for any faster store.
 */
export class ReferenceStore {
  #tables = new Map<string, StoreTable>();
  #isShared = false;
  readonly #keepsTombstones: boolean;

  constructor({ keepsTombstones = true }: ReferenceStoreOptions = {}) {
    this.#keepsTombstones = keepsTombstones;
  }

  /** A store in a frozen state, which goes on without changing it. */
  static fromTables(
    tables: ReadonlyMap<string, StoreTable>,
    options: ReferenceStoreOptions = {},
  ): ReferenceStore {
    const store = new ReferenceStore(options);
    for (const [name, table] of tables) {
      const isKept = store.#keepsTombstones || table.tombstones.size === 0;
      store.#tables.set(name, isKept ? table : { ...table, tombstones: ChampMap.empty() });
    }
    return store;
  }

  /** Applies one transaction's writes and removals; right after a {@link freeze} wholly or not at all. */
  apply(seqno: Seqno, maps: readonly MapWrites[]): void {
    // A copy counts only when it is finished.
    const tables = this.#isShared ? new Map(this.#tables) : this.#tables;
    for (const writes of maps) {
      const table = tables.get(writes.name) ?? emptyTable(writes.name);
      const options = { seqno, keepsTombstones: this.#keepsTombstones };
      tables.set(writes.name, changed(table, writes, options));
    }
    this.#tables = tables;
    this.#isShared = false;
  }

  /** The state as it is now, which never changes: O(1), and O(tables) for the next {@link apply}. */
  freeze(): ReadonlyMap<string, StoreTable> {
    this.#isShared = true;
    return this.#tables;
  }
}

/**
 * A table after one transaction. Removing a key that is not there changes nothing at all.
 *
 * **Order contract:** writes and removals in one order of keys, as CCF applies them: with another
 * order the trie would get another shape. Keys and values are copied, since a view would keep the
 * whole ledger chunk alive; not by `slice()`, which for a `Buffer` is a view.
 */
function changed(
  table: StoreTable,
  { writes, removes }: MapWrites,
  { seqno, keepsTombstones }: { readonly seqno: Seqno; readonly keepsTombstones: boolean },
): StoreTable {
  const changes = [...writes, ...removes.map((key) => ({ key, value: undefined }))];
  if (writes.length > 0 && removes.length > 0) changes.sort((a, b) => compareBytes(a.key, b.key));
  let { live, tombstones, version } = table;
  for (const { key: given, value } of changes) {
    const key = new Uint8Array(given);
    if (value !== undefined) {
      live = live.put({ key, version: seqno, value: new Uint8Array(value) });
      if (tombstones.size > 0) tombstones = tombstones.remove(key);
    } else {
      if (live.get(key) === undefined) continue;
      live = keepsTombstones ? live.remove(key) : live.prune(key);
      if (keepsTombstones) tombstones = tombstones.put({ key, version: -seqno, value: noValue });
    }
    version = seqno;
  }
  return { name: table.name, version, live, tombstones };
}
