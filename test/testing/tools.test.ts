import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';

const run = promisify(execFile);

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function runTool(tool: string, ...args: readonly string[]): Promise<Ended> {
  const file = `dist/test/tools/${tool}.js`;
  return run(process.execPath, [file, ...args], { cwd: projectRoot }).then(
    ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      ...{ status: code, stdout, stderr },
    }),
  );
}

const tools = ['bench', 'mutants', 'mutants-code', 'nightly', 'numbers', 'diagrams'];

describe.each(tools)('the tool %s', (tool) => {
  test('says how it is used when it is asked: exit 0', async () => {
    const { status, stdout, stderr } = await runTool(tool, '--help');
    expect(stdout).toMatch(/^usage: npm run [a-z:]+/);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test.each(['--nope', 'nope'])('refuses %s in words, without a stack: exit 2', async (word) => {
    const { status, stdout, stderr } = await runTool(tool, word);
    expect(stderr).toMatch(/^error: .*nope.*\nusage: npm run /);
    expect(stderr).not.toContain('    at ');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
});

test.each([
  [['--rounds', '0'], '--rounds is 1 or more'],
  [['--transactions', '5'], '--transactions is 1000 or more'],
])('the tool bench refuses %j', async (args, message) => {
  const { status, stderr } = await runTool('bench', ...args);
  expect(stderr).toContain(`error: ${message}\n`);
  expect(status).toBe(2);
});
