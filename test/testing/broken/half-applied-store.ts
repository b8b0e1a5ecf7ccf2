import { openBrokenStores } from './wrapped-store.ts';

/** Keeps what it could read of a transaction that failed half way, and lets the next one stand on it. */
export const openHalfAppliedStore = openBrokenStores((whole) => {
  let left: Parameters<typeof whole.apply>[1] = [];
  return {
    apply: (seqno, maps) => {
      try {
        whole.apply(seqno, [...left, ...maps]);
        left = [];
      } catch (error) {
        left = maps.slice(0, -1);
        throw error;
      }
    },
  };
});
