import { equalBytes } from '../../core/bytes.ts';

/** An item in the trie, with the hash of its key. */
interface Leaf<T> {
  readonly hash: number;
  readonly item: T;
}

/** What a trie holds at one of its 32 places: nothing, an item, or a smaller trie. Nothing follows its last one. */
export interface Branch<T> {
  readonly items: readonly (Leaf<T> | undefined)[];
  readonly branches: readonly (Branch<T> | Bins<T> | undefined)[];
}

/** Below the last level: four bins by the top two bits of the hash, each in order of insertion. */
type Bins<T> = readonly (readonly Leaf<T>[])[];

/** What has a key of bytes. */
export interface Keyed {
  readonly key: Uint8Array;
}

/** A key, and its hash. */
interface Sought extends Keyed {
  readonly hash: number;
}

const bitsPerLevel = 5;
const levels = 6;

/** A trie without an item. */
export const emptyBranch: Branch<never> = { items: [], branches: [] };
const emptyBins: Bins<never> = [[], [], [], []];

const placeOf = (hash: number, depth: number): number => (hash >>> (bitsPerLevel * depth)) & 31;
const binOf = (hash: number): number => hash >>> 30;

const holds = <T extends Keyed>(leaf: Leaf<T>, { key, hash }: Sought) =>
  leaf.hash === hash && equalBytes(leaf.item.key, key);

function isBins<T>(below: Branch<T> | Bins<T>): below is Bins<T> {
  return Array.isArray(below);
}

function withAt<T>(list: readonly T[], index: number, value: T): T[] {
  const copy = list.slice();
  copy[index] = value;
  return copy;
}

/** The list with nothing at `index`, as long as its last value asks for. */
function without<T>(list: readonly (T | undefined)[], index: number): (T | undefined)[] {
  const copy = withAt(list, index, undefined);
  while (copy.length > 0 && copy.at(-1) === undefined) copy.pop();
  return copy;
}

/** The item under a key. */
export function find<T extends Keyed>(root: Branch<T>, sought: Sought): T | undefined {
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

/** The trie with an item under its key; one that has its place is pushed down. */
export function put<T extends Keyed>(branch: Branch<T>, leaf: Leaf<T>, depth = 0): Branch<T> {
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
  const fresh: Branch<T> | Bins<T> = depth + 1 < levels ? emptyBranch : emptyBins;
  const pushed = putBelow(putBelow(fresh, there, depth + 1), leaf, depth + 1);
  return { items: without(items, place), branches: withAt(branches, place, pushed) };
}

function putBelow<T extends Keyed>(
  below: Branch<T> | Bins<T>,
  leaf: Leaf<T>,
  depth: number,
): Branch<T> | Bins<T> {
  if (!isBins(below)) return put(below, leaf, depth);
  const bin = below[binOf(leaf.hash)] ?? [];
  const at = bin.findIndex((other) => holds(other, { key: leaf.item.key, hash: leaf.hash }));
  return withAt(below, binOf(leaf.hash), at < 0 ? [...bin, leaf] : withAt(bin, at, leaf));
}

/** What becomes of a place from below which an item was removed. */
type Settle = <T>(branch: Branch<T>, place: number, below: Branch<T> | Bins<T>) => Branch<T>;

/** The trie without a key that it holds; what has been pushed down stays where it is, as in CCF. */
export function remove<T extends Keyed>(root: Branch<T>, sought: Sought): Branch<T> {
  return removeFrom(root, sought, { depth: 0, settle: stay });
}

/**
 * The trie without a key that it holds, of the shape that it has when the key never was there: an item that is left
 * alone below a place comes up. Only bins keep their order of insertion.
 */
export function prune<T extends Keyed>(root: Branch<T>, sought: Sought): Branch<T> {
  return removeFrom(root, sought, { depth: 0, settle: comeUp });
}

function removeFrom<T extends Keyed>(
  { items, branches }: Branch<T>,
  sought: Sought,
  { depth, settle }: { readonly depth: number; readonly settle: Settle },
): Branch<T> {
  const place = placeOf(sought.hash, depth);
  const below = branches[place];
  if (below === undefined) return { items: without(items, place), branches };
  const rest = isBins(below)
    ? removeFromBins(below, sought)
    : removeFrom(below, sought, { depth: depth + 1, settle });
  return settle({ items, branches }, place, rest);
}

function removeFromBins<T extends Keyed>(bins: Bins<T>, sought: Sought): Bins<T> {
  const bin = bins[binOf(sought.hash)] ?? [];
  return withAt(
    bins,
    binOf(sought.hash),
    bin.filter((leaf) => !holds(leaf, sought)),
  );
}

const stay: Settle = ({ items, branches }, place, below) => ({
  items,
  branches: withAt(branches, place, below),
});

const comeUp: Settle = ({ items, branches }, place, below) => {
  const leaves = isBins(below) ? below.flat() : below.items.filter((leaf) => leaf !== undefined);
  if (leaves.length > 1 || (!isBins(below) && below.branches.length > 0)) {
    return stay({ items, branches }, place, below);
  }
  const [alone] = leaves;
  return {
    items: alone === undefined ? items : withAt(items, place, alone),
    branches: without(branches, place),
  };
};

/** The items in CCF's order of traversal: those of a trie, then those of the smaller ones in it. */
export function* walk<T>({ items, branches }: Branch<T>): Generator<T, void, undefined> {
  for (const leaf of items) if (leaf) yield leaf.item;
  for (const below of branches) {
    if (below === undefined) continue;
    if (isBins(below)) for (const bin of below) for (const leaf of bin) yield leaf.item;
    else yield* walk(below);
  }
}
