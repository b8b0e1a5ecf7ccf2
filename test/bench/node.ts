import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Bench, type BenchLine, rounded, summarise } from './bench.ts';
import type {
  MemorySample,
  RecoverResult,
  ReplayResult,
  RunResult,
  StepOptions,
} from './node-steps.ts';

const name = 'node';

/** What is measured are compiled files, as users have them. */
const mainFile = join(process.cwd(), 'dist/src/cli/main.js');
const stepsFile = join(process.cwd(), 'dist/test/bench/node-steps.js');

/** Text that a program may print at most. */
const outputBytesMax = 64 * 1024 * 1024;

/** What `npm start` does, as a process of its own. */
const startTransactions = 20_000;
const startInterval = 2_000;
const startRounds = 3;
const startBoundSeconds = 20;

/** Snapshots of a long run. */
const snapshots = 20;

/** An interval that is never over. */
const noSnapshots = 2 ** 31 - 1;

/**
 * Most that a node may grow, in megabytes, from the second tenth of the long run on: heap and buffers after a
 * garbage collection. 3.9 was measured over a million transactions; to keep 10 bytes of each would be more.
 */
const growthBoundMb = 8;

/** In a shorter run the workload's records are still coming into being in its second tenth. */
const boundedFrom = 100_000;

/** How fast is a node, and does its memory stay flat while its ledger grows? */
export const nodeBench: Bench = {
  name,
  async *run({ transactions }) {
    yield await benchStart();
    const every = Math.ceil(transactions / snapshots);
    yield* benchLongRun(`${transactions} transactions, a snapshot every ${every}`, {
      transactions,
      snapshotTxInterval: every,
    });
    yield* benchLongRun(`${transactions} transactions, no snapshots`, {
      transactions,
      snapshotTxInterval: noSnapshots,
    });
  },
};

async function benchStart(): Promise<BenchLine> {
  const rounds: { readonly seconds: number; readonly cpuSeconds: number }[] = [];
  for (let round = 0; round < startRounds; round++) rounds.push(await inNewDirectory(measureStart));
  return {
    name,
    case: `start with ${startTransactions} transactions, a snapshot every ${startInterval}`,
    unit: 's',
    ...summarise(
      rounds.map(({ seconds }) => seconds),
      2,
    ),
    bound: startBoundSeconds,
    held: 'min',
    rounds,
  };
}

async function measureStart(directory: string) {
  const sizes = ['--transactions', `${startTransactions}`, '--snapshot-every', `${startInterval}`];
  const args = [mainFile, 'start', '--dir', directory, ...sizes, '--json', '--no-progress'];
  const startMs = performance.now();
  const stdout = await runProgram(args);
  const seconds = rounded((performance.now() - startMs) / 1000, 2);
  const summary = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { cpuSeconds: number };
  return { seconds, cpuSeconds: rounded(summary.cpuSeconds, 2) };
}

/** The long run, and whether its ledger leads back to the same state. */
export async function* benchLongRun(
  what: string,
  sizes: Omit<StepOptions, 'directory'>,
): AsyncGenerator<BenchLine> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const options = { ...sizes, directory };
  try {
    const ran = await runStep<RunResult>('run', options);
    yield runLine(what, ran, sizes);
    yield growthLine(what, ran, sizes);
    yield recoverLine(what, await runStep<RecoverResult>('recover', options), ran);
    if (sizes.snapshotTxInterval !== noSnapshots) {
      yield replayLine(what, await runStep<ReplayResult>('replay', options), ran);
    }
  } finally {
    await rm(directory, { recursive: true });
  }
}

function runLine(
  what: string,
  ran: RunResult,
  { transactions }: { transactions: number },
): BenchLine {
  const { workSeconds, seconds, cpuSeconds, rssMbMax, outcomes } = ran;
  const perSecond = Math.round(transactions / workSeconds);
  return {
    name,
    case: what,
    ...once(workSeconds),
    perSecond,
    seconds,
    cpuSeconds,
    rssMbMax,
    outcomes,
  };
}

function growthLine(
  what: string,
  { tenths }: RunResult,
  { transactions }: { transactions: number },
): BenchLine {
  const [, second, ...later] = tenths;
  if (second === undefined || later.length === 0) throw new Error('too few tenths');
  const most = Math.max(...later.map(sizeOf));
  const growth = rounded(most - sizeOf(second), 1);
  return {
    name,
    case: `${what}: growth of memory after the second tenth`,
    unit: 'MB',
    median: growth,
    min: growth,
    ...(transactions >= boundedFrom && { bound: growthBoundMb }),
    tenths,
  };
}

const sizeOf = ({ heapMb, externalMb }: MemorySample) => heapMb + externalMb;

function recoverLine(what: string, recovered: RecoverResult, { root }: RunResult): BenchLine {
  if (recovered.root !== root) throw new Error(`recovered root ${recovered.root}, not ${root}`);
  const { seconds, ...more } = recovered;
  return { name, case: `${what}: recover`, ...once(seconds), ...more };
}

function replayLine(what: string, replayed: ReplayResult, ran: RunResult): BenchLine {
  const { seconds, ...more } = replayed;
  const { evidences, identical, transactions } = more;
  if (identical !== evidences || evidences === 0) {
    throw new Error(`${identical} of ${evidences} snapshots are identical`);
  }
  if (transactions !== ran.seqno)
    throw new Error(`replayed ${transactions} of ${ran.seqno} entries`);
  return { name, case: `${what}: replay`, ...once(seconds), ...more };
}

const once = (seconds: number) => ({ unit: 's', ...summarise([seconds], 2) });

async function inNewDirectory<T>(measure: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    return await measure(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Runs a step of the long run in a process of its own. */
async function runStep<T>(step: string, options: StepOptions): Promise<T> {
  const stdout = await runProgram(['--expose-gc', stepsFile, step, JSON.stringify(options)]);
  return JSON.parse(stdout) as T;
}

const runFile = promisify(execFile);

/** What a program prints on stdout. @throws Error with its stderr when it ends otherwise than well */
async function runProgram(args: readonly string[]): Promise<string> {
  const { stdout } = await runFile(process.execPath, args, { maxBuffer: outputBytesMax });
  return stdout;
}
