import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { type DirectoryLock, lockDirectory } from '../../src/files/directory-lock.ts';
import { quarantineSnapshot } from '../../src/files/quarantine.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { crashStates, probed } from './crash-states.ts';
import { countingRandomness, fakeProcesses } from './fake-processes.ts';

let fileSystem: MemoryFileSystem;
let lock: DirectoryLock;

const others = () => ({ processes: fakeProcesses(), randomness: countingRandomness() });

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
  lock = await lockDirectory('/s', { fileSystem, ...others() });
});

async function put(path: string, size = 3): Promise<void> {
  const handle = await fileSystem.open(path, { for: 'create' });
  if (size > 0) await handle.write(new Uint8Array(size).fill(7), 0);
  await handle.sync();
  await handle.close();
  await fileSystem.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}

const named = (seqno: number) => `snapshot_${seqno}_${seqno + 1}.committed`;

async function names(directory: string, disk = fileSystem): Promise<readonly string[]> {
  const found = await disk.list(directory);
  return found.map(({ name }) => name).filter((name) => name !== 'lock');
}

interface Bounds {
  readonly filesMax?: number;
  readonly bytesMax?: number;
}

const setAside = (file: string, bounds: Bounds = {}) =>
  quarantineSnapshot(file, { fileSystem, lock, ...bounds });

/** Puts a snapshot there and sets it aside. */
async function putAside(seqno: number, size = 3, bounds: Bounds = {}) {
  await put(`/s/${named(seqno)}`, size);
  return setAside(named(seqno), bounds);
}

