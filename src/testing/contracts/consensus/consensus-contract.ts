import { StorageError } from '../../../core/errors.ts';
import { seqno as toSeqno } from '../../../core/words.ts';
import { type Path, titleOf } from '../../graph/paths.ts';
import { check, checkSame, rejectionOf, shown } from '../expectations.ts';
import {
  type Contract,
  type ContractOptions,
  registerContract,
  type TestFramework,
} from '../framework.ts';
import {
  type ConsensusCase,
  type ConsensusDriver,
  type ConsensusRule,
  ConsensusRun,
  consensusRules,
} from './consensus-driver.ts';
import { consensusPaths, contextOf, eventOf } from './consensus-model.ts';

const withRun = (
  rule: ConsensusRule,
  title: string,
  body: (run: ConsensusRun) => Promise<void>,
): ConsensusCase => ({
  rule,
  title,
  async run(driver) {
    const run = new ConsensusRun(driver);
    await body(run);
    await run.settle();
    run.check();
  },
});

/** Some turns of the event loop's microtasks: enough for whatever does not wait for anything. */
async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await undefined;
}

const commitCases: readonly ConsensusCase[] = [
  withRun('K1', 'entries that were replicated only are not committed', async (run) => {
    await run.start();
    run.replicate('esses');
    await run.settle();
    await turns();
    checkSame(run.committed, [], 'what is committed');
  }),
  withRun(
    'K1',
    'a signature is committed when it is durable, not when those before it are',
    async (run) => {
      await run.start();
      run.replicate('ees');
      for (const seqno of [1, 2]) {
        run.persist(seqno);
        await run.settle();
        checkSame(run.committed, [], `what is committed when ${seqno} of 3 is durable`);
      }
      run.persist(3);
      await run.settle();
      checkSame(run.committed, [3], 'what is committed when all is durable');
    },
  ),
  ...(
    [
      ['eee', 3, 0],
      ['ese', 3, 2],
      ['sess', 3, 3],
      ['ssss', 2, 2],
      ['eseess', 5, 5],
    ] as const
  ).map(([letters, durable, expected]) =>
    withRun(
      'K2',
      `of ${letters} with ${durable} durable, ${expected} is committed`,
      async (run) => {
        await run.start();
        run.replicate(letters);
        run.persist(durable);
        await run.settle();
        checkSame(run.lastCommitted, expected, 'what is committed');
      },
    ),
  ),
  withRun('K3', 'each commit is above the one before, and none is told twice', async (run) => {
    await run.start();
    run.replicate('sesesse');
    for (const seqno of [1, 1, 2, 3, 3, 5, 6, 7, 7]) {
      run.persist(seqno);
      await run.settle();
    }
    checkSame(run.committed.at(-1), 6, 'what is committed at last');
  }),
  withRun('K3', 'what was durable before comes again without a commit', async (run) => {
    await run.start();
    run.replicate('es');
    run.persist(2);
    await run.settle();
    run.persist(1);
    run.persist(2);
    await run.settle();
    checkSame(run.committed, [2], 'what was told');
  }),
  withRun('K3', 'after a restart nothing is told that was committed at the start', async (run) => {
    await run.start();
    run.replicate('eses');
    run.persist(4);
    await run.settle();
    await run.start({ isNew: false });
    run.persist(4);
    await run.settle();
    checkSame(run.committed.at(-1), 4, 'what is committed');
    run.replicate('es');
    run.persist(6);
    await run.settle();
    checkSame(run.committed.at(-1), 6, 'what is committed after it');
  }),
  withRun('K4', 'replicate tells nothing, also where everything before is durable', async (run) => {
    await run.start();
    for (let count = 1; count <= 4; count++) {
      run.replicate('s');
      run.persist(count);
      await run.settle();
    }
    checkSame(run.committed, [1, 2, 3, 4], 'what was told');
  }),
  withRun('K5', 'a hundred entries are committed up to their last signature', async (run) => {
    await run.start();
    for (let from = 0; from < 100; from += 10) {
      run.replicate('eeeeesees'.padEnd(10, 'e'));
      run.persist(from + 10);
      await run.settle();
      checkSame(run.lastCommitted, from + 9, `what is committed when ${from + 10} is durable`);
    }
  }),
];

