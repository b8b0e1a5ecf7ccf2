import { type Bench, roundsOf } from './bench.ts';
import { Party, withParties } from './party.ts';
import { interleave, lineOf, type Measure } from './rounds.ts';

const name = 'actor';

/** Generations in all, a part of them in each round. */
const generations = 20_000;
const ownRounds = 40;
const warmUp = 2000;

/** CPU of one generation: in microseconds, and over that of the bare chart. */
const bounds = { cpuUs: 600, ratio: 3 };

/** What do the charts of one generation cost, writer, chain and snapshotter included, when every port answers at once? */
export const actorBench: Bench = {
  name,
  async *run(options) {
    const party = new Party('actors');
    yield* await withParties([party], async () => {
      const times = generations / ownRounds;
      const contenders = ['generation', 'bare'].map((command) => ({
        name: command,
        measure: () => party.ask<Measure>(command, { times }),
      }));
      for (const command of ['generation', 'bare']) await party.ask(command, { times: warmUp });
      const rounds = await interleave(contenders, roundsOf(options, ownRounds));
      const figure = ({ cpuMs = Number.NaN }: Measure) => cpuMs * 1000;
      const of = { name, unit: 'us', figure, of: 'generation' };
      const { rounds: measures, ...whole } = lineOf(rounds, {
        ...{ ...of, case: 'CPU of a generation' },
        bound: bounds.cpuUs,
      });
      const { rounds: _, ...ratio } = lineOf(rounds, {
        ...{ ...of, case: 'CPU of a generation / a bare chart of eleven immediate promises' },
        ...{ over: 'bare', bound: bounds.ratio },
      });
      return [{ ...whole, generations: times * (measures as unknown[]).length }, ratio];
    });
  },
};
