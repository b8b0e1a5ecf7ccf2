import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import type { Retention } from '../../src/files/retention.ts';
import type { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { keepNewest } from '../../src/node/retention.ts';
import { prune } from '../../src/recovery/prune.ts';
import { recover } from '../../src/recovery/recover.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { PipelineListener } from '../../src/snapshotter/live-generation.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { probed } from '../files/crash-states.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { readFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import {
  makeNodeKeyFiles,
  NodeHost,
  plant,
  put,
  takeSnapshot,
  turn,
} from '../helpers/node-host.ts';
import {
  livedWith,
  pathOf,
  remembering,
  snapshotNames,
  takeSnapshots,
} from '../helpers/node-snapshots.ts';

const keys = makeNodeKeyFiles();

/** The end of a generation, but for which. */
const committed = {
  type: 'generation.ended',
  outcome: 'committed',
  reason: undefined,
  digest: undefined,
  evidenceSeqno: undefined,
  signatureSeqno: undefined,
  step: undefined,
  refusedEvidence: 0,
  leftover: false,
} as const;

describe('keepSnapshots', () => {
  test('FIL-20 FIL-24 createNode() prunes after each snapshot, without a timer', async () => {
    const host = await NodeHost.make(keys);
    const { messages, logger } = remembering();
    const node = await host.start({ keepSnapshots: 2, logger });
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) {
      await takeSnapshot(node);
      await node.snapshots.untilIdle();
      seen.push((await snapshotNames(host)).length);
    }
    expect(seen).toEqual([1, 2, 2, 2]);
    expect(messages.filter((message) => message === 'removed old snapshots')).toHaveLength(2);
  });

  test('createNode() keeps all unless told otherwise', async () => {
    expect(await snapshotNames(await livedWith(keys, 4))).toHaveLength(4);
  });

  test('FIL-24 createNode() removes what an earlier run has kept, and starts from what is left', async () => {
    const host = await livedWith(keys, 3);
    const before = await snapshotNames(host);
    const second = await host.open({ keepSnapshots: 1 });
    expect(await snapshotNames(host)).toEqual(before);
    await takeSnapshot(second);
    await second.close();
    const [only, ...more] = await snapshotNames(host);
    expect([more, before.includes(only ?? '')]).toEqual([[], false]);
    const third = await host.start();
    expect(third.recovered.snapshot?.file).toBe(only);
    expect(third.root()).toBe(second.root());
  });

  test('FIL-26 createNode() leaves other names alone, and does not count them', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.start({ keepSnapshots: 1 });
    const odd = ['snapshot_1_2', 'notes.txt', 'snapshot_3_4.committed.bak'];
    for (const name of odd) await plant(host.disk, pathOf(name), toUtf8('x'));
    await takeSnapshots(node, 2);
    await node.close();
    const left = [...(await readFiles(host.disk, '/node/snapshots')).keys()];
    expect(left).toEqual(expect.arrayContaining(odd));
    expect(await snapshotNames(host)).toHaveLength(1);
  });

  test('10.4/17 createNode() never takes a newer stranger for the one to keep', async () => {
    const host = await livedWith(keys, 1);
    const stranger = await livedWith(keys, 3);
    const [, , newest = ''] = await snapshotNames(stranger);
    const bytes = (await stranger.snapshotFiles()).get(newest) ?? new Uint8Array();
    const node = await host.open({ keepSnapshots: 1 });
    await plant(host.disk, pathOf('snapshot_999_1000.committed'), bytes);
    await takeSnapshot(node);
    await node.close();
    const [committed, other, ...more] = await snapshotNames(host);
    expect([other, more]).toEqual(['snapshot_999_1000.committed', []]);
    const environment = { fileSystem: host.disk };
    const services = [host.servicePublicKey];
    await verifySnapshot(pathOf(committed ?? ''), { services, environment });
  });

  test('FIL-24 createNode() goes on when one will not go, and tries again', async () => {
    const host = await NodeHost.make(keys);
    const { messages, logger } = remembering();
    const node = await host.start({ keepSnapshots: 1, logger });
    await takeSnapshot(node);
    host.disk.failNext('remove', 'EACCES', { path: (path) => path.includes('/snapshot_') });
    await takeSnapshot(node);
    await node.snapshots.untilIdle();
    expect(await snapshotNames(host)).toHaveLength(2);
    expect(messages).toContain('old snapshots could not be removed');
    await takeSnapshot(node);
    await node.snapshots.untilIdle();
    expect(await snapshotNames(host)).toHaveLength(1);
  });

  test('FIL-23 createNode() goes on when the directory cannot be listed, and removes nothing', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.start({ keepSnapshots: 1 });
    await takeSnapshot(node);
    host.disk.failNext('list', 'EIO', { path: (path) => path === '/node/snapshots' });
    await takeSnapshot(node);
    await node.snapshots.untilIdle();
    expect(host.disk.faultsPending).toBe(0);
    expect(await snapshotNames(host)).toHaveLength(2);
  });

  test('FIL-24 one that is committed but not durable is no reason to remove another', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.start({ keepSnapshots: 1 });
    await takeSnapshot(node);
    host.disk.failNext('syncDirectory', 'EIO', { path: (path) => path === '/node/snapshots' });
    await takeSnapshot(node);
    await node.snapshots.untilIdle();
    expect(host.disk.faultsPending).toBe(0);
    expect(await snapshotNames(host)).toHaveLength(2);
  });

  test('untilIdle() waits for the pruning under way', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.start({ keepSnapshots: 1 });
    await takeSnapshot(node);
    const hold = host.disk.holdNext('remove', { path: (path) => path.includes('/snapshot_') });
    await takeSnapshot(node);
    await hold.reached;
    let isIdle = false;
    const idle = node.snapshots.untilIdle().then(() => {
      isIdle = true;
    });
    for (let i = 0; i < 10; i++) await turn();
    expect(isIdle).toBe(false);
    hold.release();
    await idle;
    expect(await snapshotNames(host)).toHaveLength(1);
  });

  test('10.4/17 keepNewest() protects the newest committed, in whatever order they end', async () => {
    const asked: Retention[] = [];
    const listeners: PipelineListener[] = [];
    const untilPruned = keepNewest({
      keep: 1,
      logger: undefined,
      snapshotter: {
        subscribe: (listener) => {
          listeners.push(listener);
          return () => {};
        },
        prune: async (retention) => {
          asked.push(retention);
          return { removed: [], failed: [] };
        },
      },
    });
    for (const at of [200, 300, 100]) {
      const file = `snapshot_${at}_${at + 1}.committed`;
      const ref = { generation: at, seqno: seqno(at), file } as const;
      for (const tell of listeners) tell({ ...committed, ...ref });
    }
    await untilPruned();
    expect(asked.map(({ newestValid }) => newestValid)).toEqual([
      'snapshot_200_201.committed',
      'snapshot_300_301.committed',
      'snapshot_300_301.committed',
    ]);
  });

  test('close() waits for the pruning under way', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.open({ keepSnapshots: 1 });
    await takeSnapshot(node);
    const hold = host.disk.holdNext('remove', { path: (path) => path.includes('/snapshot_') });
    const taking = takeSnapshot(node);
    await hold.reached;
    await taking;
    const closing = node.close();
    hold.release();
    await closing;
    expect(await snapshotNames(host)).toHaveLength(1);
    expect(host.disk.openHandles).toBe(0);
  });

  test.each([0, -1, 1.5, Number.NaN])('FIL-21 createNode() refuses %d', async (keepSnapshots) => {
    const host = await NodeHost.make(keys);
    await expect(host.open({ keepSnapshots })).rejects.toBeInstanceOf(RangeError);
  });

  test('10.4/17 after a power cut at any time a node starts from a snapshot that it had', async () => {
    const host = await NodeHost.make(keys);
    const cuts: MemoryFileSystem[] = [];
    let isCutting = false;
    const fileSystem = probed(host.disk, async () => {
      if (!isCutting) return;
      for (const survival of ['lost', 'kept'] as const) cuts.push(host.disk.crash(() => survival));
    });
    const node = await host.open({ keepSnapshots: 1, environment: { fileSystem } });
    await takeSnapshots(node, 2);
    isCutting = true;
    await takeSnapshots(node, 2);
    await node.close();
    expect(cuts.length).toBeGreaterThan(100);
    for (const cut of cuts.filter((_, i) => i % 24 === 0)) {
      const after = host.on(cut);
      const restarted = await after.open();
      expect(restarted.recovered.snapshot).toBeDefined();
      expect(restarted.recovered.refused).toEqual([]);
      await restarted.close();
    }
  });
});