describe('quarantineSnapshot()', () => {
  test('moves a file into quarantine/, under its name', async () => {
    await put('/s/snapshot_7_8.committed');
    expect(await putAside(5)).toEqual({ file: named(5), evicted: [] });
    expect(await names('/s')).toEqual(['quarantine', named(7)]);
    const bytes = await fileSystem.readFile(`/s/quarantine/${named(5)}`, { bytesMax: 10 });
    expect(bytes).toEqual(Uint8Array.of(7, 7, 7));
  });

  test('numbers a name that is taken, and replaces nothing', async () => {
    const files = [];
    for (const size of [1, 2, 3]) files.push((await putAside(5, size)).file);
    expect(files).toEqual([named(5), `${named(5)}.1`, `${named(5)}.2`]);
    expect((await fileSystem.stat(`/s/quarantine/${named(5)}`))?.size).toBe(1);
  });

  test('numbers on past what is not ours', async () => {
    await fileSystem.makeDirectory('/s/quarantine');
    fileSystem.addSpecial(`/s/quarantine/${named(5)}`, 'symlink');
    await fileSystem.makeDirectory(`/s/quarantine/${named(5)}.1`);
    expect((await putAside(5)).file).toBe(`${named(5)}.2`);
  });

  test('is made with mode 0700, on a real disk', async () => {
    const root = mkdtempSync(join(tmpdir(), 'quarantine-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    writeFileSync(join(root, named(5)), 'x');
    const held = await lockDirectory(root, { fileSystem: realFileSystem, ...others() });
    await quarantineSnapshot(named(5), { fileSystem: realFileSystem, lock: held });
    expect(statSync(join(root, 'quarantine')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(root, 'quarantine'))).toEqual([named(5)]);
    await held.release();
  });

  test('I13 refuses a quarantine that is a link, and puts nothing where it leads', async () => {
    const root = mkdtempSync(join(tmpdir(), 'quarantine-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    for (const name of ['s', 'elsewhere']) mkdirSync(join(root, name));
    symlinkSync(join(root, 'elsewhere'), join(root, 's/quarantine'));
    writeFileSync(join(root, 's', named(5)), 'x');
    const held = await lockDirectory(join(root, 's'), { fileSystem: realFileSystem, ...others() });
    const moving = quarantineSnapshot(named(5), { fileSystem: realFileSystem, lock: held });
    await expect(moving).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
    expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
    expect(readdirSync(join(root, 's'))).toContain(named(5));
    await held.release();
  });

  test.each([
    '../keys/service_key.pem',
    `../${named(5)}`,
    `/s/${named(5)}`,
    `quarantine/${named(5)}`,
    'snapshot_5_6',
    'snapshot_5_6.committed.1',
    'lock',
    '',
    '.',
  ])('I13 refuses %j: only the name of a committed snapshot', async (name) => {
    await put(`/s/${named(5)}`);
    const before = fileSystem.journal.length;
    await expect(setAside(name)).rejects.toMatchObject({ code: 'BAD_NAME' });
    const changes = fileSystem.journal.slice(before).map(({ operation }) => operation);
    expect(changes).not.toContain('rename');
    expect(changes).not.toContain('remove');
    expect(changes).not.toContain('makeDirectory');
  });

  test('refuses what is gone, a link, and a directory', async () => {
    fileSystem.addSpecial(`/s/${named(6)}`, 'symlink');
    await fileSystem.makeDirectory(`/s/${named(7)}`);
    await expect(setAside(named(5))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(setAside(named(6))).rejects.toMatchObject({ code: 'SYMLINK_REFUSED' });
    await expect(setAside(named(7))).rejects.toMatchObject({ code: 'NOT_A_REGULAR_FILE' });
    expect(await names('/s')).toEqual([named(6), named(7)]);
  });

  test('I16 keeps 16 files, the oldest go first by number', async () => {
    for (const seqno of [100, 9, 20]) await putAside(seqno);
    for (let seqno = 101; seqno <= 113; seqno++) await putAside(seqno);
    expect(await names('/s/quarantine')).toHaveLength(16);
    expect(await putAside(50)).toMatchObject({ evicted: [named(9)] });
    expect(await putAside(51)).toMatchObject({ evicted: [named(20)] });
    expect(await names('/s/quarantine')).toHaveLength(16);
  });

  test('I16 keeps so many bytes, the oldest go until there is room', async () => {
    const bounds = { bytesMax: 10 };
    for (const seqno of [1, 2, 3]) await putAside(seqno, 3, bounds);
    expect((await putAside(4, 4, bounds)).evicted).toEqual([named(1)]);
    expect((await putAside(5, 10, bounds)).evicted).toEqual([2, 3, 4].map(named));
    expect(await names('/s/quarantine')).toEqual([named(5)]);
  });

  test('I16 keeps 1 GiB unless told otherwise', async () => {
    const stat = fileSystem.stat.bind(fileSystem);
    fileSystem.stat = async (path) => {
      const found = await stat(path);
      return found?.kind === 'file' ? { ...found, size: 2 ** 29 } : found;
    };
    await putAside(1);
    expect((await putAside(2)).evicted).toEqual([]);
    expect((await putAside(3)).evicted).toEqual([named(1)]);
  });

  test('I16 the one that comes is never the one that goes, also when it is the oldest', async () => {
    for (const seqno of [10, 11]) await putAside(seqno, 3, { filesMax: 2 });
    expect(await putAside(5, 3, { filesMax: 2 })).toEqual({ file: named(5), evicted: [named(10)] });
  });

  test('I16 the age is that of the snapshot, then of its evidence', async () => {
    const late = 'snapshot_5_100.committed';
    for (const name of [named(6), late, named(5)]) {
      await put(`/s/${name}`);
      await setAside(name, { filesMax: 3 });
    }
    expect((await putAside(7, 3, { filesMax: 3 })).evicted).toEqual([named(5)]);
    expect((await putAside(8, 3, { filesMax: 3 })).evicted).toEqual([late]);
  });

  test('I16 of one name the first goes first', async () => {
    for (const _ of [1, 2, 3]) await putAside(5, 3, { filesMax: 3 });
    expect((await putAside(6, 3, { filesMax: 3 })).evicted).toEqual([named(5)]);
    expect((await putAside(7, 3, { filesMax: 3 })).evicted).toEqual([`${named(5)}.1`]);
  });

  test('I16 what alone is larger than the bound goes there too, and only for the next one of that kind', async () => {
    await putAside(5, 3, { bytesMax: 10 });
    expect((await putAside(6, 11, { bytesMax: 10 })).evicted).toEqual([]);
    expect((await putAside(7, 7, { bytesMax: 10 })).evicted).toEqual([]);
    expect((await putAside(8, 12, { bytesMax: 10 })).evicted).toEqual([named(6)]);
    expect(await names('/s')).toEqual(['quarantine']);
    expect(await names('/s/quarantine')).toEqual([named(5), named(7), named(8)]);
  });

  test('I16 the bound on files counts what is larger, too', async () => {
    await putAside(5, 11, { bytesMax: 10 });
    expect((await putAside(6, 1, { bytesMax: 10, filesMax: 1 })).evicted).toEqual([named(5)]);
  });

  test('I13 never removes from quarantine/ what is not ours, and does not count it', async () => {
    const odd = [
      'notes.txt',
      'snapshot_1_2',
      'snapshot_1_2.committed.x',
      'snapshot_1_2.committed.01',
    ];
    await fileSystem.makeDirectory('/s/quarantine');
    for (const name of odd) await put(`/s/quarantine/${name}`, 100);
    await putAside(5, 3, { filesMax: 1, bytesMax: 10 });
    expect((await putAside(6, 3, { filesMax: 1, bytesMax: 10 })).evicted).toEqual([named(5)]);
    expect(await names('/s/quarantine')).toEqual([...odd, named(6)].toSorted());
  });

  test('counts the names of CCF 1.x, and an empty file', async () => {
    await put('/s/snapshot_3_4.committed_9', 0);
    expect(await setAside('snapshot_3_4.committed_9')).toMatchObject({
      file: 'snapshot_3_4.committed_9',
    });
    expect((await putAside(5, 3, { filesMax: 1 })).evicted).toEqual(['snapshot_3_4.committed_9']);
  });

  test('refuses without the lock', async () => {
    await put(`/s/${named(5)}`);
    await lock.release();
    await expect(setAside(named(5))).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test.each(['makeDirectory', 'rename'] as const)(
    'leaves the file where it is when %s fails',
    async (operation) => {
      await put(`/s/${named(5)}`);
      fileSystem.failNext(operation, 'ENOSPC');
      await expect(setAside(named(5))).rejects.toMatchObject({ code: 'WRITE_FAILED' });
      expect(await names('/s')).toContain(named(5));
    },
  );

  test('syncs the directory that it goes to before the one that it comes from', async () => {
    await putAside(5);
    const synced = fileSystem.journal.filter(({ operation }) => operation === 'syncDirectory');
    expect(synced.slice(-2).map(({ path }) => path)).toEqual(['/s/quarantine', '/s']);
  });

  test('a power cut at any operation leaves it in one of the two places, whole', async () => {
    await putAside(3, 3, { filesMax: 1 });
    await put(`/s/${named(5)}`);
    let states = 0;
    const check = async () => {
      for (const crashed of crashStates(fileSystem)) {
        states++;
        const places = ['/s', '/s/quarantine'];
        const sizes = await Promise.all(
          places.map(async (place) => (await crashed.stat(`${place}/${named(5)}`))?.size),
        );
        expect(sizes.filter((size) => size === 3)).toHaveLength(1);
      }
    };
    const probing = probed(fileSystem, check);
    await quarantineSnapshot(named(5), { fileSystem: probing, lock, filesMax: 1 });
    await check();
    expect(states).toBeGreaterThan(10);
    expect(await names('/s/quarantine', fileSystem.crash())).toEqual([named(5)]);
  });
});
