import { describe, expect, test } from 'vitest';
import { assign, createMachine, fromCallback, raise, setup, spawnChild } from 'xstate';
import {
  Coverage,
  canonical,
  childDone,
  childFailed,
  deadEnds,
  delayPassed,
  edgePairPaths,
  edgePaths,
  explore,
  LiveRun,
  type Path,
  randomWalks,
  runPath,
  runSamples,
  type Subject,
  shortestPaths,
  simplePaths,
  stateName,
  structureFaults,
  titleOf,
} from '../../src/testing/kit.ts';

const allEdges = (subject: Subject) => {
  const graph = explore(subject);
  return { graph, ends: edgePaths(graph).map((path) => runPath(graph, path)) };
};

describe('what has no end is given up with advice', () => {
  const counter = setup({ types: {} as { context: { count: number } } }).createMachine({
    context: { count: 0 },
    on: { more: { actions: assign({ count: ({ context }) => context.count + 1 }) } },
  });
  const endless: Subject = { machine: counter, samples: { more: { type: 'more' } } };

  /** Flags that are set in any order: the factorial that makes simple paths useless. */
  const flags = (names: readonly string[]): Subject => ({
    machine: setup({}).createMachine({
      type: 'parallel',
      states: Object.fromEntries(
        names.map((name) => [
          name,
          { initial: 'off', states: { off: { on: { [name]: 'on' } }, on: { type: 'final' } } },
        ]),
      ),
    }),
    samples: Object.fromEntries(names.map((name) => [name, { type: name }])),
  });
  const letters = [...'abcdefg'];

  test('states: explore() names the sample and the field, and `identity` clamps it', () => {
    expect(() => explore(endless, { verticesMax: 100 })).toThrow(
      /^more than 100 states\. Samples that found most: more \(100\).*count \(101\).*`offers`.*`identity`\.$/,
    );
    const clamped = explore({ ...endless, identity: ({ context }) => Math.min(context.count, 3) });
    expect(clamped.vertices).toHaveLength(4);
  });

  test('paths: simplePaths() says that edges would do, and they do', () => {
    const graph = explore(flags(letters));
    expect(graph.vertices).toHaveLength(2 ** 7);
    expect(() => simplePaths(graph)).toThrow(/^more than 2000 simple paths\..*edgePaths/);
    expect(edgePaths(graph).length).toBeLessThan(7 * 2 ** 6);
  });

  test('pairs: edgePairPaths() names the samples that begin most, and says what to clamp', () => {
    const graph = explore(flags(letters));
    expect(() => edgePairPaths(graph, { pairsMax: 1_000 })).toThrow(
      /^more than 1000 pairs of edges\. Samples that begin most of them: a \(192\).*`offers`.*`identity`.*edgePaths/,
    );
  });

  test('an endless loop of `always` is an error, not a hang', () => {
    const machine = setup({}).createMachine({
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: { always: 'c' }, c: { always: 'b' } },
    });
    expect(() => explore({ machine, samples: { go: { type: 'go' } } })).toThrow(/Infinite loop/);
  });

  test('randomWalks() ends with the machine, or with its bound', () => {
    expect(randomWalks(explore(flags(['a', 'b'])), { seed: 3 })).toHaveLength(1);
    const clamped = explore({ ...endless, identity: ({ context }) => Math.min(context.count, 3) });
    expect(randomWalks(clamped, { seed: 3, stepsMax: 12 })[0]).toHaveLength(12);
    expect(() => randomWalks(clamped, { seed: 0.5 })).toThrow(RangeError);
  });
});

