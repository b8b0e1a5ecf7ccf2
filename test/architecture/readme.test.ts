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

test("npm start replays the project's own ledger, and keeps nothing", async () => {
  const { stdout } = await run(process.execPath, ['dist/test/tools/start.js'], {
    cwd: projectRoot,
  });
  expect(stdout).toMatch(/2 of 2 snapshots identical/);
});

test("npm start with options alone applies them to the project's own ledger", async () => {
  const args = ['dist/test/tools/start.js', '--receipt', 'json', '--json'];
  const { stdout } = await run(process.execPath, args, { cwd: projectRoot });
  expect(stdout.match(/"receipt":"json"/g)).toHaveLength(2);
});

test('npm start takes a ledger and options', async () => {
  const fixture = 'test/fixtures/0.1.0/small-ledger';
  const args = [`${fixture}/ledger`, '--member-keys', `${fixture}/keys`, '--json'];
  const { stdout } = await run(process.execPath, ['dist/test/tools/start.js', ...args], {
    cwd: projectRoot,
  });
  const lines = stdout.trim().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    summary: true,
    evidences: 2,
    identical: 2,
  });
});

test("the README's program runs as it stands", async () => {
  const [, program = ''] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const out = await temporary(join(tmpdir(), 'readme-'));
  // Inside the project the package finds itself by its own name.
  const folder = await temporary(join(projectRoot, 'dist/readme-'));
  const file = join(folder, 'program.mjs');
  await writeFile(file, program.replace('data/snapshots', out));
  const { stdout } = await run(process.execPath, [file], { cwd: projectRoot });
  expect(stdout.match(/identical cose snapshot_\d+_\d+\.committed/g)).toHaveLength(2);
  expect((await readdir(out)).filter((name) => name.endsWith('.committed'))).toHaveLength(2);
});

test("every npm script that the README names is there, and the docs' links lead somewhere", () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Record<string, string> };
  const named = [...readme.matchAll(/npm (?:run )?(start|test|check|bench|run \w+)\b/g)];
  expect(named.map(([, name]) => name).filter((name) => !scripts[name ?? ''])).toEqual([]);
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
  expect(commands).toEqual(['replay', 'verify', 'show', 'list']);
  for (const command of commands) {
    const { stdout } = await run(process.execPath, ['dist/src/cli/main.js', command, '--help'], {
      cwd: projectRoot,
    });
    expect(stdout).toContain('Examples:');
  }
});
