import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bench, type BenchLine, summarise } from './bench.ts';
import { d1m, type Shape } from './data.ts';
import type { StoreFigures } from './store-steps.ts';

const name = 'store';

/** Compiled, as users have it, in a process of its own for each shape: memory that another has used is not fresh. */
const stepsFile = join(process.cwd(), 'dist/test/bench/store-steps.js');

const shapes: readonly (readonly [string, Shape])[] = [
  ['D1M: 1,000,000 entries of 24 B and 128 B', d1m],
  ['62,500 entries', { ...d1m, entries: 62_500 }],
  ['100,000 entries', { ...d1m, entries: 100_000 }],
  ['keys of 8 B', { ...d1m, keyBytes: 8 }],
  ['values of 4 KiB', { ...d1m, entries: 100_000, valueBytes: 4096 }],
  ['1,000 maps', { ...d1m, entries: 200_000, tables: 1000 }],
  ['skewed updates', { ...d1m, isSkewed: true }],
];

/** What D1M alone is held to. */
const bounds = { operation: 1, gather: 3, freezeUs: 100, freezeGrowth: 3, bytesPerEntry: 300 };

/** Is a key in shared memory as cheap as one in a Map, a freeze as good as free, and a gather little more than a copy? */
export const storeBench: Bench = {
  name,
  async *run() {
    let hundredThousand: number | undefined;
    let million: number | undefined;
    for (const [what, shape] of shapes) {
      const figures = await measure(shape);
      const isBound = shape === d1m;
      yield* linesOf(what, figures, isBound);
      const freeze = summarise(figures.freezeUs, 1).median;
      if (isBound) million = freeze;
      if (shape.entries === 100_000 && shape.valueBytes === 128) hundredThousand = freeze;
    }
    if (million === undefined || hundredThousand === undefined) return;
    const growth = million / Math.max(hundredThousand, 1);
    yield {
      ...{ name, case: 'freeze: growth for 10 times the entries', unit: 'ratio' },
      ...summarise([growth], 2),
      bound: bounds.freezeGrowth,
    };
  },
};

async function measure(shape: Shape): Promise<StoreFigures> {
  const args = ['--expose-gc', '--max-old-space-size=4096', stepsFile, JSON.stringify(shape)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout) as StoreFigures;
}

function* linesOf(what: string, figures: StoreFigures, isBound: boolean): Generator<BenchLine> {
  for (const [operation, rounds] of Object.entries(figures.operations)) {
    yield {
      ...{ name, case: `${what}: ${operation} / Map`, unit: 'ratio' },
      ...summarise(
        rounds.map(({ ratio }) => ratio),
        2,
      ),
      ...(isBound && { bound: bounds.operation }),
      rounds,
    };
  }
  yield {
    ...{ name, case: `${what}: gather / memcpy`, unit: 'ratio' },
    ...summarise(
      figures.gather.map(({ ratio }) => ratio),
      2,
    ),
    ...(isBound && { bound: bounds.gather }),
    rounds: figures.gather,
  };
  yield {
    ...{ name, case: `${what}: freeze`, unit: 'us' },
    ...summarise(figures.freezeUs, 1),
    ...(isBound && { bound: bounds.freezeUs }),
  };
  yield {
    ...{ name, case: `${what}: bytes an entry`, unit: 'B' },
    ...summarise([figures.bytesPerEntry]),
    ...(isBound && { bound: bounds.bytesPerEntry }),
    ...figures.memory,
  };
}
