import type { Seqno } from '../../../src/core/words.ts';
import type { StoreTable } from '../../../src/store/reference-store.ts';
import type { SourceDriver } from '../../../src/testing/contracts/source-driver.ts';
import { openVersionedStore } from '../contracts/source-drivers.ts';

/** Keeps frozen states by their seqno, so that to release one of two frees them both. */
export function openSharedReleaseStore(): SourceDriver {
  const driver = openVersionedStore();
  const kept = new Map<Seqno, readonly StoreTable[]>();
  return {
    ...driver,
    source: {
      freeze: (seqno) => {
        const frozen = driver.source.freeze(seqno);
        kept.set(seqno, [...frozen.tables] as readonly StoreTable[]);
        return {
          ...frozen,
          get tables() {
            return kept.get(seqno) ?? [];
          },
          release: () => kept.delete(seqno),
        };
      },
    },
  };
}
