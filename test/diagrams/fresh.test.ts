import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { diagramFiles } from '../../src/cli/commands/drawn-machines.ts';
import { projectRoot, textOf } from '../architecture/sources.ts';
import { sequenceFiles } from '../tools/sequence-files.ts';

test('the diagrams are fresh and none is left over: npm run diagrams draws them', async () => {
  const drawn: string[] = [];
  for await (const { file, text } of diagramFiles()) {
    drawn.push(file);
    expect(textOf(`visualizations/diagrams/${file}`), file).toBe(text);
  }
  for (const { file, text } of await sequenceFiles()) {
    drawn.push(file);
    expect(textOf(`visualizations/diagrams/${file}`), file).toBe(text);
  }
  expect(readdirSync(join(projectRoot, 'visualizations/diagrams')).sort()).toEqual(drawn.sort());
});
