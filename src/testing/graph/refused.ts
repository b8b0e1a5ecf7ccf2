import type { AnyEventObject, AnyMachineSnapshot } from 'xstate';
import type { Graph, Vertex } from './explore.ts';
import { canonical } from './identity.ts';
import { type Path, shortestPaths, titleOf } from './paths.ts';
import { type LiveRun, type RunOptions, runPath } from './runner.ts';
import { endedChild } from './subject.ts';

/**
 * Sends a live actor, in every state, every sample that the state does not react to.
 * Returns those that changed its value or context all the same; there must be none.
 *
 * A child's end is only tried while that child lives, and a timer only where it runs.
 */
export function refusedThatAct(graph: Graph, options?: RunOptions): readonly string[] {
  return [...shortestPaths(graph)].flatMap(([vertex, path]) =>
    vertex.state.status === 'active' ? refusedAt(graph, vertex, path, options) : [],
  );
}

function refusedAt(graph: Graph, { state }: Vertex, path: Path, options?: RunOptions): string[] {
  const { subject } = graph;
  let run = runPath(graph, path, options);
  const acted: string[] = [];
  for (const [name, event] of Object.entries(subject.samples)) {
    if (state.can(event) || !deliverable(run, event)) continue;
    const before = visible(run.state);
    run.take(event);
    if (visible(run.state) !== before) acted.push(`${titleOf(path)}, then ${name}`);
    const spent = endedChild(event) !== undefined || acted.length > 0;
    if (spent) run = runPath(graph, path, options);
  }
  return acted;
}

function deliverable(run: LiveRun, event: AnyEventObject): boolean {
  const child = endedChild(event);
  if (child !== undefined) return run.lives(child);
  return !event.type.startsWith('xstate.after.');
}

function visible({ value, context, status }: AnyMachineSnapshot): string {
  return canonical([value, context, status]);
}
