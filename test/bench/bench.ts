/** One measured case, as one line of JSON; `unit` is that of median and min. */
export interface BenchLine {
  readonly name: string;
  readonly case: string;
  readonly unit?: string;
  readonly median?: number;
  readonly min?: number;
  /** Median over the rounds of what was measured, divided by what {@link over} names in the same round. */
  readonly ratio?: number;
  readonly over?: string;
  /** What {@link heldFigure} must not be above. */
  readonly bound?: number;
  /**
   * Which figure of a line without a ratio the bound holds: the least where it is time alone, to which noise only adds.
   * @default 'median'
   */
  readonly held?: 'median' | 'min';
  /** Why it was not measured. */
  readonly skipped?: string;
  /** Whatever else is worth knowing. */
  readonly [more: string]: unknown;
}

export interface BenchOptions {
  /** Transactions of the long run. */
  readonly transactions: number;
  /** Where files are written: an empty directory, removed at the end. */
  readonly directory: string;
  /** A sixteenth of the entries and two rounds, to see that it works: nothing is held to a bound. */
  readonly isQuick: boolean;
  /** In place of each case's own number of rounds. */
  readonly rounds: number | undefined;
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

/** What a line is held to its bound by: the ratio where there is one. */
export function heldFigure({ ratio, median, min, held = 'median' }: BenchLine): number | undefined {
  return ratio ?? (held === 'min' ? min : median);
}

export function isWithinBound(line: BenchLine): boolean {
  const figure = heldFigure(line);
  return figure === undefined || line.bound === undefined || figure <= line.bound;
}

/** How many rounds a case is measured for. */
export function roundsOf({ isQuick, rounds }: BenchOptions, own: number): number {
  return rounds ?? (isQuick ? 2 : own);
}

/** How many entries a case has. */
export function entriesOf({ isQuick }: BenchOptions, own: number): number {
  return isQuick ? Math.ceil(own / 16) : own;
}
