import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runWorkload } from '../../src/cli/commands/workload.ts';
import { nodePaths } from '../../src/files/node-paths.ts';
import { createNode, readMemberKeys, recover, replayLedger } from '../../src/index.ts';

/**
 * The steps of the long run, each in a process of its own so that its memory is its own:
 * `node --expose-gc dist/test/bench/node-steps.js STEP OPTIONS`, with the options and the result as JSON.
 */
const steps: Readonly<Record<string, (options: StepOptions) => Promise<object>>> = {
  run: runNode,
  recover: recoverNode,
  replay: replayNode,
};

export interface StepOptions {
  readonly directory: string;
  readonly transactions: number;
  readonly snapshotTxInterval: number;
}

/** What every step says of itself. */
export interface StepCost {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Most memory that the process had at once. */
  readonly rssMbMax: number;
}

/** Memory after a garbage collection, with so many transactions done. */
export interface MemorySample {
  readonly transactions: number;
  readonly heapMb: number;
  /** Outside of the heap, buffers included. */
  readonly externalMb: number;
  readonly rssMb: number;
}

export interface RunResult extends StepCost {
  /** From the first transaction to the last one on disk. */
  readonly workSeconds: number;
  readonly seqno: number;
  readonly root: string;
  /** How many generations ended in which way. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly tenths: readonly MemorySample[];
}

/** Runs the workload of `start` on a new service. */
async function runNode(options: StepOptions): Promise<Omit<RunResult, keyof StepCost>> {
  const { directory, transactions, snapshotTxInterval } = options;
  const node = await createNode({ directory, snapshotTxInterval });
  const outcomes: Record<string, number> = {};
  node.snapshots.subscribe((event) => {
    if (event.type !== 'generation.ended') return;
    outcomes[event.outcome] = (outcomes[event.outcome] ?? 0) + 1;
  });
  const tenths: MemorySample[] = [];
  const tenth = Math.ceil(transactions / 10);
  const startMs = performance.now();
  await runWorkload(node, {
    transactions,
    signal: new AbortController().signal,
    onAcknowledged: (_, done) => {
      if (done % tenth === 0 || done === transactions) tenths.push(sampleMemory(done));
    },
  });
  const workSeconds = secondsSince(startMs);
  await node.sign();
  await node.snapshots.untilIdle();
  await node.close();
  return { workSeconds, seqno: node.status.seqno, root: node.root(), outcomes, tenths };
}

function sampleMemory(transactions: number): MemorySample {
  if (gc === undefined) throw new Error('run it with --expose-gc');
  // Buffers are freed behind the collection that found them dead; the next one waits for that.
  gc();
  gc();
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    transactions,
    heapMb: megabytes(heapUsed),
    externalMb: megabytes(external),
    rssMb: megabytes(rss),
  };
}

export interface RecoverResult extends StepCost {
  readonly root: string;
  /** Entries that were read behind the snapshot. */
  readonly transactions: number;
  readonly snapshot: string | undefined;
}

async function recoverNode({
  directory,
}: StepOptions): Promise<Omit<RecoverResult, keyof StepCost>> {
  const { ledger, snapshots, keys } = nodePaths(directory);
  const memberKeys = await readMemberKeys(keys);
  const { root, transactions, snapshot } = await recover({ ledger, snapshots, memberKeys });
  return { root, transactions, snapshot: snapshot?.file };
}

export interface ReplayResult extends StepCost {
  readonly transactions: number;
  readonly evidences: number;
  readonly identical: number;
}

async function replayNode({ directory }: StepOptions): Promise<Omit<ReplayResult, keyof StepCost>> {
  const { ledger, snapshots, keys } = nodePaths(directory);
  const memberKeys = await readMemberKeys(keys);
  const out = await mkdtemp(join(tmpdir(), 'bench-'));
  const { summary, failure } = await replayLedger({ ledger, snapshots, memberKeys, out });
  await rm(out, { recursive: true });
  if (failure !== undefined) throw failure;
  const { transactions, evidences, identical } = summary;
  return { transactions, evidences, identical };
}

const secondsSince = (ms: number) => Math.round(performance.now() - ms) / 1000;

const megabytes = (bytes: number) => Math.round(bytes / 1e5) / 10;

const [name = '', text = '{}'] = process.argv.slice(2);
const step = steps[name];
if (step === undefined) throw new Error(`no such step: ${name}`);
const startMs = performance.now();
const result = await step(JSON.parse(text) as StepOptions);
const { user, system } = process.cpuUsage();
console.log(
  JSON.stringify({
    ...result,
    seconds: secondsSince(startMs),
    cpuSeconds: Math.round((user + system) / 1e4) / 100,
    // In kilobytes, of 1024 as Linux has them.
    rssMbMax: megabytes(process.resourceUsage().maxRSS * 1024),
  }),
);
