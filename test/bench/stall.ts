import { type Bench, type BenchLine, entriesOf, rounded, roundsOf, summarise } from './bench.ts';
import { d1m } from './data.ts';
import type { LoopGaps } from './loop-watch.ts';
import type { StallMeasure } from './parties/snapshots.ts';
import { withParties } from './party.ts';
import { interleave, type Round, type Rounds } from './rounds.ts';
import { startSnapshots } from './snapshots.ts';

const name = 'stall';

/** Above the idle control of the same round, in milliseconds. */
const bounds = { p99: 0.5, max: 3 };

/** Does the event loop notice a snapshot, at a hundred updates each turn of a millisecond? */
export const stallBench: Bench = {
  name,
  async *run(options) {
    const shape = { ...d1m, entries: entriesOf(options, d1m.entries) };
    const { party } = await startSnapshots({ shape, crossCheck: true }, options);
    yield* await withParties([party], async () => {
      const seenMs = await party.ask<number>('checkWatch');
      const watch = (isSnapshot: boolean, watchMs: number) =>
        party.ask<StallMeasure>('stall', { isSnapshot, watchMs });
      let lastMs = (await watch(true, 0)).ms;
      const contenders = [
        {
          name: 'snapshot',
          measure: async () => {
            const measure = await watch(true, 0);
            lastMs = measure.ms;
            return measure;
          },
        },
        // As long as a snapshot: the longer one watches, the longer the longest gap.
        { name: 'idle', measure: () => watch(false, lastMs) },
      ];
      const rounds = await interleave(contenders, roundsOf(options, 9));
      return linesOf(rounds, seenMs);
    });
  },
};

function linesOf({ rounds }: Rounds, seenMs: number): BenchLine[] {
  const gapsOf = (of: string) => rounds.map((round) => gapsIn(round, of));
  const [during, idle] = [gapsOf('snapshot'), gapsOf('idle')];
  const lines = (['p99', 'max'] as const).map((figure): BenchLine => {
    const key = `${figure}Ms` as const;
    const values = (gaps: readonly LoopGaps[]) =>
      summarise(
        gaps.map((gap) => gap[key]),
        3,
      );
    const above = during.map((gaps, i) => gaps[key] - (idle[i]?.[key] ?? 0));
    return {
      ...{ name, case: `D1M: ${figure} net gap above the idle control`, unit: 'ms' },
      ...summarise(above, 3),
      bound: bounds[figure],
      during: values(during),
      idle: values(idle),
      rounds: above.map((value) => rounded(value, 3)),
    };
  });
  const perSecond = rounds.map((round) => Number(round.get('snapshot')?.['updatesPerSecond']));
  const more = {
    updatesPerSecond: summarise(perSecond).median,
    blockOf50MsSeenAs: rounded(seenMs, 1),
  };
  return lines.map((line) => ({ ...line, ...more }));
}

function gapsIn(round: Round, of: string): LoopGaps {
  const measure = round.get(of);
  if (measure === undefined) throw new Error(`no ${of} in a round`);
  // What the party answers is a StallMeasure; the rounds know the common part alone.
  return (measure as StallMeasure).gaps;
}
