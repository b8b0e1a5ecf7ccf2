import { beforeEach, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import type { PendingOperation, Survival } from '../../src/io/memory-disk.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';

let fileSystem: MemoryFileSystem;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/d');
});

async function write(path: string, text: string, { sync }: { sync: boolean }): Promise<void> {
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(toUtf8(text), 0);
  if (sync) await handle.sync();
  await handle.close();
}

async function namesIn(files: MemoryFileSystem, directory = '/d'): Promise<string[]> {
  return (await files.list(directory)).map(({ name }) => name);
}

async function textOf(files: MemoryFileSystem, path: string): Promise<string> {
  return Buffer.from(await files.readFile(path, { bytesMax: 1000 })).toString('latin1');
}

test('MemoryFileSystem.crash() keeps a file that was synced in a directory that was synced', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  expect(await textOf(fileSystem.crash(), '/d/a')).toBe('hello');
});

test('MemoryFileSystem.crash() loses the content that was not synced', async () => {
  await write('/d/a', 'hello', { sync: false });
  await fileSystem.syncDirectory('/d');
  expect(await textOf(fileSystem.crash(), '/d/a')).toBe('');
});

test('MemoryFileSystem.crash() loses the name that was not synced', async () => {
  await write('/d/a', 'hello', { sync: true });
  expect(await namesIn(fileSystem.crash())).toEqual([]);
});

test('MemoryFileSystem.crash() undoes a rename that was not synced', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  await fileSystem.rename('/d/a', '/d/b');
  expect(await namesIn(fileSystem)).toEqual(['b']);
  expect(await namesIn(fileSystem.crash())).toEqual(['a']);
});

test('MemoryFileSystem.crash() undoes a removal that was not synced', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  await fileSystem.remove('/d/a');
  expect(await namesIn(fileSystem.crash())).toEqual(['a']);
  await fileSystem.syncDirectory('/d');
  expect(await namesIn(fileSystem.crash())).toEqual([]);
});

test('MemoryFileSystem.crash() keeps directories, which are durable once made', async () => {
  await fileSystem.makeDirectory('/d/e/f');
  expect(await namesIn(fileSystem.crash(), '/d/e')).toEqual(['f']);
});

test('MemoryFileSystem.crash() keeps only writes from before the last sync', async () => {
  const handle = await fileSystem.open('/d/a', { for: 'create' });
  await handle.write(toUtf8('hello'), 0);
  await handle.sync();
  await handle.write(toUtf8('J'), 0);
  await handle.close();
  await fileSystem.syncDirectory('/d');
  expect(await textOf(fileSystem, '/d/a')).toBe('Jello');
  expect(await textOf(fileSystem.crash(), '/d/a')).toBe('hello');
});

test.each([
  [2, ['hello', 'he']],
  [7, ['hello', 'hello\0\0']],
])(
  'MemoryFileSystem.crash() can undo a truncation to %d bytes until it is synced',
  async (size, [lost, kept]) => {
    await write('/d/a', 'hello', { sync: true });
    await fileSystem.syncDirectory('/d');
    const handle = await fileSystem.open('/d/a', { for: 'fill' });
    await handle.truncate(size);
    expect(fileSystem.pendingOperations).toEqual([{ operation: 'truncate', path: '/d/a', size }]);
    expect(await textOf(fileSystem.crash(), '/d/a')).toBe(lost);
    const whole = fileSystem.crash(() => 'kept');
    expect(await textOf(whole, '/d/a')).toBe(kept);
    await handle.sync();
    await handle.close();
    expect(await textOf(fileSystem.crash(), '/d/a')).toBe(kept);
  },
);

test('MemoryFileSystem.crash() can lose a write and keep the truncation behind it', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  const handle = await fileSystem.open('/d/a', { for: 'fill' });
  await handle.write(toUtf8('J'), 0);
  await handle.truncate(4);
  await handle.close();
  const crashed = fileSystem.crash(({ operation }) => (operation === 'write' ? 'lost' : 'kept'));
  expect(await textOf(crashed, '/d/a')).toBe('hell');
});

test('MemoryFileSystem.crash() leaves the file system that it was taken from', async () => {
  await write('/d/a', 'hello', { sync: true });
  const crashed = fileSystem.crash();
  const handle = await crashed.open('/d/b', { for: 'create' });
  await handle.close();
  expect(await namesIn(fileSystem)).toEqual(['a']);
  expect(crashed.openHandles).toBe(0);
});

