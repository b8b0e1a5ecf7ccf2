import type { Graph } from './explore.ts';
import type { Path } from './paths.ts';

/** How many random walks, how long, and from which seed. */
export interface WalkOptions {
  /** Equal seeds give equal walks. A whole number. */
  readonly seed: number;
  /** Walks to be made, each from the initial state. @default 1 */
  readonly walks?: number;
  /** Steps of one walk, unless it comes to an end before. @default 100 */
  readonly stepsMax?: number;
}

/**
 * Walks that take any edge next, each as likely as the others: long runs, for graphs whose paths are
 * too many to take them all.
 *
 * @throws RangeError for a seed that is no whole number.
 */
export function randomWalks(
  graph: Graph,
  { seed, walks = 1, stepsMax = 100 }: WalkOptions,
): Path[] {
  if (!Number.isSafeInteger(seed)) throw new RangeError(`the seed ${seed} is no whole number`);
  const draw = drawFrom(seed);
  return Array.from({ length: walks }, () => randomWalk(graph, stepsMax, draw));
}

function randomWalk({ initial }: Graph, stepsMax: number, draw: Draw): Path {
  const path = [];
  for (let vertex = initial; path.length < stepsMax; ) {
    const edge = vertex.edges[draw(vertex.edges.length)];
    if (edge === undefined) break;
    path.push(edge);
    vertex = edge.target;
  }
  return path;
}

/** The next number below `bound`. */
type Draw = (bound: number) => number;

/**
 * A counter whose bits are mixed by two multiplications with odd numbers: even enough to choose edges
 * with, and the same on every machine. It is not for secrets.
 */
function drawFrom(seed: number): Draw {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x9e3779b1) >>> 0;
    const once = Math.imul(state ^ (state >>> 16), 0x2c1b3c6d);
    const twice = Math.imul(once ^ (once >>> 13), 0x297a2d39);
    return (twice >>> 8) % bound;
  };
}
