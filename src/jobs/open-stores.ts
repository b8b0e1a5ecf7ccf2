import type { Seqno } from '../core/words.ts';
import type { StoreTable } from '../store/heap/reference-store.ts';
import { VersionedStore } from '../store/heap/versioned-store.ts';
import type { LedgerStore } from '../store/ledger-store.ts';
import type { BuiltStore } from '../store/memory/built-store.ts';
import { SharedStore } from '../store/shared/shared-store.ts';

/** How a state is kept. */
export interface StoreOptions {
  /**
   * Whether removed keys leave tombstones.
   * @default false
   */
  readonly keepsTombstones?: boolean;
}

/** Opens a store in the state after `seqno`. */
export type OpenStore = (
  seqno: Seqno,
  tables: ReadonlyMap<string, StoreTable>,
  storeOptions?: StoreOptions,
) => LedgerStore;

/** Takes over a state that a job has loaded, as `storeOptions` says that it did. */
export type AdoptStore = (built: BuiltStore, storeOptions?: StoreOptions) => LedgerStore;

/** Opens a store on the JavaScript heap. */
export const openVersionedStore: OpenStore = (seqno, tables, storeOptions) =>
  new VersionedStore(seqno, tables, storeOptions);

/** Opens a store in shared memory. */
export const openSharedStore: OpenStore = (seqno, tables, storeOptions) =>
  new SharedStore(seqno, tables.values(), storeOptions);

/** Goes on in the shared memory that the job has filled. */
export const adoptSharedStore: AdoptStore = (built, storeOptions) =>
  SharedStore.adopt(built, storeOptions);
