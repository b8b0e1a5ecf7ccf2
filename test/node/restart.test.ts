import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { recover } from '../../src/recovery/recover.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  plant,
  put,
  putMany,
  read,
  takeSnapshot,
  untilIdle,
} from '../helpers/node-host.ts';
import { stateOf } from '../helpers/recover-made.ts';

const keys = makeNodeKeyFiles();

/** A closed node's directory: a snapshot of seqno 5, evidence 6, and five entries and a signature behind its own. */
async function livedWithSnapshot(): Promise<{ host: NodeHost; first: LedgerNode }> {
  const host = await NodeHost.make(keys);
  const first = await host.open();
  await takeSnapshot(first);
  await putMany(first, 5);
  await first.transaction((tx) => tx.put('public:open', 'key', 'value'));
  await first.transaction((tx) => tx.remove('records', 'key 3'));
  await first.close();
  return { host, first };
}

async function openChunk(host: NodeHost): Promise<readonly [string, Uint8Array]> {
  const files = [...(await host.ledgerFiles())];
  const last = files.findLast(([name]) => /^ledger_\d+$/.test(name));
  if (last === undefined) throw new Error('the ledger has an open chunk');
  return last;
}

test('createNode() goes on from the newest snapshot and what follows it', async () => {
  const { host, first } = await livedWithSnapshot();
  const second = await host.start();
  expect(second.recovered).toMatchObject({ snapshot: { seqno: 5 }, torn: undefined });
  expect(second.root()).toBe(first.root());
  expect(second.status).toMatchObject({ ...first.status, view: 3 });
  expect(second.service.keyId).toBe(first.service.keyId);
});

test('createNode() from a snapshot has the state that the whole ledger has', async () => {
  const { host } = await livedWithSnapshot();
  const files = {
    ledger: '/node/ledger',
    memberKeys: host.memberKeys,
    environment: { fileSystem: host.disk },
  };
  const whole = await recover(files);
  const second = await host.start();
  expect(whole.snapshot).toBeUndefined();
  expect(second.recovered.snapshot).toBeDefined();
  const again = await recover({
    ...files,
    snapshots: '/node/snapshots',
    services: [second.service],
  });
  expect(again.snapshot).toEqual(second.recovered.snapshot);
  expect(stateOf(again.tables.values())).toEqual(stateOf(whole.tables.values()));
});

test('createNode() without snapshots reads the whole ledger', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open();
  await putMany(first, 5);
  await first.close();
  const second = await host.start();
  expect(second.recovered).toMatchObject({ snapshot: undefined, transactions: 9 });
  expect(second.root()).toBe(first.root());
  expect(read(second, 'key 4')).toBe('value 4');
});

test('createNode() passes a damaged snapshot over, and says so', async () => {
  const { host, first } = await livedWithSnapshot();
  const [[name, bytes] = ['', new Uint8Array()]] = await host.snapshotFiles();
  await plant(host.disk, `/node/snapshots/${name}`, bytes.slice(0, -1));
  const second = await host.start();
  expect(second.recovered.refused.map(({ file }) => file)).toEqual([name]);
  expect(second.root()).toBe(first.root());
});

test('createNode() numbers on, in a view of its own', async () => {
  const { host, first } = await livedWithSnapshot();
  const second = await host.start();
  const { txId } = await second.transaction((tx) => tx.put('t', 'k', 'v'));
  expect(txId).toEqual({ view: 3, seqno: first.status.seqno + 1 });
});

test('createNode() begins a view at every start, also where nothing is written', async () => {
  const host = await NodeHost.make(keys);
  const views: number[] = [];
  for (let i = 0; i < 4; i++) {
    const node = await host.open();
    views.push(node.status.view);
    await node.close();
  }
  expect(views).toEqual([2, 3, 4, 5]);
});

test('createNode() without the record of its views refuses, until it is given one', async () => {
  const host = await NodeHost.make(keys);
  await (await host.open()).close();
  await host.disk.remove('/node/view');
  await expect(host.open()).rejects.toMatchObject({ code: 'NOT_FOUND', file: '/node/view' });
  expect(host.disk.openHandles).toBe(0);
  await plant(host.disk, '/node/view', Buffer.from('1000\n'));
  expect((await host.start()).status.view).toBe(1001);
});

