import { countBy, type Edge, type Graph, most, type Vertex } from './explore.ts';

/** A way through the graph from its initial state; empty, it is that state itself. */
export type Path = readonly Edge[];

/** How many simple paths there may be. */
export interface SimplePathsOptions {
  /**
   * Paths before the search is given up: their number grows as the factorial of independent inputs.
   * @default 2000
   */
  readonly pathsMax?: number;
}

/** Names of the samples along the path, and the state it ends in. */
export function titleOf(path: Path): string {
  const end = path.at(-1)?.target.state.value;
  return `${path.map(({ label }) => label).join(' > ')} = ${stateName(end)}`;
}

/** A state value in one word: `a.b`, and `a(x: b, y: c)` for parallel regions. */
export function stateName(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value ?? 'initial');
  const regions = Object.entries(value);
  if (regions.length === 0) return '';
  if (regions.length > 1) {
    return `(${regions.map(([name, inner]) => `${name}: ${stateName(inner)}`).join(', ')})`;
  }
  return regions.map(([name, inner]) => joined(name, stateName(inner))).join('');
}

const joined = (name: string, inner: string): string =>
  inner === '' || inner.startsWith('(') ? name + inner : `${name}.${inner}`;

/**
 * Every path that ends in a final state and is in no state twice, in the order of the samples. Where no
 * final state is reached, each goes on until every way leads back to where it has been.
 *
 * @throws RangeError when there are more than `pathsMax`; it says which inputs multiply.
 */
export function simplePaths(graph: Graph, { pathsMax = 2_000 }: SimplePathsOptions = {}): Path[] {
  const paths: Path[] = [];
  const visited = new Set<Vertex>();
  const stepsMax = pathsMax * 1_000;
  const ends = graph.vertices.some(isFinal);
  let steps = 0;
  const walk = (vertex: Vertex, path: Path): void => {
    visited.add(vertex);
    const onward = vertex.edges.filter(({ target }) => !visited.has(target));
    if (ends ? isFinal(vertex) : onward.length === 0) paths.push(path);
    steps += 1;
    if (paths.length > pathsMax || steps > stepsMax) throw tooMany(pathsMax, paths);
    for (const edge of onward) walk(edge.target, [...path, edge]);
    visited.delete(vertex);
  };
  walk(graph.initial, []);
  return paths;
}

function tooMany(pathsMax: number, paths: readonly Path[]): RangeError {
  const labels = paths.flatMap((path) => path.map(({ label }) => label));
  return new RangeError(
    `more than ${pathsMax} simple paths. Samples in most of them: ${most(countBy(labels))}. Take ` +
      'one sample for each outcome of a guard, or run every edge (edgePaths) instead.',
  );
}

/** True for a state that the machine has ended in. */
export function isFinal(vertex: Vertex): boolean {
  return vertex.state.status !== 'active';
}

/** The shortest path to each state. */
export function shortestPaths(graph: Graph): ReadonlyMap<Vertex, Path> {
  const paths = new Map<Vertex, Path>([[graph.initial, []]]);
  // A map's iteration reaches what is added meanwhile, so this is a breadth-first walk.
  for (const [vertex, path] of paths) {
    for (const edge of vertex.edges) {
      if (!paths.has(edge.target)) paths.set(edge.target, [...path, edge]);
    }
  }
  return paths;
}

/**
 * Paths that together take every edge: each goes the shortest way to an edge that none has taken, and
 * on from there through such edges as long as it finds any.
 */
export function edgePaths(graph: Graph): Path[] {
  const taken = new Set<Edge>();
  const onward = (edge: Edge): Path => {
    const path = [edge];
    for (const last of path) {
      taken.add(last);
      path.push(...last.target.edges.filter((next) => !taken.has(next)).slice(0, 1));
    }
    return path;
  };
  return [...shortestPaths(graph)].flatMap(([vertex, path]) =>
    vertex.edges.flatMap((edge) => (taken.has(edge) ? [] : [[...path, ...onward(edge)]])),
  );
}
