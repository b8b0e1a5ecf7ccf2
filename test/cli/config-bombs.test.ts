import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runHere } from './run-cli.ts';
import { temporaryDirectory } from './temporary.ts';

const directory = temporaryDirectory();

/** Each name stands for ten of the one before. */
const laughs = Array.from({ length: 12 }, (_, i) => {
  const items =
    i === 0 ? '"lol"' : `[${Array.from({ length: 10 }, () => `*n${i - 1}`).join(', ')}]`;
  return `n${i}: &n${i} ${items}`;
}).join('\n');

test.each([
  ['aliases of aliases', laughs],
  ['a sequence in sequences', `verify: ${'['.repeat(20_000)}`],
  ['a mapping in mappings', `${'{a: '.repeat(20_000)}`],
  ['a merge of aliases', `a: &a {json: true}\nverify:\n  <<: [${'*a, '.repeat(1000)}*a]`],
  ['a mebibyte of anchors', '&a '.repeat(300_000)],
])('--config refuses %s as a mistake in the file, soon', async (_, text) => {
  const file = join(directory, 'bomb.yaml');
  writeFileSync(file, text);
  const { status, stderr } = await runHere(['--config', file, 'list', directory]);
  expect([status, stderr.slice(0, 300)]).toEqual([2, expect.stringContaining('bomb.yaml:')]);
});
