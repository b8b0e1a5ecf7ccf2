import type { DiagramFile } from '../../src/cli/commands/drawn-machines.ts';
import { sequenceToMermaid } from '../../src/diagrams/sequence-mermaid.ts';
import { sequenceToSvg } from '../../src/diagrams/sequence-svg.ts';
import { snapshotAfter } from './snapshot-after.ts';
import { snapshotBefore } from './snapshot-before.ts';
import { recordSnapshot } from './snapshot-run.ts';

/** Draws the life of a snapshot, before and after, in both forms. */
export async function sequenceFiles(): Promise<readonly DiagramFile[]> {
  const sequences = {
    'snapshot-before': snapshotBefore,
    'snapshot-after': snapshotAfter(await recordSnapshot()),
  };
  return Object.entries(sequences).flatMap(([name, sequence]) => [
    { file: `${name}.mmd`, text: sequenceToMermaid(sequence) },
    { file: `${name}.svg`, text: sequenceToSvg(sequence) },
  ]);
}
