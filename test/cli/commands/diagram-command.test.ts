import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { textOf } from '../../architecture/sources.ts';
import { linesOf, objectsOf, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = join(temporaryDirectory(), 'made', 'diagrams');
const here = ['--out', directory];
const names = ['generation', 'ordered-tasks', 'recovery', 'snapshotter', 'writer'];
const files = names.flatMap((name) => ['json', 'mmd', 'svg'].map((form) => `${name}.${form}`));

describe('diagram', () => {
  let drawn: Awaited<ReturnType<typeof runHere>>;

  beforeAll(async () => {
    drawn = await runHere(['diagram', ...here]);
  });

  test('draws every machine in every form, into a directory that it makes', () => {
    expect(readdirSync(directory).sort()).toEqual(files);
    for (const file of files) {
      expect(readFileSync(join(directory, file), 'utf8')).toBe(
        textOf(`visualizations/diagrams/${file}`),
      );
    }
    expect(linesOf(drawn.stdout).at(-1)).toBe(`15 drawings in ${directory}, all of them fresh`);
    expect(drawn.stdout).toMatch(/^generation\.mmd +[\d,]+ +written$/m);
    expect({ status: drawn.status, stderr: drawn.stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('--check names each drawing that is stale or missing, and writes nothing: exit 1', async () => {
    writeFileSync(join(directory, 'writer.svg'), '<svg/>');
    rmSync(join(directory, 'recovery.mmd'));
    const { status, stdout } = await runHere(['diagram', ...here, '--check']);
    expect(stdout).toMatch(/^writer\.svg +[\d,]+ +STALE: not what this version draws$/m);
    expect(stdout).toMatch(/^recovery\.mmd +[\d,]+ +MISSING$/m);
    expect(linesOf(stdout).at(-1)).toMatch(/^recovery\.mmd, writer\.svg: draw anew with /);
    expect(readFileSync(join(directory, 'writer.svg'), 'utf8')).toBe('<svg/>');
    expect(readdirSync(directory)).toHaveLength(14);
    expect(status).toBe(1);
  });

  test('--json: an object of each drawing, and only what is not fresh is written', async () => {
    const { status, stdout } = await runHere(['diagram', ...here, '--json']);
    const states = new Map(objectsOf(stdout).map(({ file, state }) => [file, state]));
    expect([...states.keys()].sort()).toEqual(files);
    const written = [...states].filter(([, state]) => state !== 'fresh');
    expect(written).toEqual([
      ['recovery.mmd', 'written'],
      ['writer.svg', 'written'],
    ]);
    expect(status).toBe(0);
  });

  test('--check of what is fresh: exit 0', async () => {
    const { status, stdout } = await runHere(['diagram', ...here, '--check', '--json']);
    expect(objectsOf(stdout).every(({ state }) => state === 'fresh')).toBe(true);
    expect(status).toBe(0);
  });
});

test('diagram --out with a file for a directory: exit 3', async () => {
  const parent = temporaryDirectory();
  mkdirSync(parent, { recursive: true });
  const file = join(parent, 'plain');
  writeFileSync(file, '');
  const { status, stderr } = await runHere(['diagram', '--out', file]);
  expect(stderr).toContain('[NOT_A_DIRECTORY]');
  expect(status).toBe(3);
});

test('diagram --help has examples', async () => {
  const { stdout } = await runHere(['diagram', '--help']);
  expect(stdout).toContain(
    'Examples:\n  ledger-snapshotter diagram\n  ledger-snapshotter diagram --out docs/diagrams\n',
  );
});
