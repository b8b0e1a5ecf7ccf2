import { beforeEach, describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../src/core/bytes.ts';
import { type DirectoryLock, lockDirectory } from '../../src/files/directory-lock.ts';
import { pruneSnapshots } from '../../src/files/retention.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { crashStates, probed } from './crash-states.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

let fileSystem: MemoryFileSystem;
let lock: DirectoryLock;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
  const processes = fakeProcesses();
  lock = await lockDirectory('/s', { fileSystem, processes, randomness: countingRandomness() });
});

async function put(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const handle = await fileSystem.open(`/s/${name}`, { for: 'create' });
    await handle.write(toUtf8(name), 0);
    await handle.close();
  }
}

async function sync(name: string): Promise<void> {
  const handle = await fileSystem.open(`/s/${name}`, { for: 'read' });
  await handle.sync();
  await handle.close();
}

const committed = (...seqnos: readonly number[]) =>
  seqnos.map((seqno) => `snapshot_${seqno}_${seqno + 1}.committed`);

const [s1 = '', s2 = '', s3 = '', s9 = '', s10 = ''] = committed(1, 2, 3, 9, 10);

async function names(disk = fileSystem): Promise<readonly string[]> {
  return (await disk.list('/s')).map(({ name }) => name).filter((name) => name !== 'lock');
}

const pruneTo = (keep: number, newestValid = s10) =>
  pruneSnapshots({ fileSystem, lock, keep, newestValid });

const filesOf = ({ removed }: Awaited<ReturnType<typeof pruneTo>>) =>
  removed.map(({ file }) => file);

/** The calls that remove a snapshot; the lock's own files come and go, too. */
function removalsOfSnapshots() {
  return fileSystem.journal.filter(
    ({ operation, path }) => operation === 'remove' && path.includes('/snapshot_'),
  );
}

