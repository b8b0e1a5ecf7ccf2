import { expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { lockDirectory } from '../../src/files/directory-lock.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { prune } from '../../src/recovery/prune.ts';
import { countingRandomness, fakeProcesses } from '../files/fake-processes.ts';
import { codeOf, makeNodeKeyFiles, NodeHost, plant, put, read } from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

const running = { 1: 'a', 2: 'b' } as const;

/** Processes 1 and 2 run beside each other. */
const asProcess = (pid: 1 | 2) => ({ processes: fakeProcesses(running, pid) });

const isLock = (path: string): boolean => /\/lock[^/]*$/.test(path);

const lockNames = async ({ disk }: NodeHost): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const directory of ['/node', '/node/snapshots']) {
    if ((await disk.stat(directory)) === undefined) continue;
    for (const { name } of await disk.list(directory)) {
      if (isLock(`/${name}`)) found.push(`${directory}/${name}`);
    }
  }
  return found;
};

/** Without the locks' own files. */
const changes = new Set(['write', 'truncate', 'rename', 'link', 'remove', 'sync', 'syncDirectory']);

test('createNode() that finds the snapshots locked has changed nothing', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await put(node, 'a', 'kept');
  await node.close();
  const chunk = (await host.ledgerNames()).find((name) => !name.includes('-')) ?? '';
  const path = `/node/ledger/${chunk}`;
  const whole = await host.disk.readFile(path, { bytesMax: 1e7 });
  await plant(host.disk, path, new Uint8Array([...whole, 1, 2, 3]));
  const held = await lockDirectory('/node/snapshots', {
    fileSystem: host.disk,
    ...asProcess(2),
    randomness: countingRandomness(),
  });
  const from = host.disk.journal.length;
  expect(await codeOf(host.open({ environment: asProcess(1) }))).toBe('LOCKED');
  const changed = host.disk.journal
    .slice(from)
    .filter(({ operation, path: at }) => changes.has(operation) && !isLock(at));
  expect(changed).toEqual([]);
  expect(await lockNames(host)).toEqual(['/node/snapshots/lock']);
  await held.release();
  expect(read(await host.start({ environment: asProcess(1) }), 'a')).toBe('kept');
});

test('createNode() that finds the snapshots of a new service locked has made no keys', async () => {
  const disk = new MemoryFileSystem();
  await disk.makeDirectory('/new/snapshots');
  const environment = { fileSystem: disk, ...asProcess(1) };
  const held = await lockDirectory('/new/snapshots', {
    ...environment,
    ...asProcess(2),
    randomness: countingRandomness(),
  });
  expect(await codeOf(createNode({ directory: '/new', environment }))).toBe('LOCKED');
  expect((await disk.list('/new')).map(({ name }) => name)).toEqual(['snapshots']);
  await held.release();
});

test('a node keeps both locks from its first write to its close', async () => {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  expect(await lockNames(host)).toEqual(['/node/lock', '/node/snapshots/lock']);
  const taken = host.disk.journal.findIndex(
    ({ operation, to }) => operation === 'link' && to === '/node/snapshots/lock',
  );
  expect(taken).toBeGreaterThan(0);
  const early = host.disk.journal
    .slice(0, taken)
    .filter(({ operation, path }) => changes.has(operation) && !isLock(path));
  expect(early.filter(({ path }) => !path.startsWith('/node/keys'))).toEqual([]);
  const released = host.disk.journal.length;
  await node.close();
  const closing = host.disk.journal.slice(released);
  const first = closing.findIndex(({ operation, path }) => operation === 'remove' && isLock(path));
  const late = closing.slice(first).filter(({ path }) => path.startsWith('/node/ledger'));
  expect(late).toEqual([]);
  expect(await lockNames(host)).toEqual([]);
});

/** What an operator does who is wrong about a node that still lives. */
async function removeLocks({ disk }: NodeHost): Promise<void> {
  await disk.remove('/node/lock');
  await disk.remove('/node/snapshots/lock');
}

test.each([
  ['writes', (node: LedgerNode) => put(node, 'late', 'lost')],
  ['signs', (node: LedgerNode) => put(node, 'late', 'lost').then(() => node.sign())],
  ['rolls back', (node: LedgerNode) => node.rollback(node.status.seqno)],
] as const)(
  'a node whose lock an operator gave to another fails as LOCKED before it %s, and the other keeps all',
  async (what, act) => {
    const host = await NodeHost.make(keys);
    const first = await host.open({ environment: asProcess(1), signatureTxInterval: 50 });
    await put(first, 'a', 'acknowledged by the first');
    await first.sign();
    if (what === 'rolls back') await put(first, 'tail', 'unsigned');
    await removeLocks(host);
    const second = await host.open({ environment: asProcess(2) });
    await put(second, 'b', 'acknowledged by the second');
    const before = await host.ledgerFiles();
    const from = host.disk.journal.length;
    expect(await codeOf(Promise.resolve(act(first)))).toBe('LOCKED');
    expect(first.status.failure).toMatchObject({ code: 'LOCKED' });
    await first.close();
    const written = host.disk.journal.slice(from).filter(({ operation }) => changes.has(operation));
    expect(written.filter(({ path }) => path.startsWith('/node/ledger'))).toEqual([]);
    expect(await host.ledgerFiles()).toEqual(before);
    expect(await lockNames(host)).toEqual(['/node/lock', '/node/snapshots/lock']);
    await second.close();
    const again = await host.start({ environment: asProcess(2) });
    expect(read(again, 'a')).toBe('acknowledged by the first');
    expect(read(again, 'b')).toBe('acknowledged by the second');
  },
);

