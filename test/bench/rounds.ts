import { type BenchLine, rounded, summarise } from './bench.ts';

/** What one measuring gave. */
export interface Measure {
  readonly ms: number;
  /** On-CPU milliseconds, of all threads that took part. */
  readonly cpuMs?: number;
  /** Why it does not count. */
  readonly discarded?: string;
  readonly [more: string]: unknown;
}

/** One of those who take turns. */
export interface Contender {
  readonly name: string;
  measure(): Promise<Measure>;
}

/** What was measured in one round, by the contender's name. */
export type Round = ReadonlyMap<string, Measure>;

export interface Rounds {
  readonly rounds: readonly Round[];
  /** Measures that did not count, and why, by the contender's name. */
  readonly discarded: ReadonlyMap<string, readonly string[]>;
}

/** How often a measure that does not count is taken again, in one round. */
const againMax = 4;

/**
 * Lets everyone take a turn in each round, another one first each time, so that what is compared was measured within the
 * same seconds: this machine's speed moves by several times within an hour, and the ratios much less.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
): Promise<Rounds> {
  const done: Round[] = [];
  const discarded = new Map<string, string[]>();
  for (let round = 0; round < rounds; round++) {
    const measured = new Map<string, Measure>();
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length];
      if (contender === undefined) continue;
      const reasons = discarded.get(contender.name) ?? [];
      discarded.set(contender.name, reasons);
      const measure = await measureThatCounts(contender, reasons);
      if (measure !== undefined) measured.set(contender.name, measure);
    }
    done.push(measured);
  }
  return { rounds: done, discarded };
}

async function measureThatCounts(
  contender: Contender,
  reasons: string[],
): Promise<Measure | undefined> {
  for (let again = 0; again <= againMax; again++) {
    const measure = await contender.measure();
    if (measure.discarded === undefined) return measure;
    reasons.push(measure.discarded);
  }
  return undefined;
}

export interface LineOptions {
  readonly name: string;
  readonly case: string;
  /** Whose measures it is about. */
  readonly of: string;
  /** Whose it is divided by. */
  readonly over?: string;
  readonly bound?: number | undefined;
  /** What is compared. @default ms */
  readonly figure?: (measure: Measure) => number;
  readonly unit?: string;
}

/** Sums up what one contender measured, over another of the same round where there is one. */
export function lineOf({ rounds, discarded }: Rounds, options: LineOptions): BenchLine {
  const { of, over, bound, figure = ({ ms }) => ms, unit = 'ms', ...names } = options;
  const own = rounds.flatMap((round) => round.get(of) ?? []);
  const reasons = discarded.get(of) ?? [];
  if (own.length === 0) {
    return { ...names, skipped: `no round counts: ${reasons.at(-1) ?? 'none was measured'}` };
  }
  const cpu = own.flatMap(({ cpuMs }) => cpuMs ?? []);
  return {
    ...names,
    unit,
    ...summarise(own.map(figure), decimalsOf(own.map(figure))),
    ...(over !== undefined && ratioOf(rounds, of, over, figure)),
    ...(bound !== undefined && { bound }),
    ...(cpu.length > 0 && { cpuMs: summarise(cpu, 2).median }),
    ...(reasons.length > 0 && { discarded: reasons.length, reasons }),
    rounds: own.map(roundedMeasure),
  };
}

/** Median and least of the rounds' ratios. */
function ratioOf(
  rounds: readonly Round[],
  of: string,
  over: string,
  figure: (measure: Measure) => number,
) {
  const ratios = rounds.flatMap((round) => {
    const [own, others] = [round.get(of), round.get(over)];
    return own === undefined || others === undefined ? [] : figure(own) / figure(others);
  });
  if (ratios.length === 0) return {};
  const { median, min } = summarise(ratios, 3);
  return { ratio: median, ratioMin: min, over };
}

const decimalsOf = (values: readonly number[]) => (Math.max(...values) < 100 ? 3 : 1);

function roundedMeasure(measure: Measure): object {
  return Object.fromEntries(
    Object.entries(measure).map(([key, value]) => [
      key,
      typeof value === 'number' ? rounded(value, 3) : value,
    ]),
  );
}
