import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { SoakName } from './soak-run.ts';
import type { SoakLine } from './soaked.ts';

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';

/** What is measured are compiled files, as users have them. */
const program = join(process.cwd(), 'dist/test/soak/soak-run.js');

/** Megabytes that a process may grow from its first tenth to its last. */
const growthMbMax = 5;

/** Far above what a generation takes on a busy machine: 1 ms, with real crypto 100 ms. */
const soakMsMax = isNightly ? 3_600_000 : 300_000;

async function soak(name: SoakName, generations: number): Promise<SoakLine> {
  const args = ['--expose-gc', program, name, String(generations)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: soakMsMax });
  process.stdout.write(stdout);
  return JSON.parse(stdout);
}

const nothingLeft = {
  slots: 0,
  handles: 0,
  spools: 0,
  resourcesLeft: [],
  descriptorsLeft: 0,
  listenersLeft: 0,
  warnings: [],
};

const simulated = isNightly ? 100_000 : 2_000;
const real = isNightly ? 1_000 : 20;

test(`${simulated} generations in one process leave nothing behind and keep its memory flat`, {
  timeout: soakMsMax,
}, async () => {
  const line = await soak('simulated', simulated);

  expect(line).toMatchObject(nothingLeft);
  expect(line.released).toBe(line.taken);
  expect(line.generations).toBeGreaterThanOrEqual(simulated);
  expect(Object.keys(line.outcomes).sort()).toEqual([
    'cancelled',
    'committed',
    'evidence-refused',
    'rolled-back',
  ]);
  expect(line.outcomes['committed']).toBeGreaterThan(simulated * 0.7);
  expect(line.growthMb).toBeLessThan(growthMbMax);
});

test(`${real} generations with real crypto and files leave nothing behind and keep memory flat`, {
  timeout: soakMsMax,
}, async () => {
  const line = await soak('real', real);

  expect(line).toMatchObject(nothingLeft);
  expect(line.released).toBe(line.taken);
  expect(line.outcomes).toEqual({ committed: real });
  expect(line.growthMb).toBeLessThan(growthMbMax);
});