describe('charts with all that XState has', () => {
  test('always that branches is covered by microsteps, though no state shows it', () => {
    const machine = setup({ types: {} as { events: { type: 'go'; far: boolean } } }).createMachine({
      initial: 'here',
      states: {
        here: { on: { go: 'between' } },
        between: {
          always: [{ guard: ({ event }) => event.far, target: 'far' }, { target: 'near' }],
        },
        near: { type: 'final' },
        far: { type: 'final' },
      },
    });
    const graph = explore({ machine, samples: { near: { type: 'go', far: false } } });
    const coverage = new Coverage();
    for (const path of edgePaths(graph)) runPath(graph, path, coverage);
    expect(coverage.missing(machine)).toEqual(['(machine).between on always [0]']);
    expect(structureFaults(graph)).toEqual(['no sample leads to (machine).far']);
  });

  test('history brings back where a state was left, and tells two ways apart', () => {
    const machine = setup({}).createMachine({
      id: 'player',
      initial: 'playing',
      states: {
        playing: {
          initial: 'slow',
          on: { pause: 'paused' },
          states: { slow: { on: { faster: 'fast' } }, fast: {}, back: { type: 'history' } },
        },
        paused: { on: { resume: 'playing.back', stop: 'over' } },
        over: { type: 'final' },
      },
    });
    const samples = Object.fromEntries(
      ['faster', 'pause', 'resume', 'stop'].map((type) => [type, { type }]),
    );
    const { graph } = allEdges({ machine, samples });
    const paused = graph.vertices.filter(({ state }) => state.matches('paused'));
    expect(paused.map(({ edges }) => stateName(edges[0]?.target.state.value))).toEqual([
      'playing.slow',
      'playing.fast',
    ]);
    expect(structureFaults(graph)).toEqual([]);
  });

  test('raised events, entry and exit actions and a delay in milliseconds run as in life', () => {
    const machine = setup({}).createMachine({
      id: 'chain',
      initial: 'a',
      states: {
        a: { entry: raise({ type: 'next' }), on: { next: 'b' } },
        b: { after: { 250: 'c' } },
        c: { entry: raise({ type: 'late' }, { delay: 10 }), on: { late: 'd' } },
        d: { type: 'final' },
      },
    });
    const subject = {
      machine,
      samples: {
        next: { type: 'next' },
        'time passed': delayPassed(250, 'chain.b'),
        late: { type: 'late' },
      },
    };
    const { graph } = allEdges(subject);
    expect(simplePaths(graph).map(titleOf)).toEqual(['time passed > late = d']);
  });

  test('invoked by value, deep inside, with an id of the system: a stub all the same', () => {
    let starts = 0;
    const work = fromCallback(() => {
      starts += 1;
    });
    const machine = createMachine({
      id: 'deep',
      initial: 'outer',
      states: {
        outer: {
          initial: 'inner',
          states: {
            inner: {
              invoke: {
                id: 'work',
                systemId: 'worker',
                src: work,
                onDone: 'again',
                onError: 'again',
              },
            },
            again: { on: { retry: 'inner' } },
          },
        },
      },
    });
    const samples = {
      done: childDone('work', 1),
      failed: childFailed('work', 'no'),
      retry: { type: 'retry' },
    };
    const { ends } = allEdges({ machine, samples });
    expect(ends.flatMap(({ children }) => children.map(({ what }) => what))).toContain('ended');
    expect(starts).toBe(0);
  });

  test('a named actor needs no implementation', () => {
    const machine = createMachine({
      initial: 'busy',
      states: {
        busy: { invoke: { id: 'job', src: 'job', onDone: 'idle' } },
        idle: { type: 'final' },
      },
    });
    const { graph } = allEdges({ machine, samples: { done: childDone('job', 1) } });
    expect(simplePaths(graph).map(titleOf)).toEqual(['done = idle']);
  });

  test('logic that is spawned by value cannot be a stub, and is named when it should end', () => {
    const machine = createMachine({
      entry: spawnChild(
        fromCallback(() => {}),
        { id: 'loose' },
      ),
      on: { 'xstate.done.actor.loose': { actions: () => {} } },
    });
    const run = new LiveRun(explore({ machine, samples: {} }));
    expect(() => run.take(childDone('loose', 1))).toThrow('the child loose is no stub');
  });

  test('a machine without an end has dead ends only where nothing leads out', () => {
    const machine = setup({}).createMachine({
      initial: 'a',
      states: {
        a: { on: { go: 'b', trap: 'c' } },
        b: { on: { go: 'a' } },
        c: { on: { trap: 'c' } },
      },
    });
    const graph = explore({ machine, samples: { go: { type: 'go' }, trap: { type: 'trap' } } });
    expect(deadEnds(graph)).toEqual(['c']);
  });

  test('an edge that leads straight to an end is in no pair, and is taken all the same', () => {
    const machine = setup({}).createMachine({
      initial: 'a',
      states: {
        a: { on: { quit: 'over', go: 'b' } },
        b: { on: { quit: 'over' } },
        over: { type: 'final' },
      },
    });
    const graph = explore({ machine, samples: { quit: { type: 'quit' }, go: { type: 'go' } } });
    expect(edgePairPaths(graph).map(titleOf)).toEqual(['go > quit = over', 'quit = over']);
  });

  test('runSamples() runs by name, and refuses one that is not there', () => {
    const machine = setup({}).createMachine({
      initial: 'a',
      states: { a: { on: { go: 'b' } }, b: {} },
    });
    const subject = { machine, samples: { go: { type: 'go' } } };
    expect(runSamples(subject, ['go']).state.value).toBe('b');
    expect(() => runSamples(subject, ['went'])).toThrow(new RangeError('there is no sample went'));
  });

  test('shortestPaths() of a machine that nothing moves has the initial state alone', () => {
    const graph = explore({ machine: setup({}).createMachine({}), samples: {} });
    const empty: Path = [];
    expect([...shortestPaths(graph).values()]).toEqual([empty]);
    expect([edgePaths(graph), edgePairPaths(graph)]).toEqual([[], []]);
  });
});

test.each([
  [
    'errors by what they carry',
    Object.assign(new Error('no'), { code: 1 }),
    Object.assign(new Error('no'), { code: 2 }),
  ],
  ['symbols by name', Symbol('a'), Symbol('b')],
  [
    'dates in a Map in a Set',
    new Set([new Map([['at', new Date(1)]])]),
    new Set([new Map([['at', new Date(2)]])]),
  ],
  [
    'two views of one buffer by their place',
    new Uint8Array([1, 2]).subarray(0, 1),
    new Uint8Array([1, 2]).subarray(1),
  ],
  ['-Infinity, NaN', Number.NEGATIVE_INFINITY, Number.NaN],
])('canonical() tells apart %s', (_, a, b) => {
  expect(canonical(a)).not.toBe(canonical(b));
});
