import { describe, expect, test } from 'vitest';
import { assign, enqueueActions } from 'xstate';
import type { GenerationOutput } from '../../../machines/events.ts';
import { generationMachine } from '../../../machines/generation.ts';
import { orderedTasksMachine } from '../../../machines/ordered-tasks.ts';
import { snapshotterMachine } from '../../../machines/snapshotter.ts';
import { writerMachine } from '../../../machines/writer.ts';
import { Cells, type Machines } from './cells.ts';
import { type Explored, explore, Model, type Scope } from './explore.ts';
import { lawCount } from './invariants.ts';
import { numbers, walkBeside } from './live.ts';

// Every state that the charts can reach in a small world, each held against the invariants. The charts
// are the real ones: see `cells.ts` for how they are run, `product.ts` for how they are put together,
// `ledger.ts` and `ports.ts` for all that can happen to them, `invariants.ts` for what must hold.
//
// Left out, since it changes nothing for the charts: different answers of an aborted action, and what the
// host tells a snapshotter that is closing (both shown below); evidence of a generation that has ended.

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';

const machines: Machines = {
  snapshotter: snapshotterMachine,
  generation: generationMachine,
  chain: orderedTasksMachine,
  writer: writerMachine,
};

/** What one machine does with one event is the same in every scope. */
const cells = new Cells(machines);

const nothing = {
  ...{ rollback: 0, crash: 0, change: 0, force: 0, foreign: 0, fault: 0, cancel: 0 },
  ...{ shutdown: 0, toggle: 0, signature: 0, clock: 0, status: 0 },
} satisfies Scope['left'];

/** One snapshot, a node that is primary, and nothing that goes wrong. */
function scope(left: Partial<Scope['left']>, more: Partial<Scope> = {}): Scope {
  const plain = { capacity: 1, whenFull: 'drop', attemptsMax: 1, primary: true } as const;
  return { ...plain, ...more, left: { ...nothing, ...left } };
}

const two = { capacity: 2 } as const;
const again = { attemptsMax: 2 } as const;

/** A second snapshot comes of one that is forced: no interval passes twice in so short a ledger. */
const always: readonly (readonly [string, Scope])[] = [
  ['1 snapshot, 1 rollback, 1 crash, 1 fault', scope({ rollback: 1, crash: 1, fault: 1 })],
  ['1 snapshot, 2 faults that may be made good', scope({ fault: 2, cancel: 1 }, again)],
  ['1 snapshot, 1 fault, shutdown', scope({ fault: 1, shutdown: 1, crash: 1 }, again)],
  ['1 snapshot, 1 rollback, evidence of others', scope({ rollback: 1, foreign: 1, signature: 1 })],
  ['2 snapshots in 1 slot', scope({ force: 1, rollback: 1 }, { whenFull: 'keep' })],
  [
    '2 snapshots in 1 slot, switched off and on',
    scope({ force: 1, toggle: 2 }, { whenFull: 'keep' }),
  ],
  ['2 snapshots in 2 slots', scope({ force: 1 }, two)],
  ['clock and status', scope({ clock: 2, status: 1 })],
  ['a backup that becomes primary', scope({ change: 2, foreign: 1 }, { primary: false })],
];

const nightly: readonly (readonly [string, Scope])[] = [
  [
    '2 snapshots, 1 rollback, 1 crash, 1 change of primary',
    scope({ force: 1, rollback: 1, crash: 1, change: 1 }, two),
  ],
  ['2 snapshots, 1 rollback, 1 fault', scope({ force: 1, rollback: 1, fault: 1 }, two)],
  [
    '1 snapshot, 2 faults, and everything else once',
    scope({ rollback: 1, crash: 1, change: 1, fault: 2, cancel: 1, shutdown: 1 }, again),
  ],
];

const words = ({ states, transitions, seconds }: Explored): string =>
  `${states} states, ${transitions} transitions, ${seconds.toFixed(1)} s, ${lawCount} invariants`;

const told = ({ counterexample }: Explored): string =>
  counterexample ? [counterexample.law, ...counterexample.trace].join('\n  ') : '';

describe('the charts keep every invariant in every state', () => {
  test.each(isNightly ? [...always, ...nightly] : always)(
    '%s',
    { timeout: 1_800_000 },
    (name, it) => {
      const explored = explore(new Model(cells, it));
      process.stdout.write(`explicit-state: ${name}: ${words(explored)}\n`);
      expect(told(explored)).toBe('');
    },
  );
});

test('what the model leaves out means nothing to the charts', () => {
  const heard = Object.keys(snapshotterMachine.config.states?.['closing']?.on ?? {});
  expect(heard).toEqual(['xstate.done.actor.*', 'xstate.error.actor.*']);
  expect(snapshotterMachine.config.on).toBe(undefined);
  const aborting = orderedTasksMachine.config.states?.['running']?.states?.['aborting']?.on ?? {};
  expect([...new Set(Object.values(aborting))]).toEqual(['#ordered-tasks.cancelled']);
});

