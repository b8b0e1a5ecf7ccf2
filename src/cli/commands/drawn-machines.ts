import type { AnyStateMachine } from 'xstate';
import { generationMachine } from '../../../machines/generation.ts';
import { orderedTasksMachine } from '../../../machines/ordered-tasks.ts';
import { recoveryMachine } from '../../../machines/recovery.ts';
import { snapshotterMachine } from '../../../machines/snapshotter.ts';
import { writerMachine } from '../../../machines/writer.ts';
import { machineToJson } from '../../diagrams/json.ts';
import { machineToMermaid } from '../../diagrams/mermaid.ts';
import type { PlanOptions } from '../../diagrams/plan.ts';
import { machineToSvg } from '../../diagrams/svg.ts';

export interface DrawnMachine extends PlanOptions {
  readonly machine: AnyStateMachine;
}

/** The machines that are drawn, by the names of their files. */
export const drawnMachines = {
  generation: { machine: generationMachine, failures: ['releasing'] },
  'ordered-tasks': { machine: orderedTasksMachine },
  recovery: { machine: recoveryMachine },
  snapshotter: { machine: snapshotterMachine },
  writer: { machine: writerMachine },
} as const satisfies Readonly<Record<string, DrawnMachine>>;

/** A file with the drawing of a machine. */
export interface DiagramFile {
  readonly file: string;
  readonly text: string;
}

/**
 * Draws every machine in each form; first those that need nothing installed.
 * @throws DiagramError `LAYOUT_UNAVAILABLE`
 */
export async function* diagramFiles(): AsyncGenerator<DiagramFile, void, undefined> {
  const drawn: readonly (readonly [string, DrawnMachine])[] = Object.entries(drawnMachines);
  for (const [name, { machine, ...options }] of drawn) {
    yield { file: `${name}.mmd`, text: machineToMermaid(machine, options) };
    yield {
      file: `${name}.json`,
      text: `${JSON.stringify(machineToJson(machine), undefined, 2)}\n`,
    };
  }
  for (const [name, { machine, ...options }] of drawn) {
    yield { file: `${name}.svg`, text: await machineToSvg(machine, options) };
  }
}
