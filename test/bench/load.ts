import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bench, type BenchLine, summarise } from './bench.ts';
import type { LoadFigures, LoadShape } from './load-steps.ts';

const name = 'load';

/** Compiled, as users have it, in a process of its own for each shape. */
const stepsFile = join(process.cwd(), 'dist/test/bench/load-steps.js');

const d1m: LoadShape = { entries: 1_000_000, valueBytes: 128, maps: 1, isPrivate: false };

const shapes: readonly (readonly [string, LoadShape])[] = [
  ['D1M: 1,000,000 entries of 24 B and 128 B', d1m],
  ['D1M, private', { ...d1m, isPrivate: true }],
  ['values of 4 KiB', { ...d1m, entries: 40_000, valueBytes: 4096 }],
  ['1,000 maps', { ...d1m, entries: 200_000, maps: 1000 }],
];

/** What both of D1M are held to. */
const bound = 3;

/** Is a state there, verified, in little more than the time to read and digest its file? */
export const loadBench: Bench = {
  name,
  async *run() {
    for (const [what, shape] of shapes) yield lineOf(what, shape, await measure(shape));
  },
};

async function measure(shape: LoadShape): Promise<LoadFigures> {
  const args = ['--max-old-space-size=4096', stepsFile, JSON.stringify(shape)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout) as LoadFigures;
}

function lineOf(what: string, shape: LoadShape, { rounds, ...more }: LoadFigures): BenchLine {
  return {
    ...{ name, case: `${what}: digest, receipt, tag and load / read + SHA-256`, unit: 'ratio' },
    ...summarise(
      rounds.map(({ ratio }) => ratio),
      2,
    ),
    ...(shape.entries === d1m.entries && { bound }),
    rounds,
    ...more,
  };
}
