import type { AnyStateNode } from 'xstate';
import type { Graph, Vertex } from './explore.ts';
import { isFinal, stateName } from './paths.ts';

/** Leaf states of the machine that no sample leads to; states that only pass through are left out. */
export function unreachedStates({ subject, vertices }: Graph): readonly string[] {
  const reached = new Set(vertices.flatMap(({ state }) => state._nodes.map(({ id }) => id)));
  return leavesOf(subject.machine.root)
    .filter((node) => !reached.has(node.id) && !passesThrough(node))
    .map(({ id }) => id);
}

/** Left in the step that enters it: by `always`, or as the end of a state that goes on with `onDone`. */
function passesThrough({ always, type, parent }: AnyStateNode): boolean {
  if (always !== undefined) return true;
  return type === 'final' && parent?.transitions.has(`xstate.done.state.${parent.id}`) === true;
}

function leavesOf(node: AnyStateNode): readonly AnyStateNode[] {
  const inner = Object.values(node.states);
  if (inner.length > 0) return inner.flatMap(leavesOf);
  return node.type === 'history' ? [] : [node];
}

/** What is wrong with the graph, in words: states that nothing leads to, or no way on from. */
export function structureFaults(graph: Graph): readonly string[] {
  return [
    ...unreachedStates(graph).map((id) => `no sample leads to ${id}`),
    ...deadEnds(graph).map((name) => `nothing leads on from ${name}`),
  ];
}

/**
 * Live states from which no final state can be reached; of a machine that has none, those that no
 * sample leads out of.
 */
export function deadEnds({ subject, vertices }: Graph): readonly string[] {
  if (!canEnd(subject.machine.root)) return namesOf(vertices.filter(isStuck));
  const sources = new Map<Vertex, Vertex[]>();
  for (const { source, target } of vertices.flatMap(({ edges }) => edges)) {
    sources.set(target, [...(sources.get(target) ?? []), source]);
  }
  const alive = new Set(vertices.filter(isFinal));
  // A set's iteration reaches what is added meanwhile: this walks backwards from the final states.
  for (const vertex of alive) for (const source of sources.get(vertex) ?? []) alive.add(source);
  return namesOf(vertices.filter((vertex) => !alive.has(vertex)));
}

/** Whether the machine defines an end: a final state, or in parallel regions one in each. */
function canEnd({ type, states }: AnyStateNode): boolean {
  const inner = Object.values(states);
  if (type === 'parallel') return inner.every(canEnd);
  return inner.some((node) => node.type === 'final');
}

const isStuck = (vertex: Vertex): boolean => vertex.edges.every(({ target }) => target === vertex);

function namesOf(vertices: readonly Vertex[]): readonly string[] {
  return [...new Set(vertices.map(({ state }) => stateName(state.value)))];
}
