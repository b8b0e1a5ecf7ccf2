import { toUtf8 } from '../../core/bytes.ts';
import { seqno as toSeqno } from '../../core/words.ts';
import { ReferenceStore } from '../../store/reference-store.ts';
import { Transaction } from '../../store/transaction.ts';
import { check, checkSame, thrownBy } from './expectations.ts';
import {
  applyNext,
  contentOf,
  mapsOf,
  type StoreCase,
  StoreRun,
  startEmpty,
} from './store-driver.ts';

const a = 'public:a';
const b = 'b';

const recordOf = (
  store: { readonly tables: ReadonlyMap<string, TableLike> },
  table: string,
  key: string,
) => store.tables.get(table)?.live.get(toUtf8(key));

interface TableLike {
  readonly live: { get(key: Uint8Array): object | undefined };
}

const oddKeys = [[], [0], [0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [255], [255, 255], [97, 0], [97]];

/** What one state holds: T1 to T5, T11 and T12. */
export const stateCases: readonly StoreCase[] = [
  {
    rule: 'T1',
    title: 'a new store is at 0 and has no table',
    async run(driver) {
      const store = await startEmpty(driver);
      checkSame([store.seqno, store.compacted], [0, 0], 'seqno and oldest version');
      checkSame(contentOf(store.tables), [], 'the state');
      checkSame(contentOf(store.at(toSeqno(0))), [], 'the state at 0');
    },
  },
  {
    rule: 'T1',
    title: 'a store that goes on from a state has it, without its tombstones',
    async run(driver) {
      const before = new ReferenceStore();
      before.apply(toSeqno(1), mapsOf({ [a]: { k: 'v', gone: 'x' }, [b]: { q: 'r' } }));
      before.apply(toSeqno(2), mapsOf({ [a]: { gone: undefined } }));
      const given = before.freeze();
      const kept = contentOf(given);
      const store = await driver.start(toSeqno(2), given);
      const expected = kept.map((table) => ({ ...table, tombstones: 0 }));
      checkSame(contentOf(store.tables), expected, 'the state');
      checkSame([store.seqno, store.compacted], [2, 2], 'seqno and oldest version');
      applyNext(store, mapsOf({ [a]: { k: 'new' } }));
      checkSame(contentOf(given), kept, 'the state that it was given');
      store.rollback(toSeqno(2));
      checkSame(contentOf(store.tables), expected, 'the state after a rollback to the start');
    },
  },
  ...[0, 2, 3, 9].map(
    (seqno): StoreCase => ({
      rule: 'T2',
      title: `apply of ${seqno} is refused when 1 comes next`,
      async run(driver) {
        const store = await startEmpty(driver);
        thrownBy(() => store.apply(toSeqno(seqno), mapsOf({ [a]: { k: 'v' } })), `apply(${seqno})`);
        checkSame([store.seqno, contentOf(store.tables)], [0, []], 'seqno and state after it');
        applyNext(store, mapsOf({ [a]: { k: 'w' } }));
        checkSame(store.seqno, 1, 'the seqno after the right one');
      },
    }),
  ),
  {
    rule: 'T2',
    title: 'a transaction without changes counts, and leaves tables and versions alone',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { k: 'v' } }));
      const before = contentOf(store.tables);
      applyNext(store, []);
      checkSame(store.seqno, 2, 'the seqno');
      checkSame(contentOf(store.tables), before, 'the state');
      checkSame(contentOf(store.at(toSeqno(1))), before, 'the state before it');
    },
  },
  {
    rule: 'T3',
    title: 'a table that is not written keeps its version, a record its own',
    async run(driver) {
      const run = new StoreRun(await startEmpty(driver));
      run.apply(mapsOf({ [a]: { x: '1', y: '1' }, [b]: { x: '1' } }));
      run.apply(mapsOf({ [a]: { x: '2' } }));
      run.apply(mapsOf({ [b]: { x: undefined } }));
      run.apply(mapsOf({ c: { x: '4' } }));
      const versions = [a, b, 'c'].map((name) => run.store.tables.get(name)?.version);
      checkSame(versions, [2, 3, 4], 'the versions of the tables');
      const live = run.store.tables.get(a)?.live;
      const records = ['x', 'y'].map((key) => live?.get(toUtf8(key))?.version);
      checkSame(records, [2, 1], 'the versions of the records');
      run.check('four transactions');
    },
  },
  {
    rule: 'T3',
    title: 'a key may be removed and written again, and one transaction may do both to others',
    async run(driver) {
      const run = new StoreRun(await startEmpty(driver));
      run.apply(mapsOf({ [a]: { x: '1', y: '1', z: '1' } }));
      run.apply(mapsOf({ [a]: { x: undefined, y: 'new', w: 'new' } }));
      run.apply(mapsOf({ [a]: { x: 'again' } }));
      run.apply(mapsOf({ [a]: { w: undefined, x: undefined, y: undefined, z: undefined } }));
      run.apply(mapsOf({ [a]: { z: 'last' } }));
      run.check('five transactions');
    },
  },
  {
    rule: 'T4',
    title: 'removing what is not there changes no record and no version',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { k: 'v' } }));
      const before = contentOf(store.tables);
      applyNext(store, mapsOf({ [a]: { none: undefined }, [b]: { none: undefined } }));
      checkSame(contentOf(store.tables), before, 'the state');
      check((store.tables.get(a)?.version ?? 0) === 1, 'the version of the table has changed');
    },
  },
  {
    rule: 'T4',
    title: 'a removed key leaves no tombstone',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { k: 'v' } }));
      applyNext(store, mapsOf({ [a]: { k: undefined } }));
      const table = store.tables.get(a);
      const found = [table?.version, table?.live.size, table?.tombstones.size];
      checkSame(found, [2, 0, 0], 'version, size and tombstones of the emptied table');
      checkSame(table?.live.get(toUtf8('k')), undefined, 'the removed key');
    },
  },
  {
    rule: 'T5',
    title: 'empty, zero and high bytes are keys and values of their own',
    async run(driver) {
      const run = new StoreRun(await startEmpty(driver));
      const writes = oddKeys
        .map((bytes) => ({ key: Uint8Array.from(bytes), value: Uint8Array.from(bytes) }))
        .sort((x, y) => Buffer.compare(x.key, y.key));
      run.apply([{ name: a, writes, removes: [] }]);
      checkSame(run.store.tables.get(a)?.live.size, oddKeys.length, 'the number of keys');
      run.check('writing odd keys');
      run.apply([{ name: a, writes: [], removes: writes.map(({ key }) => key) }]);
      run.check('removing them');
    },
  },
  {
    rule: 'T5',
    title: 'bytes that the caller changes after apply do not change the state',
    async run(driver) {
      const store = await startEmpty(driver);
      const chunk = Buffer.from('keyvalue');
      const writes = [{ key: chunk.subarray(0, 3), value: chunk.subarray(3) }];
      applyNext(store, [{ name: a, writes, removes: [] }]);
      const before = contentOf(store.tables);
      chunk.fill(0);
      checkSame(contentOf(store.tables), before, 'the state');
      check(recordOf(store, a, 'key') !== undefined, 'the key is not found any more');
    },
  },
  {
    rule: 'T11',
    title: 'a thousand records are walked in the order of the reference store',
    async run(driver) {
      const run = new StoreRun(await startEmpty(driver));
      for (let from = 0; from < 1000; from += 250) {
        const keys = Array.from({ length: 250 }, (_, i) => `key ${(from + i) * 7919}`);
        run.apply(mapsOf({ [a]: Object.fromEntries(keys.map((key) => [key, `of ${from}`])) }));
      }
      const live = run.store.tables.get(a)?.live;
      const found = [...(live?.records() ?? [])].map(({ key }) => key);
      const wanted = [...(run.expected.get(a)?.live.records() ?? [])].map(({ key }) => key);
      checkSame(found.length, 1000, 'the number of records');
      check(
        found.every((key, i) => Buffer.compare(key, wanted[i] ?? key) === 0),
        'the order differs',
      );
      checkSame(live?.get(toUtf8('none')), undefined, 'a key that is not there');
    },
  },
  {
    rule: 'T12',
    title: 'records and tables that a transaction leaves alone are the same objects after it',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '1', y: '1' }, [b]: { x: '1' } }));
      const [y, live] = [recordOf(store, a, 'y'), store.tables.get(b)?.live];
      applyNext(store, mapsOf({ [a]: { x: '2' } }));
      check(
        y !== undefined && recordOf(store, a, 'y') === y,
        'a record that was left alone is another',
      );
      check(store.tables.get(b)?.live === live, 'a table that was left alone is another');
    },
  },
  {
    rule: 'T12',
    title:
      'a record that is written again after a rollback is another object, were it equal in all',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '0' } }));
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      const before = recordOf(store, a, 'x');
      store.rollback(toSeqno(1));
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      check(recordOf(store, a, 'x') !== before, 'the same object stands for another transaction');
    },
  },
  {
    rule: 'T12',
    title: 'a transaction learns whether what it has read is still so',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '1', y: '1' } }));
      const read = new Transaction(store.tables);
      checkSame(read.get(a, 'x'), toUtf8('1'), 'what it reads');
      applyNext(store, mapsOf({ [a]: { y: '2' } }));
      check(read.isCurrent(store.tables), 'a change of another key is taken for a conflict');
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      check(!read.isCurrent(store.tables), 'a write of what it read is not noticed');
      store.rollback(toSeqno(2));
      check(read.isCurrent(store.tables), 'a write that was taken back is taken for a conflict');
    },
  },
];
