import type { Seqno } from '../../../src/core/words.ts';
import type { LedgerStore } from '../../../src/store/ledger-store.ts';
import type { StoreDriver } from '../../../src/testing/contracts/store/store-driver.ts';
import { openSharedStores } from '../contracts/store-drivers.ts';

/** A store in shared memory, broken in one place; what is not in `breakage` works. */
export function openBrokenStores(
  breakage: (whole: LedgerStore) => Partial<LedgerStore>,
): () => StoreDriver {
  const open = openSharedStores();
  return () => {
    const driver = open();
    return {
      ...driver,
      start: async (seqno, tables) => {
        const whole = await driver.start(seqno, tables);
        // Getters must stay what they are.
        const broken = Object.getOwnPropertyDescriptors(breakage(whole));
        return Object.defineProperties(methodsOf(whole), broken);
      },
    };
  };
}

function methodsOf(store: LedgerStore): LedgerStore {
  return {
    get seqno(): Seqno {
      return store.seqno;
    },
    get compacted(): Seqno {
      return store.compacted;
    },
    get tables() {
      return store.tables;
    },
    apply: (seqno, maps) => store.apply(seqno, maps),
    rollback: (seqno) => store.rollback(seqno),
    compact: (seqno) => store.compact(seqno),
    freeze: () => store.freeze(),
  };
}