test('CON-26 createNode() keeps what no signature covers, and signs it (differs)', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open();
  await put(first, 'key', 'unsigned');
  const after = host.afterCrash();
  const second = await after.start();
  expect(read(second, 'key')).toBe('unsigned');
  expect(second.status).toMatchObject({ seqno: 5, committed: 5 });
  expect((await after.entries()).map(({ view }) => view)).toEqual([2, 2, 2, 2, 3]);
  await first.close();
});

test.for([1, 7, 8, 40])(
  'createNode() cuts off %i bytes of an entry that a crash left',
  async (torn) => {
    const host = await NodeHost.make(keys);
    const first = await host.open();
    await put(first, 'key', 'value');
    await first.close();
    const [name, whole] = await openChunk(host);
    const entries = await host.entries();
    const tail = entries.at(-1)?.bytes.slice(0, torn) ?? new Uint8Array();
    await plant(host.disk, `/node/ledger/${name}`, Buffer.concat([whole, tail]));
    const second = await host.start();
    expect(second.recovered.torn).toMatchObject({ file: name, bytes: torn });
    expect(second.root()).toBe(first.root());
    expect(await openChunk(host)).toStrictEqual([name, whole]);
  },
);

test('createNode() after a torn signature goes on without it, and signs anew', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open();
  await put(first, 'key', 'value');
  await first.close();
  const [name, whole] = await openChunk(host);
  await plant(host.disk, `/node/ledger/${name}`, whole.slice(0, -1));
  const second = await host.start();
  expect(second.status).toMatchObject({ seqno: 5, committed: 5, view: 3 });
  await host.expectReplaysWhole(seqno(5));
});

test('createNode() goes on with the interval of snapshots where it was', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open({ snapshotTxInterval: 12 });
  await putMany(first, 10);
  await untilIdle(first);
  await first.close();
  const second = await host.start({ snapshotTxInterval: 12 });
  await putMany(second, 10);
  await untilIdle(second);
  const files = await host.snapshotFiles();
  expect([...files.keys()]).toEqual(['snapshot_13_15.committed', 'snapshot_25_27.committed']);
  await host.expectReplaysWhole(second.status.seqno);
});

test('createNode() after many short lives has a ledger that replays whole', async () => {
  const host = await NodeHost.make(keys);
  for (let life = 0; life < 6; life++) {
    const node = await host.open({ signatureTxInterval: 2 });
    await putMany(node, life, `life ${life}`);
    await node.close();
  }
  const last = await host.start();
  expect(read(last, 'life 5 4')).toBe('value 4');
  await host.expectReplaysWhole(last.status.seqno);
});

test('createNode() with another number of members goes on with those of the ledger', async () => {
  const host = await NodeHost.make(keys);
  await (await host.open()).close();
  const second = await host.start({ members: 5 });
  expect(second.status.seqno).toBe(3);
  expect((await host.disk.list('/node/keys')).length).toBe(3);
});

test('createNode() that fails while it signs what was unsigned gives everything back', async () => {
  const host = await NodeHost.make(keys);
  const first = await host.open();
  await put(first, 'key', 'unsigned');
  const after = host.afterCrash();
  // The first sync of the ledger is that of opening it, the second one is of the signature.
  after.disk.failNext('sync', 'EIO', { path: (path) => path.includes('/ledger/'), skip: 1 });
  expect(await codeOf(after.open())).toBe('SYNC_FAILED');
  expect(after.disk.faultsPending).toBe(0);
  expect(after.disk.openHandles).toBe(0);
  const second = await after.start();
  expect(read(second, 'key')).toBe('unsigned');
  await first.close();
});

test.for([
  ['write', '/node/view'],
  ['rename', '/node/view'],
  ['open', '/node/snapshots/lock'],
  ['list', '/node/snapshots'],
  ['sync', '/node/ledger/'],
] as const)(
  'createNode() that fails at %s of %s gives everything back',
  async ([operation, path]) => {
    const host = await NodeHost.make(keys);
    const first = await host.open();
    await put(first, 'key', 'value');
    await first.close();
    host.disk.failNext(operation, 'EIO', { path: (called) => called.startsWith(path) });
    expect(await codeOf(host.open())).toMatch(/_FAILED$/);
    expect(host.disk.faultsPending).toBe(0);
    expect(host.disk.openHandles).toBe(0);
    const second = await host.start();
    expect(read(second, 'key')).toBe('value');
  },
);
