import { describe, expect, test } from 'vitest';
import { and, assign, fromPromise, not, setup } from 'xstate';
import { childDone, childFailed, delayPassed } from '../../src/testing/graph/alphabet.ts';
import { type Mutant, mutantsOf } from '../../src/testing/graph/mutants/mutants.ts';
import { type Checks, Judge } from '../../src/testing/graph/mutants/mutants-trial.ts';

/** A fetch with retries: all that a mutant can change is in it, and one thing that nothing can notice. */
const fetching = setup({
  types: {} as { context: { tries: number; isTold: boolean } },
  actors: { fetch: fromPromise(async () => 'bytes') },
  actions: {
    count: assign({ tries: ({ context }) => context.tries + 1 }),
    tell: assign({ isTold: true }),
  },
  guards: {
    isSpent: ({ context }) => context.tries > 2,
    isCalm: ({ context }) => context.tries < 9,
  },
  delays: { pause: 5_000 },
}).createMachine({
  id: 'fetching',
  context: { tries: 0, isTold: false },
  initial: 'idle',
  on: { cancel: { target: '.failed' } },
  states: {
    idle: { on: { start: 'trying' }, exit: 'tell' },
    trying: {
      entry: 'count',
      invoke: {
        id: 'fetch',
        src: 'fetch',
        onDone: 'done',
        onError: [
          { guard: and([not('isSpent'), 'isCalm']), target: 'waiting' },
          { target: 'failed' },
        ],
      },
    },
    waiting: { after: { pause: 'trying' } },
    done: { type: 'final' },
    failed: { type: 'final' },
  },
});

const tries = ({ context }: { context: unknown }) => (context as { tries: number }).tries;

const checks: Checks = {
  machine: fetching,
  suites: [
    {
      subject: {
        machine: fetching,
        samples: {
          start: { type: 'start' },
          fetched: childDone('fetch', 'bytes'),
          broken: childFailed('fetch', new Error('broken')),
          pause: delayPassed('pause', 'fetching.waiting'),
          cancel: { type: 'cancel' },
        },
      },
      invariants: {
        states: {
          'nothing is tried before it is asked for': (state) =>
            state.matches('idle') === (tries(state) === 0 && state.status === 'active'),
          'all that is under way can be cancelled': (state) =>
            state.status !== 'active' || state.can({ type: 'cancel' }),
        },
        steps: {
          'a failed try is followed by a pause, three tries at most': ({ source, event, target }) =>
            event.type !== 'xstate.error.actor.fetch' ||
            target.state.matches(tries(source.state) < 3 ? 'waiting' : 'failed'),
        },
      },
      triesRefused: true,
      isSimple: true,
    },
  ],
};

const mutants = mutantsOf(fetching);
const survivorsOf = (judge: Judge, of: readonly Mutant[] = mutants) =>
  of
    .map((mutant) => judge.judge(mutant))
    .filter(({ kill }) => kill === undefined)
    .map(({ mutant }) => mutant);

describe('mutantsOf()', () => {
  test('changes each guard, operand, transition, action, target and initial state', () => {
    expect(mutants.map(({ name }) => name)).toEqual([
      'fetching initial: trying',
      'fetching on cancel [0]: dropped',
      'fetching on cancel [0]: to fetching.idle instead of fetching.failed',
      'fetching.idle exit: without tell',
      'fetching.idle on start [0]: dropped',
      'fetching.idle on start [0]: to fetching.waiting instead of fetching.trying',
      'fetching.trying entry: without count',
      'fetching.trying on xstate.done.actor.fetch [0]: dropped',
      'fetching.trying on xstate.done.actor.fetch [0]: to fetching.failed instead of fetching.done',
      'fetching.trying on xstate.error.actor.fetch [0]: guard and(not(isSpent), isCalm) never',
      'fetching.trying on xstate.error.actor.fetch [0]: guard and(not(isSpent), isCalm) always',
      'fetching.trying on xstate.error.actor.fetch [0]: guard and(not(isSpent), isCalm) without not(isSpent)',
      'fetching.trying on xstate.error.actor.fetch [0]: guard and(not(isSpent), isCalm) without isCalm',
      'fetching.trying on xstate.error.actor.fetch [0]: guard not(isSpent) without not',
      'fetching.trying on xstate.error.actor.fetch [0]: to fetching.done instead of fetching.waiting',
      'fetching.trying on xstate.error.actor.fetch [1]: dropped',
      'fetching.trying on xstate.error.actor.fetch [1]: to fetching.idle instead of fetching.failed',
      'fetching.waiting on xstate.after.pause.fetching.waiting [0]: dropped',
      'fetching.waiting on xstate.after.pause.fetching.waiting [0]: to fetching.waiting instead of fetching.trying',
    ]);
  });

  test('leaves the machine itself as it is', () => {
    const before = JSON.stringify(fetching.config);
    for (const { run } of mutants) run((machine) => machine.root.id);
    expect(JSON.stringify(fetching.config)).toBe(before);
  });

  test('finds its way to a state whose name has a dot, and leaves regions alone', () => {
    const machine = setup({ actions: { log: () => {} } }).createMachine({
      id: 'dotted',
      type: 'parallel',
      states: {
        a: { initial: 'v1.0', states: { 'v1.0': { always: [{ target: 'v1\\.1' }] }, 'v1.1': {} } },
        b: { on: { back: '#dotted.a' }, entry: ['log', 'log'] },
      },
    });
    const names = mutantsOf(machine).map(({ name, run }) => {
      const { root } = run((mutant) => mutant);
      return `${name} = ${root.states['a']?.initial.target?.[0]?.key}`;
    });
    expect(names).toEqual([
      'dotted.a initial: v1.1 = v1.1',
      'dotted.a.v1.0 on always [0]: dropped = v1.0',
      'dotted.a.v1.0 on always [0]: to dotted.a.v1.0 instead of dotted.a.v1.1 = v1.0',
      'dotted.b entry: without log 1 = v1.0',
      'dotted.b entry: without log 2 = v1.0',
      'dotted.b on back [0]: dropped = v1.0',
    ]);
  });
});

