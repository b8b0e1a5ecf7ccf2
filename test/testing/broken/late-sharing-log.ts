import { seqno } from '../../../src/core/words.ts';
import { SharedStore } from '../../../src/store/shared/shared-store.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import { openNodeLog } from '../contracts/source-drivers.ts';

/** Walks the state that was frozen, and shares the one of now. */
export function openLateSharingLog(): SourceDriver {
  const driver = openNodeLog(new SharedStore(seqno(0), []));
  const { source } = driver;
  return {
    ...driver,
    source: {
      freeze: (at) => {
        const frozen = source.freeze(at);
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