test('MemoryFileSystem.crash() offers each pending operation to the chooser, oldest first', async () => {
  await write('/d/a', 'hello', { sync: false });
  await fileSystem.rename('/d/a', '/d/b');
  await fileSystem.remove('/d/b');
  const offered: PendingOperation[] = [];
  fileSystem.crash((operation) => {
    offered.push(operation);
    return 'lost';
  });
  expect(offered).toEqual([
    { operation: 'create', path: '/d/a' },
    { operation: 'write', path: '/d/a', position: 0, length: 5 },
    { operation: 'rename', path: '/d/a', to: '/d/b' },
    { operation: 'remove', path: '/d/b' },
  ]);
  expect(fileSystem.pendingOperations).toEqual(offered);
});

test.each<[string, Survival, string]>([
  ['all', 'kept', 'hello'],
  ['nothing', 'lost', ''],
  ['the first bytes', { bytesKept: 2 }, 'he'],
  ['the size with zeros', 'zeros', '\0\0\0\0\0'],
])('MemoryFileSystem.crash() can keep %s of a write', async (_what, survival, expected) => {
  await write('/d/a', 'hello', { sync: false });
  await fileSystem.syncDirectory('/d');
  expect(
    await textOf(
      fileSystem.crash(() => survival),
      '/d/a',
    ),
  ).toBe(expected);
});

test('MemoryFileSystem.crash() can keep a rename whose create was lost', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.rename('/d/a', '/d/b');
  const crashed = fileSystem.crash(({ operation }) => (operation === 'rename' ? 'kept' : 'lost'));
  expect(await namesIn(crashed)).toEqual(['b']);
  expect(await textOf(crashed, '/d/b')).toBe('hello');
});

test('MemoryFileSystem.crash() keeps a rename between directories whole', async () => {
  await fileSystem.makeDirectory('/e');
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  await fileSystem.rename('/d/a', '/e/a');
  await fileSystem.syncDirectory('/e');
  const crashed = fileSystem.crash();
  expect([await namesIn(crashed), await namesIn(crashed, '/e')]).toEqual([[], ['a']]);
});

test('MemoryFileSystem.crash() can be applied to what a crash left', async () => {
  await write('/d/a', 'hello', { sync: true });
  await fileSystem.syncDirectory('/d');
  expect(await textOf(fileSystem.crash().crash(), '/d/a')).toBe('hello');
});

test('MemoryFileSystem loses for good what a failed sync did not write, though a second sync succeeds', async () => {
  const handle = await fileSystem.open('/d/a', { for: 'create' });
  await handle.write(toUtf8('hello'), 0);
  fileSystem.failNext('sync', 'EIO');
  await expect(handle.sync()).rejects.toMatchObject({ code: 'SYNC_FAILED', actual: 'EIO' });
  await handle.sync();
  await handle.close();
  await fileSystem.syncDirectory('/d');
  expect(await textOf(fileSystem, '/d/a')).toBe('hello');
  expect(await textOf(fileSystem.crash(), '/d/a')).toBe('\0\0\0\0\0');
});

test('MemoryFileSystem.failNext() fails the chosen call of the chosen path, once', async () => {
  await write('/d/a', 'hello', { sync: true });
  fileSystem.failNext('stat', 'EACCES', { path: (path) => path === '/d/a', skip: 1 });
  await fileSystem.stat('/d');
  await fileSystem.stat('/d/a');
  await expect(fileSystem.stat('/d/a')).rejects.toMatchObject({
    code: 'READ_FAILED',
    actual: 'EACCES',
    file: '/d/a',
  });
  await fileSystem.stat('/d/a');
  expect(fileSystem.faultsPending).toBe(0);
});

test.each([
  ['list', 'READ_FAILED', () => fileSystem.list('/d')],
  ['makeDirectory', 'WRITE_FAILED', () => fileSystem.makeDirectory('/e')],
  ['rename', 'WRITE_FAILED', () => fileSystem.rename('/d/a', '/d/b')],
  ['remove', 'WRITE_FAILED', () => fileSystem.remove('/d/a')],
  ['syncDirectory', 'SYNC_FAILED', () => fileSystem.syncDirectory('/d')],
  ['open', 'READ_FAILED', () => fileSystem.open('/d/a', { for: 'read' })],
  ['open', 'WRITE_FAILED', () => fileSystem.open('/d/b', { for: 'create' })],
  ['size', 'READ_FAILED', () => fileSystem.readFile('/d/a', { bytesMax: 9 })],
  ['read', 'READ_FAILED', () => fileSystem.readFile('/d/a', { bytesMax: 9 })],
  ['close', 'READ_FAILED', () => fileSystem.readFile('/d/a', { bytesMax: 9 })],
] as const)('MemoryFileSystem.failNext() makes %s fail with %s', async (operation, code, call) => {
  await write('/d/a', 'hello', { sync: true });
  fileSystem.failNext(operation, 'EIO');
  await expect(call()).rejects.toMatchObject({ code, actual: 'EIO' });
  expect(fileSystem.openHandles).toBe(0);
});

