import { describe, expect, test } from 'vitest';
import { assign, type DoneActorEvent, enqueueActions, fromPromise, setup } from 'xstate';
import {
  childDone,
  childFailed,
  delayPassed,
  forgedSamples,
  missingSamples,
  strangeSamples,
} from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { canonical } from '../../src/testing/graph/identity.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import {
  edgePaths,
  shortestPaths,
  simplePaths,
  stateName,
  titleOf,
} from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { LiveRun, runPath } from '../../src/testing/graph/runner.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import type { Subject } from '../../src/testing/graph/subject.ts';

/** A download with all that a graph stumbles over: a promise, a delay, a counter, `always` and a report. */
const download = setup({
  types: {} as {
    context: { tries: number };
    input: { triesMax: number };
    events: { type: 'cancel' } | DoneActorEvent<string, 'fetch'>;
  },
  actors: { fetch: fromPromise(async () => 'bytes') },
  actions: {
    count: assign({ tries: ({ context }) => context.tries + 1 }),
    report: enqueueActions(({ enqueue, self }) => {
      if (self._parent) enqueue.sendTo(self._parent, { type: 'download.failed' });
    }),
  },
  guards: {
    isSpent: ({ context }) => context.tries > 2,
    isText: (_, { output }: { output: string }) => output === 'text',
  },
  delays: { pause: 5_000, patience: 60_000 },
}).createMachine({
  id: 'download',
  context: { tries: 0 },
  initial: 'fetching',
  on: { cancel: '.cancelled' },
  states: {
    fetching: {
      entry: 'count',
      invoke: {
        id: 'fetch',
        src: 'fetch',
        onDone: [
          {
            guard: { type: 'isText', params: ({ event }) => ({ output: event.output }) },
            target: 'done',
          },
          { target: 'resting', actions: 'report' },
        ],
        onError: 'resting',
      },
      after: { patience: 'cancelled' },
    },
    resting: {
      always: { guard: 'isSpent', target: 'cancelled' },
      after: { pause: 'fetching' },
    },
    done: { type: 'final' },
    cancelled: { type: 'final' },
  },
});

const subject: Subject = {
  machine: download,
  input: { triesMax: 3 },
  samples: {
    text: childDone('fetch', 'text'),
    binary: childDone('fetch', 'binary'),
    broken: childFailed('fetch', new Error('broken')),
    pause: delayPassed('pause', 'download.resting'),
    patience: delayPassed('patience', 'download.fetching'),
    cancel: { type: 'cancel' },
  },
};
const graph = explore(subject);
const others = ({ machine }: Subject, ...names: string[]) => ({
  machine,
  samples: Object.fromEntries(
    Object.entries(subject.samples).filter(([name]) => !names.includes(name)),
  ),
});

describe('alphabet', () => {
  test('missingSamples() names each event, end and delay that no sample has', () => {
    expect(missingSamples(others(subject, 'broken', 'pause'))).toEqual([
      'xstate.error.actor.fetch',
      'xstate.after.pause.download.resting',
    ]);
    expect(missingSamples(subject)).toEqual([]);
  });

  test('missingSamples() lets any sample stand for a wildcard', () => {
    const machine = setup({}).createMachine({ on: { 'disk.*': { actions: [() => {}] } } });
    expect(missingSamples({ machine, samples: {} })).toEqual(['disk.*']);
    expect(missingSamples({ machine, samples: { full: { type: 'disk.full' } } })).toEqual([]);
    expect(missingSamples({ machine, samples: { other: { type: 'diskette' } } })).toEqual([
      'disk.*',
    ]);
  });

  test('forgedSamples() and strangeSamples() name what must not be sent', () => {
    const samples = { open: { type: 'xstate.done.state.gate' }, typo: { type: 'cancle' } };
    expect(forgedSamples(samples)).toEqual(['open']);
    expect(strangeSamples({ machine: download, samples })).toEqual(['open', 'typo']);
  });
});

