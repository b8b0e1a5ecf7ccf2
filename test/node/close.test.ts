import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { codeOf, makeNodeKeyFiles, NodeHost, put, putMany, read } from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

test('LedgerNode.close() signs and commits what is there', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await putMany(node, 2);
  await node.close();
  expect(node.status).toMatchObject({ seqno: 6, durable: 6, committed: 6, failure: undefined });
  await host.expectReplaysWhole(seqno(6));
});

test('LedgerNode.close() keeps what was called for before it', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  const written = node.transaction((tx) => tx.put('t', 'k', 'v'), { until: 'committed' });
  await node.close();
  expect((await written).txId.seqno).toBe(4);
});

test('LedgerNode.close() twice gives the same answer', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  expect(node.close()).toBe(node.close());
  await node.close();
});

test('LedgerNode.close() gives back locks, handles and timers', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await put(node, 'key', 'value');
  await node.close();
  expect(await host.disk.stat('/node/lock')).toBeUndefined();
  expect(await host.disk.stat('/node/snapshots/lock')).toBeUndefined();
  expect(host.disk.openHandles).toBe(0);
  const calls = host.disk.journal.length;
  host.clock.increment(1e6);
  expect(host.disk.journal.length).toBe(calls);
});

test.for([
  ['transaction', (node) => node.transaction((tx) => tx.put('t', 'k', 'v'))],
  ['a reading transaction', (node) => node.transaction((tx) => tx.get('t', 'k'))],
  ['sign', (node) => node.sign()],
  ['rollback', (node) => node.rollback(node.status.seqno)],
  ['untilCommitted of what never comes', (node) => node.untilCommitted(seqno(100))],
] satisfies [string, (node: Awaited<ReturnType<NodeHost['open']>>) => Promise<unknown>][])(
  'LedgerNode refuses %s after its close',
  async ([, use]) => {
    const host = await NodeHost.make(keys);
    const node = await host.open();
    await put(node, 'key', 'value');
    await node.close();
    expect(await codeOf(use(node))).toBe('CLOSED');
  },
);

test('LedgerNode refuses what is called while it closes', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await put(node, 'key', 'value');
  const closing = node.close();
  const answers = await Promise.all([
    codeOf(put(node, 'key', 'late')),
    codeOf(node.sign()),
    codeOf(node.rollback(seqno(3))),
  ]);
  await closing;
  expect(answers).toEqual(['CLOSED', 'CLOSED', 'CLOSED']);
  expect(node.status).toMatchObject({ seqno: 5, committed: 5, failure: undefined });
});

test('LedgerNode.untilCommitted() of what never comes is told of the close', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  const waiting = codeOf(node.untilCommitted(seqno(50)));
  await node.close();
  expect(await waiting).toBe('CLOSED');
});

test('LedgerNode.untilCommitted() of what is committed resolves after the close, too', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await node.close();
  await node.untilCommitted(seqno(3));
});

test('LedgerNode still reads after its close', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await put(node, 'key', 'value');
  await node.close();
  expect(read(node, 'key')).toBe('value');
});

test('LedgerNode.close() refuses an async body that is still running', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  let finish = () => {};
  const running = node.transaction(async (tx) => {
    await new Promise<void>((resolve) => (finish = resolve));
    tx.put('t', 'k', 'v');
  });
  await node.close();
  finish();
  expect(await codeOf(running)).toBe('CLOSED');
  expect(node.status.seqno).toBe(3);
});

test('LedgerNode.close() cancels the snapshots under way', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  node.snapshots.force();
  await put(node, 'key', 'value');
  await node.sign();
  const [generation] = node.snapshots.live;
  await node.close();
  expect((await generation?.ended)?.outcome).toBe('cancelled');
  expect((await host.disk.list('/node/snapshots')).map(({ name }) => name)).toEqual([]);
});

test('LedgerNode[Symbol.asyncDispose]() closes', async () => {
  const host = await NodeHost.make(keys);
  {
    await using node = await host.open();
    await put(node, 'key', 'value');
  }
  expect(await host.disk.stat('/node/lock')).toBeUndefined();
});

test('LedgerNode closes when its signal aborts', async () => {
  const host = await NodeHost.make(keys);
  const controller = new AbortController();
  const node = await host.open({ signal: controller.signal });
  await put(node, 'key', 'value');
  controller.abort();
  expect(await codeOf(put(node, 'key', 'late'))).toBe('CLOSED');
  await node.close();
  expect(node.status.committed).toBe(5);
});

test('createNode() whose signal aborts while it signs is closed', async () => {
  const host = await NodeHost.make(keys);
  await put(await host.open(), 'key', 'unsigned');
  const after = host.afterCrash();
  const controller = new AbortController();
  const hold = after.disk.holdNext('sync', { path: (path) => path.includes('/ledger/'), skip: 1 });
  const opening = after.open({ signal: controller.signal });
  await hold.reached;
  controller.abort();
  hold.release();
  const node = await opening;
  await node.close();
  expect(await after.disk.stat('/node/lock')).toBeUndefined();
  expect(node.status.committed).toBe(5);
});
