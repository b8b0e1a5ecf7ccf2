import { createHash, createPublicKey } from 'node:crypto';
import { expect, onTestFinished } from 'vitest';
import { SimulatedClock } from 'xstate';
import type { GenerationOutput } from '../../machines/events.ts';
import type { Clock } from '../../src/core/clock.ts';
import { type Digest, digest, type Seqno, seqno } from '../../src/core/words.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import {
  createSnapshotter,
  type Snapshotter,
  type SnapshotterOptions,
} from '../../src/snapshotter/create-snapshotter.ts';
import type { LiveGeneration } from '../../src/snapshotter/live-generation.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { LogHost } from './log-host.ts';

export interface Setup {
  readonly host: LogHost;
  readonly disk: MemoryFileSystem;
  readonly snapshotter: Snapshotter;
  readonly asked: { snapshotSeqno: Seqno; digest: Digest }[];
}

/** A clock that stands until a test moves it. */
export function standingClock(nowMs = 0): SimulatedClock & Clock {
  const clock = new SimulatedClock();
  clock.increment(nowMs);
  // XState's own ids are numbers, and what Clock gives back is what it gave.
  return clock as SimulatedClock & Clock;
}

/** A host on a disk in memory, whose log takes evidence when the test says so. */
export async function setUp(options: Partial<SnapshotterOptions> = {}): Promise<Setup> {
  const host = new LogHost();
  const given = options.environment?.fileSystem;
  const disk = given instanceof MemoryFileSystem ? given : new MemoryFileSystem();
  const asked: Setup['asked'] = [];
  const snapshotter = await createSnapshotter({
    directory: '/snapshots',
    source: host,
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    txInterval: 4,
    attemptsMax: 1,
    evidence: {
      submit: async (evidence) => {
        asked.push(evidence);
        return { seqno: seqno(host.last + 1) };
      },
    },
    ...options,
    environment: { fileSystem: disk, processes: fakeProcesses(), ...options.environment },
  });
  onTestFinished(async () => {
    await snapshotter.close();
    expect(host.released).toBe(host.frozen);
    expect(disk.openHandles).toBe(0);
    expect((await names(disk)).filter((name) => !name.endsWith('.committed'))).toEqual([]);
  });
  return { host, disk, snapshotter, asked };
}

export async function names(disk: MemoryFileSystem): Promise<string[]> {
  return (await disk.list('/snapshots')).map(({ name }) => name);
}

export async function turns(count = 50): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Writes until a signature is a snapshot point, and commits it. */
export async function start({
  host,
  snapshotter,
}: Pick<Setup, 'host' | 'snapshotter'>): Promise<LiveGeneration> {
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, `value ${i}`);
  expect(await host.sign(snapshotter)).toBe(true);
  snapshotter.commit(host.last, { primary: true });
  const [generation] = snapshotter.live;
  if (generation === undefined) throw new Error('no generation started');
  return generation;
}

/** Runs a generation up to the submission of its evidence. */
export async function untilSubmitted(setup: Setup): Promise<LiveGeneration> {
  const generation = await start(setup);
  await expect.poll(() => setup.asked.length).toBe(1);
  return generation;
}

export async function untilCommitted(setup: Setup): Promise<GenerationOutput> {
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  const [evidence] = asked;
  if (evidence) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  return generation.ended;
}

export async function digestOfSpool({ disk }: Setup): Promise<Digest> {
  const bytes = await disk.readFile('/snapshots/spool_6_0.tmp', { bytesMax: 1e6 });
  return digest(createHash('sha256').update(bytes).digest('hex'));
}
