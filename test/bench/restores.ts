import { statSync } from 'node:fs';
import {
  type Bench,
  type BenchLine,
  type BenchOptions,
  entriesOf,
  isWanted,
  roundsOf,
} from './bench.ts';
import { d1m, type Shape } from './data.ts';
import { floor, startFloors } from './floors.ts';
import { Party, withParties } from './party.ts';
import { interleave, lineOf, type Measure } from './rounds.ts';

const name = 'restore';

/** One state that is brought back. */
interface RestoreCase {
  readonly title: string;
  readonly shape: Shape;
  readonly rounds: number;
  readonly bound?: number;
}

const cases: readonly RestoreCase[] = [
  { title: 'D1M', shape: d1m, rounds: 7, bound: 3 },
  { title: 'D1M-private', shape: { ...d1m, isPrivate: true }, rounds: 5, bound: 3 },
  {
    title: 'values of 4 KiB',
    shape: { ...d1m, entries: 40_000, valueBytes: 4096 },
    rounds: 3,
  },
  { title: '1,000 maps', shape: { ...d1m, entries: 200_000, tables: 1000 }, rounds: 3 },
];

/** How much longer than to read and hash it does it take to bring a verified state back from a snapshot? */
export const restoreBench: Bench = {
  name,
  async *run(options) {
    for (const what of cases.filter(({ title }) => isWanted(options, title)))
      yield await measure(what, options);
  },
};

async function measure(what: RestoreCase, options: BenchOptions): Promise<BenchLine> {
  const party = new Party('restores', { nodeArgs: ['--max-old-space-size=8192'] });
  return withParties([party], async () => {
    const shape = { ...what.shape, entries: entriesOf(options, what.shape.entries) };
    const input = { shape, directory: options.directory };
    const { path } = await party.ask<{ path: string }>('prepare', input);
    const bytes = statSync(path).size;
    const floors = await startFloors(bytes, options);
    return withParties([floors.party], async () => {
      const contenders = [
        { name: 'restore', measure: () => party.ask<Measure>('restore') },
        floor(floors.party, 'readAndHash', { path }),
      ];
      // The first ones bring the file into the page cache, for both.
      for (const contender of contenders) await contender.measure();
      const rounds = await interleave(contenders, roundsOf(options, what.rounds));
      const title = `${what.title}: receipt and tag checked / (read + SHA-256)`;
      const { bound } = what;
      const line = lineOf(rounds, {
        ...{ name, case: title, of: 'restore', over: 'readAndHash' },
        ...(bound !== undefined && { bound }),
      });
      return { ...line, bytes, entries: shape.entries };
    });
  });
}
