import { describe, expect, test, vi } from 'vitest';
import {
  alphabetFaults,
  brokenInvariants,
  brokenRunLaws,
  Coverage,
  countPairs,
  edgePairPaths,
  edgePaths,
  explore,
  goldenPaths,
  type LiveRun,
  type Path,
  randomWalks,
  refusedThatAct,
  runPath,
  simplePaths,
  structureFaults,
} from '../../src/testing/kit.ts';
import {
  retriedFetch,
  retriedFetchInvariants,
  retriedFetchSubject,
} from './machines/retried-fetch.ts';
import {
  trafficLight,
  trafficLightInvariants,
  trafficLightSubject,
} from './machines/traffic-light.ts';
import { uploadQueue, uploadQueueInvariants, uploadQueueSubject } from './machines/upload-queue.ts';

// Machines that have nothing to do with ledgers: whatever the kit does for ours it must do for them.
const strangers = [
  {
    name: 'a traffic light',
    graph: explore(trafficLightSubject),
    invariants: trafficLightInvariants,
    counts: { vertices: 10, edges: 20, pairs: 37, simple: 7 },
  },
  {
    name: 'a fetch with retries',
    graph: explore(retriedFetchSubject),
    invariants: retriedFetchInvariants,
    counts: { vertices: 14, edges: 24, pairs: 42, simple: 258 },
  },
  {
    name: 'a queue that spawns its uploads',
    graph: explore(uploadQueueSubject),
    invariants: uploadQueueInvariants,
    counts: { vertices: 14, edges: 59, pairs: 236, simple: 206 },
  },
];

const edgesOf = (paths: readonly Path[]) => new Set(paths.flat());

/** Each pair of edges that some path takes in succession, by the keys of its states and its labels. */
const pairsOf = (paths: readonly Path[]) =>
  new Set(
    paths.flatMap((path) =>
      path.slice(1).map((edge, index) => {
        const { source, label } = path[index] ?? edge;
        return [source.key, label, edge.label].join('\n');
      }),
    ),
  );

describe.each(strangers)('$name', ({ graph, invariants, counts }) => {
  const edges = graph.vertices.flatMap((vertex) => vertex.edges);

  test('has samples for all that it reacts to, and a way to and from every state', () => {
    expect(alphabetFaults(graph.subject)).toEqual([]);
    expect(structureFaults(graph)).toEqual([]);
  });

  test('has as many states, edges, pairs and simple paths as it should', () => {
    expect({
      vertices: graph.vertices.length,
      edges: edges.length,
      pairs: countPairs(graph),
      simple: simplePaths(graph).length,
    }).toEqual(counts);
  });

  test('keeps its invariants', () => {
    expect(brokenInvariants(graph, invariants)).toEqual([]);
  });

  test('runs its simple paths, every edge and every pair of edges live', () => {
    const warn = vi.spyOn(console, 'warn');
    const pairs = edgePairPaths(graph);
    const paths = [...simplePaths(graph), ...edgePaths(graph), ...pairs];
    const laws = {
      'as many states as steps': ({ states }: LiveRun, path: Path) =>
        states.length === path.length + 1,
    };
    expect(brokenRunLaws(graph, paths, laws)).toEqual([]);
    expect(edgesOf(edgePaths(graph))).toEqual(new Set(edges));
    expect(edgesOf(pairs)).toEqual(new Set(edges));
    expect(pairsOf(pairs).size).toBe(countPairs(graph));
    expect(warn).not.toHaveBeenCalled();
  });

  test('takes every transition that it defines, and is moved by nothing that it refuses', () => {
    const coverage = new Coverage();
    for (const path of edgePaths(graph)) runPath(graph, path, coverage);
    expect(refusedThatAct(graph, coverage)).toEqual([]);
    expect(coverage.missing(graph.subject.machine)).toEqual([]);
  });

  test('takes the same random walks for the same seed, live', () => {
    const walks = randomWalks(graph, { seed: 1, walks: 20, stepsMax: 30 });
    expect(randomWalks(graph, { seed: 1, walks: 20, stepsMax: 30 })).toEqual(walks);
    expect(randomWalks(graph, { seed: 2, walks: 20, stepsMax: 30 })).not.toEqual(walks);
    expect(brokenRunLaws(graph, walks, {})).toEqual([]);
  });
});

test('what is broken in them is found', () => {
  const broken = <Machine extends { provide(parts: object): Machine }>(
    machine: Machine,
    guard: string,
  ) => machine.provide({ guards: { [guard]: () => true } });
  const light = explore({ ...trafficLightSubject, machine: broken(trafficLight, 'isAsked') });
  const fetch = explore({ ...retriedFetchSubject, machine: broken(retriedFetch, 'isOk') });
  const queue = explore({ ...uploadQueueSubject, machine: broken(uploadQueue, 'isFree') });
  expect(brokenInvariants(light, trafficLightInvariants)).toEqual([
    'it walks only when asked: green over > amber over = red.walk',
  ]);
  expect(brokenInvariants(fetch, retriedFetchInvariants)).toEqual([
    'it ends loaded by a good answer alone: not there = loaded',
  ]);
  expect(brokenInvariants(queue, uploadQueueInvariants)).toEqual([
    'two at most are under way: add a > add b > add c = open',
  ]);
});

test('goldenPaths() lists the ways of a light, each until it has been everywhere it leads', () => {
  const [{ graph }] = strangers as [(typeof strangers)[0]];
  expect(goldenPaths(simplePaths(graph)).split('\n').slice(0, 3)).toEqual([
    'button pressed > green over > amber over > walk over > power failed > power returned = red.stop',
    'button pressed > green over > amber over > power failed > power returned = red.stop',
    'button pressed > green over > power failed > power returned = red.stop',
  ]);
});
