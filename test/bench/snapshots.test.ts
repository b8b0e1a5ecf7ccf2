import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { BenchOptions } from './bench.ts';
import { floorsBench } from './floors.ts';
import { snapshotBench } from './snapshots.ts';

async function optionsFor(only: string): Promise<BenchOptions> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return { transactions: 1000, directory, isQuick: true, rounds: 1, only };
}

test.runIf(process.platform === 'linux')(
  'snapshotBench measures a small state through its generation, beside its floor',
  async () => {
    const lines = [];
    for await (const line of snapshotBench.run(await optionsFor('D64K'))) lines.push(line);
    expect(lines).toMatchObject([
      {
        case: 'D64K: / small durable floor',
        ratio: expect.any(Number),
        rounds: [{ freezeUs: expect.any(Number), steps: { serialise: expect.any(Number) } }],
      },
    ]);
  },
  60_000,
);

test.runIf(process.platform === 'linux')(
  'floorsBench measures what every snapshot must do',
  async () => {
    const lines = [];
    for await (const line of floorsBench.run(await optionsFor('64 KiB'))) lines.push(line);
    expect(lines).toHaveLength(9);
    expect(lines.filter(({ skipped }) => skipped !== undefined)).toEqual([]);
  },
  60_000,
);
