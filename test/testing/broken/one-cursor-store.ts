import type { FrozenTable, StoreRecord } from '../../../src/core/host-ports.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import { openVersionedStore } from '../contracts/source-drivers.ts';

/** Has one cursor for all: a walk ends where another one begins. */
export function openOneCursorStore(): SourceDriver {
  const driver = openVersionedStore();
  let walk = 0;
  function* walked(table: FrozenTable): Generator<StoreRecord, void, undefined> {
    walk += 1;
    const own = walk;
    for (const record of table.live.records()) {
      if (walk !== own) return;
      yield record;
    }
  }
  const withCursor = (table: FrozenTable): FrozenTable => ({
    ...table,
    live: { size: table.live.size, records: () => walked(table) },
  });
  return {
    ...driver,
    source: {
      freeze: (seqno) => {
        const frozen = driver.source.freeze(seqno);
        return { ...frozen, tables: [...frozen.tables].map(withCursor) };
      },
    },
  };
}
