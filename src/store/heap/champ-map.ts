import { sipHash24Low32 } from '../../formats/snapshot/key-order.ts';
import {
  type Branch,
  emptyBranch,
  find,
  type Keyed,
  prune,
  put,
  remove,
  walk,
} from './champ-trie.ts';

/**
 * A persistent map from bytes to records: each change gives a new map that shares all but one path
 * with the old one, so that freezing a map costs nothing.
 *
 * **Order contract:** the shape, and with it the order of {@link ChampMap.records}, is that of CCF's
 * own map: an item pushed down by another is never pulled up again by {@link ChampMap.remove}. Snapshots
 * of maps whose keys tie in their 32-bit hash can be reproduced only from that order. So the map grows with
 * every key that it ever had; where nobody needs CCF's order, {@link ChampMap.prune} keeps it small.
 *
 * @see CCF `src/ds/champ_map.h`
 */
export class ChampMap<T extends Keyed> {
  readonly #root: Branch<T>;
  readonly size: number;

  private constructor(root: Branch<T>, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<T extends Keyed>(): ChampMap<T> {
    return new ChampMap<T>(emptyBranch, 0);
  }

  get(key: Uint8Array): T | undefined {
    return find(this.#root, { key, hash: sipHash24Low32(key) });
  }

  /** This map with `item` under its key. */
  put(item: T): ChampMap<T> {
    const leaf = { hash: sipHash24Low32(item.key), item };
    const isNew = find(this.#root, { key: item.key, hash: leaf.hash }) === undefined;
    return new ChampMap(put(this.#root, leaf), this.size + (isNew ? 1 : 0));
  }

  /** This map without `key`, of the shape that CCF's has; the map itself when it has none. */
  remove(key: Uint8Array): ChampMap<T> {
    return this.#without(key, remove);
  }

  /** This map without `key`, of the shape that it has when the key never was there; the map itself when it has none. */
  prune(key: Uint8Array): ChampMap<T> {
    return this.#without(key, prune);
  }

  /** The records in CCF's order of traversal. */
  records(): Generator<T, void, undefined> {
    return walk(this.#root);
  }

  #without(key: Uint8Array, shaped: typeof remove): ChampMap<T> {
    const sought = { key, hash: sipHash24Low32(key) };
    if (find(this.#root, sought) === undefined) return this;
    return new ChampMap(shaped(this.#root, sought), this.size - 1);
  }
}
