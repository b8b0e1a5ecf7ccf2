/** One measured case, as one line of JSON; `unit` is that of median, min and bound. */
export interface BenchLine {
  readonly name: string;
  readonly case: string;
  readonly unit?: string;
  readonly median?: number;
  readonly min?: number;
  readonly ratio?: number;
  /** The least of all rounds must not be above it: noise only adds. */
  readonly bound?: number;
  /** Of a ratio, noise makes more and less: there it is the median that must not be above the bound. @default 'min' */
  readonly boundOn?: 'min' | 'median';
  /** Why it was not measured. */
  readonly skipped?: string;
  /** Whatever else is worth knowing. */
  readonly [more: string]: unknown;
}

export interface BenchOptions {
  /** Transactions of the long run. */
  readonly transactions: number;
}

/** Cases that are measured one after another; what is not true of a result is thrown. */
export interface Bench {
  readonly name: string;
  run(options: BenchOptions): AsyncIterable<BenchLine>;
}

/** `median` and `min` of some rounds, to the given number of decimals. */
export function summarise(
  rounds: readonly number[],
  decimals = 0,
): { readonly median: number; readonly min: number } {
  const sorted = rounds.map((value) => rounded(value, decimals)).sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)];
  const [min] = sorted;
  if (median === undefined || min === undefined) throw new RangeError('no rounds');
  return { median, min };
}

export function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}

/** What of a line is held against its bound; `undefined` where there is no bound. */
export function boundedOf({ bound, boundOn = 'min', ...line }: BenchLine): number | undefined {
  return bound === undefined ? undefined : line[boundOn];
}

export function isWithinBound(line: BenchLine): boolean {
  const { bound } = line;
  const bounded = boundedOf(line);
  return bounded === undefined || bound === undefined || bounded <= bound;
}
