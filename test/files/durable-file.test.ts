import { beforeEach, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { writeDurably } from '../../src/files/durable-file.ts';
import type { FileOperation } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { crashStates, probed } from './crash-states.ts';

let fileSystem: MemoryFileSystem;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/n');
});

/** What lies under the name, `undefined` for nothing. */
async function textOf(files: MemoryFileSystem): Promise<string | undefined> {
  if ((await files.stat('/n/state')) === undefined) return undefined;
  return Buffer.from(await files.readFile('/n/state', { bytesMax: 100 })).toString();
}

async function namesIn(files: MemoryFileSystem): Promise<string[]> {
  return (await files.list('/n')).map(({ name }) => name);
}

async function leave(name: string, text: string): Promise<void> {
  const handle = await fileSystem.open(`/n/${name}`, { for: 'create' });
  await handle.write(toUtf8(text), 0);
  await handle.close();
}

const write = (text: string) => writeDurably(fileSystem, '/n/state', toUtf8(text));

test('writeDurably() makes a file of these bytes, which a power cut leaves', async () => {
  await write('one');
  expect(await textOf(fileSystem.crash())).toBe('one');
  expect(await namesIn(fileSystem.crash())).toEqual(['state']);
});

test('writeDurably() replaces what was there', async () => {
  await write('one');
  await write('the other');
  expect(await textOf(fileSystem.crash())).toBe('the other');
});

test('writeDurably() syncs the bytes before the name, and the directory after it', async () => {
  await write('one');
  expect(fileSystem.journal.slice(1)).toEqual([
    { operation: 'remove', path: '/n/state.tmp' },
    { operation: 'open', path: '/n/state.tmp' },
    { operation: 'write', path: '/n/state.tmp' },
    { operation: 'sync', path: '/n/state.tmp' },
    { operation: 'close', path: '/n/state.tmp' },
    { operation: 'rename', path: '/n/state.tmp', to: '/n/state' },
    { operation: 'syncDirectory', path: '/n' },
  ]);
});

test('writeDurably() takes away what a crash left of an earlier write', async () => {
  await leave('state.tmp', 'some longer text');
  await write('one');
  expect([await textOf(fileSystem), await namesIn(fileSystem)]).toEqual(['one', ['state']]);
});

test('writeDurably() leaves the old bytes or the new ones, whenever the power goes', async () => {
  await write('old');
  await leave('state.tmp', 'half');
  const found = new Set<string | undefined>();
  const probe = async () => {
    for (const crashed of crashStates(fileSystem)) found.add(await textOf(crashed));
  };
  await writeDurably(probed(fileSystem, probe), '/n/state', toUtf8('newer'));
  await probe();
  expect([...found].sort()).toEqual(['newer', 'old']);
});

test.each<[FileOperation, string]>([
  ['open', 'WRITE_FAILED'],
  ['write', 'WRITE_FAILED'],
  ['sync', 'SYNC_FAILED'],
  ['close', 'WRITE_FAILED'],
  ['rename', 'WRITE_FAILED'],
])('writeDurably() leaves the old bytes and no .tmp when %s fails', async (operation, code) => {
  await write('old');
  fileSystem.failNext(operation, 'EIO');
  await expect(write('new')).rejects.toMatchObject({ name: 'StorageError', code, actual: 'EIO' });
  expect([await textOf(fileSystem), await namesIn(fileSystem)]).toEqual(['old', ['state']]);
  expect(fileSystem.openHandles).toBe(0);
});

test('writeDurably() tells the first failure when the .tmp cannot be removed either', async () => {
  fileSystem.failNext('write', 'ENOSPC');
  fileSystem.failNext('remove', 'EIO', { skip: 1 });
  await expect(write('new')).rejects.toMatchObject({ actual: 'ENOSPC' });
  expect(await namesIn(fileSystem)).toEqual(['state.tmp']);
});

test('writeDurably() passes on that the directory was not synced', async () => {
  fileSystem.failNext('syncDirectory', 'EIO');
  await expect(write('new')).rejects.toMatchObject({ code: 'SYNC_FAILED' });
  expect(await textOf(fileSystem.crash())).toBeUndefined();
});
