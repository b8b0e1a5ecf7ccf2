import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { diagramFiles } from '../../src/cli/commands/drawn-machines.ts';
import { coverageMap, coverageMapNames } from './coverage-maps.ts';
import { sequenceFiles } from './sequence-files.ts';
import { readArguments } from './usage.ts';

const usage =
  'usage: npm run diagrams; it draws visualizations/diagrams and visualizations/coverage anew';
readArguments(usage, () => parseArgs());

/**
 * Draws `machines/` and the life of a snapshot into `visualizations/diagrams`, and their paths into `coverage`:
 * `npm run diagrams`.
 */
function folder(name: string): string {
  const path = join(process.cwd(), 'visualizations', name);
  mkdirSync(path, { recursive: true });
  return path;
}

const diagrams = folder('diagrams');
for await (const { file, text } of diagramFiles()) writeFileSync(join(diagrams, file), text);
for (const { file, text } of await sequenceFiles()) writeFileSync(join(diagrams, file), text);

const coverage = folder('coverage');
for (const name of coverageMapNames) {
  const before = performance.now();
  writeFileSync(join(coverage, `${name}.svg`), await coverageMap(name));
  console.log(`${name}: paths counted and drawn in ${Math.round(performance.now() - before)} ms`);
}