test('a start whose lock an operator gave to another fails before the writer cuts what is torn', async () => {
  const host = await NodeHost.make(keys);
  await (await host.open()).close();
  const hold = host.disk.holdNext('open', { path: (path) => path.endsWith('/service_key.pem') });
  const slow = startOf(host, 1);
  await hold.reached;
  await removeLocks(host);
  const second = await host.open({ environment: asProcess(2) });
  await put(second, 'b', 'acknowledged by the second');
  const before = await host.ledgerFiles();
  const from = host.disk.journal.length;
  hold.release();
  expect((await slow).error).toMatchObject({ code: 'LOCKED' });
  const written = host.disk.journal.slice(from).filter(({ operation }) => changes.has(operation));
  expect(written.filter(({ path }) => path.startsWith('/node/ledger'))).toEqual([]);
  expect(await host.ledgerFiles()).toEqual(before);
  await second.close();
});

test.each(['open', 'rename', 'list', 'link', 'remove'] as const)(
  'of two nodes that find the lock of a dead one, the slow one held back at each %s, one starts and loses nothing',
  async (operation) => {
    for (let skip = 0; ; skip++) {
      const host = await NodeHost.make(keys);
      await plant(host.disk, '/node/lock', toUtf8('{"pid":9,"start":"z","nonce":"00"}'));
      const hold = host.disk.holdNext(operation, { path: isLockCall, skip });
      const slow = startOf(host, 1);
      const isReached = await Promise.race([hold.reached.then(() => true), slow.then(() => false)]);
      if (!isReached) {
        expect(skip).toBeGreaterThan(0);
        hold.release();
        return (await slow).node?.close();
      }
      const quick = await startOf(host, 2);
      if (quick.node) await put(quick.node, 'a', 'acknowledged');
      hold.release();
      const outcomes = [quick, await slow];
      const started = outcomes.flatMap(({ node }) => node ?? []);
      expect(started.length, `${operation} ${skip}`).toBeLessThanOrEqual(1);
      for (const { error } of outcomes) if (error) expect(error).toMatchObject({ code: 'LOCKED' });
      for (const node of started) await node.close();
      const again = await host.open({ environment: asProcess(2) });
      if (quick.node) expect(read(again, 'a')).toBe('acknowledged');
      await again.close();
      expect(await lockNames(host)).toEqual([]);
    }
  },
);

async function startOf(
  host: NodeHost,
  pid: 1 | 2,
): Promise<{ readonly node?: LedgerNode; readonly error?: unknown }> {
  try {
    return { node: await host.open({ environment: asProcess(pid) }) };
  } catch (error) {
    return { error };
  }
}

const isLockCall = (path: string): boolean => isLock(path) || path === '/node';

test.each([
  ['open', 'EMFILE'],
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
  ['close', 'EIO'],
  ['rename', 'EIO'],
  ['link', 'EIO'],
  ['remove', 'EIO'],
  ['stat', 'EIO'],
] as const)(
  'createNode() whose %s on a lock fails once with %s leaves none, and starts then in the same process',
  async (operation, errno) => {
    for (let skip = 0; ; skip++) {
      const host = await NodeHost.make(keys);
      const options = { environment: asProcess(1) };
      host.disk.failNext(operation, errno, { path: isLock, skip });
      const { node, error } = await startOf(host, 1);
      await node?.close().catch(() => undefined);
      if (host.disk.faultsPending > 0) {
        expect(skip).toBeGreaterThan(1);
        return;
      }
      if (error !== undefined) {
        expect(error).toMatchObject({ name: 'StorageError', actual: errno });
        expect(await lockNames(host), `${operation} ${skip}`).toEqual([]);
      }
      await (await host.open(options)).close();
      expect(await lockNames(host)).toEqual([]);
    }
  },
);

test('a start sweeps what killed take-overs have left beside both locks', async () => {
  const host = await NodeHost.make(keys);
  await (await host.open()).close();
  const dead = toUtf8('{"pid":9,"start":"z","nonce":"00"}');
  const names = [
    'lock.0123456789abcdef',
    'lock.00000000000000aa.tmp',
    `lock.${'00'.repeat(8)}.${'11'.repeat(8)}`,
  ];
  for (const directory of ['/node', '/node/snapshots']) {
    for (const name of names) await plant(host.disk, `${directory}/${name}`, dead);
  }
  await host.start();
  expect(await lockNames(host)).toEqual(['/node/lock', '/node/snapshots/lock']);
});

test('prune() of a running node’s ledger is refused, wherever the snapshots lie', async () => {
  const host = await NodeHost.make(keys);
  const running = { 5: 'the node', 6: 'the pruning' };
  const node = await host.open({ environment: { processes: fakeProcesses(running, 5) } });
  for (const directory of ['/other', '/copies']) await host.disk.makeDirectory(directory);
  const ledger = { directory: '/node/ledger', copies: '/copies' };
  const environment = { fileSystem: host.disk, processes: fakeProcesses(running, 6) };
  const pruning = prune({ snapshots: '/other', keep: 1, ledger, environment });
  expect(await codeOf(pruning)).toBe('LOCKED');
  await node.close();
});
