import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { projectRoot, textOf } from './sources.ts';

const run = promisify(execFile);

async function temporary(folder: string): Promise<string> {
  const path = await mkdtemp(folder);
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const readme = textOf('README.md');

/** A hang is a failure; how long whole programs take on a busy machine is not. */
const slowMs = 300_000;

test(
  'npm start runs a service, verifies its snapshots and restarts it, in ./data',
  async () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
    const [program, ...args] = (scripts['start'] ?? '').split(' ');
    const cwd = await temporary(join(tmpdir(), 'npm-start-'));
    const command = args.map((arg) => (arg.endsWith('.js') ? join(projectRoot, arg) : arg));
    const { stdout } = await run(program ?? '', command, { cwd });
    expect(stdout).toMatch(/^transactions +20,000 in /m);
    expect(stdout).toMatch(/^snapshots +10 of 10 verified by another process/m);
    expect(stdout).toMatch(/^restart +from snapshot_20000_\d+.committed .*: the same root$/m);
    expect(await readdir(cwd)).toEqual(['data']);
  },
  slowMs,
);

test(
  "the README's program runs as it stands",
  async () => {
    const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
    const data = await temporary(join(tmpdir(), 'readme-'));
    // Inside the project the package finds itself by its own name.
    const folder = await temporary(join(projectRoot, 'dist/readme-'));
    const file = join(folder, 'program.mjs');
    await writeFile(file, program.replace("'data'", JSON.stringify(data)));
    const { stdout } = await run(process.execPath, [file], { cwd: projectRoot });
    expect(stdout).toMatch(/^100 committed snapshot_100_\d+.committed$/m);
    expect(stdout).toMatch(/^200 committed snapshot_200_\d+.committed$/m);
    expect(stdout).toMatch(/^visit 250 is on disk as transaction 2\.\d+$/m);
    expect(program.trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  },
  slowMs,
);

test("every npm script that the README names is there, and the docs' links lead somewhere", () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/npm (?:run )?(start|test|check|bench|nightly|run \w+)\b/g)];
  const names = named.map(([, name = '']) => name.replace(/^run /, ''));
  expect(names.filter((name) => !scripts[name])).toEqual([]);
  const links = [...readme.matchAll(/\]\((?!https)([^)]+)\)/g)].map(([, link]) => link ?? '');
  expect(links.length).toBeGreaterThan(2);
  for (const link of links) expect(textOf(link).length).toBeGreaterThan(100);
});

test('the paths that ARCHITECTURE.md names are there', () => {
  const named = [...textOf('ARCHITECTURE.md').matchAll(/`((?:src|machines|test)\/[\w./-]+\.ts)`/g)];
  const paths = [...new Set(named.map(([, path]) => path ?? ''))];
  expect(paths.length).toBeGreaterThan(10);
  for (const path of paths) expect(textOf(path).length, path).toBeGreaterThan(10);
});

test('every command of the README has help', async () => {
  const commands = [...readme.matchAll(/^ledger-snapshotter (\w+)/gm)].map(
    ([, name]) => name ?? '',
  );
  expect(commands).toEqual(
    'start replay verify recover show list prune identities receipt receipt diagram testgen'.split(
      ' ',
    ),
  );
  for (const command of commands) {
    const { stdout } = await run(process.execPath, ['dist/src/cli/main.js', command, '--help'], {
      cwd: projectRoot,
    });
    expect(stdout).toContain('Examples:');
  }
});
