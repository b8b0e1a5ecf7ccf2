import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { linesOf, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const file = join(temporaryDirectory(), 'snapshotter.yaml');

/** An option as the help shows it. */
interface Key {
  /** Empty for the options of the program. */
  readonly command: string;
  readonly name: string;
  readonly takesValue: boolean;
}

/** What a configuration does not say: these do something by themselves. */
const ownWays = ['version', 'config', 'help'];

function keysIn(help: string, command: string): readonly Key[] {
  const [own = ''] = help.split(/^Global Options:$/m);
  return linesOf(own).flatMap((line) => {
    const [, name, value] = /^ {2}(?:-\w, )?--([a-z-]+)( [<[])?/.exec(line) ?? [];
    if (name === undefined || ownWays.includes(name)) return [];
    return [{ command, name, takesValue: value !== undefined }];
  });
}

const programHelp = (await runHere(['--help'])).stdout;
const [, commandLines = ''] = programHelp.split(/^Commands:$/m);
const commands = [...commandLines.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name = '']) => name);
const keys = [...keysIn(programHelp, '')];
// Its help is the program's.
for (const command of commands.filter((name) => name !== 'help')) {
  keys.push(...keysIn((await runHere([command, '--help'])).stdout, command));
}

/** A key below its command, on the fourth line of the file. */
async function runWith({ command }: Key, ...lines: readonly string[]) {
  const isOfProgram = command === '';
  const head = ['# options of', `# ${command}`, isOfProgram ? '' : `${command}:`];
  const indent = isOfProgram ? '' : '  ';
  writeFileSync(file, [...head, ...lines.map((line) => indent + line)].join('\n'));
  const run = await runHere(['--config', file, 'list', '/nowhere']);
  return { ...run, column: indent.length + 1 };
}

const title = ({ command, name }: Key) => `${command} ${name}`.trim();

test('the help names the options of every command', () => {
  expect(commands).toEqual(expect.arrayContaining(['start', 'replay', 'verify', 'prune']));
  expect(keys.length).toBeGreaterThan(30);
  expect(new Set(keys.map(title)).size).toBe(keys.length);
});

describe('--config refuses, with line and column,', () => {
  test.each(keys.map((key) => [title(key), key] as const))('%s misspelt', async (_, key) => {
    const { status, stdout, stderr, column } = await runWith(key, `${key.name}z: 1`);
    const of = key.command === '' ? '' : ` of ${key.command}`;
    const [error = '', next = ''] = linesOf(stderr);
    expect(error).toBe(`error: ${file}:4:${column}: there is no option "${key.name}z"${of}`);
    expect(next).toMatch(/^ {2}next: did you mean [a-z-]+\?$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test.each(keys.map((key) => [title(key), key] as const))('%s of a wrong kind', async (_, key) => {
    const run = await runWith(key, `${key.name}:`, '  a: b');
    const what = key.takesValue ? 'is a word or a number' : 'is true or false';
    expect(linesOf(run.stderr)[0]).toBe(`error: ${file}:5:${run.column + 2}: ${key.name} ${what}`);
    expect(run.status).toBe(2);
  });
});
