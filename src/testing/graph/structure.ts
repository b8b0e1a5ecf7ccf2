import type { AnyStateNode } from 'xstate';
import type { Graph, Vertex } from './explore.ts';
import { isFinal, stateName } from './paths.ts';

/** Leaf states of the machine that no sample leads to; states that only pass through are left out. */
export function unreachedStates({ subject, vertices }: Graph): readonly string[] {
  const reached = new Set(vertices.flatMap(({ state }) => state._nodes.map(({ id }) => id)));
  return leavesOf(subject.machine.root)
    .filter(({ id, always }) => always === undefined && !reached.has(id))
    .map(({ id }) => id);
}

function leavesOf(node: AnyStateNode): readonly AnyStateNode[] {
  const inner = Object.values(node.states);
  if (inner.length > 0) return inner.flatMap(leavesOf);
  return node.type === 'history' ? [] : [node];
}

/** Live states from which no final state can be reached. */
export function deadEnds({ vertices }: Graph): readonly string[] {
  const sources = new Map<Vertex, Vertex[]>();
  for (const { source, target } of vertices.flatMap(({ edges }) => edges)) {
    sources.set(target, [...(sources.get(target) ?? []), source]);
  }
  const alive = new Set(vertices.filter(isFinal));
  // A set's iteration reaches what is added meanwhile: this walks backwards from the final states.
  for (const vertex of alive) for (const source of sources.get(vertex) ?? []) alive.add(source);
  return vertices.filter((vertex) => !alive.has(vertex)).map(({ state }) => stateName(state.value));
}
