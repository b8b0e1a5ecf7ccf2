import { statSync } from 'node:fs';
import { type Bench, entriesOf, roundsOf } from './bench.ts';
import { d1m } from './data.ts';
import { floor, startFloors } from './floors.ts';
import { Party, withParties } from './party.ts';
import { interleave, lineOf, type Measure } from './rounds.ts';

const name = 'restore';
const bound = 3;

/** How much longer than to read and hash it does it take to bring a verified state back from a snapshot? */
export const restoreBench: Bench = {
  name,
  async *run(options) {
    const party = new Party('restores', { nodeArgs: ['--max-old-space-size=8192'] });
    yield* await withParties([party], async () => {
      const shape = { ...d1m, entries: entriesOf(options, d1m.entries) };
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
        const rounds = await interleave(contenders, roundsOf(options, 7));
        const what = `D1M: receipt and tag checked / (read + SHA-256)`;
        const over = 'readAndHash';
        const line = lineOf(rounds, { name, case: what, of: 'restore', over, bound });
        return [{ ...line, bytes, entries: shape.entries }];
      });
    });
  },
};
