import type { FrozenState, StoreRecord } from '../../../core/host-ports.ts';
import { seqno as toSeqno } from '../../../core/words.ts';
import { titleOf } from '../../graph/paths.ts';
import { check, checkBytes, checkSame } from '../expectations.ts';
import {
  type Contract,
  type ContractOptions,
  capability,
  registerContract,
  type TestFramework,
} from '../framework.ts';
import { type LogStep, logPaths, stepsOf } from '../log-model.ts';
import {
  type SourceCapability,
  type SourceCase,
  type SourceDriver,
  type SourceRule,
  sourceRules,
} from './source-driver.ts';
import { oddCases } from './source-odd-cases.ts';
import { beside, contentOf, type SourceRun } from './source-run.ts';
import { sharedCases } from './source-shared-cases.ts';
import { checkTables } from './state-oracle.ts';

const steps = (...names: readonly LogStep[]) => names;

async function takeAll(run: SourceRun, names: readonly LogStep[]): Promise<void> {
  for (const name of names) await run.take(name);
}

const contentCases: readonly SourceCase[] = [
  beside('F1', 'what was written, overwritten and removed is in it, or is not', async (run) => {
    for (let count = 1; count <= 9; count++) {
      await run.apply();
      run.release(run.freeze());
    }
  }),
  beside('F1', 'a state of many records has them all', async (run) => {
    const { driver } = run;
    const [table = ''] = driver.tables;
    const changes = Array.from({ length: 700 }, (_, i) => ({
      table,
      key: `key ${i}`,
      value: `value ${i}`,
    }));
    await driver.apply(changes);
    const frozen = driver.source.freeze(driver.last());
    const found = tableOf(frozen, table);
    checkSame(found.size, 700, 'the size of the table');
    const keys = new Set([...found.records()].map(({ key }) => Buffer.from(key).toString()));
    checkSame(keys.size, 700, 'the number of keys');
    frozen.release();
  }),
  beside('F1', 'a table whose last key was removed has no record', async (run) => {
    const { driver } = run;
    const [table = ''] = driver.tables;
    await driver.apply([{ table, key: 'only', value: 'one' }]);
    const removed = await driver.apply([{ table, key: 'only', value: undefined }]);
    const frozen = driver.source.freeze(driver.last());
    const expected = new Map([[table, { version: removed, records: new Map() }]]);
    checkTables(frozen.tables, expected, { names: [table], what: 'the emptied state' });
    frozen.release();
  }),
  beside('F2', 'a table that a transaction leaves alone keeps its version', async (run) => {
    const { driver } = run;
    for (let count = 0; count < 6; count++) await run.apply();
    const held = run.freeze();
    for (const { name, version, live } of held.frozen.tables) {
      check(version <= held.seqno, `${name} has version ${version}, above ${held.seqno}`);
      for (const record of live.records()) checkRecord(record, version, name);
    }
    check(driver.tables.length > 0, 'the driver names no table');
  }),
  beside(
    'F2',
    'after a rollback keys and tables have the versions that they had before',
    async (run) => {
      await takeAll(run, steps('apply', 'apply', 'apply', 'roll back by 2', 'freeze'));
      await takeAll(run, steps('apply', 'freeze'));
    },
    ['rollback'],
  ),
  beside(
    'F2',
    'a compaction changes no version',
    async (run) => {
      await takeAll(run, steps('apply', 'apply', 'apply', 'commit', 'freeze', 'apply', 'freeze'));
    },
    ['commit'],
  ),
];

