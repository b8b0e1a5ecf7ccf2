import {
  type Bench,
  type BenchLine,
  type BenchOptions,
  entriesOf,
  rounded,
  roundsOf,
} from './bench.ts';
import { d1g, d1m, d64k, type Shape } from './data.ts';
import { floor, startFloors } from './floors.ts';
import type { Prepared, PrepareInput, SnapshotMeasure } from './parties/snapshots.ts';
import { Party, withParties } from './party.ts';
import { type Contender, interleave, lineOf, type Measure, type Rounds } from './rounds.ts';

/** One state whose snapshots are measured. */
interface SnapshotCase {
  readonly title: string;
  readonly shape: Shape;
  /** What it is divided by. */
  readonly over: 'format' | 'formatPrivate' | 'small';
  readonly bound?: number;
  readonly rounds: number;
  /** Updates go on meanwhile. */
  readonly isUpdated?: boolean;
  /** Without the second opinion on its receipt: cose-js alone takes many times as long as a small file. */
  readonly isWithoutCrossCheck?: boolean;
  /** Whether its processor time is held to that of SHA-256. */
  readonly isCpuHeld?: boolean;
}

/** A state of this kind is too small to be timed by one generation. */
const smallTimes = 11;

/** What CCF's C++ takes an entry to serialise alone, on another machine: recorded once, and printed beside ours. */
const ccfNsPerEntry = '1,890 to 2,978';

const cpuBound = 2.8;

const anchors: readonly SnapshotCase[] = [
  { title: 'D64K', shape: d64k, over: 'small', bound: 1.5, rounds: 9, isWithoutCrossCheck: true },
  { title: 'D64K, asking cose-js', shape: d64k, over: 'small', rounds: 9 },
  { title: 'D1M', shape: d1m, over: 'format', bound: 1.25, rounds: 7, isCpuHeld: true },
  {
    title: 'D1M-private',
    shape: { ...d1m, isPrivate: true },
    over: 'formatPrivate',
    bound: 1.5,
    rounds: 7,
  },
  { title: 'D1G', shape: d1g, over: 'format', bound: 1.25, rounds: 3 },
];

const shapes: readonly SnapshotCase[] = [
  { title: 'keys of 8 B', shape: { ...d1m, keyBytes: 8 }, over: 'format', rounds: 3 },
  {
    title: 'values of 4 KiB',
    shape: { ...d1m, entries: 100_000, valueBytes: 4096 },
    over: 'format',
    rounds: 3,
  },
  { title: '1,000 maps', shape: { ...d1m, tables: 1000 }, over: 'format', rounds: 3 },
  {
    title: 'one map of 10,000,000',
    shape: { ...d1m, entries: 10_000_000 },
    over: 'format',
    rounds: 3,
  },
  {
    title: 'updates spread evenly',
    shape: d1m,
    over: 'format',
    rounds: 3,
    isUpdated: true,
  },
  {
    title: 'skewed updates',
    shape: { ...d1m, isSkewed: true },
    over: 'format',
    rounds: 3,
    isUpdated: true,
  },
];

/** How much longer than the least possible does a snapshot take, from the freeze to its durable name? */
export const snapshotBench: Bench = {
  name: 'snapshot',
  async *run(options) {
    for (const anchor of anchors) yield* measureCase('snapshot', anchor, options);
  },
};

/** The same of states and updates of other shapes: nothing is tuned to one. */
export const shapesBench: Bench = {
  name: 'shapes',
  async *run(options) {
    for (const shape of shapes) yield* measureCase('shapes', shape, options);
  },
};

async function* measureCase(
  name: string,
  what: SnapshotCase,
  options: BenchOptions,
): AsyncGenerator<BenchLine> {
  const isSmall = what.over === 'small';
  const shape = isSmall
    ? what.shape
    : { ...what.shape, entries: entriesOf(options, what.shape.entries) };
  const crossCheck = !(what.isWithoutCrossCheck ?? false);
  const { party, prepared } = await startSnapshots({ shape, crossCheck }, options);
  yield* await withParties([party], async () => {
    const how = { isForeseen: isSmall, isUpdated: what.isUpdated ?? false };
    const ours = snapshotContender(party, isSmall ? { ...how, times: smallTimes } : how);
    // The first ones start threads and load code; and tell how many bytes the floors have to be of.
    await ours.measure();
    const { bytes } = await party.ask<SnapshotMeasure>('generation', how);
    const floors = await startFloors(bytes, options);
    return withParties([floors.party], async () => {
      const commands = isSmall ? [what.over] : [what.over, 'combined', 'sha', 'copy'];
      const contenders = [ours, ...commands.map((command) => floor(floors.party, command))];
      const rounds = await interleave(contenders, roundsOf(options, what.rounds));
      const more = { entries: shape.entries, bytes, isDirect: floors.isDirect };
      return linesOf(name, { ...what, shape }, rounds).map((line) => ({
        ...line,
        ...more,
        ...prepared,
      }));
    });
  });
}

function linesOf(name: string, what: SnapshotCase, rounds: Rounds): BenchLine[] {
  const { title, over, bound, isCpuHeld } = what;
  const floorName = over === 'small' ? 'small durable floor' : 'format floor';
  const whole = { name, of: 'ours' };
  const lines = [lineOf(rounds, { ...whole, case: `${title}: / ${floorName}`, over, bound })];
  if (over === 'small') return lines;
  lines.push(lineOf(rounds, { ...whole, case: `${title}: / plain floor`, over: 'combined' }));
  if (isCpuHeld) {
    const cpu = lineOf(rounds, {
      ...{ ...whole, case: `${title}: CPU of tag, gather, digest / CPU of SHA-256` },
      ...{ over: 'sha', bound: cpuBound, figure: serialiseCpuOf },
    });
    const nsPerEntry = rounded(((cpu.median ?? 0) * 1e6) / what.shape.entries, 0);
    lines.push({ ...cpu, nsPerEntry, ccfNsPerEntry });
  }
  return lines;
}

/** Of ours the part until the digest is known; of a floor all. */
function serialiseCpuOf(measure: Measure): number {
  const { serialiseCpuMs } = measure;
  return typeof serialiseCpuMs === 'number' ? serialiseCpuMs : (measure.cpuMs ?? Number.NaN);
}

/** A process with a service of this state. */
export async function startSnapshots(
  input: Omit<PrepareInput, 'directory'>,
  { directory }: BenchOptions,
): Promise<{ readonly party: Party; readonly prepared: Prepared }> {
  const party = new Party('snapshots', {
    nodeArgs: ['--expose-gc', '--max-old-space-size=8192'],
    timeoutMs: 1_800_000,
  });
  const prepared = await party.ask<Prepared>('prepare', { ...input, directory });
  return { party, prepared };
}

/** Generations that take their turn. */
export function snapshotContender(party: Party, input: object): Contender {
  const command = 'times' in input ? 'generations' : 'generation';
  return { name: 'ours', measure: () => party.ask<SnapshotMeasure>(command, input) };
}
