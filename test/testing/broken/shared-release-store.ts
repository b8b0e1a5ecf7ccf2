import type { FrozenTable } from '../../../src/core/host-ports.ts';
import type { Seqno } from '../../../src/core/words.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import { openVersionedStore } from '../contracts/source-drivers.ts';

/** Keeps frozen states by their seqno, so that to release one of two frees them both. */
export function openSharedReleaseStore(): SourceDriver {
  const driver = openVersionedStore();
  const kept = new Map<Seqno, readonly FrozenTable[]>();
  return {
    ...driver,
    source: {
      freeze: (seqno) => {
        const frozen = driver.source.freeze(seqno);
        kept.set(seqno, [...frozen.tables]);
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
