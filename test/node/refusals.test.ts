import { beforeAll, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { AbortedError, type ErrorCode } from '../../src/core/errors.ts';
import { encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { NodeOptions } from '../../src/node/node-options.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  pemOf,
  plant,
  put,
  putMany,
  read,
  takeSnapshot,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();
const otherKeys = makeNodeKeyFiles();

let livedOnce: NodeHost;

beforeAll(async () => {
  livedOnce = await NodeHost.make(keys);
  const node = await livedOnce.open();
  await takeSnapshot(node);
  await putMany(node, 2);
  await node.close();
});

/** A node's directory after a short life: one snapshot, of seqno 5 with evidence 6, and a few entries behind it. */
function lived(): NodeHost {
  return livedOnce.afterCrash(() => 'kept');
}

/** Asserts that no node starts, for the reason given, and that it leaves ledger and lock as they were. */
async function expectRefusal(
  host: NodeHost,
  code: ErrorCode,
  options: Partial<NodeOptions> = {},
): Promise<void> {
  const before = await host.ledgerFiles();
  expect(await codeOf(host.open(options))).toBe(code);
  expect(await host.ledgerFiles()).toStrictEqual(before);
  expect(await host.disk.stat('/node/lock')).toBeUndefined();
  expect(await host.disk.stat('/node/snapshots/lock')).toBeUndefined();
  expect(host.disk.openHandles).toBe(0);
}

async function removeLedger({ disk }: NodeHost): Promise<void> {
  for (const { name } of await disk.list('/node/ledger')) await disk.remove(`/node/ledger/${name}`);
}

/** Leaves the first `count` entries of the ledger, in one open chunk. */
async function shorten(host: NodeHost, count: number): Promise<void> {
  const entries = (await host.entries()).slice(0, count).map(({ bytes }) => bytes);
  await removeLedger(host);
  await plant(host.disk, '/node/ledger/ledger_1', encodeChunk(entries, { complete: false }));
}

async function removeSnapshots({ disk }: NodeHost): Promise<void> {
  for (const { name } of await disk.list('/node/snapshots')) {
    await disk.remove(`/node/snapshots/${name}`);
  }
}

const keyOf = (files: typeof keys, name: string): Uint8Array => {
  const key = files.get(name);
  if (key === undefined) throw new Error(`${name} was not made`);
  return pemOf(key);
};

test.for(['with its snapshots', 'without snapshots'])(
  "createNode() refuses the ledger of another service, %s: its service key isn't ours",
  async (how) => {
    const host = lived();
    if (how === 'without snapshots') await removeSnapshots(host);
    for (const name of keys.keys())
      await plant(host.disk, `/node/keys/${name}`, keyOf(otherKeys, name));
    await expectRefusal(host, 'KID_MISMATCH');
  },
);

test.for([
  ['service_key.pem', 'KID_MISMATCH'],
  ['node_key.pem', 'NODE_UNKNOWN'],
  ['member0_enc_privk.pem', 'SECRETS_MISSING'],
] as const)('createNode() refuses a foreign %s: %s', async ([name, code]) => {
  const host = lived();
  await plant(host.disk, `/node/keys/${name}`, keyOf(otherKeys, name));
  await expectRefusal(host, code);
});

test.for([
  ['service_key.pem', 'NOT_FOUND'],
  ['node_key.pem', 'NOT_FOUND'],
  ['member0_enc_privk.pem', 'SECRETS_MISSING'],
] as const)('createNode() refuses a ledger whose %s is lost: %s', async ([name, code]) => {
  const host = lived();
  await host.disk.remove(`/node/keys/${name}`);
  await expectRefusal(host, code);
});

test.for([
  ['service_key.pem', 'BAD_KEY'],
  ['node_key.pem', 'BAD_KEY'],
  ['member0_enc_privk.pem', 'SECRETS_MISSING'],
] as const)('createNode() refuses a %s that is no key: %s', async ([name, code]) => {
  const host = lived();
  await plant(host.disk, `/node/keys/${name}`, toUtf8('-----BEGIN PRIVATE KEY-----\nAAAA\n'));
  await expectRefusal(host, code);
});

test.for(['service_key.pem', 'node_key.pem'])('createNode() refuses an empty %s', async (name) => {
  const host = lived();
  await plant(host.disk, `/node/keys/${name}`, new Uint8Array());
  await expectRefusal(host, 'BAD_KEY');
});

test.for(['service_key.pem', 'node_key.pem'])(
  'createNode() refuses to begin a service with an RSA key as %s',
  async (name) => {
    const host = await NodeHost.make(keys);
    await plant(host.disk, `/node/keys/${name}`, keyOf(keys, 'member0_enc_privk.pem'));
    expect(await codeOf(host.open())).toBe('ALG_KEY_MISMATCH');
    expect(await host.ledgerNames()).toEqual([]);
    expect(await host.disk.stat('/node/lock')).toBeUndefined();
  },
);

test('createNode() refuses to begin a new ledger where snapshots of an older one lie', async () => {
  const host = lived();
  await removeLedger(host);
  await expectRefusal(host, 'LEDGER_BEHIND_SNAPSHOT');
});

test.for([3, 4, 5])(
  "createNode() refuses a ledger that ends at seqno %i, before its snapshot's evidence",
  async (last) => {
    const host = lived();
    await shorten(host, last);
    await expectRefusal(host, 'LEDGER_BEHIND_SNAPSHOT');
  },
);

test("createNode() goes on from a ledger that ends with its snapshot's evidence", async () => {
  const host = lived();
  await shorten(host, 6);
  const node = await host.start();
  expect(node.recovered).toMatchObject({ seqno: 6, snapshot: { seqno: 5 } });
});

test('createNode() refuses a ledger with a flipped bit below its last signature', async () => {
  const host = lived();
  await removeSnapshots(host);
  const [[name, bytes] = ['', new Uint8Array()]] = await host.ledgerFiles();
  const flipped = bytes.map((byte, i) => (i === 60 ? byte ^ 1 : byte));
  await plant(host.disk, `/node/ledger/${name}`, flipped);
  const before = await host.ledgerFiles();
  expect(await codeOf(host.open())).not.toBe('accepted');
  expect(await host.ledgerFiles()).toStrictEqual(before);
});

test('createNode() refuses a directory that another node of this process has', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.start();
  expect(await codeOf(host.open())).toBe('LOCKED');
  await put(node, 'key', 'the first goes on');
  expect(read(node, 'key')).toBe('the first goes on');
});

test('createNode() takes over a directory whose node has crashed', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await put(node, 'key', 'value');
  const after = await host.afterCrash().start();
  expect(read(after, 'key')).toBe('value');
  await node.close();
});

