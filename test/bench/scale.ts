import { type Bench, type BenchLine, type BenchOptions, entriesOf, roundsOf } from './bench.ts';
import { d1m } from './data.ts';
import { withParties } from './party.ts';
import { interleave, lineOf } from './rounds.ts';
import { snapshotContender, startSnapshots } from './snapshots.ts';

const name = 'scale';

/** Sixteen times the entries may take this many times as long. */
const bound = 17;

const pairs = [
  [62_500, 1_000_000, 7],
  [625_000, 10_000_000, 3],
] as const;

/** Does a snapshot take longer only as its state grows? */
export const scaleBench: Bench = {
  name,
  async *run(options) {
    for (const [few, many, rounds] of pairs) yield await measurePair(few, many, rounds, options);
  },
};

async function measurePair(
  few: number,
  many: number,
  ownRounds: number,
  options: BenchOptions,
): Promise<BenchLine> {
  const [small, large] = [entriesOf(options, few), entriesOf(options, many)];
  const { party: first } = await startSnapshots(
    { shape: { ...d1m, entries: small }, crossCheck: true },
    options,
  );
  return withParties([first], async () => {
    const { party: second } = await startSnapshots(
      { shape: { ...d1m, entries: large }, crossCheck: true },
      options,
    );
    return withParties([second], async () => {
      const how = { isForeseen: false, isUpdated: false };
      const contenders = [
        // A host's signature takes more than a hundredth of the smaller ones.
        { ...snapshotContender(first, { ...how, isForeseen: true, times: 3 }), name: 'few' },
        { ...snapshotContender(second, how), name: 'many' },
      ];
      for (const contender of contenders) await contender.measure();
      const rounds = await interleave(contenders, roundsOf(options, ownRounds));
      const what = `${large} entries / ${small} entries`;
      return lineOf(rounds, { name, case: what, of: 'many', over: 'few', bound });
    });
  });
}
