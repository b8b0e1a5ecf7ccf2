import type { AnyMachineSnapshot } from 'xstate';
import type { ChainOutput, GenerationOutput } from '../../machines/events.ts';
import type { SnapshotterContext } from '../../machines/snapshotter-setup.ts';
import type { WriterContext } from '../../machines/writer.ts';
import type { Graph } from '../../src/testing/graph/explore.ts';
import { type Path, stateName, titleOf } from '../../src/testing/graph/paths.ts';
import { goldenOf, plainly } from './golden.ts';
import { known as knownOfChain } from './ordered-tasks-laws.ts';
import { outputOf as outputOfRecovery } from './recovery-laws.ts';
import { outputOf as outputOfWriter } from './writer-laws.ts';

/** The list of each machine that is reviewed: `__snapshots__` has them. */
export const goldens = {
  generation: (graph: Graph, simple: readonly Path[]) =>
    goldenOf(
      graph,
      simple,
      plainly,
      ({ output }) => `${(output as GenerationOutput | undefined)?.outcome}`,
    ),
  orderedTasks: (graph: Graph, simple: readonly Path[]) =>
    goldenOf(
      graph,
      simple,
      (state) =>
        `${stateName(state.value)} ${knownOfChain(state).queue.length}#${knownOfChain(state).attempt}`,
      ({ output }) => `${(output as ChainOutput | undefined)?.status}`,
    ),
  recovery: (_: Graph, simple: readonly Path[]) => simple.map(recoveryLine).join(''),
  snapshotter: (graph: Graph, simple: readonly Path[]) =>
    goldenOf(graph, simple, nameOfSnapshotter, nameOfSnapshotter),
  writer: (graph: Graph, simple: readonly Path[]) =>
    goldenOf(graph, simple, nameOfWriter, (state) => outputOfWriter(state).status),
} as const;

function recoveryLine(path: Path): string {
  const [end] = path.slice(-1).map(({ target }) => outputOfRecovery(target.state));
  const why = end?.refusal === undefined ? '' : `: ${end.refusal}`;
  return `${titleOf(path)} (${end?.refused.length} refused${why})\n`;
}

function nameOfWriter({ value, context }: AnyMachineSnapshot): string {
  const { attempt, file, status } = context as WriterContext;
  return `${value} ${attempt}${file ? ' named' : ''}${status === 'failed' ? ' failed' : ''}`;
}

function nameOfSnapshotter({ value, context }: AnyMachineSnapshot): string {
  const { points, slots, committed } = context as SnapshotterContext;
  const waiting = points.map(({ seqno, frozen }) => `${seqno}${frozen ? '*' : ''}`);
  const taken = slots.map(({ id, seqno }) => `${id}=${seqno}`);
  return [stateName(value), `@${committed}`, ...waiting, ...taken].join(' ');
}
