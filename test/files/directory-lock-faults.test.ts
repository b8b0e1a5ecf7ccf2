import { expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { isLockName, lockDirectory } from '../../src/files/directory-lock.ts';
import type { FileOperation } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { fakeProcesses } from './fake-processes.ts';

const faults = [
  ['open', 'EMFILE'],
  ['open', 'ENOSPC'],
  ['write', 'ENOSPC'],
  ['sync', 'EIO'],
  ['size', 'EIO'],
  ['read', 'EIO'],
  ['close', 'EIO'],
  ['rename', 'EIO'],
  ['link', 'EIO'],
  ['list', 'EMFILE'],
  ['stat', 'EIO'],
  ['remove', 'EIO'],
] as const satisfies readonly (readonly [FileOperation, string])[];

async function diskWith(lock: string | undefined): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await disk.makeDirectory('/s');
  if (lock === undefined) return disk;
  const handle = await disk.open('/s/lock', { for: 'create' });
  await handle.write(toUtf8(lock), 0);
  await handle.close();
  return disk;
}

const namesOf = async (disk: MemoryFileSystem) =>
  (await disk.list('/s')).map(({ name }) => name).filter(isLockName);

const lockOn = (fileSystem: MemoryFileSystem, byte: number) => {
  const randomness = { bytes: (length: number) => new Uint8Array(length).fill(byte) };
  return lockDirectory('/s', { fileSystem, processes: fakeProcesses(), randomness });
};

/** Fails the call of that number; false when there was none. */
async function lockWithFault(
  [operation, errno]: readonly [FileOperation, string],
  skip: number,
  lock: string | undefined,
): Promise<boolean> {
  const disk = await diskWith(lock);
  disk.failNext(operation, errno, { skip, path: (path) => path.startsWith('/s') });
  const outcome = await lockOn(disk, 1).catch((error: unknown) => error);
  const hasFired = disk.faultsPending === 0;
  const call = `${operation} ${skip}`;
  if (outcome instanceof Error) {
    expect(outcome, call).toMatchObject({ name: 'StorageError', actual: errno });
    // A dead process's lock may stay, of ours there is nothing.
    expect(await namesOf(disk), call).toEqual(
      lock !== undefined && (await namesOf(disk)).length > 0 ? ['lock'] : [],
    );
  } else await (outcome as Awaited<ReturnType<typeof lockOn>>).release().catch(() => undefined);
  if (hasFired) {
    await (await lockOn(disk, 2)).release();
    expect(await namesOf(disk), call).toEqual([]);
    expect(disk.openHandles, call).toBe(0);
  }
  return hasFired;
}

const places = [
  ['no lock', undefined],
  ['the lock of a dead process', '{"pid":7,"start":"b","nonce":"00"}'],
  ['an empty lock', ''],
] as const;

test.each(faults.flatMap((fault) => places.map((place) => [...fault, ...place] as const)))(
  'lockDirectory() whose %s fails once with %s leaves nothing, and the same process can lock then: %s',
  async (operation, errno, _what, lock) => {
    let fired = 0;
    while (await lockWithFault([operation, errno], fired, lock)) fired += 1;
    expect(fired).toBeGreaterThanOrEqual(operation === 'size' || operation === 'read' ? 0 : 1);
    expect(fired).toBeLessThan(40);
  },
);

test('DirectoryLock.release() that cannot remove the lock lets the same process lock again', async () => {
  const disk = await diskWith(undefined);
  const held = await lockOn(disk, 1);
  disk.failNext('remove', 'EIO');
  await expect(held.release()).rejects.toMatchObject({ code: 'WRITE_FAILED' });
  await (await lockOn(disk, 2)).release();
  expect(await namesOf(disk)).toEqual([]);
});

test('a start after many failures finds no temporary file and no claim of an earlier one', async () => {
  const disk = await diskWith(undefined);
  for (const name of [
    'lock.0123456789abcdef.tmp',
    'lock.00000000000000aa',
    'lock.00000000000000bb',
  ]) {
    const handle = await disk.open(`/s/${name}`, { for: 'create' });
    if (name.endsWith('aa')) await handle.write(toUtf8('{"pid":7,"start":"b","nonce":"aa"}'), 0);
    await handle.close();
  }
  const held = await lockOn(disk, 1);
  expect(await namesOf(disk)).toEqual(['lock']);
  await held.release();
  expect(await namesOf(disk)).toEqual([]);
});