describe('pruneSnapshots()', () => {
  test('FIL-24 removes the oldest beyond the limit, oldest first, by numbers', async () => {
    await put(s10, s3, s9, s1, s2);
    expect(filesOf(await pruneTo(2))).toEqual([s1, s2, s3]);
    expect(await names()).toEqual([s10, s9]);
    const removals = removalsOfSnapshots();
    expect(removals.map(({ path }) => path)).toEqual([`/s/${s1}`, `/s/${s2}`, `/s/${s3}`]);
  });

  test.each([5, 6, 1000])('FIL-24 removes nothing of five when %i stay', async (keep) => {
    await put(s1, s2, s3, s9, s10);
    expect(await pruneTo(keep)).toEqual({ removed: [], failed: [] });
    expect(await names()).toHaveLength(5);
  });

  test('FIL-24 of one seqno keeps the later evidence', async () => {
    await put('snapshot_10_12.committed', s10);
    expect(filesOf(await pruneTo(1, 'snapshot_10_12.committed'))).toEqual([s10]);
  });

  test('EDGE-13 10.4/17 keeps the newest valid one, and all that is newer, whatever the limit', async () => {
    await put(s1, s2, s3, s9, s10);
    expect(filesOf(await pruneTo(1, s2))).toEqual([s1]);
    expect(await names()).toEqual([s10, s2, s3, s9]);
  });

  test('10.4/17 counts an invalid newer one in the limit', async () => {
    await put(s1, s2, s3, s10);
    expect(filesOf(await pruneTo(2, s3))).toEqual([s1, s2]);
  });

  test('10.4/17 removes nothing when the valid one is not there, or is no candidate', async () => {
    await put(s1, s2, 'snapshot_20_21');
    expect(filesOf(await pruneTo(1, s10))).toEqual([]);
    expect(filesOf(await pruneTo(1, 'snapshot_20_21'))).toEqual([]);
    expect(await names()).toHaveLength(3);
  });

  test('FIL-26 I13 leaves alone what is not a committed snapshot of its own name', async () => {
    const odd = ['snapshot_1_2', 'snapshot_4_5.committed.bak', 'junk', 'ledger_1-5.committed'];
    const spools = ['spool_3_0.tmp', 'view', 'lock.0123456789abcdef'];
    await put(...odd, ...spools, s1, s10);
    await fileSystem.makeDirectory('/s/quarantine');
    await fileSystem.makeDirectory('/s/snapshot_5_6.committed');
    fileSystem.addSpecial('/s/snapshot_6_7.committed', 'symlink');
    fileSystem.addSpecial('/s/snapshot_7_8.committed', 'other');
    const empty = await fileSystem.open('/s/snapshot_8_9.committed', { for: 'create' });
    await empty.close();
    const before = await names();
    expect(filesOf(await pruneTo(1))).toEqual([s1]);
    expect(await names()).toEqual(before.filter((name) => name !== s1));
  });

  test('FIL-26 does not count what it leaves alone', async () => {
    fileSystem.addSpecial('/s/snapshot_11_12.committed', 'symlink');
    await put('snapshot_12_13', s2, s3, s10);
    expect(filesOf(await pruneTo(2))).toEqual([s2]);
  });

  test('FIL-24 tells of one that will not go, and goes on with the rest', async () => {
    await put(s1, s2, s3, s10);
    fileSystem.failNext('remove', 'EACCES', { path: (path) => path.endsWith(s2) });
    const pruned = await pruneTo(1);
    expect(filesOf(pruned)).toEqual([s1, s3]);
    expect(pruned.failed).toMatchObject([{ file: s2, error: { actual: 'EACCES' } }]);
    expect(await names()).toEqual([s10, s2]);
    expect(filesOf(await pruneTo(1))).toEqual([s2]);
  });

  test('FIL-24 takes one that another has removed meanwhile for removed', async () => {
    await put(s1, s2, s10);
    const hold = fileSystem.holdNext('remove');
    const pruning = pruneTo(1);
    await hold.reached;
    fileSystem.failNext('remove', 'ENOENT');
    hold.release();
    expect(await pruning).toMatchObject({ failed: [] });
  });

  test.each([0, -1, 0.5, Number.NaN])('FIL-21 refuses to keep %d', async (keep) => {
    await put(s1, s10);
    await expect(pruneTo(keep)).rejects.toBeInstanceOf(RangeError);
    expect(await names()).toEqual([s10, s1]);
  });

  test('FIL-23 does nothing when the directory cannot be listed', async () => {
    await put(s1, s10);
    fileSystem.failNext('list', 'EIO');
    await expect(pruneTo(1)).rejects.toMatchObject({ code: 'READ_FAILED' });
    expect(await names()).toEqual([s10, s1]);
  });

  test.each(['sync', 'syncDirectory'] as const)(
    'I2 removes nothing when the newest valid one cannot be made durable: %s',
    async (operation) => {
      await put(s1, s10);
      fileSystem.failNext(operation, 'EIO');
      await expect(pruneTo(1)).rejects.toMatchObject({ code: 'SYNC_FAILED' });
      expect(await names()).toEqual([s10, s1]);
      expect(fileSystem.openHandles).toBe(0);
    },
  );

  test('I7 opens no file but for reading, and renames none', async () => {
    await put(s1, s2, s10);
    const from = fileSystem.journal.length;
    await pruneTo(1);
    const later = fileSystem.journal.slice(from).map(({ operation }) => operation);
    expect(later).not.toContain('write');
    expect(later).not.toContain('truncate');
    expect(later).not.toContain('rename');
    expect(fileSystem.openHandles).toBe(0);
  });

  test('FIL-22 two at once come one after the other', async () => {
    await put(s1, s2, s3, s10);
    const hold = fileSystem.holdNext('remove');
    const [first, second] = [pruneTo(2), pruneTo(1)];
    await hold.reached;
    hold.release();
    expect([filesOf(await first), filesOf(await second)]).toEqual([[s1, s2], [s3]]);
  });

  test('FIL-22 refuses without the lock', async () => {
    await put(s1, s10);
    await lock.release();
    await expect(pruneTo(1)).rejects.toMatchObject({ code: 'CLOSED' });
    expect(await names()).toEqual([s10, s1]);
  });

  test('I2 10.4/17 a power cut at any operation leaves the newest valid one, whole', async () => {
    await put(s1, s2, s3);
    for (const name of [s1, s2, s3]) await sync(name);
    // Its writer died before it had synced anything.
    await put(s10);
    let states = 0;
    const check = async () => {
      if (removalsOfSnapshots().length === 0) return;
      for (const crashed of crashStates(fileSystem)) {
        states++;
        const bytes = await crashed.readFile(`/s/${s10}`, { bytesMax: 1000 });
        expect(fromUtf8(bytes)).toBe(s10);
      }
    };
    const probing = probed(fileSystem, check);
    await pruneSnapshots({ fileSystem: probing, lock, keep: 1, newestValid: s10 });
    await check();
    // After none, one, two and three removals each of them is kept or lost; after the sync there is one state.
    expect(states).toBe(2 + 4 + 8 + 1);
    expect(await names(fileSystem.crash())).toEqual([s10]);
  });
});
