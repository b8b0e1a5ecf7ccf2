import type { Seqno } from '../../../src/core/words.ts';
import type { StoreTable } from '../../../src/store/heap/reference-store.ts';
import { VersionedStore } from '../../../src/store/heap/versioned-store.ts';

/** Forgets a table's version, and makes one up of the records that it has: a removal leaves no trace. */
export class VersionlessStore extends VersionedStore {
  override at(seqno: Seqno): ReadonlyMap<string, StoreTable> {
    return new Map([...super.at(seqno)].map(([name, table]) => [name, withMadeUpVersion(table)]));
  }
}

function withMadeUpVersion(table: StoreTable): StoreTable {
  const versions = [...table.live.records()].map(({ version }) => version);
  return { ...table, version: Math.max(0, ...versions) };
}
