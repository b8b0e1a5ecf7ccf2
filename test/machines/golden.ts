import type { AnyMachineSnapshot } from 'xstate';
import type { Graph, Vertex } from '../../src/testing/graph/explore.ts';
import { type Path, stateName } from '../../src/testing/graph/paths.ts';

type Naming = (state: AnyMachineSnapshot) => string;

/**
 * A graph that fits on a screen: its transitions between named states, and how many of its simple paths
 * end in which way. For graphs whose paths are too many to read one by one.
 */
export function goldenOf(graph: Graph, paths: readonly Path[], name: Naming, outcome: Naming) {
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