describe('Judge', () => {
  test('lets no mutant live but the one that nothing can notice', () => {
    // Three tries are spent before a ninth could come.
    expect(survivorsOf(new Judge(checks))).toEqual([
      'fetching.trying on xstate.error.actor.fetch [0]: guard and(not(isSpent), isCalm) without isCalm',
    ]);
  });

  test('names the check that noticed, and the law that would have', () => {
    const judge = new Judge(checks);
    const verdicts = Object.fromEntries(
      mutants.map((mutant) => {
        const { kill, byLaw } = judge.judge(mutant);
        return [mutant.name, [kill?.check, byLaw?.check]];
      }),
    );
    expect(verdicts).toMatchObject({
      'fetching initial: trying': ['structure', undefined],
      'fetching on cancel [0]: dropped': ['invariants', 'invariants'],
      'fetching.idle exit: without tell': ['reviewed', undefined],
      'fetching.trying entry: without count': ['invariants', 'invariants'],
    });
  });

  test('calls a mutant without end bounded', () => {
    const judge = new Judge(checks);
    const endless: Mutant = {
      name: 'never spent',
      run: (trial) =>
        trial(fetching.provide({ guards: { isSpent: () => false, isCalm: () => true } })),
    };
    expect(judge.judge(endless).kill?.check).toBe('bounded');
  });

  test('lets mutants live that no check looks for', () => {
    const [suite] = checks.suites;
    if (suite === undefined) throw new Error('assertion failed: there is a suite');
    const blind = {
      ...checks,
      suites: [
        { subject: { ...suite.subject, identity: ({ value }: { value: unknown }) => value } },
      ],
    };
    expect(survivorsOf(new Judge(blind))).toContain('fetching.idle exit: without tell');
  });

  test('asks for no law once a check has noticed, when told so', () => {
    const judge = new Judge(checks, { asksLaws: false });
    expect(judge.judge(mutants[0] ?? failing).byLaw).toBeUndefined();
  });

  test('refuses checks that find fault with the machine itself', () => {
    const rules = { 'never is': () => expect(1).toBe(2) };
    expect(() => new Judge({ ...checks, rules })).toThrow(
      'the machine itself fails rules: never is',
    );
  });

  test('a rule notices what it was written for', () => {
    const rules = {
      'starts when asked': (machine: typeof checks.machine) => {
        if (!machine.root.states['idle']?.on['start']) throw new Error('it does not');
      },
    };
    const judge = new Judge({ machine: fetching, suites: [], rules });
    expect(mutants.map((mutant) => judge.judge(mutant)).filter(({ kill }) => kill)).toEqual([
      {
        mutant: 'fetching.idle on start [0]: dropped',
        kill: { check: 'rules', found: 'starts when asked: it does not' },
        byLaw: { check: 'rules', found: 'starts when asked: it does not' },
      },
    ]);
  });
});

const failing: Mutant = {
  name: 'none',
  run: () => {
    throw new Error('assertion failed: there is a mutant');
  },
};
