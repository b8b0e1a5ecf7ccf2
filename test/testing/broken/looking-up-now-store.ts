import { openBrokenStores } from './wrapped-store.ts';

/** Walks a frozen state as it was, and looks keys up in the state of now. */
export const openLookingUpNowStore = openBrokenStores((whole) => ({
  freeze: () => {
    const state = whole.freeze();
    return {
      size: state.size,
      get: (name) => whole.tables.get(name),
      values: () => state.values(),
      release: () => state.release(),
    };
  },
}));
