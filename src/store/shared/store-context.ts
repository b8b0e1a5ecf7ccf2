import type { StoreContext } from '../index/buckets.ts';
import { Chains } from '../index/chains.ts';
import { IndexReader } from '../index/index-reader.ts';
import { KeyScratch } from '../kernels/key-scratch.ts';
import { Arena, type ArenaOptions, type ArenaState } from '../memory/arena.ts';
import { Epochs } from '../memory/epochs.ts';

/** How a {@link StoreContext} is opened. */
export interface StoreContextOptions extends ArenaOptions {
  /** In place of CCF's hash, to make keys collide. */
  readonly hash?: (key: Uint8Array) => number;
}

/** Tools for memory of one's own, or for what another thread has filled. @throws RangeError as {@link Arena} */
export function openStoreContext(options: StoreContextOptions, state?: ArenaState): StoreContext {
  const arena = new Arena(options, state);
  const epochs = new Epochs(arena);
  return {
    arena,
    memories: arena.memories,
    epochs,
    chains: new Chains(arena, epochs),
    reader: new IndexReader(arena.memories),
    key: new KeyScratch(options.hash),
  };
}
