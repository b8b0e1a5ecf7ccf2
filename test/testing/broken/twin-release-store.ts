import type { HeldState } from '../../../src/store/ledger-store.ts';
import { openBrokenStores } from './wrapped-store.ts';

/** Freezes a moment once for all who ask: who is first to release it takes it from the others. */
export const openTwinReleaseStore = openBrokenStores((whole) => {
  let frozen: HeldState | undefined;
  const go = () => {
    frozen = undefined;
  };
  return {
    apply: (seqno, maps) => {
      whole.apply(seqno, maps);
      go();
    },
    rollback: (seqno) => {
      whole.rollback(seqno);
      go();
    },
    freeze: () => {
      if (frozen !== undefined) return frozen;
      const state = whole.freeze();
      let isReleased = false;
      frozen = {
        size: state.size,
        get: (name) => state.get(name),
        values: () => state.values(),
        release: () => {
          if (!isReleased) state.release();
          isReleased = true;
        },
      };
      return frozen;
    },
  };
});
