import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import type { Randomness } from '../../src/core/randomness.ts';
import { type DirectoryLock, isLockName, lockDirectory } from '../../src/files/directory-lock.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { type Processes, realProcesses } from '../../src/io/process.ts';
import { realRandomness } from '../../src/io/randomness.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

let fileSystem: MemoryFileSystem;
let randomness: Randomness;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  randomness = countingRandomness();
  await fileSystem.makeDirectory('/s');
});

function lock(processes: Processes = fakeProcesses()): Promise<DirectoryLock> {
  return lockDirectory('/s', { fileSystem, processes, randomness });
}

async function names(): Promise<string[]> {
  return (await fileSystem.list('/s')).map(({ name }) => name);
}

async function put(path: string, text: string): Promise<void> {
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(toUtf8(text), 0);
  await handle.close();
}

test('lockDirectory() creates the lock, release() removes it, twice is once', async () => {
  const held = await lock();
  expect(await names()).toEqual(['lock']);
  await held.release();
  await held.release();
  expect(await names()).toEqual([]);
  expect(fileSystem.openHandles).toBe(0);
});

test('lockDirectory() refuses a second lock of the same process', async () => {
  await lock();
  await expect(lock()).rejects.toMatchObject({
    name: 'StorageError',
    code: 'LOCKED',
    actual: 1,
    message: expect.stringContaining('process 1'),
  });
});

test('lockDirectory() works again after the release', async () => {
  await (await lock()).release();
  await lock();
  expect(await names()).toEqual(['lock']);
});

test('lockDirectory() refuses the lock of another live process', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  const second = lock(fakeProcesses({ 7: 'a', 8: 'b' }, 8));
  await expect(second).rejects.toMatchObject({ code: 'LOCKED', actual: 7 });
});

test('lockDirectory() takes over the lock of a dead process', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  await lock(fakeProcesses({ 8: 'b' }, 8));
  expect(await names()).toEqual(['lock']);
});

test('lockDirectory() takes over the lock of an earlier process with the same id', async () => {
  await lock(fakeProcesses({ 1: 'before' }));
  await lock(fakeProcesses({ 1: 'after' }));
  expect(await names()).toEqual(['lock']);
});

test('lockDirectory() refuses a live process id where no start is known', async () => {
  await lock(fakeProcesses({ 7: '' }, 7));
  const second = lock(fakeProcesses({ 7: 'a', 8: 'b' }, 8));
  await expect(second).rejects.toMatchObject({ code: 'LOCKED' });
});

test.each([
  ['empty', ''],
  ['zeros', '\0\0\0\0'],
  ['no JSON', '{"pid":1,"sta'],
  ['other JSON', '{"pid":"1"}'],
  ['null', 'null'],
])('lockDirectory() takes over a lock that a crash left as %s', async (_what, text) => {
  await put('/s/lock', text);
  await lock();
  expect(await names()).toEqual(['lock']);
});

test('lockDirectory() refuses a symbolic link of that name', async () => {
  fileSystem.addSpecial('/s/lock', 'symlink');
  await expect(lock()).rejects.toMatchObject({ code: 'SYMLINK_REFUSED' });
});

test('lockDirectory() refuses a file of that name that is too large to be a lock', async () => {
  await put('/s/lock', 'x'.repeat(5000));
  await expect(lock()).rejects.toMatchObject({ code: 'TOO_LARGE' });
});

