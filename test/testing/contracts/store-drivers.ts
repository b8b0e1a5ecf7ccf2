import { SharedStore, type SharedStoreOptions } from '../../../src/store/shared/shared-store.ts';
import type { StoreDriver } from '../../../src/testing/contracts/store/store-driver.ts';
import { MemoryPool } from '../../helpers/make-shared-store.ts';

/** Stores in shared memory, one after the other in the same memories. */
export function openSharedStores(options: SharedStoreOptions = {}): () => StoreDriver {
  const pool = new MemoryPool();
  return () => ({
    start: (seqno, tables) =>
      new SharedStore(seqno, tables.values(), { ...options, createMemory: pool.createMemory }),
    close: () => pool.reset(),
  });
}
