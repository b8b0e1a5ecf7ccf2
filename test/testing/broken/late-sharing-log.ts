import { SharedStore } from '../../../src/store/shared-store.ts';
import type { SourceDriver } from '../../../src/testing/contracts/source-driver.ts';
import { openNodeLog } from '../contracts/source-drivers.ts';

/** Walks the state that was frozen, and shares the one of now. */
export function openLateSharingLog(): SourceDriver {
  const driver = openNodeLog((seqno, tables) => new SharedStore(seqno, tables.values()));
  const { source } = driver;
  return {
    ...driver,
    source: {
      freeze: (seqno) => {
        const frozen = source.freeze(seqno);
        return {
          ...frozen,
          share: () => {
            const later = source.freeze(driver.last()).share?.();
            if (later === undefined) throw new Error('the log shares its states');
            return later;
          },
        };
      },
    },
  };
}