const frozenCases: readonly SourceCase[] = [
  beside('F3', 'a walk that is broken off by transactions goes on as it began', async (run) => {
    for (let count = 0; count < 4; count++) await run.apply();
    const { frozen, content } = run.freeze();
    const walked = [];
    for (const { name, version, live } of frozen.tables) {
      const records = [];
      const { size } = live;
      for (const { key, version: at, value } of live.records()) {
        records.push({ key: new Uint8Array(key), version: at, value: new Uint8Array(value) });
        // A walk that meets what is applied on its way would never end.
        check(records.length <= size, `a walk of ${name} meets what is applied meanwhile`);
        await run.apply();
      }
      walked.push({ name, version, live: records });
    }
    const before = content.tables.map(({ name, version, live }) => ({ name, version, live }));
    checkSame(walked, before, 'what a slow walk has seen');
  }),
  beside('F3', 'states of ten moments stand side by side', async (run) => {
    for (let count = 0; count < 10; count++) {
      await run.apply();
      run.freeze();
      run.checkHeld('another one was frozen');
    }
    for (const held of [...run.held].reverse()) {
      run.release(held);
      run.checkHeld('a later one was released');
    }
  }),
  beside(
    'F3',
    'a rollback of what came later does not reach it',
    async (run) => {
      await takeAll(run, steps('apply', 'freeze', 'apply', 'apply', 'roll back by 2', 'apply'));
    },
    ['rollback'],
  ),
  beside(
    'F3',
    'a compaction does not reach it, also when later transactions have changed all of it',
    async (run) => {
      await takeAll(run, steps('apply', 'freeze', 'apply', 'apply', 'commit', 'apply', 'commit'));
    },
    ['commit'],
  ),
  beside('F4', 'two walks at once do not disturb each other', async (run) => {
    for (let count = 0; count < 3; count++) await run.apply();
    const { frozen, content } = run.freeze();
    const [table] = frozen.tables;
    const [one, other] = [table?.live.records() ?? [], table?.live.records() ?? []];
    const [first, second] = [one[Symbol.iterator](), other[Symbol.iterator]()];
    const seen: StoreRecord[] = [];
    for (let next = first.next(); next.done !== true; next = first.next()) {
      const beside = second.next();
      check(beside.done !== true, 'the second walk ended before the first');
      checkSame(beside.value, next.value, 'a record of the second walk');
      seen.push(next.value);
    }
    checkSame(seen.length, content.tables[0]?.live.length, 'the number of records');
  }),
  beside(
    'F4',
    'every walk gives the same in the same order, also a broken-off one',
    async (run) => {
      for (let count = 0; count < 5; count++) await run.apply();
      const { frozen, content } = run.freeze();
      for (let walk = 0; walk < 3; walk++) {
        for (const { live } of frozen.tables) for (const _ of live.records()) break;
        checkSame(contentOf(frozen), content, `walk ${walk + 2}`);
      }
    },
  ),
];

const proofCases: readonly SourceCase[] = [
  beside('F5', 'the leaf is 32 bytes and stays as it is', async (run) => {
    const leaves = new Set<string>();
    for (let count = 0; count < 4; count++) {
      await run.apply();
      const { frozen } = run.freeze();
      checkBytes(frozen.leaf, 32, 'the leaf');
      leaves.add(Buffer.from(frozen.leaf).toString('hex'));
      for (const held of run.held) {
        checkSame(held.frozen.leaf, held.content.leaf, `the leaf of ${held.seqno}, later`);
      }
    }
    checkSame(leaves.size, 4, 'the number of different leaves of four transactions');
  }),
  beside(
    'F5',
    "the leaf is the tree's at the seqno",
    async (run) => {
      const leafAt = capability(run.driver.leafAt, 'leafAt').bind(run.driver);
      for (let count = 0; count < 4; count++) {
        await run.apply();
        const { frozen, seqno } = run.freeze();
        checkSame(frozen.leaf, leafAt(seqno), `the leaf frozen at ${seqno}`);
      }
    },
    ['leafAt'],
  ),
  beside('F6', 'the view history ascends up to the seqno', async (run) => {
    for (let count = 0; count < 3; count++) {
      await run.apply();
      const { frozen, seqno } = run.freeze();
      checkViewHistory(frozen, seqno);
    }
    for (const { frozen, content } of run.held) {
      checkSame(frozen.viewHistory, content.viewHistory, 'a view history, later');
    }
  }),
  beside(
    'F6',
    'item i of the view history is the first seqno of view i + 1, also after rollbacks',
    async (run) => {
      const viewAt = capability(run.driver.viewAt, 'viewAt').bind(run.driver);
      await takeAll(run, steps('apply', 'apply', 'roll back by 1', 'apply', 'apply'));
      await takeAll(run, steps('roll back by 1', 'roll back by 1', 'apply', 'apply'));
      const { frozen, seqno } = run.freeze();
      for (let at = 1; at <= seqno; at++) {
        const view = frozen.viewHistory.filter((first) => first <= at).length;
        checkSame(view, viewAt(toSeqno(at)), `the view of ${at} by the view history`);
      }
    },
    ['rollback', 'viewAt'],
  ),
  beside(
    'F6',
    'the view history of a frozen state does not grow with the views that follow',
    async (run) => {
      await takeAll(run, steps('apply', 'freeze', 'apply', 'roll back by 1', 'apply', 'freeze'));
      for (const { frozen, seqno, content } of run.held) {
        checkViewHistory(frozen, seqno);
        checkSame(frozen.viewHistory, content.viewHistory, `the view history of ${seqno}, later`);
      }
    },
    ['rollback'],
  ),
];

