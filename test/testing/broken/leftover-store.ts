import type { LedgerState, LedgerStore, TableState } from '../../../src/store/ledger-store.ts';
import { openBrokenStores } from './wrapped-store.ts';

/** Takes back the records of a rollback, but not the versions of the tables. */
export const openLeftoverStore = openBrokenStores((whole) => {
  const versions = new Map<string, number>();
  return {
    apply: (seqno, maps) => {
      whole.apply(seqno, maps);
      for (const { name, version } of whole.tables.values()) versions.set(name, version);
    },
    get tables() {
      return withVersions(whole, new Map(versions));
    },
  };
});

function withVersions({ tables }: LedgerStore, versions: ReadonlyMap<string, number>): LedgerState {
  const kept = (table: TableState): TableState => ({
    ...table,
    version: versions.get(table.name) ?? table.version,
  });
  return {
    size: tables.size,
    get: (name) => {
      const table = tables.get(name);
      return table && kept(table);
    },
    values: () => [...tables.values()].map(kept),
  };
}
