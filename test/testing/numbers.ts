import type { AnyStateNode } from 'xstate';
import {
  Coverage,
  countPairs,
  edgePairPaths,
  edgePaths,
  explore,
  type Graph,
  runPath,
  simplePaths,
  subjectOf,
} from '../../src/testing/kit.ts';
import { pointsPast, snapshotterSubject } from '../../src/testing/subjects/snapshotter.ts';

/** What a machine's graph counts, in the order of the README's table; undefined where it is not run. */
export interface Numbers {
  readonly machine: string;
  readonly states: number;
  readonly transitions: number;
  readonly vertices: number;
  readonly edges: number;
  readonly pairs: number;
  readonly simple: number | undefined;
}

const several = (capacity: number) =>
  explore(snapshotterSubject(pointsPast(capacity), { capacity, whenFull: 'drop' }));

/** The graphs that are counted, and whether each of their simple paths is run. */
export const countedGraphs = {
  generation: () => ({ graph: explore(subjectOf('generation', 'lean')), isWhole: true }),
  writer: () => ({ graph: explore(subjectOf('writer', 'lean')), isWhole: true }),
  'ordered-tasks': () => ({ graph: explore(subjectOf('ordered-tasks', 'lean')), isWhole: true }),
  recovery: () => ({ graph: explore(subjectOf('recovery', 'lean')), isWhole: true }),
  'snapshotter, capacity 1': () => ({
    graph: explore(subjectOf('snapshotter', 'lean')),
    isWhole: true,
  }),
  'snapshotter, capacity 2': () => ({ graph: several(2), isWhole: false }),
  'snapshotter, capacity 3': () => ({ graph: several(3), isWhole: false }),
} as const;

/** Counts one graph. */
export function numbersOf(machine: string, graph: Graph, isWhole: boolean): Numbers {
  return {
    machine,
    states: statesIn(graph.subject.machine.root),
    // Before any run, every definition is missing.
    transitions: new Coverage().missing(graph.subject.machine).length,
    vertices: graph.vertices.length,
    edges: graph.vertices.flatMap((vertex) => vertex.edges).length,
    pairs: countPairs(graph),
    simple: isWhole ? simplePaths(graph).length : undefined,
  };
}

function statesIn(node: AnyStateNode): number {
  const inner = Object.values(node.states);
  return inner.length + inner.reduce((sum, child) => sum + statesIn(child), 0);
}

/** Runs every simple path, edge and pair of edges live; returns how many steps that were. */
export function runWhole(graph: Graph, isWhole: boolean): number {
  const paths = [
    ...(isWhole ? simplePaths(graph) : []),
    ...edgePaths(graph),
    ...edgePairPaths(graph),
  ];
  for (const path of paths) runPath(graph, path);
  return paths.reduce((sum, path) => sum + path.length, 0);
}

/** A row of the README's table, without the seconds that it took. */
export function rowOf(numbers: Numbers): string {
  const { machine, simple, ...counts } = numbers;
  const cells = [...Object.values(counts), simple].map((count) =>
    count === undefined ? '–' : count.toLocaleString('en'),
  );
  return `| ${[machine, ...cells].join(' | ')} |`;
}
