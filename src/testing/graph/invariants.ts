import type { AnyMachineSnapshot } from 'xstate';
import type { Edge, Graph } from './explore.ts';
import { type Path, shortestPaths, titleOf } from './paths.ts';
import { type LiveRun, type RunOptions, runPath } from './runner.ts';

/** What must hold, by name. A machine is its own oracle in every generated path; its laws are not. */
export interface Invariants {
  /** Holds in every state. */
  readonly states?: Readonly<Record<string, (state: AnyMachineSnapshot) => boolean>>;
  /** Holds for every step. */
  readonly steps?: Readonly<Record<string, (edge: Edge) => boolean>>;
}

/** Each invariant that does not hold somewhere, with the shortest path to the first such place. */
export function brokenInvariants(
  graph: Graph,
  { states = {}, steps = {} }: Invariants,
): readonly string[] {
  const paths = [...shortestPaths(graph)];
  const edges = paths.flatMap(([{ edges }, path]) => edges.map((edge) => ({ edge, path })));
  const ofStates = Object.entries(states).flatMap(([name, holds]) => {
    const broken = paths.find(([{ state }]) => !holds(state));
    return broken ? [`${name}: ${titleOf(broken[1])}`] : [];
  });
  const ofSteps = Object.entries(steps).flatMap(([name, holds]) => {
    const broken = edges.find(({ edge }) => !holds(edge));
    return broken ? [`${name}: ${titleOf([...broken.path, broken.edge])}`] : [];
  });
  return [...ofStates, ...ofSteps];
}

/** What must hold of a live run at the end of its path, by name. */
export type RunLaws = Readonly<Record<string, (run: LiveRun, path: Path) => boolean>>;

/**
 * Runs every path live and returns each law with the first path that breaks it.
 * @throws Error when a live state differs from its path's.
 */
export function brokenRunLaws(
  graph: Graph,
  paths: readonly Path[],
  laws: RunLaws,
  options?: RunOptions,
): readonly string[] {
  const broken = new Map<string, string>();
  for (const path of paths) {
    const run = runPath(graph, path, options);
    for (const [name, holds] of Object.entries(laws)) {
      if (!broken.has(name) && !holds(run, path)) broken.set(name, `${name}: ${titleOf(path)}`);
    }
  }
  return [...broken.values()];
}
