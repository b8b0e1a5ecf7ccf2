import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { projectRoot } from '../../architecture/sources.ts';
import { linesOf, runCli } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

/** Skips, and says why, where a shell is not installed. */
function needs(shell: string, { skip }: TestContext): void {
  try {
    execFileSync(shell, ['-c', 'true']);
  } catch {
    process.stdout.write(`SKIPPED: ${shell} is not installed\n`);
    skip(`SKIPPED: ${shell} is not installed`);
  }
}

/** What a real shell prints for these lines, with the program in its PATH and its own script as `$script`. */
async function askShell(shell: string, args: readonly string[], lines: readonly string[]) {
  const bin = join(temporaryDirectory(), 'bin');
  mkdirSync(bin);
  const main = join(projectRoot, 'dist/src/cli/main.js');
  chmodSync(main, 0o755);
  symlinkSync(main, join(bin, 'ledger-snapshotter'));
  const { stdout } = await runCli(['completion', shell]);
  const script = join(bin, `completion.${shell}`);
  writeFileSync(script, stdout);
  const env = { ...process.env, HOME: bin, PATH: `${bin}:${process.env['PATH']}`, script, bin };
  const answer = execFileSync(shell, [...args, '-c', lines.join('\n')], { env, cwd: bin });
  return { lines: linesOf(answer.toString()), hasRun: existsSync(join(bin, 'ran')) };
}

/** What must be offered after `--config`, whose value would make a file if it were run. */
const typed = "--config '$(touch $bin/ran)' re";

/** What is offered for the last word of a command line. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await runCli(['complete', '--', ...words]);
  return linesOf(stdout).map((line) => line.split('\t')[0] ?? '');
}

describe.concurrent('completion', () => {
  test.each(['bash', 'zsh', 'fish'])('prints a script for %s', async (shell) => {
    const { status, stdout, stderr } = await runCli(['completion', shell]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('ledger-snapshotter');
  });

  test('refuses another shell', async () => {
    const { status, stderr } = await runCli(['completion', 'csh']);
    expect(status).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
  });

  test('offers the commands', async () => {
    expect(await offered('re')).toEqual(['replay', 'recover', 'receipt']);
  });

  test('offers the options of a command', async () => {
    expect(await offered('start', '--s')).toEqual(['--snapshot-every', '--strict']);
  });

  test('offers the choices of an option', async () => {
    expect(await offered('replay', '--receipt', '')).toEqual(['json', 'cose']);
  });

  test('offers a command that a value does not hide', async () => {
    expect(await offered('--config', 'start', 'li')).toEqual(['list']);
  });

  test('leaves files to the shell', async () => {
    expect(await offered('verify', '')).toEqual([]);
    expect(await offered('verify', '--ledger', '')).toEqual([]);
  });

  test('offers shells', async () => {
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await offered('completion', 'bash', '')).toEqual([]);
  });

  test('completes in a real bash, and runs nothing that was typed', async (context) => {
    needs('bash', context);
    const { lines, hasRun } = await askShell(
      'bash',
      ['--norc'],
      [
        'source $script; source $script',
        `COMP_WORDS=(ledger-snapshotter ${typed}) COMP_CWORD=3`,
        `_ledger_snapshotter && printf "%s\\n" "$\{COMPREPLY[@]}"`,
        'complete -p ledger-snapshotter',
      ],
    );
    expect(lines).toEqual([
      'replay',
      'recover',
      'receipt',
      'complete -o default -F _ledger_snapshotter ledger-snapshotter',
    ]);
    expect(hasRun).toBe(false);
  });

  test('completes in a real zsh, and runs nothing that was typed', async (context) => {
    needs('zsh', context);
    const { lines, hasRun } = await askShell(
      'zsh',
      ['-f'],
      [
        'autoload -Uz compinit; compinit -u -D; source $script',
        'print -r -- $_comps[ledger-snapshotter]',
        // Outside of its editor zsh shows nothing: this is what the editor would be given.
        `_describe() { print -rl -- "\${(@P)2}" }; _files() { print files }`,
        `words=(ledger-snapshotter ${typed}) CURRENT=4; _ledger_snapshotter`,
        `words=(ledger-snapshotter verify '') CURRENT=3; _ledger_snapshotter`,
      ],
    );
    const [registered, ...offers] = lines;
    expect(registered).toBe('_ledger_snapshotter');
    expect(offers.map((offer) => offer.split(':')[0])).toEqual([
      'replay',
      'recover',
      'receipt',
      'files',
    ]);
    expect(hasRun).toBe(false);
  });

  test('completes in a real fish, and runs nothing that was typed', async (context) => {
    needs('fish', context);
    const { lines, hasRun } = await askShell(
      'fish',
      ['--no-config'],
      [
        'source $script',
        `complete -C "ledger-snapshotter --config '(touch $bin/ran)' re"`,
        'complete -C "ledger-snapshotter replay --receipt "',
      ],
    );
    const words = lines.map((line) => line.split('\t')[0]);
    expect(words.slice(0, 3).sort()).toEqual(['receipt', 'recover', 'replay']);
    expect(words).toContain('json');
    expect(words).toContain('cose');
    expect(hasRun).toBe(false);
  });
});
