import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configFileOf } from '../../../src/cli/options/config.ts';
import { withCrossCheckMode } from '../../../src/cli/options/cross-check-option.ts';
import { linesOf, runCli } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const cwd = temporaryDirectory();
const run = (...args: readonly string[]) => runCli(args, { cwd });
const quick = ['--transactions=60', '--snapshot-every=30', '--no-progress'];

test.each(['-data', '--', '--json', '--config', '-', 'a b', `d'q"x`, 'new\nline', '$(x)', 'ünï☃'])(
  'start in a directory called %j runs, and has its snapshots verified by another process',
  async (name) => {
    const { status, stdout, stderr } = await run('start', `--dir=${name}`, ...quick);
    expect({ status, lost: stderr.includes('should not have happened') }).toEqual({
      ...{ status: 0, lost: false },
    });
    expect(stdout).toContain('2 of 2 verified by another process');
    expect(readdirSync(join(cwd, name))).toContain('service_cert.pem');
  },
);

test('files and directories that begin with a dash are named behind -- or as a value', async () => {
  await run('start', '--dir=-node', ...quick);
  const pin = ['--service-cert', '-node/service_cert.pem'];
  const [file = ''] = readdirSync(join(cwd, '-node/snapshots')).filter((it) => /ted$/.test(it));
  const runs = await Promise.all([
    run('verify', ...pin, '--', `-node/snapshots/${file}`),
    run('replay', ...pin, '--member-keys', '-node/keys', '--no-progress', '--', '-node/ledger'),
    run('recover', ...pin, '--ledger', '-node/ledger', '--snapshots', '-node/snapshots'),
    run('show', '--', `-node/snapshots/${file}`),
    run('list', '--', '-node/snapshots'),
  ]);
  expect(runs.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0]);
  // It removes what the others read.
  const pruned = await run('prune', ...pin, '--keep=1', '--', '-node/snapshots');
  expect(pruned.status).toBe(0);
});

const takesValue = (word: string) => ['--config', '--dir', '--ledger'].includes(word);

test.each([
  [['start', '--dir', '--config', '--json'], undefined],
  [['start', '--dir', '--config', '--config', 'a'], 'a'],
  [['start', '--dir', '--', '--config', 'a'], 'a'],
  [['--config', '--config'], '--config'],
  [['--config', '--', 'start'], '--'],
  [['start', '--', '--config', 'a'], undefined],
])('configFileOf() of %j is %j: a value is no option', (args, expected) => {
  expect(configFileOf(args, takesValue)).toBe(expected);
});

test.each([
  [['verify', '--ledger', '--cross-check', 'a'], '--cross-check'],
  [['verify', '--', 'a', '--cross-check'], 'a'],
])('withCrossCheckMode() leaves a value of %j as it is', (args, third) => {
  const words = withCrossCheckMode(args, takesValue);
  expect(words[2]).toBe(third);
  expect(words).toEqual(args);
});

test('a directory may be called as an option is', async () => {
  const { stderr } = await run('list', '--', '--cross-check');
  expect(stderr).toContain('--cross-check does not exist [NOT_FOUND]');
});

test('completion offers no options behind --', async () => {
  expect(linesOf((await run('complete', '--', 'verify', '--', '--l')).stdout)).toEqual([]);
  expect((await run('complete', '--', 'verify', '--l')).stdout).toContain('--ledger');
});
