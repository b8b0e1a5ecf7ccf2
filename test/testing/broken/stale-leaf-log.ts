import type { Seqno } from '../../../src/core/words.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import { openNodeLog } from '../contracts/source-drivers.ts';

/** Remembers the leaf of each seqno: when that comes again after a rollback, it is another transaction's. */
export function openStaleLeafLog(): SourceDriver {
  const driver = openNodeLog();
  const leaves = new Map<Seqno, Uint8Array>();
  return {
    ...driver,
    source: {
      freeze: (seqno) => {
        const frozen = driver.source.freeze(seqno);
        const leaf = leaves.get(seqno) ?? frozen.leaf;
        leaves.set(seqno, leaf);
        return { ...frozen, leaf };
      },
    },
  };
}