test('10.4/17 FIL-25 prune() of a node’s files: it starts again, and they are replayed on', async () => {
  const host = await livedWith(keys, 3);
  await writeFiles(host.disk, '/copies', await host.ledgerFiles());
  const before = await host.ledgerNames();
  const report = await prune({
    snapshots: '/node/snapshots',
    keep: 1,
    services: [host.servicePublicKey],
    ledger: { directory: '/node/ledger', copies: '/copies' },
    environment: { fileSystem: host.disk, processes: fakeProcesses() },
  });
  expect(report.removed).toHaveLength(2);
  expect(report.chunks?.removed.length).toBeGreaterThanOrEqual(2);
  expect((await host.ledgerNames()).length).toBeLessThan(before.length);
  const recovered = await recover({
    ledger: '/node/ledger',
    snapshots: '/node/snapshots',
    services: [host.servicePublicKey],
    memberKeys: host.memberKeys,
    environment: { fileSystem: host.disk },
  });
  expect(recovered).toMatchObject({ trusted: true, isComplete: true, refused: [] });
  const replayed = await replayLedger({
    ledger: '/node/ledger',
    from: `/node/snapshots/${recovered.snapshot?.file}`,
    memberKeys: host.memberKeys,
    out: '/out',
    environment: { fileSystem: host.disk },
  });
  expect(replayed.failure).toBeUndefined();
  expect(replayed.summary.verifiedUntil).toBe(recovered.seqno);
  const node = await host.start();
  expect(node.recovered.root).toBe(recovered.root);
  await put(node, 'after', 'the pruning');
  await takeSnapshot(node);
  expect(await snapshotNames(host)).toHaveLength(2);
});
