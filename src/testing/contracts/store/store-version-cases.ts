import { seqno as toSeqno } from '../../../core/words.ts';
import type { MapWrites } from '../../../formats/entries/write-set.ts';
import { type Path, titleOf } from '../../graph/paths.ts';
import { check, checkSame, shown, thrownBy } from '../expectations.ts';
import { capability } from '../framework.ts';
import { type LogStep, logPaths, stepsOf } from '../log-model.ts';
import {
  applyNext,
  beside,
  contentOf,
  mapsOf,
  type NodeStore,
  type StoreCase,
  type StoreDriver,
  type StoreRun,
  startEmpty,
} from './store-driver.ts';

const a = 'public:a';
const b = 'b';

/** Five transactions, of which the first two are compacted. */
async function startWithFive(driver: StoreDriver): Promise<NodeStore> {
  const store = await startEmpty(driver);
  for (const value of '12345') applyNext(store, mapsOf({ [a]: { x: value, [value]: value } }));
  store.compact(toSeqno(2));
  return store;
}

type Refused = readonly [title: string, call: (store: NodeStore) => unknown];

const at = (store: NodeStore, seqno: number) =>
  capability(store.at, 'at').call(store, toSeqno(seqno));

const needsOf = (title: string) => (title.startsWith('at') ? (['at'] as const) : []);

const refusals: readonly Refused[] = [
  ['at below the compaction', (store) => at(store, 1)],
  ['at above the last', (store) => at(store, 6)],
  ['rollback below the compaction', (store) => store.rollback(toSeqno(1))],
  ['rollback above the last', (store) => store.rollback(toSeqno(6))],
  ['compact above the last', (store) => store.compact(toSeqno(6))],
];

const refusalCases = refusals.map(
  ([title, call]): StoreCase => ({
    rule: 'T10',
    title: `${title} is refused`,
    needs: needsOf(title),
    async run(driver) {
      const store = await startWithFive(driver);
      const before = stateOf(store);
      const error = thrownBy(() => call(store), title);
      check(error instanceof RangeError, `it failed with ${shown(error)}, not a RangeError`);
      checkSame(stateOf(store), before, 'the store after it');
    },
  }),
);

const takenBack: readonly Refused[] = [
  ['at', (store) => at(store, 4)],
  ['rollback', (store) => store.rollback(toSeqno(5))],
  ['compact', (store) => store.compact(toSeqno(4))],
];

const takenBackCases = takenBack.map(
  ([title, call]): StoreCase => ({
    rule: 'T10',
    title: `${title} of what was taken back is refused`,
    needs: needsOf(title),
    async run(driver) {
      const store = await startWithFive(driver);
      store.rollback(toSeqno(3));
      const error = thrownBy(() => call(store), title);
      check(error instanceof RangeError, `it failed with ${shown(error)}, not a RangeError`);
      checkSame([store.seqno, store.compacted], [3, 2], 'seqno and oldest version after it');
    },
  }),
);

const stateOf = (store: NodeStore) => {
  const { seqno, compacted } = store;
  const count = store.at === undefined ? 0 : seqno - compacted + 1;
  const versions = Array.from({ length: count }, (_, i) => at(store, compacted + i));
  return { seqno, compacted, now: contentOf(store.tables), versions: versions.map(contentOf) };
};

