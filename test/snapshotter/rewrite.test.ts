import { createPublicKey } from 'node:crypto';
import { expect, test } from 'vitest';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import type { FileOperation } from '../../src/io/file-system.ts';
import { LogHost } from '../helpers/log-host.ts';
import {
  names,
  type Setup,
  setUp,
  standingClock,
  start,
  turns,
  untilCommitted,
  untilSubmitted,
} from '../helpers/set-up-host.ts';

// A failed write is run again, with a new spool, from the frozen state that is still held.

const file = 'snapshot_6_7.committed';
const spools = { path: (path: string) => path.includes('spool_') };
const firstSpool = { path: (path: string) => path.endsWith('spool_6_0.tmp') };
const secondSpool = { path: (path: string) => path.endsWith('spool_6_1.tmp') };

/** Takes a snapshot up to the commit of its signature; the disk fails from the submission on. */
async function persist(setup: Setup, fail: () => void) {
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  fail();
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  return generation;
}

const failing: readonly (readonly [string, FileOperation, string])[] = [
  ['WRT-6', 'write', 'appending'],
  ['WRT-8', 'sync', 'syncing'],
  ['WRT-9', 'close', 'closing'],
  ['WRT-10 WRT-11', 'rename', 'publishing'],
];

test.each(failing)('%s a failed %s is followed by a new spool (differs)', async (_, operation) => {
  const setup = await setUp({ attemptsMax: 3 });
  const { disk, host, asked } = setup;
  const generation = await persist(setup, () => disk.failNext(operation, 'EIO', firstSpool));
  expect(await generation.ended).toMatchObject({
    outcome: 'committed',
    file,
    step: undefined,
    reason: undefined,
    leftover: false,
  });
  expect(await names(disk)).toEqual(['lock', file]);
  expect(asked).toHaveLength(1);
  expect(host.released).toBe(1);
  const bytes = await disk.readFile(`/snapshots/${file}`, { bytesMax: 1e6 });
  const trustedKeys = [createPublicKey(host.key)];
  await expect(verifySnapshotFile(bytes, { fileName: file, trustedKeys })).resolves.toMatchObject({
    trusted: true,
    digest: asked[0]?.digest,
  });
});

test.each(failing)(
  '%s a %s that fails to the end is persist-failed at %s',
  async (_, operation, step) => {
    const setup = await setUp({ attemptsMax: 2 });
    const { disk } = setup;
    const generation = await persist(setup, () => {
      disk.failNext(operation, 'EIO', firstSpool);
      // The worker that fills the spool writes and closes before the writer does.
      let calls = operation === 'write' || operation === 'close' ? -1 : 0;
      const ours = (path: string) => secondSpool.path(path) && ++calls === 1;
      disk.failNext(operation, 'EIO', { path: ours });
    });
    expect(await generation.ended).toMatchObject({
      outcome: 'persist-failed',
      step,
      file: undefined,
    });
    expect(await names(disk)).toEqual(['lock']);
    const created = disk.journal.filter(
      ({ operation: op, path }) => op === 'open' && /spool/.test(path),
    );
    expect(new Set(created.map(({ path }) => path)).size).toBe(2);
  },
);

test('WRT-8 no spool is synced twice', async () => {
  const setup = await setUp({ attemptsMax: 3 });
  const generation = await persist(setup, () => setup.disk.failNext('sync', 'EIO', firstSpool));
  await generation.ended;
  const synced = setup.disk.journal.filter(({ operation }) => operation === 'sync');
  const paths = synced.map(({ path }) => path).filter(spools.path);
  expect(paths).toEqual(['/snapshots/spool_6_0.tmp', '/snapshots/spool_6_1.tmp']);
});

test('WRT-5 a spool that cannot be created is followed by another (differs)', async () => {
  const setup = await setUp({ attemptsMax: 2 });
  setup.disk.failNext('open', 'ENOSPC', firstSpool);
  expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed', file });
});

test('WRT-4 EDGE-12 a leftover of the spool’s name stays, and the snapshot is written beside it', async () => {
  const setup = await setUp({ attemptsMax: 2 });
  const { disk } = setup;
  const left = await disk.open('/snapshots/spool_6_0.tmp', { for: 'create' });
  await left.close();
  expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed', file });
  expect(await names(disk)).toEqual(['lock', file, 'spool_6_0.tmp']);
  await disk.remove('/snapshots/spool_6_0.tmp');
});

test('WRT-6 a failed spool that cannot be unlinked is left to the sweep, and the file written', async () => {
  const setup = await setUp({ attemptsMax: 2 });
  const { disk } = setup;
  const generation = await persist(setup, () => {
    disk.failNext('sync', 'EIO', firstSpool);
    disk.failNext('remove', 'EIO', firstSpool);
  });
  expect(await generation.ended).toMatchObject({ outcome: 'committed', leftover: true });
  expect(await names(disk)).toEqual(['lock', file, 'spool_6_0.tmp']);
  await disk.remove('/snapshots/spool_6_0.tmp');
});