test.for([
  ['empty', ''],
  ['a word', 'three\n'],
  ['two numbers', '3\n4\n'],
  ['negative', '-3\n'],
  ['too large', '2147483648\n'],
  ['zeros, as a lost write leaves them', '\0\0'],
] as const)('createNode() refuses a view file that is %s', async ([, text]) => {
  const host = lived();
  await plant(host.disk, '/node/view', toUtf8(text));
  await expectRefusal(host, 'BAD_TEXT');
});

test('createNode() refuses a view file that is not UTF-8', async () => {
  const host = lived();
  await plant(host.disk, '/node/view', Uint8Array.of(0xff, 0xfe));
  await expectRefusal(host, 'BAD_TEXT');
});

test('createNode() refuses a view file of the last view that there is: no other one follows', async () => {
  const host = lived();
  await plant(host.disk, '/node/view', toUtf8('2147483647\n'));
  await expectRefusal(host, 'BAD_TEXT');
});

test('createNode() begins the view after the one on file, where that is above the ledger', async () => {
  const host = lived();
  await plant(host.disk, '/node/view', toUtf8('77\n'));
  const node = await host.start();
  expect(node.status.view).toBe(78);
});

test.for<[keyof NodeOptions, unknown]>([
  ['snapshotTxInterval', 2],
  ['snapshotTxInterval', 2 ** 31],
  ['signatureTxInterval', 0],
  ['signatureDelayMs', 0],
  ['signatureDelayMs', Number.POSITIVE_INFINITY],
  ['chunkBytesMax', -1],
  ['chunkBytesMax', 1.5],
  ['members', 0],
  ['members', 65],
  ['recoveryThreshold', 0],
  ['recoveryThreshold', 2],
  ['capacity', Number.NaN],
  ['capacity', '5'],
])('createNode() refuses %s = %s before it touches the disk', async ([name, value]) => {
  const host = await NodeHost.make(keys);
  const calls = host.disk.journal.length;
  await expect(host.open({ [name]: value })).rejects.toThrow(
    new RegExp(`^${name} must be an integer of `),
  );
  expect(host.disk.journal.length).toBe(calls);
});

test('createNode() refuses to start without a directory', async () => {
  const host = await NodeHost.make(keys);
  await expect(host.open({ directory: undefined as unknown as string })).rejects.toThrow(TypeError);
});

test('createNode() does not begin when its signal has aborted', async () => {
  const fileSystem = new MemoryFileSystem();
  const host = (await NodeHost.make(keys)).on(fileSystem);
  await expect(host.open({ signal: AbortSignal.abort() })).rejects.toThrow(AbortedError);
  expect(fileSystem.journal).toEqual([]);
});

test('createNode() stops reading the ledger when its signal aborts', async () => {
  const host = lived();
  await removeSnapshots(host);
  const controller = new AbortController();
  await expectRefusal(host, 'ABORTED', {
    signal: controller.signal,
    onProgress: ({ seqno }) => {
      if (seqno === 2) controller.abort();
    },
  });
});

test('createNode() makes no further key once its signal aborts, and the next start keeps what it made', async () => {
  const host = await NodeHost.make(
    new Map([...keys].filter(([name]) => !name.startsWith('member'))),
  );
  const controller = new AbortController();
  const hold = host.disk.holdNext('sync', { path: (path) => path.includes('/member0') });
  const opening = host.open({ members: 40, signal: controller.signal });
  await hold.reached;
  controller.abort();
  hold.release();
  expect(await codeOf(opening)).toBe('ABORTED');
  const names = (await host.disk.list('/node/keys')).map(({ name }) => name);
  expect(names).toEqual(['member0_enc_privk.pem', 'node_key.pem', 'service_key.pem']);
  expect(await host.disk.stat('/node/lock')).toBeUndefined();
  expect(await host.ledgerNames()).toEqual([]);
  const path = '/node/keys/member0_enc_privk.pem';
  const made = await host.disk.readFile(path, { bytesMax: 1e5 });
  const node = await host.start({ members: 1 });
  expect(node.status.committed).toBe(3);
  expect(await host.disk.readFile(path, { bytesMax: 1e5 })).toEqual(made);
});
