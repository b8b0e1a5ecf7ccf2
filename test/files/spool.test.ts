import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { type DirectoryLock, lockDirectory } from '../../src/files/directory-lock.ts';
import { Spool } from '../../src/files/spool.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realProcesses } from '../../src/io/process.ts';
import { realRandomness } from '../../src/io/randomness.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

const spoolPath = '/s/spool_10_0.tmp';
const finalName = 'snapshot_10_12.committed';
const finalPath = `/s/${finalName}`;
const body = toUtf8('body and receipt');

let fileSystem: MemoryFileSystem;
let lock: DirectoryLock;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
  const processes = fakeProcesses();
  lock = await lockDirectory('/s', { fileSystem, processes, randomness: countingRandomness() });
});

function newSpool(attempt = 0): Spool {
  return new Spool({ fileSystem, lock, seqno: seqno(10), attempt });
}

async function closedSpool(bytes = body, attempt = 0): Promise<Spool> {
  const spool = newSpool(attempt);
  await spool.open();
  await spool.append(bytes, 0);
  await spool.sync();
  await spool.close();
  return spool;
}

async function put(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

async function names(files = fileSystem): Promise<string[]> {
  return (await files.list('/s')).map(({ name }) => name).filter((name) => name !== 'lock');
}

const isSpool = (path: string) => path.includes('spool');

test('WRT-2 Spool publishes a file that survives a power cut as it was written', async () => {
  const spool = await closedSpool();
  expect(await spool.publish(finalName)).toBe('published');
  await spool.syncDirectory();
  const crashed = fileSystem.crash();
  expect(await names(crashed)).toEqual([finalName]);
  expect(await crashed.readFile(finalPath, { bytesMax: 99 })).toEqual(body);
  expect(fileSystem.openHandles).toBe(0);
});

test('Spool does open, write, sync, close, rename, directory sync, in this order and once each', async () => {
  const before = fileSystem.journal.length;
  const spool = await closedSpool();
  await spool.publish(finalName);
  await spool.syncDirectory();
  const isRead = (operation: string) => ['read', 'size', 'stat'].includes(operation);
  const calls = fileSystem.journal.slice(before);
  const changes = calls.filter(({ operation, path }) => !isRead(operation) && path !== '/s/lock');
  expect(changes).toEqual([
    { operation: 'open', path: spoolPath },
    { operation: 'write', path: spoolPath },
    { operation: 'sync', path: spoolPath },
    { operation: 'close', path: spoolPath },
    { operation: 'rename', path: spoolPath, to: finalPath },
    { operation: 'syncDirectory', path: '/s' },
  ]);
});

test('Spool.sync() makes durable what another handle wrote into the spool', async () => {
  const spool = newSpool();
  await spool.open();
  const worker = await fileSystem.open(spool.path, { for: 'fill' });
  await worker.write(toUtf8('body'), 0);
  await worker.close();
  await spool.append(toUtf8('!'), 4);
  await spool.sync();
  await spool.close();
  await spool.publish(finalName);
  await spool.syncDirectory();
  const survived = await fileSystem.crash().readFile(finalPath, { bytesMax: 99 });
  expect(survived).toEqual(toUtf8('body!'));
});

test('Spool.open() refuses a name that is taken, and discard() then leaves that file', async () => {
  await put(spoolPath, toUtf8('another’s'));
  const spool = newSpool();
  await expect(spool.open()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  await expect(spool.open()).rejects.toThrow('is failed, must be new');
  await spool.discard();
  expect(await names()).toEqual(['spool_10_0.tmp']);
});

test('Spool.publish() is duplicate when the same bytes have the final name', async () => {
  await put(finalPath, body);
  const spool = await closedSpool();
  expect(await spool.publish(finalName)).toBe('duplicate');
  await spool.discard();
  expect(await names()).toEqual([finalName]);
  expect(fileSystem.openHandles).toBe(0);
});

test.each([
  ['other bytes', toUtf8('body and RECEIPT')],
  ['fewer bytes', toUtf8('body')],
  ['no bytes', new Uint8Array()],
])('Spool.publish() is conflict when %s have the final name', async (_what, other) => {
  await put(finalPath, other);
  const spool = await closedSpool();
  expect(await spool.publish(finalName)).toBe('conflict');
  await spool.discard();
  expect(await fileSystem.readFile(finalPath, { bytesMax: 99 })).toEqual(other);
  expect(fileSystem.openHandles).toBe(0);
});

test('Spool.publish() is conflict when no regular file has the final name', async () => {
  fileSystem.addSpecial(finalPath, 'symlink');
  const spool = await closedSpool();
  expect(await spool.publish(finalName)).toBe('conflict');
});

test.each([0, 1_048_576, 2_500_000])(
  'Spool.publish() finds a difference at byte %i',
  async (at) => {
    const other = new Uint8Array(2_500_001);
    other[at] = 1;
    await put(finalPath, other);
    const spool = await closedSpool(new Uint8Array(2_500_001));
    expect(await spool.publish(finalName)).toBe('conflict');
  },
);

test('Spool.publish() of two spools at once under one name publishes one', async () => {
  const spools = [await closedSpool(body, 0), await closedSpool(toUtf8('other'), 1)];
  const results = await Promise.all(spools.map((spool) => spool.publish(finalName)));
  expect(results).toEqual(['published', 'conflict']);
});

test.each([
  'snapshot_10_12',
  'spool_10_0.tmp',
  '../snapshot_10_12.committed',
  'snapshot_x_12.committed',
])('Spool.publish() refuses the name %s', async (name) => {
  const spool = await closedSpool();
  await expect(spool.publish(name)).rejects.toMatchObject({
    code: 'BAD_NAME',
    file: name,
    message: `not the name of a committed snapshot: ${name}`,
  });
});

test('Spool.publish() takes the name that CCF 1.x gave', async () => {
  const spool = await closedSpool();
  expect(await spool.publish('snapshot_10_12.committed_14')).toBe('published');
});

test('Spool.publish() refuses without the lock', async () => {
  const spool = await closedSpool();
  await lock.release();
  await expect(spool.publish(finalName)).rejects.toMatchObject({ code: 'CLOSED' });
  await spool.discard();
  expect(await names()).toEqual([]);
});

test.each([
  ['write', 'ENOSPC', 'WRITE_FAILED'],
  ['sync', 'EIO', 'SYNC_FAILED'],
  ['close', 'EIO', 'WRITE_FAILED'],
  ['rename', 'EIO', 'WRITE_FAILED'],
] as const)(
  'Spool whose %s fails can only be discarded, and leaves nothing',
  async (operation, errno, code) => {
    const spool = newSpool();
    await spool.open();
    fileSystem.failNext(operation, errno, { path: isSpool });
    const writing = (async () => {
      await spool.append(body, 0);
      await spool.sync();
      await spool.close();
      await spool.publish(finalName);
    })();
    await expect(writing).rejects.toMatchObject({ code, actual: errno });
    await expect(spool.sync()).rejects.toThrow('spool_10_0.tmp is failed, must be open');
    await expect(spool.publish(finalName)).rejects.toThrow('is failed, must be closed');
    await spool.discard();
    expect(await names()).toEqual([]);
    expect(fileSystem.openHandles).toBe(0);
    expect(fileSystem.faultsPending).toBe(0);
  },
);

test('Spool.syncDirectory() that fails leaves the published file, also after discard()', async () => {
  const spool = await closedSpool();
  await spool.publish(finalName);
  fileSystem.failNext('syncDirectory', 'EIO');
  await expect(spool.syncDirectory()).rejects.toMatchObject({ code: 'SYNC_FAILED' });
  await expect(spool.syncDirectory()).rejects.toThrow('is failed, must be published');
  await spool.discard();
  expect(await names()).toEqual([finalName]);
});

test('Spool refuses steps out of order', async () => {
  const spool = newSpool();
  await expect(spool.append(body, 0)).rejects.toThrow('is new, must be open');
  await spool.open();
  await spool.append(body, 0);
  await spool.sync();
  await expect(spool.sync()).rejects.toThrow('is synced, must be open');
  await spool.discard();
});

test('Spool.discard() waits for the operation under way, and drops those behind it', async () => {
  const spool = newSpool();
  await spool.open();
  const hold = fileSystem.holdNext('write');
  const writing = spool.append(body, 0);
  const syncing = spool.sync();
  await hold.reached;
  const discarding = spool.discard();
  await fileSystem.stat('/s');
  expect(await names()).toEqual(['spool_10_0.tmp']);
  hold.release();
  await writing;
  await expect(syncing).rejects.toMatchObject({
    code: 'CLOSED',
    file: 'spool_10_0.tmp',
    message: 'spool_10_0.tmp is discarded',
  });
  await discarding;
  expect(await names()).toEqual([]);
  const syncs = fileSystem.journal.filter(({ operation }) => operation === 'sync');
  expect(syncs.filter(({ path }) => path === spool.path)).toEqual([]);
});

test('Spool.discard() waits for a publish under way and leaves its file', async () => {
  const spool = await closedSpool();
  const hold = fileSystem.holdNext('rename');
  const publishing = spool.publish(finalName);
  await hold.reached;
  const discarding = spool.discard();
  hold.release();
  expect(await publishing).toBe('published');
  await discarding;
  expect(await names()).toEqual([finalName]);
});

test('Spool.discard() at any time leaves nothing, twice is once', async () => {
  const spool = newSpool();
  await spool.discard();
  await expect(spool.open()).rejects.toMatchObject({ code: 'CLOSED' });
  const opened = newSpool();
  await opened.open();
  await opened.discard();
  await opened.discard();
  expect(await names()).toEqual([]);
  expect(fileSystem.openHandles).toBe(0);
});

test.each([
  ['discarded', async (spool: Spool) => spool.discard()],
  ['published', async (spool: Spool) => spool.publish(finalName)],
])(
  'Spool.discard() leaves what bears its name after it was %s',
  async (_what, end: (spool: Spool) => Promise<unknown>) => {
    const spool = await closedSpool();
    await end(spool);
    await put(spoolPath, toUtf8('another’s'));
    await spool.discard();
    expect(await names()).toContain('spool_10_0.tmp');
  },
);

test('Spool.discard() removes the spool also when its close fails', async () => {
  const spool = newSpool();
  await spool.open();
  fileSystem.failNext('close', 'EIO', { path: isSpool });
  await spool.discard();
  expect(await names()).toEqual([]);
});

test('Spool.discard() is done when the file is gone already', async () => {
  const spool = newSpool();
  await spool.open();
  await fileSystem.remove(spoolPath);
  await spool.discard();
  expect(fileSystem.openHandles).toBe(0);
});

test('Spool.discard() that could not remove the file says so, and may be called again', async () => {
  const spool = newSpool();
  await spool.open();
  fileSystem.failNext('remove', 'EACCES');
  await expect(spool.discard()).rejects.toMatchObject({ code: 'WRITE_FAILED', actual: 'EACCES' });
  await spool.discard();
  expect(await names()).toEqual([]);
});

test('Spool works on real files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'spool-'));
  const files = { fileSystem: realFileSystem };
  const identity = { processes: realProcesses, randomness: realRandomness };
  const realLock = await lockDirectory(directory, { ...files, ...identity });
  const spool = new Spool({ ...files, lock: realLock, seqno: seqno(10), attempt: 0 });
  await spool.open();
  await spool.append(body, 0);
  await spool.sync();
  await spool.close();
  expect(await spool.publish(finalName)).toBe('published');
  await spool.syncDirectory();
  await realLock.release();
  expect(readdirSync(directory)).toEqual([finalName]);
  expect(new Uint8Array(readFileSync(join(directory, finalName)))).toEqual(body);
  rmSync(directory, { recursive: true });
});
