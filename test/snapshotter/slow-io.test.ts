import { expect, test } from 'vitest';
import { listeningSink, warningLogger } from '../helpers/listening-sink.ts';
import { makeNodeKeyFiles, NodeHost, put, takeSnapshot } from '../helpers/node-host.ts';
import { setUp, standingClock, turns, untilCommitted } from '../helpers/set-up-host.ts';

const keys = makeNodeKeyFiles();

/** A snapshotter whose spools take so long to sync, on a clock that stands otherwise. */
async function setUpSlowSync(elapsedMs: number, slowIoMs?: number) {
  const clock = standingClock(1_000);
  const [logger, metrics] = [warningLogger(), listeningSink()];
  const options = { logger, metrics, ...(slowIoMs !== undefined && { slowIoMs }) };
  const setup = await setUp({ ...options, environment: { clock } });
  const { reached, release } = setup.disk.holdNext('sync', {
    path: (path) => path.includes('spool_'),
  });
  const ended = untilCommitted(setup);
  await reached;
  clock.increment(elapsedMs);
  release();
  expect((await ended).outcome).toBe('committed');
  await turns(5);
  const slow = metrics.told.filter(({ name }) => name === 'slow_io_total');
  return { warnings: logger.warnings, slow };
}

test('WRT-13 a file step that takes longer than slowIoMs is warned of and counted', async () => {
  const { warnings, slow } = await setUpSlowSync(101);
  expect(warnings).toEqual([
    [{ generation: 1, seqno: 6, step: 'fsync', elapsedMs: 101 }, 'a file step was slow'],
  ]);
  expect(slow).toEqual([{ name: 'slow_io_total', value: 1, labels: { step: 'fsync' } }]);
});

test('WRT-13 a file step that takes slowIoMs is not slow', async () => {
  expect(await setUpSlowSync(100)).toEqual({ warnings: [], slow: [] });
  expect(await setUpSlowSync(2_000, 2_000)).toEqual({ warnings: [], slow: [] });
});

test('slowIoMs can be lower, and must be a number of milliseconds', async () => {
  expect((await setUpSlowSync(1, 0)).slow).toHaveLength(1);
  await expect(setUp({ slowIoMs: -1 })).rejects.toThrow(/slowIoMs must be an integer of 0/);
});

test('only what waits for the file system is a slow file step', async () => {
  const clock = standingClock(1_000);
  const [logger, metrics] = [warningLogger(), listeningSink()];
  let answer = () => {};
  const setup = await setUp({
    logger,
    metrics,
    evidence: {
      submit: () =>
        new Promise((resolve) => {
          answer = () => resolve('refused');
        }),
    },
    environment: { clock },
  });
  const { host, snapshotter } = setup;
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, 'value');
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const [generation] = snapshotter.live;
  await expect.poll(() => snapshotter.live[0]?.phase).toBe('serialised');
  await turns(5);
  clock.increment(60_000);
  answer();
  expect((await generation?.ended)?.outcome).toBe('evidence-refused');
  const phases = metrics.told.filter(({ labels }) => labels?.['phase'] === 'submit_evidence');
  expect(phases).toMatchObject([{ value: 60 }]);
  expect(logger.warnings).toEqual([]);
});

test('LedgerNode counts and times the writes of its ledger, and warns of slow ones', async () => {
  const host = await NodeHost.make(keys);
  const [logger, metrics] = [warningLogger(), listeningSink()];
  const node = await host.start({ logger, metrics, slowIoMs: 250 });
  const before = metrics.told.length;
  const { reached, release } = host.disk.holdNext('sync', {
    path: (path) => path.startsWith('/node/ledger/'),
  });
  const written = put(node, 'key', 'value');
  await reached;
  host.clock.increment(400);
  release();
  await written;
  expect(metrics.told.slice(before)).toEqual([
    { name: 'ledger_append_total', value: 1, labels: { result: 'ok' } },
    { name: 'ledger_append_duration_seconds', value: 0.4, labels: undefined },
    { name: 'slow_io_total', value: 1, labels: { step: 'ledger_append' } },
  ]);
  expect(logger.warnings).toEqual([
    [{ step: 'ledger_append', elapsedMs: 400 }, 'a file step was slow'],
  ]);
});

test('LedgerNode counts a write of its ledger that failed', async () => {
  const host = await NodeHost.make(keys);
  const metrics = listeningSink();
  const node = await host.start({ metrics });
  host.disk.failNext('write', 'ENOSPC', { path: (path) => path.startsWith('/node/ledger/') });
  await expect(put(node, 'key', 'value')).rejects.toThrow(/ENOSPC/);
  expect(metrics.told.filter(({ labels }) => labels?.['result'] === 'error')).toHaveLength(1);
});

test('LedgerNode.snapshots.measure() adds a sink that is told of ledger and snapshots until it leaves', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ keepSnapshots: 1 });
  const metrics = listeningSink();
  const leave = node.snapshots.measure(metrics);
  await takeSnapshot(node);
  await takeSnapshot(node);
  await node.snapshots.untilIdle();
  const names = metrics.told.map(({ name }) => name);
  expect(names).toContain('ledger_append_total');
  expect(names.filter((name) => name === 'snapshot_generations_total')).toHaveLength(2);
  const deleted = metrics.told.filter(({ name }) => name === 'retention_deleted_total');
  expect(deleted.map(({ labels }) => labels)).toEqual([{ kind: 'snapshot' }]);
  leave();
  const count = metrics.told.length;
  await put(node, 'key', 'value');
  expect(metrics.told).toHaveLength(count);
});

test('a generation that is rolled back goes from its phase to releasing, and from there to its outcome', async () => {
  const metrics = listeningSink();
  const setup = await setUp({ metrics });
  const { host, snapshotter } = setup;
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, 'value');
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const point = host.last;
  const [generation] = snapshotter.live;
  await expect.poll(() => setup.asked.length).toBe(1);
  for (const evidence of setup.asked) host.recordEvidence(snapshotter, evidence);
  await expect.poll(() => snapshotter.live[0]?.phase).toBe('awaiting-evidence');
  snapshotter.rollback(point);
  expect((await generation?.ended)?.outcome).toBe('rolled-back');
  await turns(5);
  const transitions = metrics.told.filter(({ name }) => name === 'snapshot_transitions_total');
  expect(transitions.map(({ labels }) => `${labels?.['from']} ${labels?.['to']}`)).toEqual([
    'scheduled serialised',
    'serialised awaiting-evidence',
    'awaiting-evidence releasing',
    'releasing rolled-back',
  ]);
});

test('a generation that is cancelled in the step in which it began is counted whole', async () => {
  const metrics = listeningSink();
  const setup = await setUp({ metrics });
  const { host, snapshotter } = setup;
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, 'value');
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const [generation] = snapshotter.live;
  snapshotter.cancel(generation?.generation ?? 0);
  expect((await generation?.ended)?.outcome).toBe('cancelled');
  await turns(5);
  const transitions = metrics.told.filter(({ name }) => name === 'snapshot_transitions_total');
  expect(transitions.map(({ labels }) => labels)).toEqual([
    { from: 'scheduled', to: 'releasing' },
    { from: 'releasing', to: 'cancelled' },
  ]);
});
