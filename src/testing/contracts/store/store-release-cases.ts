import { toUtf8 } from '../../../core/bytes.ts';
import { seqno as toSeqno } from '../../../core/words.ts';
import type { MapWrites } from '../../../formats/entries/write-set.ts';
import { check, checkSame } from '../expectations.ts';
import {
  applyNext,
  beside,
  contentOf,
  mapsOf,
  type NodeStore,
  type StoreCase,
  startEmpty,
} from './store-driver.ts';

const a = 'public:a';
const b = 'b';

/** A transaction that writes, overwrites and removes. */
const changes = (value: string) =>
  mapsOf({ [a]: { x: value, [value]: value, [Number(value) - 2]: undefined }, [b]: { x: value } });

const releases: readonly StoreCase[] = [
  ...(['freeze', 'hold'] as const).map(
    (how): StoreCase => ({
      rule: 'T13',
      title: `of two states of one seqno by ${how}, to release one leaves the other`,
      async run(driver) {
        const store = await startEmpty(driver);
        applyNext(store, changes('1'));
        for (const first of [0, 1]) {
          const pair = [give(store, how), give(store, how)];
          const was = contentOf(store.tables);
          pair[first]?.release();
          for (const value of '234') applyNext(store, changes(value));
          const left = pair[1 - first];
          check(left !== undefined, 'there is no other one');
          checkSame(contentOf(left), was, 'the other one, after transactions');
          store.compact(store.seqno);
          for (const value of '56') applyNext(store, changes(value));
          checkSame(contentOf(left), was, 'the other one, after a compaction');
          left.release();
        }
      },
    }),
  ),
  beside('T13', 'to release a state in the middle leaves those around it', (run) => {
    for (const value of '123') {
      run.apply(changes(value));
      run.hold();
    }
    run.release('newest');
    run.apply(changes('4'));
    run.hold();
    run.release('oldest');
    run.check('the first and the third were released');
    for (const value of '567') run.apply(changes(value));
    run.check('they were released and three more applied');
    run.rollback(2);
    run.check('they were released and the rest taken back');
    run.compact(2);
    run.apply(changes('8'));
  }),
  beside(
    'T13',
    'what lay above a rollback is released without harm to what took its place',
    (run) => {
      run.apply(changes('1'));
      run.apply(changes('2'));
      run.hold();
      run.rollback(1);
      run.apply(changes('3'));
      run.hold();
      // Gives back what the first one left.
      run.rollback(2);
      for (const value of '456') run.apply(changes(value));
      run.check('one that was rolled back was released');
      run.compact(5);
      run.check('a compaction after it');
    },
  ),
];

function give(store: NodeStore, how: 'freeze' | 'hold') {
  const { tables } = store;
  // A state that cannot be held is kept anyway.
  return how === 'freeze' || tables.hold === undefined ? store.freeze() : tables.hold();
}

const broke = new Error('this value cannot be read');

/** A transaction of two tables of which the last value fails when it is read for the `count`th time. */
function failingAt(count: number): readonly MapWrites[] {
  const value = toUtf8('new');
  let reads = 0;
  const last = {
    key: toUtf8('y'),
    get value() {
      reads += 1;
      if (reads === count) throw broke;
      return value;
    },
  };
  return [
    ...mapsOf({ c: { x: 'new' }, [a]: { x: 'new', 1: undefined } }),
    { name: b, writes: [{ key: toUtf8('x'), value }, last], removes: [] },
  ];
}

const failures = [1, 2, 3].map(
  (count): StoreCase => ({
    rule: 'T14',
    title: `a transaction that cannot be read, time ${count}, is applied whole or not at all`,
    async run(driver) {
      const store = await startEmpty(driver);
      for (const value of '12') applyNext(store, changes(value));
      const before = { seqno: store.seqno, state: contentOf(store.tables) };
      const isApplied = tryToApply(store, failingAt(count));
      if (isApplied) store.rollback(toSeqno(2));
      const after = { seqno: store.seqno, state: contentOf(store.tables) };
      checkSame(after, before, 'the store after it');
      applyNext(store, []);
      checkSame(contentOf(store.tables), before.state, 'the state after the next transaction');
      applyNext(store, changes('3'));
      store.rollback(toSeqno(2));
      checkSame(contentOf(store.tables), before.state, 'the state after a rollback');
    },
  }),
);

/** A store that reads a value less often never meets the failure. */
function tryToApply(store: NodeStore, maps: readonly MapWrites[]): boolean {
  try {
    applyNext(store, maps);
    return true;
  } catch (error) {
    check(error === broke, `apply failed with ${String(error)}, not with the caller's own error`);
    return false;
  }
}

/** What becomes of states that are given back, and of calls that fail: T13 and T14. */
export const releaseCases: readonly StoreCase[] = [...releases, ...failures];