const releaseCases: readonly SourceCase[] = [
  beside('F7', 'of two states of one seqno, to release one leaves the other', async (run) => {
    for (const index of [0, 1]) {
      await run.apply();
      const pair = [run.freeze(), run.freeze()];
      run.release(pair[index]);
      for (let count = 0; count < 3; count++) await run.apply();
      run.checkHeld('its twin was released');
      if (run.driver.commit) await run.commit();
      run.checkHeld('its twin was released and the store compacted');
    }
  }),
  beside('F7', 'to release a state in the middle leaves those around it', async (run) => {
    await takeAll(run, steps('apply', 'freeze', 'apply', 'freeze', 'apply', 'freeze'));
    run.release(run.held[1]);
    await run.apply();
    if (run.driver.commit) await run.commit();
    await run.apply();
    run.checkHeld('the middle one was released');
  }),
  beside('F7', 'after a release the same seqno can be frozen again', async (run) => {
    await run.apply();
    for (let count = 0; count < 3; count++) run.release(run.freeze());
    await run.apply();
    run.freeze();
  }),
  beside(
    'F7',
    'to release what lay above a rollback leaves what was frozen in its place since',
    async (run) => {
      await run.apply();
      await run.apply();
      const gone = run.freeze();
      run.held = [];
      await run.rollback(1);
      await run.apply();
      run.freeze();
      gone.frozen.release();
      for (let count = 0; count < 3; count++) await run.apply();
      if (run.driver.commit) await run.commit();
      await run.apply();
      run.checkHeld('one that was rolled back was released');
    },
    ['rollback'],
  ),
  beside('F8', 'freeze returns no promise, and reading it later gives that moment', async (run) => {
    const { driver } = run;
    await run.apply();
    const expected = run.state;
    const frozen: FrozenState | Promise<unknown> = driver.source.freeze(driver.last());
    check(!('then' in frozen), 'freeze returned a promise');
    // Nobody has read it yet: a source that reads on demand must not read the present.
    for (let count = 0; count < 3; count++) await run.apply();
    checkTables(frozen.tables, expected, { names: driver.tables, what: 'a state first read late' });
    frozen.release();
  }),
];

/** The contract as data, for a runner of one's own; without the steps that the driver lacks. */
export function snapshotSourceContract(
  lacks: Readonly<Partial<Record<SourceCapability, string>>> = {},
): Contract<SourceDriver, SourceCapability, SourceRule> {
  const without: readonly LogStep[] = [
    ...(lacks.rollback === undefined ? [] : (['roll back by 1', 'roll back by 2'] as const)),
    ...(lacks.commit === undefined ? [] : (['commit'] as const)),
  ];
  const ways = logPaths(without).map((path) =>
    beside('F3', titleOf(path), (run) => takeAll(run, stepsOf(path))),
  );
  return {
    name: 'snapshot source',
    rules: sourceRules,
    cases: [
      ...[...contentCases, ...frozenCases, ...proofCases, ...releaseCases],
      ...[...oddCases, ...sharedCases, ...ways],
    ],
  };
}

/**
 * Registers the tests of a snapshot source, rule by rule as {@link sourceRules} has them.
 *
 * Beside single cases they take each step in each state of a small model of a log (`log-model.ts`), and look after
 * each step at every state that is held. That freezing is cheap is not tested: only a measurement can tell.
 */
export function registerSnapshotSourceContract(
  framework: TestFramework,
  options: ContractOptions<SourceDriver, SourceCapability>,
): void {
  registerContract(framework, snapshotSourceContract(options.lacks), options);
}

function tableOf({ tables }: FrozenState, name: string) {
  const found = [...tables].find((table) => table.name === name);
  check(found !== undefined, `there is no table ${name}`);
  return found.live;
}

function checkRecord({ key, version, value }: StoreRecord, tableVersion: number, name: string) {
  check(
    key instanceof Uint8Array && value instanceof Uint8Array,
    `a record of ${name} is not bytes`,
  );
  const what = `a record of ${name} has version ${version}`;
  check(version > 0, `${what}, which is no seqno`);
  check(version <= tableVersion, `${what}, above the table's ${tableVersion}`);
}

function checkViewHistory({ viewHistory }: FrozenState, seqno: number): void {
  check(viewHistory.length > 0, 'the view history is empty, though there is an entry');
  let before = 0;
  for (const first of viewHistory) {
    check(Number.isSafeInteger(first) && first >= before, `${viewHistory.join()} does not ascend`);
    check(first >= 1 && first <= seqno, `${first} is not a seqno up to ${seqno}`);
    before = first;
  }
}
