import { expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import { copyState } from '../../../src/serialising/copy-state.ts';
import { unpackState } from '../../../src/serialising/state-transfer.ts';
import { ReferenceStore } from '../../../src/store/heap/reference-store.ts';

const write = (key: string, value: string) => ({ key: toUtf8(key), value: toUtf8(value) });
const table = (writes: ReturnType<typeof write>[], removes: string[] = []) => [
  { name: 'public:t', writes, removes: removes.map(toUtf8) },
];

function tableOf(store: ReferenceStore) {
  const found = store.freeze().get('public:t');
  return {
    version: found?.version,
    live: [...(found?.live.records() ?? [])].map(({ version }) => version),
    tombstones: [...(found?.tombstones?.records() ?? [])].map(({ version }) => version),
  };
}

test('ReferenceStore gives a key the seqno of its last write, and a table that of its last change', () => {
  const store = new ReferenceStore();
  store.apply(seqno(1), table([write('a', '1')]));
  store.apply(seqno(2), table([write('a', '2')]));
  expect(tableOf(store)).toEqual({ version: 2, live: [2], tombstones: [] });
});

test('ReferenceStore is not changed by the removal of a missing key, but the table is born', () => {
  const store = new ReferenceStore();
  store.apply(seqno(3), table([], ['nobody']));
  expect(tableOf(store)).toEqual({ version: 0, live: [], tombstones: [] });
});

test('ReferenceStore keeps a tombstone until the key is written again', () => {
  const store = new ReferenceStore();
  store.apply(seqno(1), table([write('a', '1')]));
  store.apply(seqno(2), table([], ['a']));
  expect(tableOf(store)).toEqual({ version: 2, live: [], tombstones: [-2] });
  store.apply(seqno(3), table([], ['a']));
  expect(tableOf(store)).toEqual({ version: 2, live: [], tombstones: [-2] });
  store.apply(seqno(4), table([write('a', '4')]));
  expect(tableOf(store)).toEqual({ version: 4, live: [4], tombstones: [] });
});

test('ReferenceStore.freeze() shows nothing of what is applied later', () => {
  const store = new ReferenceStore();
  store.apply(seqno(1), table([write('a', '1')]));
  const frozen = store.freeze();
  store.apply(seqno(2), [
    ...table([write('b', '2')]),
    { name: 'public:u', writes: [], removes: [] },
  ]);
  expect([...frozen.keys()]).toEqual(['public:t']);
  expect(frozen.get('public:t')?.live.size).toBe(1);
});

test('drawState() moves a state of many slices to where unpackState() reads it', async () => {
  const store = new ReferenceStore();
  const value = 'v'.repeat(1000);
  for (let n = 1; n <= 1000; n++) store.apply(seqno(n), table([write(`key ${n}`, value)]));
  store.apply(seqno(1001), table([], ['key 7']));
  const pieces = await copyState(store.freeze().values());
  expect(pieces.length).toBeGreaterThan(5);
  const [drawn] = unpackState(pieces);
  expect(drawn).toMatchObject({ name: 'public:t', version: 1001 });
  expect(drawn?.live).toEqual([...(store.freeze().get('public:t')?.live.records() ?? [])]);
  expect(drawn?.tombstones.map(({ version }) => version)).toEqual([-1001]);
});

test('drawState() draws no slice of many records, tables or large values', async () => {
  const store = new ReferenceStore();
  store.apply(seqno(1), table([write('large', 'v'.repeat(1_000_000)), write('small', 'v')]));
  for (let n = 2; n < 1002; n++) {
    store.apply(seqno(n), [{ name: `public:t${n}`, writes: [], removes: [toUtf8('x')] }]);
  }
  const tables = store.freeze();
  const pieces = await copyState(tables.values());
  expect(pieces.map(({ length }) => length).filter((length) => length > 70_000)).toEqual([
    1_000_000,
  ]);
  expect(pieces.length).toBeGreaterThan(4);
  expect(unpackState(pieces).map(({ name }) => name)).toEqual([...tables.keys()]);
});

test('drawState() ends when it is aborted', async () => {
  const store = new ReferenceStore();
  store.apply(seqno(1), table([write('a', '1')]));
  const aborted = AbortSignal.abort(new Error('enough'));
  await expect(copyState(store.freeze().values(), aborted)).rejects.toThrow('enough');
});

test('ReferenceStore keeps the order that CCF has after a removal only beside tombstones', () => {
  // Two keys that share a place at the top, so that one pushes the other down, and one behind them.
  const names = Array.from({ length: 2 ** 12 }, (_, n) => `key ${n}`);
  const placeOf = (name: string) => sipHash24Low32(toUtf8(name)) & 31;
  const [a = '', b = ''] = names.filter((name) => placeOf(name) === 7);
  const last = names.find((name) => placeOf(name) === 31) ?? '';
  const orders = [true, false].map((keepsTombstones) => {
    const store = new ReferenceStore({ keepsTombstones });
    store.apply(seqno(1), table([write(a, '1'), write(b, '1'), write(last, '1')]));
    store.apply(seqno(2), table([], [b]));
    const live = store.freeze().get('public:t')?.live.records() ?? [];
    return [...live].map(({ key }) => fromUtf8(key));
  });
  expect(orders).toEqual([
    [last, a],
    [a, last],
  ]);
});
