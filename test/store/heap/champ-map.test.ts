import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import { ChampMap } from '../../../src/store/heap/champ-map.ts';

interface Item {
  readonly key: Uint8Array;
  readonly value: number;
}

const keyOf = (n: number): Uint8Array => Uint8Array.of(n & 0xff, n >> 8);
const textOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
const contents = (map: ChampMap<Item>) =>
  new Map([...map.records()].map(({ key, value }) => [textOf(key), value]));

/** A change to a map: a value to put, or `undefined` to remove. */
const changes = fc.array(
  fc.record({ n: fc.nat(400), value: fc.option(fc.nat(9), { nil: undefined }) }),
  { maxLength: 300 },
);

type Removal = 'remove' | 'prune';

const applyWith =
  (removal: Removal) => (map: ChampMap<Item>, n: number, value: number | undefined) =>
    value === undefined ? map[removal](keyOf(n)) : map.put({ key: keyOf(n), value });

const removals = ['remove', 'prune'] as const;

test.each(removals)('ChampMap.%s() leaves what a plain map would', (removal) => {
  const apply = applyWith(removal);
  fc.assert(
    fc.property(changes, (list) => {
      let champ = ChampMap.empty<Item>();
      const plain = new Map<string, number>();
      for (const { n, value } of list) {
        champ = apply(champ, n, value);
        if (value === undefined) plain.delete(textOf(keyOf(n)));
        else plain.set(textOf(keyOf(n)), value);
      }
      expect(contents(champ)).toEqual(plain);
      expect(champ.size).toBe(plain.size);
      for (const { n } of list) {
        expect(champ.get(keyOf(n))?.value).toBe(plain.get(textOf(keyOf(n))));
      }
    }),
    { numRuns: 100 },
  );
});

test.each(removals)(
  'ChampMap never changes: what put() and %s() do later does not show in it',
  (removal) => {
    const apply = applyWith(removal);
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        let champ = ChampMap.empty<Item>();
        for (const { n, value } of before) champ = apply(champ, n, value);
        const frozen = champ;
        const held = contents(frozen);
        for (const { n, value } of after) champ = apply(champ, n, value);
        expect(contents(frozen)).toEqual(held);
      }),
      { numRuns: 100 },
    );
  },
);

test.each(removals)('ChampMap.%s() gives the map itself when nothing is removed', (removal) => {
  const map = ChampMap.empty<Item>().put({ key: keyOf(1), value: 1 });
  expect(map[removal](keyOf(2))).toBe(map);
});

test('ChampMap walks items before deeper ones, and a removal pulls none up again', () => {
  // Three keys that share the first five bits of their hash, so that the second and third go deeper.
  const [a, b, c] = Array.from({ length: 2 ** 16 }, (_, n) => keyOf(n)).filter(
    (key) => (sipHash24Low32(key) & 31) === 7,
  );
  if (!a || !b || !c) throw new Error('no keys');
  const shallow = Array.from({ length: 2 ** 16 }, (_, n) => keyOf(n)).find(
    (key) => (sipHash24Low32(key) & 31) === 31,
  );
  if (!shallow) throw new Error('no key');
  const item = (key: Uint8Array) => ({ key, value: 0 });
  const pushed = ChampMap.empty<Item>().put(item(a)).put(item(b)).put(item(shallow));
  const order = (map: ChampMap<Item>) => [...map.records()].map(({ key }) => textOf(key));
  expect(order(pushed)[0]).toBe(textOf(shallow));
  const alone = pushed.remove(b);
  expect(order(alone)).toEqual([textOf(shallow), textOf(a)]);
  // A map in which it never was pushed down has it first.
  expect(order(ChampMap.empty<Item>().put(item(a)).put(item(shallow)))).toEqual([
    textOf(a),
    textOf(shallow),
  ]);
});