const viewCases: readonly ConsensusCase[] = [
  withRun('K6', 'a start resolves only when its view is recorded', async (run) => {
    for (const isNew of [true, false]) {
      const release = run.views.hold();
      let isStarted = false;
      const starting = run.start({ isNew }).then(() => {
        isStarted = true;
      });
      await turns();
      const early = isStarted;
      release();
      await starting;
      check(!early, `a start with isNew ${isNew} did not wait for its view to be recorded`);
    }
  }),
  withRun('K6', 'a start whose view cannot be recorded fails', async (run) => {
    run.views.failure = 'lost';
    const error = await rejectionOf(run.start({ isNew: false }), 'a start');
    check(error instanceof StorageError, `it failed with ${shown(error)}, not a StorageError`);
  }),
  withRun('K6', 'a rollback begins its view only when that is recorded', async (run) => {
    await run.start();
    const before = run.consensus.view;
    const release = run.views.hold();
    const abandoning = run.consensus.abandonAbove(toSeqno(0));
    await turns();
    const early = run.consensus.view;
    release();
    await abandoning;
    checkSame(early, before, 'the view while the next one is being recorded');
    check(run.consensus.view > before, `the view after the rollback is ${run.consensus.view}`);
    checkSame(run.views.recorded, run.consensus.view, 'the recorded view');
  }),
  withRun(
    'K6',
    'a rollback whose view cannot be recorded fails and stays in the old one',
    async (run) => {
      await run.start();
      const before = run.consensus.view;
      run.views.failure = 'lost';
      const error = await rejectionOf(run.consensus.abandonAbove(toSeqno(0)), 'a rollback');
      check(error instanceof StorageError, `it failed with ${shown(error)}, not a StorageError`);
      checkSame(run.consensus.view, before, 'the view');
    },
  ),
  withRun('K7', 'a new service begins in the view that it is given', async (run) => {
    await run.start({ isNew: true, lastView: 2 });
    checkSame(run.consensus.view, 2, 'the view');
  }),
  withRun('K7', "a start goes above the ledger's last view", async (run) => {
    await run.start({ isNew: false, lastView: 7 });
    check(run.consensus.view > 7, `the view is ${run.consensus.view}`);
  }),
  withRun(
    'K7',
    'a start goes above the recorded view, also when the ledger has lost its entries',
    async (run) => {
      await run.start({ isNew: true, lastView: 2 });
      for (let count = 0; count < 3; count++) await run.abandonAbove(0);
      await run.start({ isNew: false, lastView: 2 });
      await run.start({ isNew: false, lastView: 2 });
      check(run.used.length === 6, 'six views were used');
    },
  ),
  withRun(
    'K7',
    'a view whose record failed and was kept all the same is not used later',
    async (run) => {
      await run.start();
      run.views.failure = 'kept';
      await rejectionOf(run.consensus.abandonAbove(toSeqno(0)), 'a rollback');
      const [recorded] = run.views.writes.slice(-1);
      run.views.failure = 'none';
      await run.start({ isNew: false, lastView: 2 });
      check(run.consensus.view > (recorded ?? 0), `view ${run.consensus.view} was recorded before`);
    },
  ),
  withRun('K8', 'a view stays while entries are replicated and committed', async (run) => {
    await run.start();
    const { view } = run.consensus;
    for (const letters of ['e', 's', 'es']) {
      run.replicate(letters);
      run.persist(run.last);
      await run.settle();
      checkSame(run.consensus.view, view, 'the view');
    }
    checkSame(run.consensus.isPrimary, true, 'whether the node that replicates is the primary');
  }),
  withRun('K8', 'the node is the primary of each view that it begins', async (run) => {
    await run.start();
    for (const step of ['rollback', 'restart', 'rollback'] as const) {
      run.replicate('es');
      run.persist(run.last);
      await run.settle();
      run.replicate('e');
      if (step === 'rollback') await run.abandonAbove(run.lastCommitted);
      else await run.start({ isNew: false });
      checkSame(run.consensus.isPrimary, true, `whether it is the primary after a ${step}`);
    }
  }),
];

