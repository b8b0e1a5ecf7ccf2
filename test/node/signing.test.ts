import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { decodePublicDomain } from '../../src/formats/entries/write-set.ts';
import {
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  takeSnapshot,
  turn,
  untilIdle,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

/** Seqnos of the signature transactions. */
async function signatures(host: NodeHost): Promise<readonly number[]> {
  const entries = await host.entries();
  return entries
    .filter(({ publicDomain }) =>
      decodePublicDomain(publicDomain).maps.some(({ name }) => name === tables.signatures),
    )
    .map(({ seqno: at }) => at);
}

test('LedgerNode signs after as many transactions as signatureTxInterval', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ signatureTxInterval: 4 });
  await putMany(node, 9);
  await expect.poll(() => node.status.committed).toBe(13);
  expect(await signatures(host)).toEqual([3, 8, 13]);
});

test('LedgerNode signs after every transaction when signatureTxInterval is 1', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ signatureTxInterval: 1 });
  await Promise.all([put(node, 'a', '1'), put(node, 'b', '2')]);
  await expect.poll(() => node.status.committed).toBe(7);
  expect(await signatures(host)).toEqual([3, 5, 7]);
});

test('LedgerNode signs when a transaction has waited for signatureDelayMs, and not before', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ signatureDelayMs: 200 });
  await put(node, 'key', 'value');
  host.clock.increment(150);
  await put(node, 'key', 'a later one');
  host.clock.increment(49);
  await turn();
  expect(node.status.seqno).toBe(5);
  host.clock.increment(1);
  await expect.poll(() => node.status.committed).toBe(6);
});

test('LedgerNode signs nothing when there is nothing unsigned, however long it waits', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ signatureDelayMs: 10 });
  await put(node, 'key', 'value');
  await node.sign();
  for (let i = 0; i < 10; i++) {
    host.clock.increment(10_000);
    await turn();
  }
  expect(node.status.seqno).toBe(5);
});

test('LedgerNode signs nothing behind a transaction that only reads', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ signatureTxInterval: 1 });
  await node.transaction((tx) => tx.get('t', 'k'));
  host.clock.increment(10_000);
  await turn();
  expect(node.status.seqno).toBe(3);
});

test('LedgerNode.sign() answers with the last signature, also where there is nothing to sign', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  expect(await node.sign()).toBe(3);
  await put(node, 'key', 'value');
  expect(await node.sign()).toBe(5);
  expect(await node.sign()).toBe(5);
});

test('LedgerNode.sign() many times at once writes one signature', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await put(node, 'key', 'value');
  expect(await Promise.all([node.sign(), node.sign(), node.sign()])).toEqual([5, 5, 5]);
  expect(node.status.seqno).toBe(5);
});

test('SCH-18 LedgerNode ends a chunk with each snapshot point, whose entry says so', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await takeSnapshot(node);
  await put(node, 'key', 'value');
  await node.sign();
  const flags = (await host.entries()).map((entry) => entry.flags);
  expect(flags).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0]);
  expect(await host.ledgerNames()).toEqual(['ledger_1-5.committed', 'ledger_6']);
});

test('LedgerNode ends a chunk with the first signature at which it has chunkBytesMax', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ chunkBytesMax: 20_000 });
  for (let i = 0; i < 3; i++) {
    await put(node, 'key', 'v'.repeat(15_000));
    await node.sign();
  }
  await node.close();
  const names = await host.ledgerNames();
  expect(names.filter((name) => name.endsWith('.committed')).length).toBe(2);
  expect((await host.entries()).every(({ flags }) => flags === 0)).toBe(true);
  await host.expectReplaysWhole(seqno(9));
});

test('LedgerNode gives every chunk its committed name, once its last signature is committed', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ chunkBytesMax: 1 });
  await put(node, 'a', 'value');
  await node.sign();
  await put(node, 'b', 'value');
  await node.sign();
  await node.close();
  const files = await host.ledgerFiles();
  expect([...files.keys()]).toEqual(['ledger_1-5.committed', 'ledger_6-7.committed']);
});

test('LedgerNode signs early when the interval of snapshots is reached', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ snapshotTxInterval: 9, signatureTxInterval: 100 });
  await putMany(node, 5);
  await untilIdle(node);
  expect([...(await host.snapshotFiles()).keys()]).toEqual(['snapshot_9_10.committed']);
});
