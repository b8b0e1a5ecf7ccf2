import { type Bench, type BenchLine, entriesOf, rounded, summarise } from './bench.ts';
import { d1m } from './data.ts';
import { Party, withParties } from './party.ts';

const name = 'freeze';
const sizes = [1000, 10_000, 100_000, 1_000_000, 10_000_000];
const bounds = { atMillionUs: 100, growth: 3 };

/** Does freezing cost the same whatever the size of the state? */
export const freezeBench: Bench = {
  name,
  async *run(options) {
    let before: number | undefined;
    for (const size of sizes) {
      const entries = entriesOf(options, size);
      const party = new Party('freezes', { nodeArgs: ['--max-old-space-size=8192'] });
      const times = await withParties([party], () =>
        party.ask<readonly number[]>('freeze', { entries }),
      );
      const figures = summarise(times, 1);
      const isHeld = size === d1m.entries;
      yield {
        ...{ name, case: `${entries} entries`, unit: 'us', ...figures },
        ...(isHeld && { bound: bounds.atMillionUs }),
      };
      if (before !== undefined) yield growthLine(entries, figures.median, before);
      before = figures.median;
    }
  },
};

/** Ten times the entries; what is shorter than the timer tells is taken for a microsecond. */
function growthLine(entries: number, median: number, before: number): BenchLine {
  const ratio = rounded(median / Math.max(before, 1), 2);
  return {
    ...{ name, case: `growth for 10 times the entries, to ${entries}`, unit: 'us' },
    ...{ median, min: median, ratio, over: 'a tenth of the entries', bound: bounds.growth },
  };
}
