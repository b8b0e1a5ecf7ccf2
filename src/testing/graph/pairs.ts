import { countBy, type Edge, type Graph, most } from './explore.ts';
import { type Path, shortestPaths } from './paths.ts';

/** How many pairs of edges there may be. */
export interface EdgePairsOptions {
  /**
   * Pairs before it is given up: a state has as many as ways in times ways out.
   * @default 100000
   */
  readonly pairsMax?: number;
}

/**
 * Paths that together take every pair of consecutive edges, and so what depends on how a state was come
 * to. Each goes the shortest way to an edge that such a pair begins with, and on from there through pairs
 * that none has taken as long as it finds any.
 *
 * @throws RangeError when there are more than `pairsMax` pairs; it says which samples make most.
 */
export function edgePairPaths(graph: Graph, { pairsMax = 100_000 }: EdgePairsOptions = {}): Path[] {
  const edges = graph.vertices.flatMap((vertex) => vertex.edges);
  if (countPairs(graph) > pairsMax) throw new RangeError(tooMany(pairsMax, edges));
  const open = new Open(edges);
  const paths: Path[] = [];
  for (const [vertex, prefix] of shortestPaths(graph)) {
    for (const edge of vertex.edges) {
      while (open.after(edge)) paths.push(open.taken([...prefix, edge]));
    }
  }
  return [...paths, ...alone(graph, paths)];
}

/** How many pairs of consecutive edges there are. */
export function countPairs({ vertices }: Graph): number {
  const edges = vertices.flatMap((vertex) => vertex.edges);
  return edges.reduce((sum, { target }) => sum + target.edges.length, 0);
}

/** An edge that leads straight from the initial state to an end is in no pair. */
function alone({ initial }: Graph, paths: readonly Path[]): Path[] {
  const taken = new Set(paths.flatMap(([first]) => first ?? []));
  return initial.edges.filter((edge) => !taken.has(edge)).map((edge) => [edge]);
}

/** The pairs that no path has taken yet. */
class Open {
  readonly #following: Map<Edge, Set<Edge>>;

  constructor(edges: readonly Edge[]) {
    this.#following = new Map(edges.map((edge) => [edge, new Set(edge.target.edges)]));
  }

  /** An edge that no path has taken after this one. */
  after(edge: Edge): Edge | undefined {
    const [next] = this.#following.get(edge) ?? [];
    return next;
  }

  /** The path and what follows it through open pairs; all of its pairs are taken now. */
  taken(begun: Path): Path {
    const path = [...begun];
    // An array's iteration reaches what is added meanwhile.
    for (const [index, edge] of path.entries()) {
      const next = path[index + 1] ?? this.after(edge);
      if (next === undefined) break;
      this.#following.get(edge)?.delete(next);
      if (index + 1 === path.length) path.push(next);
    }
    return path;
  }
}

function tooMany(pairsMax: number, edges: readonly Edge[]): string {
  const labels = edges.flatMap(({ label, target }) => target.edges.map(() => label));
  return (
    `more than ${pairsMax} pairs of edges. Samples that begin most of them: ` +
    `${most(countBy(labels))}. Samples that every state takes multiply by themselves: bound them ` +
    'with `offers`, clamp counters in `identity`, or run every edge (edgePaths) instead.'
  );
}
