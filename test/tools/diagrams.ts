import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diagramFiles } from '../../src/cli/drawn-machines.ts';

/** Draws `machines/` into `visualizations/diagrams`: `npm run diagrams`. */
const folder = join(process.cwd(), 'visualizations/diagrams');
mkdirSync(folder, { recursive: true });
for await (const { file, text } of diagramFiles()) writeFileSync(join(folder, file), text);
