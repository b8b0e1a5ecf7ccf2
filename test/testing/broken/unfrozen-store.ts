import { toUtf8 } from '../../../src/core/bytes.ts';
import type { FrozenTable, StoreRecord } from '../../../src/core/host-ports.ts';
import { seqno as toSeqno } from '../../../src/core/words.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import { plainSource } from '../contracts/plain-source.ts';

interface LiveTable {
  version: number;
  readonly records: Map<string, StoreRecord>;
}

/** Freezes nothing: a frozen table reads the map that transactions go on changing. */
export function openUnfrozenStore(): SourceDriver {
  const tables = new Map<string, LiveTable>();
  let last = 0;
  return plainSource({
    tables: ['public:records', 'private'],
    last: () => toSeqno(last),
    apply: (changes) => {
      last += 1;
      for (const { table, key, value } of changes) {
        const live = tables.get(table) ?? { version: 0, records: new Map() };
        tables.set(table, live);
        live.version = last;
        if (value === undefined) live.records.delete(key);
        else live.records.set(key, { key: toUtf8(key), version: last, value: toUtf8(value) });
      }
    },
    freeze: () => [...tables].map(([name, table]) => frozen(name, table)),
  });
}

function frozen(name: string, { version, records }: LiveTable): FrozenTable {
  return { name, version, live: { size: records.size, records: () => records.values() } };
}
