import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import type { MapWrites } from '../../../src/formats/entries/write-set.ts';
import { ReferenceStore, type StoreTable } from '../../../src/store/heap/reference-store.ts';
import { VersionedStore } from '../../../src/store/heap/versioned-store.ts';

const put = (key: string, value: string, name = 'public:t'): MapWrites[] => [
  { name, writes: [{ key: toUtf8(key), value: toUtf8(value) }], removes: [] },
];
const remove = (key: string, name = 'public:t'): MapWrites[] => [
  { name, writes: [], removes: [toUtf8(key)] },
];

/** Names with the version of each table and of each key, values as hex. */
function contents(tables: ReadonlyMap<string, StoreTable>) {
  return new Map(
    [...tables].map(([name, { version, live }]) => [
      name,
      {
        version,
        records: new Map(
          [...live.records()].map((record) => [
            toHex(record.key),
            { version: record.version, value: toHex(record.value) },
          ]),
        ),
      },
    ]),
  );
}

type Contents = ReturnType<typeof contents>;

/** A new ledger's store after the transactions 1, 2, … */
function storeOf(...transactions: MapWrites[][]): VersionedStore {
  const store = new VersionedStore(seqno(0), new Map());
  transactions.forEach((maps, i) => {
    store.apply(seqno(i + 1), maps);
  });
  return store;
}

/** The only value of a table that holds one key. */
const textIn = (tables: ReadonlyMap<string, StoreTable>, name = 'public:t') =>
  [...(tables.get(name)?.live.records() ?? [])].map(({ value }) => Buffer.from(value).toString());

test('VersionedStore of a new ledger has one version, of seqno 0 and no table', () => {
  const store = new VersionedStore(seqno(0), new Map());
  expect([store.seqno, store.compacted, store.tables.size, store.at(seqno(0)).size]).toEqual([
    0, 0, 0, 0,
  ]);
});

test('VersionedStore goes on from the state that it is given', () => {
  const given = new ReferenceStore();
  given.apply(seqno(41), put('a', '41'));
  const store = new VersionedStore(seqno(42), given.freeze());
  store.apply(seqno(43), put('b', '43', 'public:u'));
  expect([store.compacted, store.seqno, textIn(store.tables)]).toEqual([42, 43, ['41']]);
});

test('VersionedStore leaves the state that it is given as it was', () => {
  const given = new ReferenceStore();
  given.apply(seqno(1), put('a', '1'));
  const tables = given.freeze();
  const store = new VersionedStore(seqno(1), tables);
  store.apply(seqno(2), [...put('a', '2'), ...put('a', '2', 'public:u')]);
  expect([textIn(tables), tables.size]).toEqual([['1'], 1]);
});

test('VersionedStore drops the tombstones of the state that it is given', () => {
  const given = new ReferenceStore();
  given.apply(seqno(1), put('a', '1'));
  given.apply(seqno(2), remove('a'));
  const store = new VersionedStore(seqno(2), given.freeze());
  expect(store.tables.get('public:t')?.tombstones.size).toBe(0);
});

test('VersionedStore.apply() keeps no tombstone', () => {
  const store = storeOf(put('a', '1'), remove('a'));
  expect(store.tables.get('public:t')).toMatchObject({
    version: 2,
    live: { size: 0 },
    tombstones: { size: 0 },
  });
});

test('VersionedStore.apply() creates a table by the removal of a missing key, at version 0', () => {
  const store = storeOf(remove('nobody'));
  expect(store.tables.get('public:t')).toMatchObject({ version: 0, live: { size: 0 } });
});

test('VersionedStore.apply() changes no table by the removal of a missing key', () => {
  const store = storeOf(put('a', '1'), remove('nobody'));
  expect(store.tables.get('public:t')?.version).toBe(1);
});

test('VersionedStore.apply() copies keys and values, of a Buffer too', () => {
  const [key, value] = [Buffer.from('key'), Buffer.from('value')];
  const store = storeOf([{ name: 't', writes: [{ key, value }], removes: [] }]);
  key.fill(0);
  value.fill(0);
  const records = [...(store.tables.get('t')?.live.records() ?? [])];
  expect(records).toEqual([{ key: toUtf8('key'), version: 1, value: toUtf8('value') }]);
});

