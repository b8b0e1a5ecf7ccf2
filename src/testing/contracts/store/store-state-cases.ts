import { toUtf8 } from '../../../core/bytes.ts';
import { seqno as toSeqno } from '../../../core/words.ts';
import { sipHash24Low32 } from '../../../formats/snapshot/key-order.ts';
import { ReferenceStore } from '../../../store/heap/reference-store.ts';
import { isSame } from '../../../store/ledger-store.ts';
import { Transaction } from '../../../store/transaction.ts';
import { check, checkSame, patternOf, thrownBy } from '../expectations.ts';
import {
  applyNext,
  beside,
  contentOf,
  mapsOf,
  type NodeStore,
  type StoreCase,
  StoreRun,
  sortedContentOf,
  startEmpty,
} from './store-driver.ts';

const a = 'public:a';
const b = 'b';

const recordOf = (store: NodeStore, table: string, key: string) =>
  store.tables.get(table)?.live.get(toUtf8(key));

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
      checkSame(store.tables.size, 0, 'the number of tables');
      const held = store.freeze();
      checkSame(contentOf(held), [], 'the state that is frozen');
      held.release();
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
      const kept = sortedContentOf(given);
      const store = await driver.start(toSeqno(2), given);
      const expected = kept.map((table) => ({ ...table, tombstones: 0 }));
      checkSame(sortedContentOf(store.tables), expected, 'the state');
      checkSame([store.seqno, store.compacted], [2, 2], 'seqno and oldest version');
      applyNext(store, mapsOf({ [a]: { k: 'new' } }));
      checkSame(sortedContentOf(given), kept, 'the state that it was given');
      store.rollback(toSeqno(2));
      checkSame(sortedContentOf(store.tables), expected, 'the state after a rollback to the start');
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
      const held = store.freeze();
      applyNext(store, []);
      checkSame(store.seqno, 2, 'the seqno');
      checkSame(contentOf(store.tables), before, 'the state');
      checkSame(contentOf(held), before, 'the state before it');
      held.release();
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
      const found = [table?.version, table?.live.size, table?.tombstones?.size ?? 0];
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
  beside(
    'T5',
    'values of nothing to a megabyte are whole, and keys of thousands of bytes',
    (run) => {
      for (const length of [0, 1, 255, 2000, 4096, 65_535, 65_536, 200_003, 1_048_576]) {
        const value = patternOf(length);
        const key = patternOf(Math.min(length, 9000), 5);
        const writes = [
          { key: toUtf8(`of ${length}`), value },
          { key, value: toUtf8('x') },
        ].sort((x, y) => Buffer.compare(x.key, y.key));
        run.apply([{ name: a, writes, removes: [] }]);
      }
      run.check('writing values of all sizes');
      run.hold();
      run.apply([
        { name: a, writes: [], removes: [toUtf8('of 200003'), toUtf8('of 65536')].sort() },
      ]);
      run.check('removing two');
    },
  ),
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
    title: "a thousand records are walked in a snapshot's order, or in the reference store's",
    async run(driver) {
      const run = new StoreRun(await startEmpty(driver));
      for (let from = 0; from < 1000; from += 250) {
        const keys = Array.from({ length: 250 }, (_, i) => `key ${(from + i) * 7919}`);
        run.apply(mapsOf({ [a]: Object.fromEntries(keys.map((key) => [key, `of ${from}`])) }));
      }
      const live = run.store.tables.get(a)?.live;
      const found = [...(live?.records() ?? [])].map(({ key }) => key);
      const own = [...(run.expected.get(a)?.live.records() ?? [])].map(({ key }) => key);
      checkSame(found.length, 1000, 'the number of records');
      const isOne = [own, inHashOrder(own)].some((wanted) => isSameOrder(found, wanted));
      check(isOne, 'the order is neither');
      const again = [...(live?.records() ?? [])].map(({ key }) => key);
      check(isSameOrder(again, found), 'the order of the next walk is another');
      checkSame(live?.get(toUtf8('none')), undefined, 'a key that is not there');
    },
  },
  {
    rule: 'T12',
    title: 'records and tables that a transaction leaves alone are the same after it',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '1', y: '1' }, [b]: { x: '1' } }));
      const [y, live] = [recordOf(store, a, 'y'), store.tables.get(b)?.live];
      applyNext(store, mapsOf({ [a]: { x: '2' } }));
      const isSameRecord = y !== undefined && isSame(recordOf(store, a, 'y'), y);
      check(isSameRecord, 'a record that was left alone is another');
      const isSameTable = live !== undefined && isSame(store.tables.get(b)?.live, live);
      check(isSameTable, 'a table that was left alone is another');
    },
  },
  {
    rule: 'T12',
    title: 'records and tables that a transaction changes are others after it',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '1', y: '1' } }));
      const [x, live] = [recordOf(store, a, 'x'), store.tables.get(a)?.live];
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      check(!isSame(recordOf(store, a, 'x'), x), 'a record that was written anew is the same');
      check(!isSame(store.tables.get(a)?.live, live), 'a table that was written is the same');
      const written = store.tables.get(a)?.live;
      applyNext(store, mapsOf({ [a]: { y: undefined } }));
      check(!isSame(store.tables.get(a)?.live, written), 'a table is the same after a removal');
    },
  },
  {
    rule: 'T12',
    title:
      'a record or table that is written again after a rollback is another, were it equal in all',
    async run(driver) {
      const store = await startEmpty(driver);
      applyNext(store, mapsOf({ [a]: { x: '0' } }));
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      const [before, live] = [recordOf(store, a, 'x'), store.tables.get(a)?.live];
      store.rollback(toSeqno(1));
      applyNext(store, mapsOf({ [a]: { x: '1' } }));
      check(!isSame(recordOf(store, a, 'x'), before), "another transaction's record is the same");
      check(!isSame(store.tables.get(a)?.live, live), "another transaction's table is the same");
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

/** The order of keys in a snapshot: by hash, and of equal hash by their bytes. */
const inHashOrder = (keys: readonly Uint8Array[]): readonly Uint8Array[] =>
  keys.toSorted((x, y) => sipHash24Low32(x) - sipHash24Low32(y) || Buffer.compare(x, y));

const isSameOrder = (found: readonly Uint8Array[], wanted: readonly Uint8Array[]): boolean =>
  found.length === wanted.length &&
  found.every((key, i) => Buffer.compare(key, wanted[i] ?? noKey) === 0);

const noKey = new Uint8Array();