test('live actors do what the model says, on random walks', { timeout: 300_000 }, () => {
  const everything = {
    ...nothing,
    rollback: 1,
    crash: 1,
    change: 1,
    force: 1,
    foreign: 1,
    fault: 3,
  };
  const more = { cancel: 1, shutdown: 1, toggle: 1, signature: 1, clock: 1, status: 1 };
  const model = new Model(cells, scope({ ...everything, ...more }, { ...two, ...again }));
  const walks = Array.from({ length: isNightly ? 1_000 : 40 }, (_, seed) => seed);
  const steps = walks.map((seed) => walkBeside(model, numbers(seed))).reduce((a, b) => a + b);
  process.stdout.write(
    `explicit-state: ${walks.length} walks of ${steps} steps beside live actors\n`,
  );
  expect(steps).toBeGreaterThan(10 * walks.length);
});

const mutants = {
  'a rollback that keeps the signature': {
    ...machines,
    generation: generationMachine.provide({ actions: { forgetSignature: () => {} } }),
  },
  'evidence that matches by its version alone': {
    ...machines,
    generation: generationMachine.provide({
      guards: {
        evidenceMatches: ({ context }, { snapshotSeqno: version }) => version === context.seqno,
      },
    }),
  },
  'a slot that is never freed': {
    ...machines,
    snapshotter: snapshotterMachine.provide({
      actions: {
        settle: enqueueActions(({ enqueue }, { ended }: { ended?: GenerationOutput }) => {
          if (ended) enqueue.emit({ type: 'generation.ended', ...ended });
        }),
      },
    }),
  },
} as const satisfies Record<string, Machines>;

const oneName = '1: a name is there only with its evidence and a later signature committed';
const rests = '3: what a generation rests on is in the ledger';

// The first row of each is the first law that breaks; the second is what would come of it.
test.each([
  ['a rollback that keeps the signature', rests, { rollback: 1 }],
  ['a rollback that keeps the signature', oneName, { rollback: 1, foreign: 1 }],
  ['evidence that matches by its version alone', rests, { foreign: 1 }],
  ['evidence that matches by its version alone', oneName, { foreign: 1 }],
  ['a slot that is never freed', '6: a generation, and no other, has a slot', {}],
  ['a slot that is never freed', '19: every generation can end', { shutdown: 1 }],
] as const)('%s breaks %s', { timeout: 300_000 }, (mutant, law, left) => {
  const model = new Model(new Cells(mutants[mutant]), scope(left));
  const { counterexample } = explore(model, { isAsked: (name) => name === law });
  const trace = counterexample?.trace.join('\n    ') ?? '';
  process.stdout.write(`explicit-state: ${mutant} breaks ${law}\n    ${trace}\n`);
  expect(counterexample?.law).toBe(law);
});

const { snapshotter, generation, chain, writer } = machines;
const open = () => true;
const idle = () => {};

// What the other invariants notice: a guard left open, an action left out.
test.each([
  [
    '2: snapshot, evidence, signature and commit follow each other',
    { generation: generation.provide({ guards: { commitPassedSignature: open } }) },
    scope({}),
  ],
  [
    '5 and 12: what a generation says at its end is what is on disk',
    { writer: writer.provide({ actions: { rememberLeftover: idle } }) },
    scope({ fault: 1, cancel: 1 }),
  ],
  [
    '7: an action runs at most as often as it may',
    { chain: chain.provide({ guards: { mayRunAgain: open } }) },
    scope({ fault: 1 }),
  ],
  [
    '7 and 12: each step finds the spool as the one before left it',
    { writer: writer.provide({ guards: { isPublished: open } }) },
    scope({ fault: 1 }),
  ],
  [
    '8: evidence recorded and its submission answered commute',
    { generation: generation.provide({ actions: { rememberSubmission: assign({ file: '' }) } }) },
    scope({}),
  ],
  [
    '10: points are ascending, and of those that are committed one waits for a slot',
    { snapshotter: snapshotter.provide({ actions: { coalesceOlder: idle } }) },
    scope({ force: 1 }),
  ],
  [
    '11: a forced snapshot waits for one point or for a rollback',
    { snapshotter: snapshotter.provide({ actions: { dropAbove: idle } }) },
    scope({ force: 1, rollback: 1 }),
  ],
  [
    '14: after shutdown nothing lives and nothing is held',
    { snapshotter: snapshotter.provide({ actions: { cancelPoints: idle } }) },
    scope({ shutdown: 1 }),
  ],
  [
    '15: only a primary that is enabled starts a generation',
    { snapshotter: snapshotter.provide({ guards: { isBackup: () => false } }) },
    scope({ change: 1 }),
  ],
  [
    '18: a generation that nothing befell ends committed',
    { chain: chain.provide({ guards: { mayRunAgain: () => false } }) },
    scope({ fault: 1 }, again),
  ],
  [
    'rule 4: every end is told once',
    { snapshotter: snapshotter.provide({ guards: { noneLive: open } }) },
    scope({ shutdown: 1 }),
  ],
  [
    'rule 4: handles taken are those of frozen points and live generations',
    { snapshotter: snapshotter.provide({ actions: { markFrozen: idle } }) },
    scope({}),
  ],
])('"%s" notices a chart that breaks it', { timeout: 300_000 }, (law, broken, it) => {
  const { counterexample } = explore(new Model(new Cells({ ...machines, ...broken }), it));
  expect(counterexample?.law).toBe(law);
});
