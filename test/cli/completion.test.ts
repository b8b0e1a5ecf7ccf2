import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';
import { linesOf, runCli } from './run-cli.ts';
import { temporaryDirectory } from './temporary.ts';

const has = (shell: string): boolean => {
  try {
    execFileSync(shell, ['-c', 'true']);
    return true;
  } catch {
    return false;
  }
};

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
    expect(await offered('re')).toEqual(['replay', 'recover']);
  });

  test('offers the options of a command', async () => {
    expect(await offered('start', '--s')).toEqual(['--snapshot-every']);
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

  test.skipIf(!has('bash'))(
    'completes in a real bash, and runs nothing that was typed',
    async () => {
      const bin = join(temporaryDirectory(), 'bin');
      mkdirSync(bin);
      const main = join(projectRoot, 'dist/src/cli/main.js');
      chmodSync(main, 0o755);
      symlinkSync(main, join(bin, 'ledger-snapshotter'));
      const { stdout } = await runCli(['completion', 'bash']);
      const script = join(bin, 'completion.bash');
      writeFileSync(script, stdout);
      const ask = [
        `source ${script}; source ${script}`,
        `COMP_WORDS=(ledger-snapshotter --config '$(touch ${bin}/ran)' re) COMP_CWORD=3`,
        `_ledger_snapshotter && printf "%s\\n" "$\{COMPREPLY[@]}"`,
        'complete -p ledger-snapshotter',
      ].join('\n');
      const answer = execFileSync('bash', ['-c', ask], {
        env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
      });
      expect(linesOf(answer.toString())).toEqual([
        'replay',
        'recover',
        'complete -o default -F _ledger_snapshotter ledger-snapshotter',
      ]);
      expect(existsSync(join(bin, 'ran'))).toBe(false);
    },
  );
});
