import type { AnyMachineSnapshot } from 'xstate';
import type { Graph, Vertex } from './explore.ts';
import { type Path, stateName, titleOf } from './paths.ts';

/** What a state is called in a list. */
export type Naming = (state: AnyMachineSnapshot) => string;

/** How states are called in a golden list. */
export interface GoldenOptions {
  /** @default plainly */
  readonly name?: Naming;
  /** How an end is called. @default the same as `name` */
  readonly outcome?: Naming;
}

/** The titles of the paths, one a line: to be kept beside a test, so that a change shows in review. */
export function goldenPaths(paths: readonly Path[]): string {
  return paths.map((path) => `${titleOf(path)}\n`).join('');
}

/**
 * A graph that fits on a screen: its transitions between named states, and how many of its simple paths
 * end in which way. For graphs whose paths are too many to read one by one.
 */
export function goldenGraph(
  graph: Graph,
  paths: readonly Path[],
  { name = plainly, outcome = name }: GoldenOptions = {},
): string {
  const named = ({ state }: Vertex) => (state.status === 'done' ? `${name(state)}!` : name(state));
  const edges = graph.vertices.flatMap((vertex) =>
    vertex.edges
      .filter(({ target }) => target !== vertex)
      .map(({ label, target }) => `${named(vertex)} · ${label} → ${named(target)}`),
  );
  const ends = paths.flatMap((path) => path.slice(-1).map(({ target }) => outcome(target.state)));
  const counts = [...new Set(ends)].map(
    (end) => `${ends.filter((other) => other === end).length} simple paths end ${end}`,
  );
  return `${[...new Set(edges)].join('\n')}\n\n${counts.sort().join('\n')}\n`;
}

/** The state alone. */
export const plainly: Naming = ({ value }) => stateName(value);