test('WRT-12 a directory that cannot be synced is not tried again (differs)', async () => {
  const setup = await setUp({ attemptsMax: 3 });
  const generation = await persist(setup, () => setup.disk.failNext('syncDirectory', 'EIO'));
  expect((await generation.ended).outcome).toBe('committed-not-durable');
  const spooled = setup.disk.journal.filter(({ path }) => path.endsWith('spool_6_1.tmp'));
  expect(spooled).toEqual([]);
});

test('WRT-4 another file of the name is no failure: it stays, and nothing is tried again (differs)', async () => {
  const setup = await setUp({ attemptsMax: 3 });
  const { disk } = setup;
  const other = await disk.open(`/snapshots/${file}`, { for: 'create' });
  await other.write(Uint8Array.of(1), 0);
  await other.close();
  const output = await untilCommitted(setup);
  expect(output).toMatchObject({ outcome: 'conflict', step: undefined });
  expect(await disk.readFile(`/snapshots/${file}`, { bytesMax: 10 })).toEqual(Uint8Array.of(1));
});

test('GEN-11 a state that comes out otherwise the second time ends as serialise-failed', async () => {
  const host = new LogHost();
  let walks = 0;
  const setup = await setUp({
    attemptsMax: 3,
    source: {
      freeze: () => {
        const { tables, ...frozen } = host.freeze();
        return {
          ...frozen,
          get tables() {
            walks++;
            return walks === 1 ? tables : [];
          },
        };
      },
    },
  });
  const generation = await persist(setup, () => setup.disk.failNext('sync', 'EIO', firstSpool));
  const { outcome, reason, digest } = await generation.ended;
  expect(outcome).toBe('serialise-failed');
  expect(reason).toMatch(new RegExp(`again with digest [0-9a-f]{64}, first with ${digest}`));
  expect(await names(setup.disk)).toEqual(['lock']);
});

/** A generation whose second spool is being filled. */
async function rewriting() {
  const setup = await setUp({ attemptsMax: 3 });
  const hold = setup.disk.holdNext('write', secondSpool);
  const generation = await persist(setup, () => setup.disk.failNext('sync', 'EIO', firstSpool));
  await hold.reached;
  return { setup, hold, generation };
}

test('WRT-8 cancel while it is written again leaves nothing', async () => {
  const { setup, hold, generation } = await rewriting();
  setup.snapshotter.cancel(generation.generation);
  hold.release();
  expect(await generation.ended).toMatchObject({ outcome: 'cancelled', leftover: false });
  expect(await names(setup.disk)).toEqual(['lock']);
});

test('EDGE-15 close() while it is written again leaves nothing', async () => {
  const { setup, hold, generation } = await rewriting();
  const closed = setup.snapshotter.close();
  hold.release();
  await closed;
  expect((await generation.ended).outcome).toBe('cancelled');
  expect(await names(setup.disk)).toEqual([]);
});

test('SCH-74 a rollback while it is written again is below commit, and refused', async () => {
  const { setup, hold, generation } = await rewriting();
  expect(() => setup.snapshotter.rollback(generation.seqno)).toThrow(/is committed/);
  hold.release();
  expect((await generation.ended).outcome).toBe('committed');
});

test('EDGE-4 cancel while the failed spool is discarded opens no other', async () => {
  const setup = await setUp({ attemptsMax: 3 });
  const hold = setup.disk.holdNext('remove', firstSpool);
  const generation = await persist(setup, () => setup.disk.failNext('sync', 'EIO', firstSpool));
  await hold.reached;
  setup.snapshotter.cancel(generation.generation);
  hold.release();
  expect((await generation.ended).outcome).toBe('cancelled');
  expect(setup.disk.journal.filter(({ path }) => path.endsWith('spool_6_1.tmp'))).toEqual([]);
});

test('GEN-15 EDGE-10 refused evidence is submitted again within a bound, and then frees its slot (differs)', async () => {
  let submitted = 0;
  const setup = await setUp({
    attemptsMax: 3,
    capacity: 1,
    whenFull: 'drop',
    evidence: {
      submit: async () => {
        submitted++;
        return 'refused';
      },
    },
  });
  for (let round = 1; round <= 6; round++) {
    const { ended } = await start(setup);
    expect((await ended).outcome).toBe('evidence-refused');
    expect([submitted, setup.snapshotter.live.length]).toEqual([3 * round, 0]);
  }
  await turns();
  expect(setup.host.released).toBe(6);
});

test('GEN-15 a log that never answers holds its slot until evidenceTimeoutMs (differs)', async () => {
  const clock = standingClock();
  const told: AbortSignal[] = [];
  const setup = await setUp({
    evidenceTimeoutMs: 1_000,
    environment: { clock },
    evidence: {
      submit: (_, { signal }) => {
        told.push(signal);
        return new Promise(() => {});
      },
    },
  });
  const generation = await start(setup);
  await expect.poll(() => told.length).toBe(1);
  clock.increment(999);
  expect(setup.snapshotter.live).toHaveLength(1);
  clock.increment(1);
  expect((await generation.ended).outcome).toBe('timed-out');
  expect([told[0]?.aborted, setup.snapshotter.live]).toEqual([true, []]);
});
