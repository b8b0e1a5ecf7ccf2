import { expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import { seqno } from '../../src/core/words.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { SnapshotterOptions } from '../../src/snapshotter/create-snapshotter.ts';
import { listeningSink, type Told } from '../helpers/listening-sink.ts';
import { setUp, standingClock, start, turns, untilCommitted } from '../helpers/set-up-host.ts';

/** A snapshotter that takes a snapshot a second, on a clock that the test moves. */
async function setUpBySeconds(options: Partial<SnapshotterOptions> = {}) {
  const clock = standingClock(5_000_000);
  const bySeconds = { txInterval: 1_000, timeIntervalMs: 1_000, environment: { clock } };
  return { clock, ...(await setUp({ ...bySeconds, ...options })) };
}

test('SCH-15 SCH-20 a signature is a point once time and transactions have passed', async () => {
  const { snapshotter, clock } = await setUpBySeconds();
  expect(snapshotter.recordCommittable(seqno(50))).toBe(false);
  clock.increment(1_000);
  expect(snapshotter.recordCommittable(seqno(2))).toBe(false);
  expect(snapshotter.recordCommittable(seqno(3))).toBe(true);
});

test('SCH-15 time is counted from the start, or from the snapshot that it goes on from', async () => {
  const resumeAt = { committed: seqno(20), lastSnapshot: seqno(20), lastSnapshotMs: 4_999_000 };
  const { snapshotter } = await setUpBySeconds({ resumeAt });
  expect([22, 23].map((at) => snapshotter.recordCommittable(seqno(at)))).toEqual([false, true]);
});

test.each([
  [999_999_999n, true],
  [4_999_000_000_000n, false],
  [4_998_999_999_999n, true],
  [4_999_000_000_000, false],
  [4_998_000_000_000.5, true],
])('SCH-62 SCH-63 a status with the timestamp %s is counted from', async (timestamp, isDue) => {
  const clock = standingClock(4_999_999);
  const { snapshotter } = await setUpBySeconds({ environment: { clock } });
  snapshotter.recordStatus({ snapshotSeqno: seqno(20), timestamp });
  expect(snapshotter.recordCommittable(seqno(22))).toBe(false);
  expect(snapshotter.recordCommittable(seqno(23))).toBe(isDue);
});

test('a status that calls its snapshot’s seqno version, as release 0.1 did, is counted from', async () => {
  const clock = standingClock(4_999_999);
  const { snapshotter } = await setUpBySeconds({ environment: { clock } });
  snapshotter.recordStatus({ version: seqno(20), timestamp: 0 });
  expect(snapshotter.recordCommittable(seqno(22))).toBe(false);
  expect(snapshotter.recordCommittable(seqno(23))).toBe(true);
});

test('SCH-3 a floor that lets a snapshot bring about the next one is warned of', async () => {
  const warned: string[] = [];
  const logger = {
    info: () => {},
    warn: (_: object, text: string) => warned.push(text),
    error: () => {},
  };
  await setUp({ logger, timeIntervalMs: 1_000, minTxInterval: 1 });
  expect(warned).toEqual([expect.stringContaining('for ever')]);
  await setUp({ logger, timeIntervalMs: 1_000, minTxInterval: 2 });
  await setUp({ logger, timeIntervalMs: 0, minTxInterval: 0 });
  expect(warned).toHaveLength(1);
});

test.each([
  [{ timeIntervalMs: -1 }, /timeIntervalMs must be an integer of 0/],
  [{ timeIntervalMs: 0.5 }, /timeIntervalMs/],
  [{ minTxInterval: -1 }, /minTxInterval must be an integer of 0/],
  [{ whenFull: 'wait' as 'keep' }, /whenFull must be drop or keep/],
  [{ resumeAt: { committed: -1 as never, lastSnapshot: seqno(0) } }, /not a seqno/],
])('a snapshotter refuses the options %j', async (options, message) => {
  await expect(setUp(options)).rejects.toThrow(RangeError);
  await expect(setUp(options)).rejects.toThrow(message);
});

test('SCH-4 WRT-1 a directory that cannot be made refuses the start', async () => {
  const fileSystem = new MemoryFileSystem();
  fileSystem.failNext('makeDirectory', 'EACCES');
  await expect(setUp({ environment: { fileSystem } })).rejects.toThrow(StorageError);
});

test('SCH-46 the snapshot is of its point, whatever was committed with it', async () => {
  const setup = await setUp();
  const { host, snapshotter } = setup;
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, 'value');
  await host.sign(snapshotter);
  const point = host.last;
  host.write('late', 'not in it');
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect(snapshotter.live).toMatchObject([{ seqno: point }]);
});

