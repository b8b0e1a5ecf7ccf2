import { describe, expect, test } from 'vitest';
import { assign, fromCallback, setup } from 'xstate';
import {
  alphabetFaults,
  brokenInvariants,
  edgePaths,
  explore,
  runPath,
  type Subject,
  simplePaths,
  structureFaults,
  titleOf,
} from '../../src/testing/kit.ts';

const allEdges = (subject: Subject) => {
  const graph = explore(subject);
  return { graph, ends: edgePaths(graph).map((path) => runPath(graph, path)) };
};

describe('the six ways to a green but wrong set of paths', () => {
  test('1: nothing follows an end, though the root would still react', () => {
    const machine = setup({}).createMachine({
      initial: 'a',
      on: { kill: '.c' },
      states: { a: { on: { go: 'b' } }, b: { type: 'final' }, c: { type: 'final' } },
    });
    const graph = explore({ machine, samples: { go: { type: 'go' }, kill: { type: 'kill' } } });
    expect(simplePaths(graph).map(titleOf)).toEqual(['go = b', 'kill = c']);
  });

  test('2: what only the machine raises is no sample, so a gate is gone through, not around', () => {
    const machine = setup({}).createMachine({
      id: 'gate',
      initial: 'closed',
      states: {
        closed: {
          type: 'parallel',
          onDone: 'open',
          states: {
            signature: {
              initial: 'no',
              states: { no: { on: { sign: 'yes' } }, yes: { type: 'final' } },
            },
            tree: {
              initial: 'no',
              states: { no: { on: { prove: 'yes' } }, yes: { type: 'final' } },
            },
          },
        },
        open: { type: 'final' },
      },
    });
    const samples = { sign: { type: 'sign' }, prove: { type: 'prove' } };
    const forged = { ...samples, forged: { type: 'xstate.done.state.gate.closed' } };
    expect(alphabetFaults({ machine, samples: forged })).toEqual([
      'only the machine may raise the sample forged',
    ]);
    expect(() => explore({ machine, samples: forged })).toThrow(TypeError);
    const { graph } = allEdges({ machine, samples });
    expect(simplePaths(graph).map(titleOf)).toEqual(['sign > prove = open', 'prove > sign = open']);
    expect(structureFaults(graph)).toEqual([]);
  });

  test('3: what hides in the context tells states apart', () => {
    const machine = setup({
      types: {} as { context: { first: boolean; second: boolean } },
    }).createMachine({
      context: { first: false, second: false },
      initial: 'waiting',
      states: {
        waiting: {
          on: {
            first: { actions: assign({ first: true }) },
            second: { actions: assign({ second: true }) },
            go: { guard: ({ context }) => context.first && context.second, target: 'over' },
          },
        },
        over: { type: 'final' },
      },
    });
    const samples = { first: { type: 'first' }, second: { type: 'second' }, go: { type: 'go' } };
    expect(simplePaths(explore({ machine, samples })).map(titleOf)).toEqual([
      'first > second > go = over',
      'second > first > go = over',
    ]);
  });

  test.each([
    [
      'Map',
      new Map<string, number>(),
      (map: Map<string, number>) => new Map(map).set(`${map.size}`, 1),
      (map: Map<string, number>) => map.size,
    ],
    [
      'Set',
      new Set<number>(),
      (set: Set<number>) => new Set(set).add(set.size),
      (set: Set<number>) => set.size,
    ],
    ['bigint', 0n, (count: bigint) => count + 1n, Number],
    [
      'bytes',
      new Uint8Array(300_000),
      (bytes: Uint8Array) => bytes.with(0, (bytes[0] ?? 0) + 1),
      (bytes: Uint8Array) => bytes[0] ?? 0,
    ],
    [
      'ArrayBuffer',
      new ArrayBuffer(0),
      (buffer: ArrayBuffer) => new ArrayBuffer(buffer.byteLength + 1),
      (buffer: ArrayBuffer) => buffer.byteLength,
    ],
    [
      'RegExp',
      /^$/,
      ({ source }: RegExp) => new RegExp(`${source}.`),
      ({ source }: RegExp) => source.length - 2,
    ],
  ])('4: a %s in the context tells states apart', (_, first, more, count) => {
    const [next, countOf] = [
      more as (held: unknown) => unknown,
      count as (held: unknown) => number,
    ];
    const machine = setup({ types: {} as { context: { held: unknown } } }).createMachine({
      context: { held: first },
      initial: 'filling',
      states: {
        filling: {
          on: { put: { actions: assign({ held: ({ context }) => next(context.held) }) } },
          always: { guard: ({ context }) => countOf(context.held) === 2, target: 'full' },
        },
        full: { type: 'final' },
      },
    });
    const { graph, ends } = allEdges({ machine, samples: { put: { type: 'put' } } });
    expect(simplePaths(graph).map(titleOf)).toEqual(['put > put = full']);
    expect(ends.map(({ state }) => state.value)).toEqual(['full']);
  });

  test('5: a sample that is missing is named, whether of an event, a child or a delay', () => {
    const machine = setup({
      actors: { job: fromCallback(() => {}) },
      delays: { soon: 1 },
    }).createMachine({
      id: 'job',
      initial: 'busy',
      states: {
        busy: {
          invoke: { id: 'job', src: 'job', onDone: 'idle', onError: 'idle' },
          after: { soon: 'idle', 500: 'idle' },
          on: { stop: 'idle', 'note.*': 'idle' },
        },
        idle: {},
      },
    });
    expect(alphabetFaults({ machine, samples: {} })).toEqual([
      'no sample for stop',
      'no sample for note.*',
      'no sample for xstate.done.actor.job',
      'no sample for xstate.error.actor.job',
      'no sample for xstate.after.500.job.busy',
      'no sample for xstate.after.soon.job.busy',
    ]);
  });

  test('6: a machine is no oracle of its own: an open guard changes no verdict but the invariant’s', () => {
    const safe = setup({
      types: {} as { context: { signed: boolean } },
      guards: { isSigned: ({ context }) => context.signed },
    }).createMachine({
      context: { signed: false },
      initial: 'waiting',
      states: {
        waiting: {
          on: {
            sign: { actions: assign({ signed: true }) },
            publish: { guard: 'isSigned', target: 'out' },
          },
        },
        out: { type: 'final' },
      },
    });
    const samples = { sign: { type: 'sign' }, publish: { type: 'publish' } };
    const laws = {
      states: {
        'what is out is signed': (state: {
          matches(value: string): boolean;
          context: { signed: boolean };
        }) => !state.matches('out') || state.context.signed,
      },
    };
    const open = safe.provide({ guards: { isSigned: () => true } });
    expect(brokenInvariants(explore({ machine: safe, samples }), laws)).toEqual([]);
    const { graph, ends } = allEdges({ machine: open, samples });
    expect(ends).toHaveLength(edgePaths(graph).length);
    expect(brokenInvariants(graph, laws)).toEqual(['what is out is signed: publish = out']);
  });
});
