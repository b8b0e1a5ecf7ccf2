import { statSync } from 'node:fs';
import { mkdtemp, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createSnapshotter, type Snapshotter, verifySnapshot } from '../../../src/index.ts';
import type { Shape } from '../data.ts';
import { checkLoopWatch, type LoopGaps, LoopWatch } from '../loop-watch.ts';
import { forgetPeak, memoryOf, ownCpuNs } from '../on-cpu.ts';
import type { Measure } from '../rounds.ts';
import { answerAsks } from './answer-asks.ts';
import { BenchHost } from './bench-host.ts';

/** Takes snapshots of a big state through the real generation actor, and says what they cost. */

/** Most of a generation's time that the answer to its evidence may take, or it does not count. */
const waitShareMax = 0.01;

/** A transaction of a hundred updates each turn of a millisecond or so. */
const updatesPerTransaction = 100;

/** Transactions in one turn, at most. */
const catchUpMax = 4;

/** How long the host's loop is watched where there is no snapshot to wait for. */
const idleMsMin = 200;

export interface PrepareInput {
  readonly shape: Shape;
  /** Whether cose-js is asked about each receipt. */
  readonly crossCheck: boolean;
  readonly directory: string;
}

export interface Prepared {
  readonly bytesPerEntry: number;
  readonly fillMs: number;
}

export interface SnapshotMeasure extends Measure {
  /** From the freeze until the digest is known. */
  readonly serialiseMs: number;
  /** From the commit that releases it until its name is durable. */
  readonly persistMs: number;
  /** What the host took in between. */
  readonly waitMs: number;
  readonly freezeUs: number;
  /** Of all threads, the answer included. */
  readonly cpuMs: number;
  /** From the freeze until the digest is known. */
  readonly serialiseCpuMs: number;
  readonly bytes: number;
  /** The pipeline's own steps, in milliseconds. */
  readonly steps: Readonly<Record<string, number>>;
}

export interface StallMeasure extends Measure {
  readonly gaps: LoopGaps;
  readonly updatesPerSecond: number;
}

interface Service {
  readonly host: BenchHost;
  readonly snapshotter: Snapshotter;
  readonly directory: string;
}

let prepared: Service | undefined;
const steps = new Map<string, number>();

function current(): Service {
  if (prepared === undefined) throw new Error('not prepared');
  return prepared;
}

async function prepare({ shape, directory, crossCheck }: PrepareInput): Promise<Prepared> {
  const host = new BenchHost(shape);
  const folder = await mkdtemp(join(directory, 'snapshots-'));
  const snapshotter = await createSnapshotter({
    directory: folder,
    source: host,
    evidence: host,
    secrets: { at: () => host.secret },
    identity: host.publicKey,
    txInterval: 2 ** 31 - 1,
    crossCheck,
    environment: { clock: preciseClock },
    metrics: {
      increment: () => {},
      observe: (name, seconds, labels) => {
        if (name !== 'snapshot_phase_duration_seconds') return;
        steps.set(labels?.['phase'] ?? '', seconds * 1000);
      },
    },
  });
  host.attach(snapshotter);
  prepared = { host, snapshotter, directory: folder };
  // Threads are started and code is loaded by a snapshot of next to nothing.
  await unlink(await runGeneration());
  const startMs = performance.now();
  host.fill();
  const fillMs = performance.now() - startMs;
  return { bytesPerEntry: (host.store.usedPages * 65_536) / shape.entries, fillMs };
}

/** The clock of the measures: Date's has whole milliseconds. */
const preciseClock = {
  now: () => performance.timeOrigin + performance.now(),
  setTimeout: (fn: () => void, delayMs: number) => setTimeout(fn, delayMs),
  clearTimeout: (id: unknown) => clearTimeout(id as NodeJS.Timeout),
};

interface GenerationInput {
  readonly isForeseen: boolean;
  /** A hundred updates each turn meanwhile. */
  readonly isUpdated: boolean;
}

/** One generation, from the freeze to its durable name. */
async function generation({ isForeseen, isUpdated }: GenerationInput): Promise<SnapshotMeasure> {
  const { host } = current();
  host.compact();
  const watch = isUpdated ? new LoopWatch(() => host.update()) : undefined;
  steps.clear();
  const beforeNs = ownCpuNs();
  watch?.start();
  const file = await runGeneration({ isForeseen });
  const endMs = performance.now();
  watch?.stop();
  const cpuMs = (ownCpuNs() - beforeNs) / 1e6;
  const { freezeMs, freezeUs, digestMs, releaseMs, digestCpuMs } = host.marks;
  const bytes = statSync(file).size;
  await unlink(file);
  const [serialiseMs, persistMs] = [digestMs - freezeMs, endMs - releaseMs];
  const waitMs = releaseMs - digestMs;
  const ms = serialiseMs + persistMs;
  const serialiseCpuMs = digestCpuMs - beforeNs / 1e6;
  const isSlow = waitMs > ms * waitShareMax;
  return {
    ...{ ms, cpuMs, serialiseMs, persistMs, waitMs, freezeUs, serialiseCpuMs, bytes },
    steps: Object.fromEntries(
      [...steps].map(([step, took]) => [step, Math.round(took * 100) / 100]),
    ),
    ...(isSlow && { discarded: `the host took ${waitMs.toFixed(2)} of ${ms.toFixed(2)} ms` }),
  };
}