test('lockDirectory() passes on a directory that is missing', async () => {
  const locking = lockDirectory('/no', { fileSystem, processes: fakeProcesses(), randomness });
  await expect(locking).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('lockDirectory() lets only one of two that find the same dead lock take it over', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  const running = { 8: 'b', 9: 'c' };
  const outcomes = await Promise.allSettled([
    lock(fakeProcesses(running, 8)),
    lock(fakeProcesses(running, 9)),
  ]);
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
});

test('lockDirectory() never takes the lock that another has just put in a dead one’s place', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  const running = { 8: 'b', 9: 'c' };
  const isClaim = (path: string) => path.startsWith('/s/lock.');
  const hold = fileSystem.holdNext('open', { path: isClaim });
  const slow = lock(fakeProcesses(running, 8));
  await hold.reached;
  const quick = await lock(fakeProcesses(running, 9));
  hold.release();
  await expect(slow).rejects.toMatchObject({ code: 'LOCKED' });
  await expect(quick.exclusively(async () => 'ours')).resolves.toBe('ours');
  expect(await names()).toEqual(['lock']);
});

test('lockDirectory() takes over from a process that died within its take-over', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  const hold = fileSystem.holdNext('remove', { path: (path) => path === '/s/lock' });
  void lock(fakeProcesses({ 8: 'b' }, 8));
  await hold.reached;
  await lock(fakeProcesses({ 9: 'c' }, 9));
  expect((await names()).filter(isLockName)).toEqual(['lock']);
});

test('lockDirectory() refuses a lock that changes while it is looked at', async () => {
  await lock(fakeProcesses({ 7: 'a' }, 7));
  const hold = fileSystem.holdNext('read', { path: (path) => path === '/s/lock' });
  const second = lock(fakeProcesses({ 8: 'b' }, 8));
  await hold.reached;
  await fileSystem.remove('/s/lock');
  hold.release();
  await expect(second).rejects.toMatchObject({ code: 'LOCKED' });
});

test('lockDirectory() takes over however many processes died within a take-over', async () => {
  await lock(fakeProcesses({ 1: 'a' }, 1));
  for (const pid of [2, 3, 4, 5, 6]) {
    const hold = fileSystem.holdNext('remove', { path: (path) => path === '/s/lock' });
    void lock(fakeProcesses({ [pid]: 'a' }, pid));
    await hold.reached;
  }
  await lock(fakeProcesses({ 7: 'a' }, 7));
  expect(await names()).toEqual(['lock']);
});

test('DirectoryLock.exclusively() runs one operation at a time', async () => {
  const held = await lock();
  const steps: string[] = [];
  const operation = (name: string) => async () => {
    steps.push(`${name} begins`);
    await fileSystem.stat('/s');
    steps.push(`${name} ends`);
  };
  await Promise.all([held.exclusively(operation('a')), held.exclusively(operation('b'))]);
  expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('DirectoryLock.exclusively() refuses after the release', async () => {
  const held = await lock();
  await held.release();
  await expect(held.exclusively(async () => 0)).rejects.toMatchObject({ code: 'CLOSED' });
});

test('DirectoryLock.exclusively() refuses when an operator gave the lock to another', async () => {
  const held = await lock(fakeProcesses({ 7: 'a' }, 7));
  await fileSystem.remove('/s/lock');
  await lock(fakeProcesses({ 8: 'b' }, 8));
  await expect(held.exclusively(async () => 0)).rejects.toMatchObject({ code: 'LOCKED' });
});

test('DirectoryLock.release() leaves the lock of another', async () => {
  const held = await lock(fakeProcesses({ 7: 'a' }, 7));
  await fileSystem.remove('/s/lock');
  await lock(fakeProcesses({ 8: 'b' }, 8));
  await held.release();
  expect(await names()).toEqual(['lock']);
});

describe('on the real file system', () => {
  const options = {
    fileSystem: realFileSystem,
    processes: realProcesses,
    randomness: realRandomness,
  };

  test('lockDirectory() refuses a live process and takes over from a dead one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-'));
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    writeFileSync(join(directory, 'lock'), JSON.stringify({ pid, start: '', nonce: '' }));
    const held = await lockDirectory(directory, options);
    await expect(lockDirectory(directory, options)).rejects.toMatchObject({
      code: 'LOCKED',
      actual: process.pid,
    });
    await held.release();
    expect(readdirSync(directory)).toEqual([]);
    rmSync(directory, { recursive: true });
  });
});
