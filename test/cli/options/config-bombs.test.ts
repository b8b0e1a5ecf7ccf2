import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();

/** Each name stands for ten of the one before. */
const laughs = Array.from({ length: 12 }, (_, i) => {
  const items =
    i === 0 ? '"lol"' : `[${Array.from({ length: 10 }, () => `*n${i - 1}`).join(', ')}]`;
  return `n${i}: &n${i} ${items}`;
}).join('\n');

test.each([
  ['aliases of aliases', laughs],
  // Of these depths the parser overflows its stack where it can be told, and where it ends the process.
  ...[33, 1000, 4000, 8000, 15_000].map((n) => [`${n} sequences in sequences`, '['.repeat(n)]),
  ['mappings in mappings', '{a: '.repeat(4000)],
  ['keys that are mappings', '? '.repeat(8000)],
  ['items that are sequences', '- '.repeat(8000)],
  ['items of a value that are sequences', `verify: ${'- '.repeat(8000)}`],
  ['levels of indentation', Array.from({ length: 150 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ['a merge of aliases', `a: &a {json: true}\nverify:\n  <<: [${'*a, '.repeat(1000)}*a]`],
  ['anchors of nothing', '&a '.repeat(5000)],
])('--config refuses %s as a mistake in the file, soon', async (_, text) => {
  const file = join(directory, 'bomb.yaml');
  writeFileSync(file, text);
  // In a process of its own, since what is feared ends the process.
  const { status, stderr } = await runCli(['--config', file, 'list', directory]);
  expect([status, stderr.slice(0, 300)]).toEqual([2, expect.stringContaining('bomb.yaml:')]);
});

test.each(['['.repeat(33), '- '.repeat(150)])(
  'its depth is refused before it is parsed: %j',
  async (text) => {
    const file = join(directory, 'deep.yaml');
    writeFileSync(file, text);
    const { status, stderr } = await runHere(['--config', file, 'list', directory]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('nested too deep')]);
  },
);