test.each([0, 1, 3])('VersionedStore.apply() refuses seqno %i after 1', (next) => {
  const store = storeOf(put('a', '1'));
  expect(() => store.apply(seqno(next), [])).toThrow(`${next} is applied after 1`);
});

test('VersionedStore.tables stays as it was when more is applied', () => {
  const store = storeOf(put('a', '1'));
  const { tables } = store;
  store.apply(seqno(2), [...put('a', '2'), ...put('a', '2', 'public:u')]);
  expect([textIn(tables), tables.size]).toEqual([['1'], 1]);
});

test('VersionedStore.at() gives the state after that seqno', () => {
  const store = storeOf(put('a', '1'), put('a', '2'), put('a', '3'));
  expect([1, 2, 3].map((at) => textIn(store.at(seqno(at))))).toEqual([['1'], ['2'], ['3']]);
});

test('VersionedStore.at() stays as it was when it is rolled back and compacted away', () => {
  const store = storeOf(put('a', '1'), put('a', '2'));
  const tables = store.at(seqno(2));
  store.rollback(seqno(1));
  store.apply(seqno(2), put('a', 'other'));
  store.apply(seqno(3), []);
  store.compact(seqno(3));
  expect(textIn(tables)).toEqual(['2']);
});

test.each([1, 4])('VersionedStore.at() refuses %i where there are 2 to 3', (at) => {
  const store = storeOf([], [], []);
  store.compact(seqno(2));
  expect(() => store.at(seqno(at))).toThrow(new RangeError(`no state at ${at}: there are 2 to 3`));
});

test('VersionedStore.rollback() takes back tables, keys and versions', () => {
  const store = storeOf(put('a', '1'), put('a', '2', 'public:u'), remove('a'));
  store.rollback(seqno(1));
  expect(contents(store.tables)).toEqual(contents(storeOf(put('a', '1')).tables));
});

test('VersionedStore.rollback() lets its seqnos be applied again', () => {
  const store = storeOf(put('a', '1'), put('a', '2'));
  store.rollback(seqno(1));
  store.apply(seqno(2), put('a', 'other'));
  expect([store.seqno, textIn(store.at(seqno(2)))]).toEqual([2, ['other']]);
});

test('VersionedStore.rollback() leaves a store that keeps no tombstone', () => {
  const store = storeOf(put('a', '1'), []);
  store.rollback(seqno(1));
  store.apply(seqno(2), remove('a'));
  expect(store.tables.get('public:t')?.tombstones.size).toBe(0);
});

test.each([1, 4])('VersionedStore.rollback() to %i of 2 to 3 throws and changes nothing', (to) => {
  const store = storeOf([], [], put('a', '3'));
  store.compact(seqno(2));
  expect(() => store.rollback(seqno(to))).toThrow(RangeError);
  expect([store.compacted, store.seqno, textIn(store.tables)]).toEqual([2, 3, ['3']]);
});

test('VersionedStore.compact() keeps the version at its seqno', () => {
  const store = storeOf(put('a', '1'), put('a', '2'), put('a', '3'));
  store.compact(seqno(2));
  expect([store.compacted, textIn(store.at(seqno(2)))]).toEqual([2, ['2']]);
});

test('VersionedStore.compact() does nothing when more was compacted', () => {
  const store = storeOf([], [], []);
  store.compact(seqno(2));
  store.compact(seqno(1));
  expect(store.compacted).toBe(2);
});

test('VersionedStore.compact() refuses what was not applied', () => {
  const store = storeOf([]);
  expect(() => store.compact(seqno(2))).toThrow(
    new RangeError('compacting to 2, but 1 is the last applied'),
  );
});

/** A store as simple as can be: all versions, whole. */
interface Model {
  compacted: number;
  seqno: number;
  readonly versions: Map<number, Contents>;
}

