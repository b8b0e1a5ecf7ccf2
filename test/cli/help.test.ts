import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { codeBlocksOf } from '../architecture/guides.ts';
import { projectRoot } from '../architecture/sources.ts';
import { linesOf, runHere } from './run-cli.ts';
import { temporaryDirectory } from './temporary.ts';

const run = promisify(execFile);

/** A hang is a failure; how long whole programs take on a busy machine is not. */
const slowMs = 600_000;

const directory = temporaryDirectory();
const bin = join(directory, 'bin');
const commands = 'replay verify show list recover prune diagram testgen completion'.split(' ');

/** Lines that need what no newcomer has, or that never end. */
const notHere = /start$|--live|100000|traffic-light\.js|fpath|\.local|\.config/;

/** The examples of a help; what follows a pipe is another program's. */
function examplesIn(help: string): readonly string[] {
  const [, examples = ''] = help.split(/^Examples.*:$/m);
  return linesOf(examples)
    .map((line) => line.split(' | ')[0]?.trim() ?? '')
    .filter((line) => line !== '' && !notHere.test(line));
}

/** What a shell says of these lines when one fails, else nothing. */
async function failureOf(script: string): Promise<string> {
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  return run('sh', ['-e', '-x', '-c', script], { cwd: directory, env }).then(
    () => '',
    ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
  );
}

describe('help', () => {
  beforeAll(async () => {
    mkdirSync(bin);
    const command = join(bin, 'ledger-snapshotter');
    const main = join(projectRoot, 'dist/src/cli/main.js');
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
    chmodSync(command, 0o755);
    // Shorter than what a newcomer has, and like it: a snapshot of seqno 2000.
    const started = await failureOf('ledger-snapshotter start --transactions 2050');
    expect(started).toBe('');
    cpSync(join(directory, 'data/ledger'), join(directory, 'backup/ledger'), { recursive: true });
  }, slowMs);

  test(
    'has examples that work as they stand on what start makes',
    async () => {
      const helps = [await runHere(['--help'])];
      for (const command of commands) helps.push(await runHere([command, '--help']));
      const examples = helps.flatMap(({ stdout }) => examplesIn(stdout));
      for (const command of commands.slice(0, -1)) {
        expect(examples.join('\n')).toContain(`ledger-snapshotter ${command} `);
      }
      // Without keys the private half cannot be compared, which is exit status 3 and said in the help.
      const script = examples.map((line) =>
        line.includes('replay') && !line.includes('--member-keys')
          ? `${line} || test $? = 3`
          : line,
      );
      expect(await failureOf(script.join('\n'))).toBe('');
    },
    slowMs,
  );

  test(
    'and the README has commands that run in their order',
    async () => {
      const blocks = codeBlocksOf('README.md').filter(({ language }) => language === 'sh');
      const own = blocks.filter(({ text }) => text.startsWith('ledger-snapshotter'));
      expect(own).toHaveLength(1);
      const script = (own[0]?.text ?? '')
        .replaceAll('data', 'readme-data')
        .replaceAll(' snapshots', ' readme-snapshots')
        .replace('--transactions 20000', '--transactions 2050');
      expect(await failureOf(script)).toBe('');
    },
    slowMs,
  );
});

test('help of a command that is not there says so: exit 2', async () => {
  expect(await runHere(['help', 'lst'])).toEqual({
    status: 2,
    stdout: '',
    stderr: "error: unknown command 'lst'\n(--help explains)\n",
  });
});

test('help of a command is what its --help is', async () => {
  expect(await runHere(['help', 'list'])).toEqual(await runHere(['list', '--help']));
  expect(await runHere(['help'])).toEqual(await runHere(['--help']));
});

test('help says which options a command cannot do without', async () => {
  const { stdout } = await runHere(['recover', '--help']);
  expect(stdout.match(/\(required\)/g)).toHaveLength(2);
  expect(stdout).toMatch(/--ledger <dir> .*\(required\)/);
});
