import { beforeEach, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { type DirectoryLock, lockDirectory } from '../../src/files/directory-lock.ts';
import { findSnapshots, sweepSpools } from '../../src/files/snapshot-directory.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

let fileSystem: MemoryFileSystem;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
});

async function put(name: string, text = 'content'): Promise<void> {
  const handle = await fileSystem.open(`/s/${name}`, { for: 'create' });
  await handle.write(toUtf8(text), 0);
  await handle.close();
}

async function lockIt(): Promise<DirectoryLock> {
  const options = { fileSystem, processes: fakeProcesses(), randomness: countingRandomness() };
  return lockDirectory('/s', options);
}

test('findSnapshots() lists newest first, by numbers', async () => {
  await put('snapshot_9_11.committed');
  await put('snapshot_100_105.committed');
  await put('snapshot_100_103.committed');
  await put('snapshot_20_21.committed_25');
  const found = await findSnapshots('/s', fileSystem);
  expect(found).toEqual([
    {
      file: 'snapshot_100_105.committed',
      seqno: 100,
      evidenceSeqno: 105,
      bytes: 7,
      committed: true,
    },
    {
      file: 'snapshot_100_103.committed',
      seqno: 100,
      evidenceSeqno: 103,
      bytes: 7,
      committed: true,
    },
    {
      file: 'snapshot_20_21.committed_25',
      seqno: 20,
      evidenceSeqno: 21,
      bytes: 7,
      committed: true,
    },
    { file: 'snapshot_9_11.committed', seqno: 9, evidenceSeqno: 11, bytes: 7, committed: true },
  ]);
});

test.each([
  'junk',
  'snapshot',
  'snapshot_x_y.committed',
  'snapshot_1.committed',
  'snapshot_01_2.committed',
  'snapshot_-1_2.committed',
  'snapshot_5_3.committed',
  'snapshot_18446744073709551614_18446744073709551615.committed',
  'snapshot_1_2.committed.bak',
  'snapshot_1_2.committed.ignored',
  'snapshot_1_2.COMMITTED',
  'snapshot_1_2.committed ',
  'snapshot_1_2.committed\n',
  '__proto__',
])('findSnapshots() ignores %j as BAD_NAME', async (name) => {
  await put(name);
  expect(await findSnapshots('/s', fileSystem)).toEqual([
    { file: name, bytes: 7, committed: false, ignored: 'BAD_NAME' },
  ]);
});

test('findSnapshots() says why it ignores each other file, those without a seqno last', async () => {
  await put('snapshot_1_2.committed', '');
  await put('snapshot_2_3');
  fileSystem.addSpecial('/s/snapshot_3_4.committed', 'symlink');
  fileSystem.addSpecial('/s/snapshot_4_5.committed', 'other');
  await fileSystem.makeDirectory('/s/snapshot_5_6.committed');
  await fileSystem.makeDirectory('/s/quarantine');
  await put('spool_7_0.tmp');
  await put('lock');
  const found = await findSnapshots('/s', fileSystem);
  expect(found.map(({ file, ignored }) => [file, ignored])).toEqual([
    ['snapshot_5_6.committed', 'NOT_A_REGULAR_FILE'],
    ['snapshot_4_5.committed', 'NOT_A_REGULAR_FILE'],
    ['snapshot_3_4.committed', 'SYMLINK_REFUSED'],
    ['snapshot_2_3', 'UNCOMMITTED'],
    ['snapshot_1_2.committed', 'EMPTY_FILE'],
    ['lock', 'LOCK'],
    ['quarantine', 'QUARANTINE'],
    ['spool_7_0.tmp', 'SPOOL'],
  ]);
});

test('findSnapshots() goes on after a file whose size cannot be read', async () => {
  await put('snapshot_1_2.committed');
  await put('snapshot_2_3.committed');
  fileSystem.failNext('stat', 'EIO', { path: (path) => path.includes('_2_3') });
  const found = await findSnapshots('/s', fileSystem);
  expect(found.map(({ file, ignored }) => [file, ignored])).toEqual([
    ['snapshot_2_3.committed', 'READ_FAILED'],
    ['snapshot_1_2.committed', undefined],
  ]);
});

test('findSnapshots() leaves out a file that goes away meanwhile', async () => {
  await put('snapshot_1_2.committed');
  const hold = fileSystem.holdNext('stat');
  const finding = findSnapshots('/s', fileSystem);
  await hold.reached;
  await fileSystem.remove('/s/snapshot_1_2.committed');
  hold.release();
  expect(await finding).toEqual([]);
});

test('EDGE-14 findSnapshots() finds the one snapshot among many junk names', async () => {
  for (let i = 0; i < 2000; i++) await put(`junk${i}`);
  await put('snapshot_1_2.committed');
  const found = await findSnapshots('/s', fileSystem);
  expect(found.length).toBe(2001);
  expect(found[0]?.file).toBe('snapshot_1_2.committed');
});

test('findSnapshots() refuses what is missing or no directory', async () => {
  await put('a');
  const finding = (directory: string) => findSnapshots(directory, fileSystem);
  await expect(finding('/no')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(finding('/s/a')).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
});

test('sweepSpools() removes spools, beside what lockDirectory() sweeps, and nothing else', async () => {
  await put('spool_7_0.tmp');
  await put('spool_8_1.tmp');
  await put('lock.0123456789abcdef');
  await put('snapshot_1_2.committed');
  await put('spool_x_0.tmp');
  const sweep = await sweepSpools(fileSystem, await lockIt());
  expect(sweep.removed).toEqual(['spool_7_0.tmp', 'spool_8_1.tmp']);
  const left = (await fileSystem.list('/s')).map(({ name }) => name);
  expect(left).toEqual(['lock', 'snapshot_1_2.committed', 'spool_x_0.tmp']);
});

test('sweepSpools() goes on after a file that will not go', async () => {
  await put('spool_7_0.tmp');
  await put('spool_8_1.tmp');
  const lock = await lockIt();
  fileSystem.failNext('remove', 'EACCES');
  const sweep = await sweepSpools(fileSystem, lock);
  expect(sweep.removed).toEqual(['spool_8_1.tmp']);
  expect(sweep.failed).toMatchObject([{ file: 'spool_7_0.tmp', error: { actual: 'EACCES' } }]);
});

test('sweepSpools() refuses without the lock', async () => {
  const lock = await lockIt();
  await lock.release();
  await expect(sweepSpools(fileSystem, lock)).rejects.toMatchObject({ code: 'CLOSED' });
});
