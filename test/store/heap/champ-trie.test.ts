import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Branch,
  emptyBranch,
  find,
  prune,
  put,
  walk,
} from '../../../src/store/heap/champ-trie.ts';

interface Item {
  readonly key: Uint8Array;
  readonly value: number;
}

/** A key as the test names it: its hash is chosen, and keys of one hash differ in `n`. */
interface Chosen {
  readonly hash: number;
  readonly n: number;
}

const keyOf = ({ hash, n }: Chosen) => Uint8Array.of(hash, hash >>> 8, hash >>> 16, hash >>> 24, n);
const soughtOf = (chosen: Chosen) => ({ key: keyOf(chosen), hash: chosen.hash });
const put1 = (trie: Branch<Item>, chosen: Chosen, value: number) =>
  put(trie, { hash: chosen.hash, item: { key: keyOf(chosen), value } });

/** Hashes that part at every level, or only in their bins, or not at all. */
const hashes = fc.oneof(
  fc.constantFrom(...[0, 5, 10, 15, 20, 25, 30].map((bit) => 2 ** bit), 2 ** 31, 3 * 2 ** 30, 0),
  fc.nat(0xffff_ffff),
  fc.nat(3).map((place) => place * 32 + 7),
);

/** A change to a map: a value to put, or `undefined` to prune. */
const changes = fc.array(
  fc.record({
    hash: hashes,
    n: fc.nat(2),
    value: fc.option(fc.nat(9), { nil: undefined }),
  }),
  { maxLength: 120 },
);

interface Pair {
  readonly trie: Branch<Item>;
  readonly plain: ReadonlyMap<string, readonly [Chosen, number]>;
}

/** A trie and a plain map after the same changes. */
function changed(list: readonly (Chosen & { readonly value: number | undefined })[]): Pair {
  let trie: Branch<Item> = emptyBranch;
  const plain = new Map<string, readonly [Chosen, number]>();
  for (const { hash, n, value } of list) {
    const name = `${hash}.${n}`;
    if (value !== undefined) {
      trie = put1(trie, { hash, n }, value);
      plain.set(name, [{ hash, n }, value]);
    } else if (plain.delete(name)) trie = prune(trie, soughtOf({ hash, n }));
  }
  return { trie, plain };
}

test('prune() leaves what a plain map would', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const { trie, plain } = changed(list);
      for (const { hash, n } of list) {
        expect(find(trie, soughtOf({ hash, n }))?.value).toBe(plain.get(`${hash}.${n}`)?.[1]);
      }
      expect([...walk(trie)]).toHaveLength(plain.size);
    }),
    { numRuns: 300 },
  );
});

test('prune() leaves the trie of what is left, whatever was there before', () => {
  fc.assert(
    fc.property(changes, (list) => {
      const { trie, plain } = changed(list);
      // A Map, too, has what was put again behind what stayed: so even the bins are alike.
      let fresh: Branch<Item> = emptyBranch;
      for (const [chosen, value] of plain.values()) fresh = put1(fresh, chosen, value);
      expect(trie).toEqual(fresh);
    }),
    { numRuns: 300 },
  );
});

test('prune() of everything leaves nothing, in any order', () => {
  const chosen = fc.uniqueArray(fc.record({ hash: hashes, n: fc.nat(2) }), {
    maxLength: 60,
    selector: ({ hash, n }) => `${hash}.${n}`,
  });
  const orders = chosen.chain((keys) =>
    fc.tuple(fc.constant(keys), fc.shuffledSubarray(keys, { minLength: keys.length })),
  );
  fc.assert(
    fc.property(orders, ([keys, order]) => {
      let trie: Branch<Item> = emptyBranch;
      for (const key of keys) trie = put1(trie, key, 1);
      for (const key of order) trie = prune(trie, soughtOf(key));
      expect(trie).toEqual(emptyBranch);
    }),
    { numRuns: 100 },
  );
});
