import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { machineToMermaid } from '../../src/diagrams/mermaid.ts';
import { drawnMachines } from '../diagrams/machines.ts';

/** Draws `machines/` into `visualizations/diagrams`: `npm run diagrams`. */
const folder = join(process.cwd(), 'visualizations/diagrams');
mkdirSync(folder, { recursive: true });
for (const [name, machine] of Object.entries(drawnMachines)) {
  writeFileSync(join(folder, `${name}.mmd`), machineToMermaid(machine));
}
