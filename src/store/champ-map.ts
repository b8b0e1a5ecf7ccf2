import { equalBytes } from '../core/bytes.ts';
import { sipHash24Low32 } from '../formats/key-order.ts';

interface Leaf<T> {
  readonly hash: number;
  readonly item: T;
}

/** What a trie holds at one of its 32 places: nothing, an item, or a smaller trie. */
interface Branch<T> {
  readonly items: readonly (Leaf<T> | undefined)[];
  readonly branches: readonly (Branch<T> | Bins<T> | undefined)[];
}

/** Below the last level: four bins by the top two bits of the hash, each in order of insertion. */
type Bins<T> = readonly (readonly Leaf<T>[])[];

const bitsPerLevel = 5;
const levels = 6;

const emptyBranch = { items: [], branches: [] };
const emptyBins: Bins<never> = [[], [], [], []];

const placeOf = (hash: number, depth: number): number => (hash >>> (bitsPerLevel * depth)) & 31;
const binOf = (hash: number): number => hash >>> 30;

function withAt<T>(list: readonly T[], index: number, value: T): T[] {
  const copy = list.slice();
  copy[index] = value;
  return copy;
}

/**
 * A persistent map from bytes to records: each change gives a new map that shares all but one path
 * with the old one, so that freezing a map costs nothing.
 *
 * **Order contract:** the shape, and with it the order of {@link ChampMap.records}, is that of CCF's
 * own map: an item pushed down by another is never pulled up again by a removal. Snapshots of maps
 * whose keys tie in their 32-bit hash can be reproduced only from that order.
 *
 * @see CCF `src/ds/champ_map.h`
 */
export class ChampMap<T extends { readonly key: Uint8Array }> {
  readonly #root: Branch<T>;
  readonly size: number;

  private constructor(root: Branch<T>, size: number) {
    this.#root = root;
    this.size = size;
  }

  static empty<T extends { readonly key: Uint8Array }>(): ChampMap<T> {
    return new ChampMap<T>(emptyBranch, 0);
  }

  get(key: Uint8Array): T | undefined {
    return find(this.#root, { key, hash: sipHash24Low32(key) });
  }

  /** This map with `item` under its key. */
  put(item: T): ChampMap<T> {
    const leaf = { hash: sipHash24Low32(item.key), item };
    const isNew = find(this.#root, { key: item.key, hash: leaf.hash }) === undefined;
    return new ChampMap(putInBranch(this.#root, leaf, 0), this.size + (isNew ? 1 : 0));
  }

  /** This map without `key`; the map itself when it has none. */
  remove(key: Uint8Array): ChampMap<T> {
    const hash = sipHash24Low32(key);
    if (find(this.#root, { key, hash }) === undefined) return this;
    return new ChampMap(removeFromBranch(this.#root, { key, hash }, 0), this.size - 1);
  }

  /** The records in CCF's order of traversal. */
  records(): Generator<T, void, undefined> {
    return walkBranch(this.#root);
  }
}

interface Sought {
  readonly key: Uint8Array;
  readonly hash: number;
}

const holds = <T extends { readonly key: Uint8Array }>(leaf: Leaf<T>, { key, hash }: Sought) =>
  leaf.hash === hash && equalBytes(leaf.item.key, key);

function find<T extends { readonly key: Uint8Array }>(
  root: Branch<T>,
  sought: Sought,
): T | undefined {
  let branch = root;
  for (let depth = 0; depth < levels; depth++) {
    const place = placeOf(sought.hash, depth);
    const leaf = branch.items[place];
    if (leaf) return holds(leaf, sought) ? leaf.item : undefined;
    const below = branch.branches[place];
    if (below === undefined) return undefined;
    if (isBins(below)) return below[binOf(sought.hash)]?.find((leaf) => holds(leaf, sought))?.item;
    branch = below;
  }
  return undefined;
}

function isBins<T>(below: Branch<T> | Bins<T>): below is Bins<T> {
  return Array.isArray(below);
}

function putInBranch<T extends { readonly key: Uint8Array }>(
  branch: Branch<T>,
  leaf: Leaf<T>,
  depth: number,
): Branch<T> {
  const place = placeOf(leaf.hash, depth);
  const { items, branches } = branch;
  const below = branches[place];
  if (below !== undefined) {
    return { items, branches: withAt(branches, place, putBelow(below, leaf, depth + 1)) };
  }
  const there = items[place];
  if (there === undefined || holds(there, { key: leaf.item.key, hash: leaf.hash })) {
    return { items: withAt(items, place, leaf), branches };
  }
  const fresh = depth + 1 < levels ? (emptyBranch as Branch<T>) : (emptyBins as Bins<T>);
  const pushed = putBelow(putBelow(fresh, there, depth + 1), leaf, depth + 1);
  return {
    items: withAt(items, place, undefined),
    branches: withAt(branches, place, pushed),
  };
}

function putBelow<T extends { readonly key: Uint8Array }>(
  below: Branch<T> | Bins<T>,
  leaf: Leaf<T>,
  depth: number,
): Branch<T> | Bins<T> {
  if (!isBins(below)) return putInBranch(below, leaf, depth);
  const bin = below[binOf(leaf.hash)] ?? [];
  const at = bin.findIndex((other) => holds(other, { key: leaf.item.key, hash: leaf.hash }));
  return withAt(below, binOf(leaf.hash), at < 0 ? [...bin, leaf] : withAt(bin, at, leaf));
}

function removeFromBranch<T extends { readonly key: Uint8Array }>(
  branch: Branch<T>,
  sought: Sought,
  depth: number,
): Branch<T> {
  const place = placeOf(sought.hash, depth);
  const below = branch.branches[place];
  if (below === undefined) {
    return { items: withAt(branch.items, place, undefined), branches: branch.branches };
  }
  const rest = isBins(below)
    ? withAt(
        below,
        binOf(sought.hash),
        (below[binOf(sought.hash)] ?? []).filter((leaf) => !holds(leaf, sought)),
      )
    : removeFromBranch(below, sought, depth + 1);
  return { items: branch.items, branches: withAt(branch.branches, place, rest) };
}

function* walkBranch<T>(branch: Branch<T>): Generator<T, void, undefined> {
  for (const leaf of branch.items) if (leaf) yield leaf.item;
  for (const below of branch.branches) {
    if (below === undefined) continue;
    if (isBins(below)) for (const bin of below) for (const leaf of bin) yield leaf.item;
    else yield* walkBranch(below);
  }
}