test('MemoryFileSystem.failNext() makes truncate fail, and the file is as before', async () => {
  await write('/d/a', 'hello', { sync: true });
  const handle = await fileSystem.open('/d/a', { for: 'fill' });
  fileSystem.failNext('truncate', 'EIO');
  const refused = { code: 'WRITE_FAILED', actual: 'EIO' };
  await expect(handle.truncate(1)).rejects.toMatchObject(refused);
  await handle.close();
  expect(await textOf(fileSystem, '/d/a')).toBe('hello');
});

test('MemoryFileSystem.failNext() can let a write write a part', async () => {
  const handle = await fileSystem.open('/d/a', { for: 'create' });
  fileSystem.failNext('write', 'ENOSPC', { bytesWritten: 2 });
  const writing = handle.write(toUtf8('hello'), 0);
  await expect(writing).rejects.toMatchObject({ code: 'WRITE_FAILED', actual: 'ENOSPC' });
  await handle.close();
  expect(await textOf(fileSystem, '/d/a')).toBe('he');
});

test('MemoryFileSystem releases a handle whose close fails', async () => {
  const handle = await fileSystem.open('/d/a', { for: 'create' });
  expect(fileSystem.openHandles).toBe(1);
  fileSystem.failNext('close', 'EIO');
  await expect(handle.close()).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  expect(fileSystem.openHandles).toBe(0);
});

test('MemoryFileSystem.holdNext() makes a call wait until it is released', async () => {
  const hold = fileSystem.holdNext('syncDirectory');
  let isDone = false;
  const syncing = fileSystem.syncDirectory('/d').then(() => {
    isDone = true;
  });
  await hold.reached;
  await fileSystem.stat('/d');
  expect(isDone).toBe(false);
  hold.release();
  await syncing;
  expect(isDone).toBe(true);
});

test('MemoryFileSystem.readFile() notices a write meanwhile', async () => {
  await write('/d/a', 'hello', { sync: true });
  const hold = fileSystem.holdNext('read');
  const reading = fileSystem.readFile('/d/a', { bytesMax: 9 });
  await hold.reached;
  const handle = await fileSystem.open('/d/a', { for: 'fill' });
  await handle.write(toUtf8('J'), 0);
  await handle.close();
  hold.release();
  await expect(reading).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING' });
});

test('MemoryFileSystem.readFile() notices a truncation meanwhile', async () => {
  await write('/d/a', 'hello', { sync: true });
  const hold = fileSystem.holdNext('read');
  const reading = fileSystem.readFile('/d/a', { bytesMax: 9 });
  await hold.reached;
  const handle = await fileSystem.open('/d/a', { for: 'fill' });
  await handle.truncate(2);
  await handle.close();
  hold.release();
  await expect(reading).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING' });
});

test('MemoryFileSystem.readFile() notices a replacement meanwhile', async () => {
  await write('/d/a', 'hello', { sync: true });
  await write('/d/b', 'hello', { sync: true });
  const hold = fileSystem.holdNext('read');
  const reading = fileSystem.readFile('/d/a', { bytesMax: 9 });
  await hold.reached;
  await fileSystem.rename('/d/b', '/d/a');
  hold.release();
  await expect(reading).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING' });
});

test('MemoryFileSystem.readFile() notices a removal meanwhile', async () => {
  await write('/d/a', 'hello', { sync: true });
  const hold = fileSystem.holdNext('read');
  const reading = fileSystem.readFile('/d/a', { bytesMax: 9 });
  await hold.reached;
  await fileSystem.remove('/d/a');
  hold.release();
  await expect(reading).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING' });
});

test('MemoryFileSystem.journal lists the calls in order with absolute paths', async () => {
  const files = new MemoryFileSystem();
  await files.makeDirectory('d');
  const handle = await files.open('d/a', { for: 'create' });
  await handle.write(toUtf8('x'), 0);
  await handle.truncate(0);
  await handle.sync();
  await handle.close();
  await files.rename('d/a', 'd/b');
  await files.syncDirectory('/d/');
  expect(files.journal).toEqual([
    { operation: 'makeDirectory', path: '/d' },
    { operation: 'open', path: '/d/a' },
    { operation: 'write', path: '/d/a' },
    { operation: 'truncate', path: '/d/a' },
    { operation: 'sync', path: '/d/a' },
    { operation: 'close', path: '/d/a' },
    { operation: 'rename', path: '/d/a', to: '/d/b' },
    { operation: 'syncDirectory', path: '/d' },
  ]);
});

test('MemoryFileSystem keeps its own copy of written bytes', async () => {
  const bytes = toUtf8('hello');
  const handle = await fileSystem.open('/d/a', { for: 'create' });
  await handle.write(bytes, 0);
  bytes.fill(0);
  await handle.close();
  expect(await textOf(fileSystem, '/d/a')).toBe('hello');
});
