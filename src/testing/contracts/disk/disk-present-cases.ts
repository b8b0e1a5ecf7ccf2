import { toUtf8 } from '../../../core/bytes.ts';
import { check, checkSame, storageErrorOf } from '../expectations.ts';
import { capability } from '../framework.ts';
import { type DiskCase, DiskUser, hello } from './disk-driver.ts';

const rounds = 20;

/** Replaces `b` by `a`, and looks at the name as long as that takes. */
async function replaceWatched(disk: DiskUser, sizes: readonly number[]): Promise<void> {
  let isDone = false;
  const done = () => {
    isDone = true;
  };
  const renaming = disk.fileSystem.rename(disk.at('a'), disk.at('b'));
  const watched = renaming.then(done, done);
  while (!isDone) {
    const found = await disk.fileSystem.stat(disk.at('b'));
    check(found !== undefined, 'while it was replaced there was no file of that name');
    check(sizes.includes(found.size), `while it was replaced the file had ${found.size} bytes`);
  }
  await watched;
  await renaming;
}

/** What is so now, whatever was so before or is under way: D3, D9, D12, D13 and D18. */
export const presentCases: readonly DiskCase[] = [
  {
    rule: 'D3',
    title: 'readFile follows no link and never waits on a pipe',
    needs: ['addSymlink', 'addSpecial'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
      await capability(driver.addSpecial, 'addSpecial').call(driver, disk.at('pipe'));
      await storageErrorOf(disk.read('link'), ['SYMLINK_REFUSED'], 'readFile of a link');
      await storageErrorOf(disk.read('pipe'), ['NOT_A_REGULAR_FILE'], 'readFile of a pipe');
    },
  },
  {
    rule: 'D9',
    title: 'readFile gives what the file holds now, however often it was read before',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.checkFile('a', hello);
      await disk.using('a', 'fill', async (handle) => {
        await handle.write(toUtf8('XY'), 1);
        await disk.checkFile('a', 'hXYlo', 'a file of the same size, written while open');
        await handle.truncate(3);
      });
      await disk.checkFile('a', 'hXY', 'a file that was cut');
      await disk.write('b', toUtf8('new'));
      await disk.fileSystem.rename(disk.at('b'), disk.at('a'));
      await disk.checkFile('a', 'new', 'a file that was replaced');
      await disk.fileSystem.remove(disk.at('a'));
      await storageErrorOf(disk.read('a'), ['NOT_FOUND'], 'readFile of a removed file');
      await disk.write('a', toUtf8('own'));
      await disk.checkFile('a', 'own', 'a file in the place of a removed one');
    },
  },
  {
    rule: 'D12',
    title: 'of many makeDirectory of one name at the same time all succeed',
    async run(driver) {
      const disk = new DiskUser(driver);
      const making = () => disk.fileSystem.makeDirectory(disk.at('d/e'));
      await Promise.all(Array.from({ length: 8 }, making));
      await disk.write('d/e/a', hello);
      await disk.checkFile('d/e/a', hello);
    },
  },
  {
    rule: 'D13',
    title: 'while a file is replaced there is one of its name at each moment, the old or the new',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('b', toUtf8('the old one'));
      for (let round = 0; round < rounds; round++) {
        const before = (await disk.read('b')).length;
        const next = toUtf8('x'.repeat(20 + round));
        await disk.write('a', next);
        await replaceWatched(disk, [before, next.length]);
        await disk.checkFile('b', next);
      }
    },
  },
  {
    rule: 'D13',
    title: 'rename of a file to the name that it has leaves it',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.fileSystem.rename(disk.at('a'), disk.at('a'));
      await disk.checkFile('a', hello);
      checkSame(await disk.names(), ['a'], 'the names');
    },
  },
  {
    rule: 'D13',
    title: "rename refuses a directory's name, and touches neither",
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      const renaming = disk.fileSystem.rename(disk.at('a'), disk.at('d'));
      const codes = ['NOT_A_REGULAR_FILE', 'ALREADY_EXISTS', 'WRITE_FAILED'] as const;
      await storageErrorOf(renaming, codes, "rename to a directory's name");
      await disk.checkFile('a', hello);
      checkSame((await disk.fileSystem.stat(disk.at('d')))?.kind, 'directory', 'what is there');
    },
  },
  {
    rule: 'D18',
    title: 'a reader that is open sees what is written and cut later',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'read', async (reader) => {
        checkSame(await reader.read(0, 9), hello, 'what it sees first');
        await disk.using('a', 'fill', async (writer) => {
          await writer.write(toUtf8('HELLO!'), 0);
          checkSame(await reader.read(0, 9), toUtf8('HELLO!'), 'what it sees after a write');
          await writer.truncate(2);
          checkSame(await reader.read(0, 9), toUtf8('HE'), 'what it sees after a cut');
          checkSame(await reader.size(), 2, 'the size that it sees');
        });
      });
    },
  },
  {
    rule: 'D18',
    title: 'an open handle stays with a file that is replaced or removed',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'read', async (reader) => {
        await disk.write('b', toUtf8('new'));
        await disk.fileSystem.rename(disk.at('b'), disk.at('a'));
        checkSame(await reader.read(0, 9), hello, 'what a reader sees of a replaced file');
        await disk.using('a', 'fill', async (writer) => {
          await disk.fileSystem.remove(disk.at('a'));
          await writer.write(toUtf8('gone'), 0);
          checkSame(await disk.names(), [], 'the names after a write into a removed file');
        });
        checkSame(await reader.read(0, 9), hello, 'what the reader sees still');
      });
    },
  },
];