const singleCases: readonly StoreCase[] = [
  beside(
    'T6',
    'every version can be had, and is that of its seqno',
    (run) => {
      for (const value of '123456') {
        run.apply(
          mapsOf({ [a]: { x: value, [value]: value }, ...(value > '3' && { [b]: { x: value } }) }),
        );
        run.check(`transaction ${value}`);
      }
    },
    ['at'],
  ),
  beside('T7', 'what was given out stays, whatever is applied, taken back and compacted', (run) => {
    run.apply(mapsOf({ [a]: { x: '1', y: '1' } }));
    run.hold();
    run.hold();
    run.apply(mapsOf({ [a]: { x: '2', y: undefined } }));
    run.hold();
    run.hold();
    run.rollback(1);
    run.check('a rollback');
    run.apply(mapsOf({ [a]: { y: 'new', z: 'new' }, [b]: { x: 'new' } }));
    run.check('a transaction in place of one that was taken back');
    run.compact(2);
    run.apply(mapsOf({ [a]: { x: undefined } }));
    run.check('a compaction');
  }),
  {
    rule: 'T7',
    title: 'a walk that is broken off by transactions goes on as it began',
    async run(driver) {
      const store = await startEmpty(driver);
      const keys = Array.from({ length: 50 }, (_, i) => [`key ${i}`, 'old'] as const);
      applyNext(store, mapsOf({ [a]: Object.fromEntries(keys) }));
      const held = store.freeze();
      let walked = 0;
      for (const { value, key } of held.get(a)?.live.records() ?? []) {
        checkSame(String(Buffer.from(value)), 'old', 'a value on the way');
        applyNext(store, mapsOf({ [a]: { [String(Buffer.from(key))]: undefined, new: 'new' } }));
        walked += 1;
        check(walked <= 50, 'a walk meets what is applied meanwhile');
      }
      checkSame(walked, 50, 'the number of records on the way');
      held.release();
    },
  },
  beside(
    'T8',
    'after a rollback its seqno is the last, and the next one is applied anew',
    (run) => {
      for (const value of '1234') run.apply(mapsOf({ [a]: { x: value, [value]: value } }));
      run.rollback(1);
      run.check('a rollback over three');
      run.apply(mapsOf({ [a]: { x: 'other' } }));
      run.apply(mapsOf({ [b]: { x: 'other' } }));
      run.check('two transactions after it');
      run.rollback(3);
      run.check('a rollback to the last');
      run.rollback(0);
      run.check('a rollback to the beginning');
    },
  ),
  beside(
    'T8',
    'a rollback leaves nothing of what it undid: no table, version, key or tombstone',
    (run) => {
      run.apply(mapsOf({ [a]: { kept: '1', removed: '1', changed: '1' } }));
      run.apply(mapsOf({ [a]: { removed: undefined, changed: '2', added: '2' }, [b]: { x: '2' } }));
      run.apply(mapsOf({ [a]: { changed: undefined, removed: '3' }, c: { x: '3' } }));
      run.apply(mapsOf({ [b]: { x: undefined }, c: { y: '4' } }));
      for (const seqno of [3, 2, 1, 0]) {
        run.rollback(seqno);
        run.check(`a rollback to ${seqno}`);
      }
      run.apply(mapsOf({ [b]: { x: 'again' } }));
      run.check('the first one anew');
    },
  ),
  beside('T9', 'a compaction leaves the versions from its seqno on, and the state now', (run) => {
    for (const value of '12345') run.apply(mapsOf({ [a]: { x: value, [value]: value } }));
    run.compact(3);
    run.check('a compaction to 3');
    run.compact(1);
    run.check('a compaction to 1, which was compacted already');
    run.rollback(3);
    run.check('a rollback to the oldest version');
    run.apply(mapsOf({ [a]: { x: 'other' } }));
    run.compact(4);
    run.check('a compaction of everything');
  }),
];

/** Numbers that look random and are always the same. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomMaps(pick: (below: number) => number): readonly MapWrites[] {
  const names = [a, b, 'c'].filter(() => pick(3) > 0);
  return names.map((name) => {
    const keys = [...new Set(Array.from({ length: 1 + pick(5) }, () => pick(40)))];
    const changes = keys
      .map((key) => ({ key: Buffer.from(`k${key}`), isRemoval: pick(3) === 0 }))
      .sort((x, y) => Buffer.compare(x.key, y.key));
    return {
      name,
      writes: changes.flatMap(({ key, isRemoval }) =>
        isRemoval ? [] : [{ key, value: Buffer.from(`v${pick(1000)}`) }],
      ),
      removes: changes.flatMap(({ key, isRemoval }) => (isRemoval ? [key] : [])),
    };
  });
}

/** A long history, held against the reference store at each step. */
const randomCases = [1, 2, 3].map((seed) =>
  beside('T6', `200 random steps from seed ${seed}`, (run) => {
    const pick = numbers(seed);
    for (let step = 1; step <= 200; step++) {
      const { seqno, compacted } = run.store;
      const kind = pick(10);
      if (kind === 0) run.rollback(compacted + pick(seqno - compacted + 1));
      else if (kind === 1) run.compact(compacted + pick(seqno - compacted + 1));
      else run.apply(randomMaps(pick));
      if (step % 20 === 0) run.hold();
      if (run.heldCount > 4) run.release(pick(2) === 0 ? 'oldest' : 'newest');
      // Each version at each step would take minutes.
      if (kind < 2 || step % 10 === 0) run.check(`step ${step}`);
    }
  }),
);

/** Does with a store what a path of the log's model says; a frozen state is what the store gave out. */
function takePath(run: StoreRun, path: Path): void {
  let count = 0;
  const apply = () => {
    count += 1;
    const own = { x: `of ${count}`, [`own ${count}`]: 'x', [`own ${count - 2}`]: undefined };
    run.apply(mapsOf({ [a]: own, ...(count % 2 === 0 && { [b]: { x: `of ${count}` } }) }));
  };
  const taken: Readonly<Record<LogStep, () => void>> = {
    apply,
    freeze: () => run.hold(),
    'release the older': () => run.release('oldest'),
    'release the newer': () => run.release('newest'),
    'roll back by 1': () => run.rollback(run.store.seqno - 1),
    'roll back by 2': () => run.rollback(run.store.seqno - 2),
    commit: () => run.compact(run.store.seqno),
  };
  for (const step of stepsOf(path)) {
    taken[step]();
    run.check(`"${step}"`);
  }
}

/** What becomes of versions: T6 to T10, and every way through the log's model. */
export function versionCases(): readonly StoreCase[] {
  const ways = logPaths().map((path) => beside('T7', titleOf(path), (run) => takePath(run, path)));
  return [...singleCases, ...refusalCases, ...takenBackCases, ...randomCases, ...ways];
}
