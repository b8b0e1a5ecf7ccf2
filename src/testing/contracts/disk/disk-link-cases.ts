import { toUtf8 } from '../../../core/bytes.ts';
import type { StorageError } from '../../../core/errors.ts';
import type { FileIdentity } from '../../../io/file-system.ts';
import { check, checkSame, storageErrorOf } from '../expectations.ts';
import { type DiskCase, DiskUser, hello } from './disk-driver.ts';
import { afterCrash } from './disk-durability-cases.ts';

/** What a file system answers that has no hard links. */
const withoutLinks: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/** Gives a file a second name; false where there are no links, when that must have changed nothing. */
async function linked(disk: DiskUser, from: string, to: string): Promise<boolean> {
  const { fileSystem } = disk;
  if (fileSystem.link === undefined) return false;
  const before = await disk.names();
  try {
    await fileSystem.link(disk.at(from), disk.at(to));
    return true;
  } catch (error) {
    const { code, actual } = error as StorageError;
    if (code !== 'WRITE_FAILED' || !withoutLinks.includes(actual)) throw error;
    checkSame(await disk.names(), before, 'the names after a link that was refused');
    return false;
  }
}

/** What `identify` says of a name that is there; `undefined` where there is no such method. */
async function identityOf(disk: DiskUser, name: string): Promise<FileIdentity | undefined> {
  const { fileSystem } = disk;
  if (fileSystem.identify === undefined) return undefined;
  const found = await fileSystem.identify(disk.at(name));
  check(found !== undefined, `identify knows ${name}`);
  return found;
}

/** Second names and identities: D24 and D25. */
export const linkCases: readonly DiskCase[] = [
  {
    rule: 'D24',
    title: 'link gives a second name with the content of the first, whatever becomes of that',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      if (!(await linked(disk, 'a', 'b'))) return;
      checkSame(await disk.names(), ['a', 'b'], 'the names');
      await disk.using('a', 'fill', (handle) => handle.write(toUtf8('J'), 0));
      await disk.checkFile('b', 'Jello');
      await disk.fileSystem.remove(disk.at('a'));
      await disk.checkFile('b', 'Jello');
    },
  },
  {
    rule: 'D24',
    title: 'link refuses a name that is taken, and leaves both files as they are',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      if (!(await linked(disk, 'a', 'b'))) return;
      await disk.write('c', toUtf8('another'));
      const linking = Promise.resolve(disk.fileSystem.link?.(disk.at('a'), disk.at('c')));
      await storageErrorOf(linking, ['ALREADY_EXISTS'], 'link to a name that is taken');
      await disk.checkFile('a', hello);
      await disk.checkFile('c', 'another');
    },
  },
  {
    rule: 'D24',
    title: 'of links to one name that are made at once one is made',
    async run(driver) {
      const disk = new DiskUser(driver);
      const names = ['a', 'b', 'c', 'd'];
      for (const name of names) await disk.write(name, toUtf8(name));
      if (!(await linked(disk, 'a', 'try'))) return;
      const linking = names.map((name) => disk.fileSystem.link?.(disk.at(name), disk.at('lock')));
      const outcomes = await Promise.allSettled(linking);
      const made = names.filter((_, i) => outcomes[i]?.status === 'fulfilled');
      checkSame(made.length, 1, 'links that were made');
      await disk.checkFile('lock', made[0] ?? '');
    },
  },
  {
    rule: 'D24',
    title: 'link of a missing file is refused',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      if (!(await linked(disk, 'a', 'b'))) return;
      const linking = Promise.resolve(disk.fileSystem.link?.(disk.at('no'), disk.at('c')));
      await storageErrorOf(linking, ['NOT_FOUND'], 'link of nothing');
      checkSame(await disk.names(), ['a', 'b'], 'the names');
    },
  },
  {
    rule: 'D20',
    title: 'a second name survives a power cut once its directory was synced',
    needs: ['crash'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.writeSynced('a', hello);
      if (!(await linked(disk, 'a', 'b'))) return;
      await disk.fileSystem.remove(disk.at('a'));
      await disk.fileSystem.syncDirectory(disk.directory);
      const left = await afterCrash(driver);
      checkSame(await left.names(), ['b'], 'the names');
      await left.checkFile('b', hello);
    },
  },
  {
    rule: 'D25',
    title: 'identify gives one inode under every name of a file, and to no two files',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.write('other', hello);
      const first = await identityOf(disk, 'a');
      const other = await identityOf(disk, 'other');
      if (first === undefined) return;
      check(first.inode !== other?.inode, 'two files have two inodes');
      await disk.fileSystem.rename(disk.at('a'), disk.at('b'));
      checkSame(await identityOf(disk, 'b'), first, 'the identity of a renamed file');
      if (!(await linked(disk, 'b', 'c'))) return;
      checkSame(await identityOf(disk, 'c'), first, 'the identity under a second name');
    },
  },
  {
    rule: 'D25',
    title: 'identify tells a directory from another one, by any path to it',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      await disk.fileSystem.makeDirectory(disk.at('e'));
      const first = await identityOf(disk, 'd');
      if (first === undefined) return;
      checkSame((await identityOf(disk, 'e/../d'))?.inode, first.inode, 'by another path');
      check((await identityOf(disk, 'e'))?.inode !== first.inode, 'two directories differ');
    },
  },
  {
    rule: 'D25',
    title: 'identify knows no name that is not there',
    async run(driver) {
      const disk = new DiskUser(driver);
      if (disk.fileSystem.identify === undefined) return;
      checkSame(await disk.fileSystem.identify(disk.at('no')), undefined, 'identify of nothing');
    },
  },
  {
    rule: 'D25',
    title: 'a file that took the place of another has another identity',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const first = await identityOf(disk, 'a');
      if (first === undefined) return;
      await disk.write('b', hello);
      await disk.fileSystem.rename(disk.at('b'), disk.at('a'));
      const second = await identityOf(disk, 'a');
      check(second?.inode !== first.inode, 'the inode is that of the other file');
    },
  },
];
