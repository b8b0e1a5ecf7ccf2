import { describe, expect, test } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import { seqno } from '../../src/core/words.ts';
import type { FileOperation } from '../../src/io/file-system.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  read,
  turn,
  untilIdle,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

const ofLedger = (path: string) => path.startsWith('/node/ledger/');

/** Keys whose transactions were told to be durable, and what the others were told. */
interface Told {
  readonly acknowledged: string[];
  readonly refused: unknown[];
}

/** Writes a key; a refusal is noted. */
async function tryPut(node: LedgerNode, key: string, told: Told): Promise<void> {
  try {
    await put(node, key, `value of ${key}`);
    told.acknowledged.push(key);
  } catch (error) {
    told.refused.push(error);
  }
}

/** Twelve transactions, some at once, with signatures and a snapshot between them. */
async function work(node: LedgerNode): Promise<Told> {
  const told: Told = { acknowledged: [], refused: [] };
  for (const key of ['a', 'b', 'c', 'd']) await tryPut(node, key, told);
  await Promise.all(['e', 'f', 'g', 'h'].map((key) => tryPut(node, key, told)));
  for (const key of ['i', 'j', 'k', 'l']) await tryPut(node, key, told);
  await node.sign().catch(() => undefined);
  return told;
}

describe.for<[FileOperation, string, readonly number[]]>([
  ['write', 'ENOSPC', [0, 1, 2, 5, 8, 11]],
  ['sync', 'EIO', [0, 1, 2, 5, 8, 11]],
  ['open', 'ENOSPC', [0]],
  ['rename', 'EIO', [0]],
  ['close', 'EIO', [0]],
])("a ledger's %s that fails with %s", ([operation, errno, skips]) => {
  test.for(skips)(
    'LedgerNode tells everyone, stops and closes; a restart has all that was acknowledged; after %i',
    async (skip) => {
      const host = await NodeHost.make(keys);
      const node = await host.open({ snapshotTxInterval: 8, signatureTxInterval: 3 });
      host.disk.failNext(operation, errno, { path: ofLedger, skip, bytesWritten: 10 });
      const { acknowledged, refused } = await work(node);
      expect(host.disk.faultsPending).toBe(0);
      for (const error of refused) expect(error).toBeInstanceOf(StorageError);
      expect(acknowledged.length + refused.length).toBe(12);
      expect(node.status.failure).toBeInstanceOf(StorageError);
      expect(await codeOf(put(node, 'later', 'value'))).toMatch(/_FAILED$/);
      await node.close();
      expect(host.disk.openHandles).toBe(0);
      const after = await host.afterCrash().start();
      for (const key of acknowledged) expect(read(after, key)).toBe(`value of ${key}`);
      await put(after, 'after', 'the failure');
    },
  );

  test('LedgerNode goes on from the same disk in the same process, once it is closed', async () => {
    const host = await NodeHost.make(keys);
    const node = await host.open({ snapshotTxInterval: 8, signatureTxInterval: 3 });
    host.disk.failNext(operation, errno, { path: ofLedger, bytesWritten: 10 });
    const { acknowledged } = await work(node);
    await node.close();
    const after = await host.start();
    for (const key of acknowledged) expect(read(after, key)).toBe(`value of ${key}`);
    await host.expectReplaysWhole(after.status.seqno);
  });
});

test('LedgerNode.sign(), rollback() and untilCommitted() are told why the node has stopped', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  host.disk.failNext('write', 'ENOSPC', { path: ofLedger });
  expect(await codeOf(put(node, 'key', 'value'))).toBe('WRITE_FAILED');
  expect(await codeOf(node.sign())).toBe('WRITE_FAILED');
  expect(await codeOf(node.rollback(seqno(3)))).toBe('WRITE_FAILED');
  expect(await codeOf(node.untilCommitted(seqno(4)))).toBe('WRITE_FAILED');
  expect(node.status.failure).toMatchObject({ code: 'WRITE_FAILED', actual: 'ENOSPC' });
});

test('LedgerNode still reads after it has stopped', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await put(node, 'key', 'value');
  host.disk.failNext('write', 'ENOSPC', { path: ofLedger });
  expect(await codeOf(put(node, 'key', 'other'))).toBe('WRITE_FAILED');
  expect(node.get('records', 'no such key')).toBeUndefined();
});

test.for([
  ['write', '/node/view'],
  ['truncate', '/node/ledger/'],
] as const)(
  'LedgerNode.rollback() that fails at %s of %s stops the node',
  async ([operation, prefix]) => {
    const host = await NodeHost.make(keys);
    const node = await host.start();
    await putMany(node, 3);
    host.disk.failNext(operation, 'EIO', { path: (path) => path.startsWith(prefix) });
    expect(await codeOf(node.rollback(seqno(4)))).toBe('WRITE_FAILED');
    expect(node.status.failure).toMatchObject({ code: 'WRITE_FAILED' });
    expect(await codeOf(put(node, 'key', 'value'))).toBe('WRITE_FAILED');
    await node.close();
    const again = await host.start();
    expect(read(again, 'key 0')).toBe('value 0');
  },
);

test('LedgerNode.rollback() that fails in two places stops the node, which still closes', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await putMany(node, 3);
  host.disk.failNext('write', 'ENOSPC', { path: (path) => path.startsWith('/node/view') });
  host.disk.failNext('truncate', 'EIO', { path: ofLedger });
  const hold = host.disk.holdNext('truncate', { path: ofLedger });
  expect(await codeOf(node.rollback(seqno(4)))).toBe('WRITE_FAILED');
  hold.release();
  await node.close();
  expect(host.disk.faultsPending).toBe(0);
  expect(host.disk.openHandles).toBe(0);
  expect(await host.disk.stat('/node/lock')).toBeUndefined();
});

describe.for<[FileOperation, string, number, string]>([
  // A failed write begins anew with another spool, twice.
  ['open', 'EACCES', 1, 'committed'],
  ['open', 'EACCES', 3, 'persist-failed'],
  // Serialising is tried three times, each into the same spool.
  ['write', 'ENOSPC', 1, 'committed'],
  ['write', 'ENOSPC', 3, 'serialise-failed'],
  ['sync', 'EIO', 2, 'committed'],
  ['sync', 'EIO', 3, 'persist-failed'],
  ['rename', 'EIO', 2, 'committed'],
  ['rename', 'EIO', 3, 'persist-failed'],
])("a snapshot's %s that fails with %s, %i times", ([operation, errno, times, outcome]) => {
  test(`LedgerNode goes on, the generation ends ${outcome}, and a later one commits`, async () => {
    const host = await NodeHost.make(keys);
    const node = await host.start();
    const outcomes: string[] = [];
    node.snapshots.subscribe((event) => {
      if (event.type === 'generation.ended') outcomes.push(event.outcome);
    });
    const path = (called: string) => called.includes('/snapshots/spool_');
    for (let i = 0; i < times; i++) host.disk.failNext(operation, errno, { path });
    for (const key of ['first', 'second']) {
      node.snapshots.force();
      await put(node, key, 'value');
      await node.sign();
      await untilIdle(node);
    }
    await turn();
    expect(host.disk.faultsPending).toBe(0);
    expect(outcomes).toEqual([outcome, 'committed']);
    expect(node.status.failure).toBeUndefined();
    expect((await host.snapshotFiles()).size).toBe(outcome === 'committed' ? 2 : 1);
    await host.expectReplaysWhole(node.status.seqno);
  });
});