/** What a generation's time goes into, when all goes well. */
const phasesOfOne = [
  ...['open', 'serialise', 'submit_evidence', 'await_evidence', 'verify_signature'],
  ...['prove_evidence', 'build_receipt', 'append', 'fsync', 'close', 'publish', 'fsync_directory'],
];

const transition = (from: string, to: string): Told => ({
  name: 'snapshot_transitions_total',
  value: 1,
  labels: { from, to },
});

test('WRT-13 a metrics sink is told of points, generations, phases, bytes and seconds (differs)', async () => {
  const metrics = listeningSink();
  const clock = standingClock(5_000_000);
  const setup = await setUp({ metrics, environment: { clock } });
  const generation = await start(setup);
  await expect.poll(() => setup.asked.length).toBe(1);
  clock.increment(2_500);
  const { host, snapshotter, asked } = setup;
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect((await generation.ended).outcome).toBe('committed');
  expect(snapshotter.recordCommittable(seqno(1))).toBe(false);
  await turns(5);
  const { size } = await setup.disk
    .open('/snapshots/snapshot_6_7.committed', { for: 'read' })
    .then(async (handle) => {
      const bytes = await handle.size();
      await handle.close();
      return { size: bytes };
    });
  const measures = metrics.told.filter(({ labels }) => labels?.['phase'] === undefined);
  const phases = metrics.told.flatMap(({ labels }) => labels?.['phase'] ?? []);
  expect(new Set(phases)).toEqual(new Set(phasesOfOne));
  expect(measures).toEqual([
    { name: 'snapshot_points_total', value: 1, labels: { end: 'generated' } },
    { name: 'snapshot_generations_started_total', value: 1, labels: undefined },
    transition('scheduled', 'serialised'),
    transition('serialised', 'awaiting-evidence'),
    transition('awaiting-evidence', 'persisting'),
    { name: 'snapshot_generations_total', value: 1, labels: { outcome: 'committed' } },
    { name: 'snapshot_serialised_bytes', value: expect.any(Number), labels: undefined },
    { name: 'snapshot_duration_seconds', value: 2.5, labels: { outcome: 'committed' } },
    transition('persisting', 'committed'),
    { name: 'snapshot_refused_events_total', value: 1, labels: { event: 'committable.recorded' } },
  ]);
  const bytes = metrics.told.find(({ name }) => name === 'snapshot_serialised_bytes')?.value;
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(size);
});

test('a metrics sink is told why a point was skipped, and at which step a write failed', async () => {
  const metrics = listeningSink();
  const setup = await setUp({ metrics });
  const { disk, host, snapshotter } = setup;
  disk.failNext('sync', 'EIO', { path: (path) => path.includes('spool_') });
  expect((await untilCommitted(setup)).outcome).toBe('persist-failed');
  for (let i = 0; i < 4; i++) host.write(`more ${i}`, 'value');
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: false });
  await turns(5);
  expect(metrics.told.map(({ labels }) => labels)).toEqual(
    expect.arrayContaining([
      { outcome: 'persist-failed', step: 'syncing' },
      { end: 'skipped', reason: 'not-primary' },
    ]),
  );
});

test('a metrics sink that throws is logged and disturbs nobody', async () => {
  const errors: string[] = [];
  const logger = {
    info: () => {},
    warn: () => {},
    error: (_: object, text: string) => errors.push(text),
  };
  const fail = () => {
    throw new Error('a sink of the host');
  };
  const setup = await setUp({ logger, metrics: { increment: fail, observe: fail } });
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  await turns(5);
  expect(new Set(errors)).toEqual(new Set(['the metrics sink threw']));
});