function applyToModel(model: Model, maps: readonly MapWrites[]): void {
  const tables = structuredClone(model.versions.get(model.seqno) ?? new Map()) as Contents;
  model.seqno++;
  for (const { name, writes, removes } of maps) {
    const table = tables.get(name) ?? { version: 0, records: new Map() };
    tables.set(name, table);
    for (const { key, value } of writes) {
      table.records.set(toHex(key), { version: model.seqno, value: toHex(value) });
      table.version = model.seqno;
    }
    for (const key of removes) {
      if (table.records.delete(toHex(key))) table.version = model.seqno;
    }
  }
  model.versions.set(model.seqno, tables);
}

const keys = ['', '\0', 'a', 'b', '__proto__', 'constructor'].map(toUtf8);

const mapWrites = fc
  .record({
    name: fc.constantFrom('public:t', 't', '__proto__'),
    changes: fc.uniqueArray(
      fc.record({
        key: fc.constantFrom(...keys),
        value: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }),
      }),
      { selector: ({ key }) => toHex(key), maxLength: 4 },
    ),
  })
  .map(({ name, changes }): MapWrites => {
    const writes = changes.flatMap(({ key, value }) => (value ? [{ key, value }] : []));
    const removes = changes.flatMap(({ key, value }) => (value ? [] : [key]));
    return { name, writes, removes };
  });

/** What may happen; `back` 0 is one seqno beyond the last. */
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      maps: fc.uniqueArray(mapWrites, { selector: ({ name }) => name, maxLength: 3 }),
    }),
  },
  fc.record({
    kind: fc.constantFrom('rollback' as const, 'compact' as const, 'at' as const),
    back: fc.nat(5),
  }),
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Does the same to both; where the model has no such version the store must throw a RangeError. */
function take(step: Step, store: VersionedStore, model: Model): void {
  if (step.kind === 'apply') {
    store.apply(seqno(model.seqno + 1), step.maps);
    applyToModel(model, step.maps);
    return;
  }
  const to = Math.max(0, model.seqno + 1 - step.back);
  const isThere = model.versions.has(to);
  if (step.kind === 'compact' && to < model.compacted) store.compact(seqno(to));
  else if (!isThere) expect(() => store[step.kind](seqno(to))).toThrow(RangeError);
  else if (step.kind === 'at')
    expect(contents(store.at(seqno(to)))).toEqual(model.versions.get(to));
  else {
    store[step.kind](seqno(to));
    model[step.kind === 'rollback' ? 'seqno' : 'compacted'] = to;
    const isKept = (at: number) => at >= model.compacted && at <= model.seqno;
    for (const at of [...model.versions.keys()]) if (!isKept(at)) model.versions.delete(at);
  }
}

test('VersionedStore has the versions that a list of whole states would have', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new VersionedStore(seqno(0), new Map());
      const model: Model = { compacted: 0, seqno: 0, versions: new Map([[0, new Map()]]) };
      const frozen: { tables: ReadonlyMap<string, StoreTable>; expected: Contents | undefined }[] =
        [];
      for (const step of steps) {
        take(step, store, model);
        expect([store.seqno, store.compacted]).toEqual([model.seqno, model.compacted]);
        frozen.push({ tables: store.tables, expected: model.versions.get(model.seqno) });
      }
      for (const [at, expected] of model.versions) {
        expect(contents(store.at(seqno(at)))).toEqual(expected);
      }
      // Whatever came after, each state is as it was when it was taken.
      for (const { tables, expected } of frozen) expect(contents(tables)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

test('ReferenceStore.fromTables() keeps tombstones unless it is told not to', () => {
  const given = new ReferenceStore();
  given.apply(seqno(1), put('a', '1'));
  given.apply(seqno(2), remove('a'));
  const sizes = [true, false].map((keepsTombstones) => {
    const store = ReferenceStore.fromTables(given.freeze(), { keepsTombstones });
    return store.freeze().get('public:t')?.tombstones.size;
  });
  expect(sizes).toEqual([1, 0]);
});

test('ReferenceStore.fromTables() goes on with tombstones by default', () => {
  const store = ReferenceStore.fromTables(storeOf(put('a', '1')).tables);
  store.apply(seqno(2), remove('a'));
  expect(store.freeze().get('public:t')?.tombstones.size).toBe(1);
});
