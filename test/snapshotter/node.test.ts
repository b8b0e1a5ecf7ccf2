import { expect, test } from 'vitest';
import {
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  takeSnapshot,
  untilIdle,
} from '../helpers/node-host.ts';

// A node's own snapshots by time, and what it knows of them after a restart.

const keys = makeNodeKeyFiles();
const byTime = { snapshotTxInterval: 1_000, snapshotTimeIntervalMs: 60_000 };

const seqnosOf = async (host: NodeHost) =>
  [...(await host.snapshotFiles()).keys()].map((name) => Number(name.split('_')[1]));

test('SCH-15 a node takes a snapshot once its time has come', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start(byTime);
  await putMany(node, 5);
  await untilIdle(node);
  expect(await seqnosOf(host)).toEqual([]);
  host.clock.increment(60_000);
  await put(node, 'later', 'value');
  const point = await node.sign();
  await untilIdle(node);
  expect(await seqnosOf(host)).toEqual([point]);
  await host.expectReplaysWhole(node.status.seqno);
});

test('SCH-20 EDGE-16 a node without transactions signs nothing, and its own snapshot brings no other', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start(byTime);
  await putMany(node, 5);
  host.clock.increment(60_000);
  await node.sign();
  await untilIdle(node);
  const { seqno } = node.status;
  for (let minute = 0; minute < 5; minute++) {
    host.clock.increment(60_000);
    await untilIdle(node);
  }
  expect(node.status.seqno).toBe(seqno);
  expect(await seqnosOf(host)).toHaveLength(1);
});

test('SCH-62 SCH-65 a restarted node counts time from its last snapshot, which the ledger tells', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open(byTime);
  await putMany(first, 3);
  host.clock.increment(60_000);
  await first.sign();
  await untilIdle(first);
  await first.close();
  host.clock.increment(50_000);
  const second = await host.start(byTime);
  host.clock.increment(9_999);
  await putMany(second, 5);
  await untilIdle(second);
  expect(await seqnosOf(host)).toHaveLength(1);
  host.clock.increment(1);
  await putMany(second, 5);
  await second.sign();
  await untilIdle(second);
  expect(await seqnosOf(host)).toHaveLength(2);
});

test('createNode() hands its metrics and its policy on', async () => {
  const host = await NodeHost.make(keys);
  const counted: string[] = [];
  const metrics = {
    increment: (name: string) => counted.push(name),
    observe: (name: string) => counted.push(name),
  };
  const node = await host.start({ metrics, whenFull: 'drop', capacity: 1 });
  await takeSnapshot(node);
  expect(counted).toContain('snapshot_generations_total');
  expect(counted).toContain('snapshot_duration_seconds');
});

test.each([
  [{ snapshotTimeIntervalMs: -1 }, /snapshotTimeIntervalMs must be/],
  [{ snapshotMinTxInterval: 1.5 }, /snapshotMinTxInterval must be/],
  [{ whenFull: 'wait' as 'keep' }, /whenFull must be/],
])('createNode() refuses %j', async (options, message) => {
  const host = await NodeHost.make(keys);
  await expect(host.open(options)).rejects.toThrow(message);
});
