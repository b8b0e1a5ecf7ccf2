import type { AnyStateMachine } from 'xstate';
import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { writerMachine } from '../../machines/writer.ts';

/** The machines that are drawn, by the names of their files. */
export const drawnMachines: Readonly<Record<string, AnyStateMachine>> = {
  generation: generationMachine,
  'ordered-tasks': orderedTasksMachine,
  recovery: recoveryMachine,
  snapshotter: snapshotterMachine,
  writer: writerMachine,
};