describe('canonical()', () => {
  test.each([
    ['bigint', 1n, 2n],
    ['bytes', new Uint8Array([1]), new Uint8Array([2])],
    ['Map', new Map([['a', 1]]), new Map([['a', 2]])],
    ['Set', new Set(['a']), new Set(['b'])],
    ['Error', new Error('a'), new Error('b')],
    ['Date', new Date(1), new Date(2)],
    ['nested', { a: [{ b: 1 }] }, { a: [{ b: 2 }] }],
    ['undefined and null', undefined, null],
    ['number and its text', 1, '1'],
  ])('tells %s apart', (_, a, b) => {
    expect(canonical(a)).toBe(canonical(a));
    expect(canonical(a)).not.toBe(canonical(b));
  });

  test('does not mind the order of keys and members', () => {
    expect(canonical({ a: 1, b: 2 })).toBe(canonical({ b: 2, a: 1 }));
    expect(canonical(new Set([1, 2]))).toBe(canonical(new Set([2, 1])));
  });

  test('ends with a cycle', () => {
    const value: { self?: unknown } = {};
    value.self = value;
    expect(canonical(value)).toBe('{"self":(cycle 1)}');
  });
});

describe('explore()', () => {
  test('finds every state once, and does not go on from a final one', () => {
    const finals = graph.vertices.filter(({ state }) => state.status === 'done');
    expect(graph.vertices).toHaveLength(11);
    expect(finals).toHaveLength(6);
    expect(finals.flatMap(({ edges }) => edges)).toEqual([]);
  });

  test('lets a child end once, until it is started anew', () => {
    const machine = setup({ actors: { job: fromPromise(async () => {}) } }).createMachine({
      invoke: { id: 'job', src: 'job', onDone: { actions: [() => {}] } },
    });
    const { initial, vertices } = explore({
      machine,
      samples: { done: childDone('job', undefined) },
    });
    expect(initial.edges).toHaveLength(1);
    expect(vertices).toHaveLength(2);
    expect(vertices.at(-1)?.edges).toEqual([]);
  });

  test('offers only what the world can send, by what it remembers', () => {
    const bounded = explore({
      ...subject,
      remembers: { rested: (state) => state.matches('resting') },
      offers: ({ type }, { past }) => type !== 'cancel' || past.has('rested'),
    });
    expect(bounded.initial.edges.map(({ label }) => label)).not.toContain('cancel');
    expect(simplePaths(bounded).map(titleOf)).toContain('binary > cancel = cancelled');
  });

  test('gives up beyond its bound and says which inputs multiply', () => {
    const counter = setup({ types: {} as { context: { count: number } } }).createMachine({
      context: { count: 0 },
      on: { more: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
    });
    const endless = { machine: counter, samples: { more: { type: 'more' } } };
    expect(() => explore(endless, { verticesMax: 50 })).toThrow(
      /more than 50 states.*more \(50\).*count \(51\).*identity/,
    );
  });
});

describe('paths', () => {
  test('simplePaths() lists each way to a final state', () => {
    expect(simplePaths(graph).map(titleOf).slice(0, 4)).toEqual([
      'text = done',
      'binary > pause > text = done',
      'binary > pause > binary > pause > text = done',
      'binary > pause > binary > pause > binary = cancelled',
    ]);
  });

  test('simplePaths() gives up beyond its bound', () => {
    expect(() => simplePaths(graph, { pathsMax: 3 })).toThrow(/more than 3 simple paths.*pause/);
  });

  test('shortestPaths() reaches every state', () => {
    expect(shortestPaths(graph).size).toBe(graph.vertices.length);
  });

  test('edgePaths() takes every edge', () => {
    const edges = graph.vertices.flatMap((vertex) => vertex.edges);
    expect(new Set(edgePaths(graph).flat())).toEqual(new Set(edges));
  });

  test('stateName() writes nested and parallel values', () => {
    expect(stateName({ a: { b: 'c' } })).toBe('a.b.c');
    expect(stateName({ a: { x: 'b', y: { z: 'c' } } })).toBe('a(x: b, y: z.c)');
  });
});

describe('runner', () => {
  test('runs every path live, with promises, delays and reports', () => {
    const told = simplePaths(graph).map((path) => runPath(graph, path).reports.length);
    expect(Math.max(...told)).toBe(3 + 1);
  });

  test('LiveRun notes what befell its children', () => {
    const run = new LiveRun(graph);
    run.take(childDone('fetch', 'binary'));
    run.take(delayPassed('pause', 'download.resting'));
    run.take({ type: 'cancel' });
    expect(run.children.map(({ what }) => what)).toEqual([
      'started',
      'ended',
      'started',
      'stopped',
    ]);
  });

  test('LiveRun refuses the end of a child and of a delay that is not there', () => {
    const run = new LiveRun(graph);
    expect(() => run.take(childDone('nobody', 1))).toThrow('no child nobody lives');
    expect(() => run.take(delayPassed('pause', 'download.resting'))).toThrow('no timer');
  });

  test('runPath() throws where the live actor goes another way', () => {
    const otherwise = explore({
      ...subject,
      machine: download.provide({ guards: { isSpent: () => false } }),
      identity: ({ value }) => value,
    });
    const [path] = simplePaths(graph).filter((candidate) =>
      titleOf(candidate).startsWith('binary'),
    );
    expect(() => runPath(otherwise, path ?? [])).toThrow(/step 1 .*the live state differs/);
  });
});

test('Coverage tells which transitions no actor has taken, `always` among them', () => {
  const coverage = new Coverage();
  const [straight] = simplePaths(graph);
  runPath(graph, straight ?? [], coverage);
  expect(coverage.missing(download)).toEqual([
    'download on cancel [0]',
    'download.fetching on xstate.done.actor.fetch [1]',
    'download.fetching on xstate.error.actor.fetch [0]',
    'download.fetching on xstate.after.patience.download.fetching [0]',
    'download.resting on xstate.after.pause.download.resting [0]',
    'download.resting on always [0]',
  ]);
  for (const path of edgePaths(graph)) runPath(graph, path, coverage);
  expect(coverage.missing(download)).toEqual([]);
});

test('brokenInvariants() names the law and the shortest way to break it', () => {
  expect(
    brokenInvariants(graph, {
      states: { 'tries at most twice': ({ context }) => context['tries'] < 3 },
      steps: { 'cancels never': ({ event }) => event.type !== 'cancel' },
    }),
  ).toEqual([
    'tries at most twice: binary > pause > binary > pause = fetching',
    'cancels never: cancel = cancelled',
  ]);
});

test('brokenRunLaws() names each law once', () => {
  const laws = { 'never reports': ({ reports }: LiveRun) => reports.length < 2 };
  expect(brokenRunLaws(graph, simplePaths(graph), laws)).toEqual([
    'never reports: binary > pause > text = done',
  ]);
});

test('refusedThatAct() names an event that acts though it is refused', () => {
  const machine = setup({ actors: { job: fromPromise(async () => {}) } }).createMachine({
    initial: 'working',
    states: { working: { invoke: { id: 'job', src: 'job', onDone: 'done' } }, done: {} },
  });
  const samples = { done: childDone('job', undefined), broken: childFailed('job', 'broken') };
  // Without `onError` a state does not react to its child's error, but breaks.
  expect(refusedThatAct(explore({ machine, samples }))).toEqual([' = initial, then broken']);
  expect(refusedThatAct(graph)).toEqual([]);
});

describe('structure', () => {
  test('unreachedStates() names the leaves that no sample leads to', () => {
    const silent = explore({ ...subject, samples: { cancel: { type: 'cancel' } } });
    expect(unreachedStates(silent)).toEqual(['download.done']);
    expect(unreachedStates(graph)).toEqual([]);
  });

  test('deadEnds() names the states that no final one follows', () => {
    const { text: _text, cancel: _cancel, patience: _patience, ...rest } = subject.samples;
    const machine = download.provide({ guards: { isSpent: () => false } });
    const identity = ({ value }: { value: unknown }) => value;
    expect(deadEnds(explore({ ...subject, machine, identity, samples: rest }))).toEqual([
      'fetching',
      'resting',
    ]);
    expect(deadEnds(graph)).toEqual([]);
  });
});

test('LiveRun lets the longer of two delays pass first', () => {
  const machine = setup({ delays: { short: 10, long: 1_000 } }).createMachine({
    id: 'race',
    type: 'parallel',
    states: {
      a: { initial: 'waiting', states: { waiting: { after: { short: 'over' } }, over: {} } },
      b: { initial: 'waiting', states: { waiting: { after: { long: 'over' } }, over: {} } },
    },
  });
  const race = explore({
    machine,
    samples: {
      short: delayPassed('short', 'race.a.waiting'),
      long: delayPassed('long', 'race.b.waiting'),
    },
  });
  const ends = edgePaths(race).map((path) => runPath(race, path).state.value);
  expect(ends).toContainEqual({ a: 'over', b: 'over' });
});