/** @returns where the published file is */
async function runGeneration(how = { isForeseen: false }): Promise<string> {
  const { host, snapshotter, directory } = current();
  await host.beginSnapshot(how);
  const [live] = snapshotter.live;
  if (live === undefined) throw new Error('no generation began');
  const { outcome, reason, file } = await live.ended;
  if (outcome !== 'committed' || file === undefined) throw new Error(`${outcome}: ${reason}`);
  return join(directory, file);
}

interface GenerationsInput extends GenerationInput {
  readonly times: number;
}

/** Several generations, of which the median is told: a small one is too short to be timed by itself. */
async function generations({ times, ...input }: GenerationsInput): Promise<SnapshotMeasure> {
  const all: SnapshotMeasure[] = [];
  for (let i = 0; i < times; i++) all.push(await generation(input));
  all.sort((a, b) => a.ms - b.ms);
  const median = all[Math.floor(times / 2)];
  if (median === undefined) throw new RangeError('no generation was asked for');
  return median;
}

/** Keeps a file, verified under the pinned identity as whoever finds it would, and tells where it is. */
async function keepOne(): Promise<{ readonly path: string; readonly bytes: number }> {
  const { host } = current();
  const path = await runGeneration();
  const { trusted } = await verifySnapshot(path, { services: [host.publicKey] });
  if (!trusted) throw new Error(`${path} is not trusted`);
  return { path, bytes: statSync(path).size };
}

interface StallInput {
  /** Without one, the control. */
  readonly isSnapshot: boolean;
  /** Least time to watch. */
  readonly watchMs?: number;
}

/** Watches the loop under a hundred updates a turn, with or without a generation meanwhile. */
async function stall({ isSnapshot, watchMs = idleMsMin }: StallInput): Promise<StallMeasure> {
  const { host } = current();
  const watch = new LoopWatch(() => host.update());
  const updates = host.updates;
  const startMs = performance.now();
  watch.start();
  if (isSnapshot) await unlink(await runGeneration());
  const leftMs = watchMs - (performance.now() - startMs);
  if (!isSnapshot) await new Promise((resolve) => setTimeout(resolve, leftMs));
  const gaps = watch.stop();
  const ms = performance.now() - startMs;
  return { ms, gaps, updatesPerSecond: Math.round(((host.updates - updates) / ms) * 1000) };
}

export interface MemoryMeasure {
  /** Most memory in the snapshot, above what there was before. */
  readonly extraBytes: number;
  readonly bytes: number;
  readonly updatesPerSecond: number;
}

/** Most memory that a first generation takes under so many updates a second, rings and threads counted. */
async function memory({ perSecond }: { readonly perSecond: number }): Promise<MemoryMeasure> {
  const { host } = current();
  const startUpdates = host.updates;
  let startMs = performance.now();
  const update = () => {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    // A turn's share of them at most, some times over: on a busy machine there would be no end of catching up.
    for (let i = 0; i < catchUpMax; i++) {
      if (host.updates - startUpdates + updatesPerTransaction <= due) host.update();
    }
  };
  const watch = new LoopWatch(update);
  gc?.();
  forgetPeak();
  const { rssBytes } = memoryOf();
  startMs = performance.now();
  watch.start();
  const file = await runGeneration();
  watch.stop();
  const { peakBytes } = memoryOf();
  const seconds = (performance.now() - startMs) / 1000;
  const bytes = statSync(file).size;
  await unlink(file);
  const updatesPerSecond = Math.round((host.updates - startUpdates) / seconds);
  return { extraBytes: peakBytes - rssBytes, bytes, updatesPerSecond };
}

async function close(): Promise<void> {
  await prepared?.snapshotter.close();
  const directory = prepared?.directory;
  if (directory === undefined) return;
  for (const file of await readdir(directory)) await unlink(join(directory, file));
}

answerAsks(
  { prepare, generation, generations, keepOne, stall, memory, checkWatch: checkLoopWatch },
  close,
);
