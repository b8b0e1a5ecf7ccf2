import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fromUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { singletonKey } from '../../src/formats/entries/write-set.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { createNode } from '../../src/node/create-node.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import {
  makeNodeKeyFiles,
  NodeHost,
  putMany,
  takeSnapshot,
  untilIdle,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();
const three = makeNodeKeyFiles(3);

test('createNode() begins a ledger of introduction, opening and signature, which replays whole', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  expect(node.status).toEqual({
    view: 2,
    seqno: 3,
    durable: 3,
    committed: 3,
    failure: undefined,
  });
  const { summary } = await host.expectReplaysWhole(seqno(3));
  expect(summary).toMatchObject({ nodeSignatures: 1, coseSignatures: 1, evidences: 0 });
});

test('createNode() opens the service with shares of its secret and an endorsement of itself', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  const info = JSON.parse(fromUtf8(node.get(tables.serviceInfo, singletonKey) ?? new Uint8Array()));
  expect(info).toMatchObject({ status: 'Open', cert: node.service.pem });
  expect(node.get(tables.recoveryShares, singletonKey)).toBeDefined();
  expect(node.get(tables.identityEndorsement, singletonKey)).toBeDefined();
});

test('createNode() keeps the keys that lie there', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  expect(node.service.keyId).toBe(keyIdOf(host.servicePublicKey));
  expect((await host.disk.list('/node/keys')).map(({ name }) => name)).toEqual(
    [...keys.keys()].toSorted(),
  );
});

test('createNode() leaves its certificates beside the ledger', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  const pem = await host.disk.readFile('/node/service_cert.pem', { bytesMax: 1e5 });
  expect(fromUtf8(pem)).toBe(node.service.pem);
  const names = (await host.disk.list('/node')).map(({ name }) => name);
  expect(names).toEqual([
    'keys',
    'ledger',
    'lock',
    'node_cert.pem',
    'service_cert.pem',
    'snapshots',
    'view',
  ]);
});

test('createNode() takes a snapshot at every interval, and at no other seqno', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ snapshotTxInterval: 10 });
  await putMany(node, 21);
  await untilIdle(node);
  expect([...(await host.snapshotFiles()).keys()]).toEqual([
    'snapshot_10_12.committed',
    'snapshot_20_22.committed',
    'snapshot_30_32.committed',
  ]);
});

test('GEN-12 createNode() takes snapshots that a replay of its ledger brings forth byte for byte', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start({ snapshotTxInterval: 12 });
  await putMany(node, 20);
  await untilIdle(node);
  const { snapshots } = await host.expectReplaysWhole(node.status.seqno);
  expect(snapshots.map(({ file }) => file)).toEqual([...(await host.snapshotFiles()).keys()]);
  expect(snapshots.length).toBe(2);
});

test('createNode() takes snapshots that verify under the service certificate', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await takeSnapshot(node);
  const [newest] = await node.snapshots.list();
  const verified = await verifySnapshot(join(node.snapshots.directory, newest?.file ?? ''), {
    services: [node.service],
    environment: { fileSystem: host.disk },
  });
  expect(verified).toMatchObject({ seqno: 5, trusted: true, receiptForm: 'cose' });
});

test('createNode() takes snapshots that nobody else is trusted for', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  await takeSnapshot(node);
  const other = await NodeHost.make(makeNodeKeyFiles(0));
  const [[fileName, bytes] = ['', new Uint8Array()]] = await host.snapshotFiles();
  await expect(
    verifySnapshotFile(bytes, { fileName, trustedKeys: [other.servicePublicKey] }),
  ).rejects.toMatchObject({ code: 'UNTRUSTED_SERVICE' });
});

test.for([
  [0, 1],
  [0, 2],
  [1, 2],
])('createNode() with three members and threshold 2 replays with keys %i and %i', async (two) => {
  const host = await NodeHost.make(three);
  const node = await host.start({ members: 3, recoveryThreshold: 2 });
  await takeSnapshot(node);
  const { report } = await host.replay(host.memberKeys.filter((_, i) => two.includes(i)));
  expect(report.failure).toBeUndefined();
  expect(report.snapshots.map(({ result }) => result)).toEqual(['identical']);
});

test.for([0, 1, 2])(
  'createNode() with three members and threshold 2 stays closed to key %i alone',
  async (one) => {
    const host = await NodeHost.make(three);
    const node = await host.start({ members: 3, recoveryThreshold: 2 });
    await takeSnapshot(node);
    const { report } = await host.replay(host.memberKeys.slice(one, one + 1));
    expect(report.failure).toBeUndefined();
    expect(report.summary.privateDomains).toBe(0);
    expect(report.snapshots.map(({ result }) => result)).toEqual(['not-comparable']);
  },
);

test('createNode() makes keys where there are none, and a later start goes on with them', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'node-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const first = await createNode({ directory, snapshotTxInterval: 8 });
  await putMany(first, 6);
  await first.close();
  expect(await readdir(join(directory, 'keys'))).toEqual([
    'member0_enc_privk.pem',
    'node_key.pem',
    'service_key.pem',
  ]);
  await using second = await createNode({ directory });
  expect(second.service.keyId).toBe(first.service.keyId);
  expect(second.root()).toBe(first.root());
});

test('createNode() on real files and worker threads takes snapshots that verify', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'node-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await using node = await createNode({ directory });
  await takeSnapshot(node);
  const [newest] = await node.snapshots.list();
  const file = join(node.snapshots.directory, newest?.file ?? '');
  const verified = await verifySnapshot(file, { services: [node.service] });
  expect(verified).toMatchObject({ seqno: 5, trusted: true });
});
