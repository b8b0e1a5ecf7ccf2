import type { AnyMachineSnapshot, AnyStateMachine, InspectionEvent } from 'xstate';
import { chartOf, statesOf } from '../../src/diagrams/chart.ts';
import type { PathCounts } from '../../src/diagrams/svg-text.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore, type Graph } from '../../src/testing/graph/explore.ts';
import { edgePaths, type Path, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { runPath } from '../../src/testing/graph/runner.ts';
import { chainSubject, generationSubject, writerSubject } from '../machines/alphabets.ts';
import { recoverySubject } from '../machines/recovery-subject.ts';
import {
  bySeconds,
  oneFullPoint,
  oneLeanPoint,
  pointsByTime,
  pointsPast,
  snapshotterSubject,
} from '../machines/snapshotter-subject.ts';

/** The graphs whose paths `test/machines/*.paths.test.ts` run live. */
export interface PathSets {
  /** Of these every simple path. */
  readonly simple: readonly Graph[];
  /** Of these paths that together take every edge. */
  readonly edges: readonly Graph[];
  /** In every state of this one, all that the state refuses or ignores. */
  readonly refused: Graph;
}

/** The path sets by the name of the machine; each is explored when it is asked for. */
export const pathSets = {
  generation: (): PathSets => {
    const refused = explore(generationSubject('cose', 'full'));
    return {
      simple: [
        explore(generationSubject('cose', 'lean')),
        explore(generationSubject('json', 'lean')),
      ],
      edges: [refused, explore(generationSubject('json', 'full'))],
      refused,
    };
  },
  'ordered-tasks': (): PathSets => {
    const full = explore(chainSubject(3, 'full'));
    return { simple: [explore(chainSubject(2, 'lean'))], edges: [full], refused: full };
  },
  recovery: (): PathSets => same(explore(recoverySubject)),
  snapshotter: (): PathSets => {
    const points = (capacity: number, whenFull: 'drop' | 'keep') =>
      explore(snapshotterSubject(pointsPast(capacity), { capacity, whenFull }));
    const onePoint = explore(snapshotterSubject(oneLeanPoint, { capacity: 1, whenFull: 'drop' }));
    const full = explore(snapshotterSubject(oneFullPoint, { capacity: 1, whenFull: 'drop' }));
    const simple = [onePoint, points(1, 'drop'), points(1, 'keep')];
    const many = [points(2, 'drop'), points(2, 'keep'), points(3, 'drop')];
    const byTime = explore(snapshotterSubject(pointsByTime, bySeconds));
    return { simple, edges: [...simple, full, byTime, ...many], refused: full };
  },
  writer: (): PathSets => same(explore(writerSubject)),
} as const;

const same = (graph: Graph): PathSets => ({ simple: [graph], edges: [graph], refused: graph });

/**
 * Runs every path live and counts those that run through each state and each transition. Of a transition that
 * only ignores its event, it counts the states in which a live actor was sent that event after all.
 */
export function countPaths(
  machine: AnyStateMachine,
  { simple, edges, refused }: PathSets,
): PathCounts {
  const root = chartOf(machine);
  const counts = {
    states: new Map(statesOf(root).map(({ id }) => [id, 0])),
    transitions: new Map<string, number>(),
  };
  for (const graph of simple) countAll(graph, simplePaths(graph), counts);
  for (const graph of edges) countAll(graph, edgePaths(graph), counts);
  const probes = new Coverage();
  refusedThatAct(refused, probes);
  const sent = probes.counts(machine);
  for (const { name, targets, actions } of statesOf(root).flatMap(
    ({ transitions }) => transitions,
  )) {
    const isIgnored = targets.length === 0 && actions.length === 0;
    if (isIgnored) counts.transitions.set(name, sent.get(name) ?? 0);
  }
  return counts;
}

interface Counts {
  readonly states: Map<string, number>;
  readonly transitions: Map<string, number>;
}

function countAll(graph: Graph, paths: readonly Path[], { states, transitions }: Counts): void {
  for (const path of paths) {
    const coverage = new Coverage();
    const visited = new Set<string>();
    const see = (state: AnyMachineSnapshot) => {
      for (const { id } of state._nodes) visited.add(id);
    };
    const inspect = (event: InspectionEvent): void => {
      coverage.inspect(event);
      // Only a machine has microsteps; those of states that it passes through are seen nowhere else.
      if (event.type === '@xstate.microstep') see(event.snapshot as AnyMachineSnapshot);
    };
    runPath(graph, path, { inspect }).states.forEach(see);
    addOne(states, visited);
    const taken = [...coverage.counts(graph.subject.machine)].filter(([, times]) => times > 0);
    addOne(
      transitions,
      taken.map(([name]) => name),
    );
  }
}

function addOne(counts: Map<string, number>, names: Iterable<string>): void {
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** States and transitions that no path runs through; there must be none. */
export function uncounted(machine: AnyStateMachine, counts: PathCounts): readonly string[] {
  const states = statesOf(chartOf(machine));
  return [
    ...states.filter(({ id }) => !counts.states.get(id)).map(({ id }) => id),
    ...states
      .flatMap(({ transitions }) => transitions)
      .filter(({ name }) => !counts.transitions.get(name))
      .map(({ name }) => name),
  ];
}
