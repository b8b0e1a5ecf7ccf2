import {
  type Bench,
  type BenchLine,
  type BenchOptions,
  entriesOf,
  roundsOf,
  summarise,
} from './bench.ts';
import { d1g, d1m, type Shape } from './data.ts';
import type { MemoryMeasure } from './parties/snapshots.ts';
import { withParties } from './party.ts';
import { startSnapshots } from './snapshots.ts';

const name = 'memory';
const perSecond = 50_000;

const cases = [
  ['D1M', d1m, 0.6, 3],
  ['D1G', d1g, 0.25, 1],
] as const;

/** How much memory does a snapshot take beside the state, while fifty thousand updates a second go on? */
export const memoryBench: Bench = {
  name,
  async *run(options) {
    for (const [title, shape, bound, rounds] of cases) {
      yield await measureCase({ title, shape, bound, rounds: roundsOf(options, rounds) }, options);
    }
  },
};

interface MemoryCase {
  readonly title: string;
  readonly shape: Shape;
  readonly bound: number;
  readonly rounds: number;
}

/** Each time in a new process: what one snapshot has taken the next uses again. */
async function measureCase(what: MemoryCase, options: BenchOptions): Promise<BenchLine> {
  const shape = { ...what.shape, entries: entriesOf(options, what.shape.entries) };
  const measures: MemoryMeasure[] = [];
  for (let round = 0; round < what.rounds; round++) {
    const { party } = await startSnapshots({ shape, crossCheck: true }, options);
    const ask = () => party.ask<MemoryMeasure>('memory', { perSecond });
    measures.push(await withParties([party], ask));
  }
  const megabytes = measures.map(({ extraBytes }) => extraBytes / 1e6);
  return {
    ...{ name, case: `${what.title}: extra memory / output bytes`, unit: 'MB' },
    ...summarise(megabytes, 1),
    ratio: summarise(
      measures.map(({ extraBytes, bytes }) => extraBytes / bytes),
      3,
    ).median,
    over: 'output bytes',
    bound: what.bound,
    rounds: measures,
  };
}