const abandonCases: readonly ConsensusCase[] = [
  withRun(
    'K9',
    'a signature that was abandoned is not committed, though it becomes durable later',
    async (run) => {
      await run.start();
      run.replicate('eses');
      const abandoning = run.abandonAbove(3);
      // What was being written when the rollback came.
      run.persist(4);
      await abandoning;
      await run.settle();
      checkSame(
        run.committed.filter((seqno) => seqno > 3),
        [],
        'what is committed above 3',
      );
    },
  ),
  withRun('K9', 'what takes the place of abandoned entries is judged by itself', async (run) => {
    await run.start();
    run.replicate('ese');
    await run.abandonAbove(1);
    run.replicate('es');
    run.persist(2);
    await run.settle();
    checkSame(run.committed, [], 'what is committed, where a signature was before');
    run.persist(3);
    await run.settle();
    checkSame(run.committed, [3], 'what is committed');
  }),
  withRun(
    'K9',
    'what was durable before a rollback does not make durable what takes its place',
    async (run) => {
      await run.start();
      run.replicate('seee');
      run.persist(4);
      await run.settle();
      await run.abandonAbove(1);
      run.replicate('sss');
      await run.settle();
      checkSame(run.committed, [1], 'what is committed while nothing new is durable');
      for (const seqno of [2, 3, 4]) {
        run.persist(seqno);
        await run.settle();
        checkSame(run.lastCommitted, seqno, `what is committed when ${seqno} is durable`);
      }
    },
  ),
  withRun('K9', 'what a rollback leaves is committed as ever', async (run) => {
    await run.start();
    run.replicate('eses');
    await run.abandonAbove(2);
    run.persist(2);
    await run.settle();
    checkSame(run.committed, [2], 'what is committed');
  }),
  withRun('K10', 'after rollbacks to the commit it goes forward only', async (run) => {
    await run.start();
    for (let count = 1; count <= 4; count++) {
      run.replicate('es');
      run.persist(run.last);
      await run.settle();
      const committed = run.lastCommitted;
      run.replicate('es');
      await run.abandonAbove(committed);
      run.persist(committed);
      await run.settle();
      checkSame(run.lastCommitted, committed, 'what is committed after a rollback to it');
    }
    checkSame(run.committed, [2, 4, 6, 8], 'what was told');
  }),
];

/** Does what a path of the model says; what is committed must then be what the model has. */
async function runPath(driver: ConsensusDriver, path: Path): Promise<void> {
  const run = new ConsensusRun(driver);
  await run.start();
  for (const edge of path) {
    const event = eventOf(edge);
    const { entries, durable, committed } = contextOf(edge);
    if (event.type === 'entry.replicated') run.replicate(event.letter);
    if (event.type === 'ledger.persisted') run.persist(durable);
    if (event.type === 'rollback.requested') await run.abandonAbove(entries.length);
    if (event.type === 'node.restarted') await run.start({ isNew: false });
    await run.settle();
    run.check();
    checkSame(run.lastCommitted, committed, `what is committed after "${edge.label}"`);
  }
}

/** The contract as data, for a runner of one's own. */
export function consensusContract(): Contract<ConsensusDriver, never, ConsensusRule> {
  const ways = consensusPaths().map(
    (path): ConsensusCase => ({
      rule: 'K3',
      title: titleOf(path),
      run: (driver) => runPath(driver, path),
    }),
  );
  return {
    name: 'consensus',
    rules: consensusRules,
    cases: [...commitCases, ...viewCases, ...abandonCases, ...ways],
  };
}

/**
 * Registers the tests of a consensus, rule by rule as {@link consensusRules} has them, of one node that is primary.
 *
 * Beside single cases they take each step in each state of a small model (`consensus-model.ts`): entries and
 * signatures, durable one by one or together, rollbacks and restarts.
 */
export function registerConsensusContract(
  framework: TestFramework,
  options: ContractOptions<ConsensusDriver, never>,
): void {
  registerContract(framework, consensusContract(), options);
}
