import { toUtf8 } from '../../../core/bytes.ts';
import { check, checkSame, patternOf } from '../expectations.ts';
import { capability } from '../framework.ts';
import { type DiskCase, type DiskDriver, DiskUser, hello } from './disk-driver.ts';

/** The disk as a power cut now would leave it. */
export async function afterCrash(driver: DiskDriver): Promise<DiskUser> {
  const crash = capability(driver.crash, 'crash');
  const { directory } = driver;
  return new DiskUser({ directory, fileSystem: await crash.call(driver) });
}

type CrashTest = readonly [
  title: string,
  run: (disk: DiskUser, driver: DiskDriver) => Promise<void>,
];

const crashCase = (rule: 'D19' | 'D20' | 'D21', [title, run]: CrashTest): DiskCase => ({
  rule,
  title,
  needs: ['crash'],
  run: (driver) => run(new DiskUser(driver), driver),
});

const contentCases: readonly CrashTest[] = [
  [
    'what was written before a sync is there, whole',
    async (disk, driver) => {
      const bytes = patternOf(200_003);
      await disk.writeSynced('a', bytes);
      await disk.fileSystem.syncDirectory(disk.directory);
      await (await afterCrash(driver)).checkFile('a', bytes);
    },
  ],
  [
    'it is there while the handle is still open',
    async (disk, driver) => {
      await disk.using('a', 'create', async (handle) => {
        await handle.write(hello, 0);
        await handle.sync();
        await disk.fileSystem.syncDirectory(disk.directory);
        await (await afterCrash(driver)).checkFile('a', hello);
      });
    },
  ],
  [
    'a sync makes durable what other handles wrote into the file',
    async (disk, driver) => {
      await disk.using('a', 'create', async (owner) => {
        await disk.using('a', 'fill', (worker) => worker.write(hello, 0));
        await owner.sync();
      });
      await disk.fileSystem.syncDirectory(disk.directory);
      await (await afterCrash(driver)).checkFile('a', hello);
    },
  ],
  [
    'what is written behind it later does not endanger it',
    async (disk, driver) => {
      await disk.using('a', 'create', async (handle) => {
        await handle.write(hello, 0);
        await handle.sync();
        await disk.fileSystem.syncDirectory(disk.directory);
        await handle.write(patternOf(5000), 5);
        const found = await (await afterCrash(driver)).read('a');
        checkSame(found.subarray(0, 5), hello, 'the synced bytes');
        await handle.sync();
        checkSame((await (await afterCrash(driver)).read('a')).length, 5005, 'the size after both');
      });
    },
  ],
  [
    'a truncate is durable after a sync',
    async (disk, driver) => {
      await disk.writeSynced('a', hello);
      await disk.fileSystem.syncDirectory(disk.directory);
      await disk.using('a', 'fill', async (handle) => {
        await handle.truncate(2);
        await handle.sync();
        await (await afterCrash(driver)).checkFile('a', 'he');
        await handle.truncate(4);
        await handle.sync();
      });
      await (await afterCrash(driver)).checkFile('a', 'he\0\0');
    },
  ],
  [
    'the sync of one file is of that file, and of it alone nothing is lost',
    async (disk, driver) => {
      await disk.using('a', 'create', (a) =>
        disk.using('b', 'create', async (b) => {
          await a.write(hello, 0);
          await b.write(toUtf8('other'), 0);
          await Promise.all([a.sync(), b.sync()]);
          await disk.fileSystem.syncDirectory(disk.directory);
          const left = await afterCrash(driver);
          await left.checkFile('a', hello);
          await left.checkFile('b', 'other');
        }),
      );
    },
  ],
  [
    'content that was synced under one name is whole under the next, however soon it was renamed',
    async (disk, driver) => {
      const bytes = patternOf(9001);
      await disk.writeSynced('a.tmp', bytes);
      await disk.fileSystem.rename(disk.at('a.tmp'), disk.at('a'));
      const between = await afterCrash(driver);
      const found = await between.readIfThere('a');
      if (found !== undefined) checkSame(found, bytes, 'what bears the new name');
      await disk.fileSystem.syncDirectory(disk.directory);
      await (await afterCrash(driver)).checkFile('a', bytes);
    },
  ],
];

const nameCases: readonly CrashTest[] = [
  [
    'a created name is there',
    async (disk, driver) => {
      await disk.write('a', new Uint8Array());
      await disk.fileSystem.syncDirectory(disk.directory);
      checkSame(await (await afterCrash(driver)).names(), ['a'], 'the names');
    },
  ],
  [
    'a renamed file has its new name and not its old one',
    async (disk, driver) => {
      await disk.writeSynced('a', hello);
      await disk.fileSystem.syncDirectory(disk.directory);
      await disk.fileSystem.rename(disk.at('a'), disk.at('b'));
      const between = await (await afterCrash(driver)).names();
      check(between.length === 1, `a rename that was cut off left ${between.join(' and ')}`);
      await disk.fileSystem.syncDirectory(disk.directory);
      const left = await afterCrash(driver);
      checkSame(await left.names(), ['b'], 'the names');
      await left.checkFile('b', hello);
    },
  ],
  [
    'a rename over another file leaves the new content or the old, never none',
    async (disk, driver) => {
      await disk.writeSynced('view', toUtf8('old'));
      await disk.fileSystem.syncDirectory(disk.directory);
      await disk.writeSynced('view.tmp', toUtf8('new'));
      await disk.fileSystem.rename(disk.at('view.tmp'), disk.at('view'));
      const between = await (await afterCrash(driver)).read('view');
      check(['old', 'new'].includes(String(Buffer.from(between))), `there is ${between.join(' ')}`);
      await disk.fileSystem.syncDirectory(disk.directory);
      await (await afterCrash(driver)).checkFile('view', 'new');
    },
  ],
  [
    'a removed name stays removed, and one that took its place is the new one',
    async (disk, driver) => {
      await disk.writeSynced('a', hello);
      await disk.writeSynced('b', hello);
      await disk.fileSystem.syncDirectory(disk.directory);
      await disk.fileSystem.remove(disk.at('a'));
      await disk.fileSystem.remove(disk.at('b'));
      await disk.writeSynced('b', toUtf8('new'));
      await disk.fileSystem.syncDirectory(disk.directory);
      const left = await afterCrash(driver);
      checkSame(await left.names(), ['b'], 'the names');
      await left.checkFile('b', 'new');
    },
  ],
  [
    'names in two directories are each made durable by their own sync',
    async (disk, driver) => {
      await disk.fileSystem.makeDirectory(disk.at('d'));
      await disk.writeSynced('a', hello);
      await disk.writeSynced('d/a', hello);
      await disk.fileSystem.syncDirectory(disk.at('d'));
      await (await afterCrash(driver)).checkFile('d/a', hello);
      await disk.fileSystem.syncDirectory(disk.directory);
      await (await afterCrash(driver)).checkFile('a', hello);
    },
  ],
];

const directoryCases: readonly CrashTest[] = [
  [
    'it is there on return, with those above it',
    async (disk, driver) => {
      await disk.fileSystem.makeDirectory(disk.at('d/e'));
      const left = await afterCrash(driver);
      checkSame((await left.fileSystem.stat(disk.at('d/e')))?.kind, 'directory', 'what is left');
    },
  ],
];

/** What a power cut leaves: D19 to D21. */
export const durabilityCases: readonly DiskCase[] = [
  ...contentCases.map((item) => crashCase('D19', item)),
  ...nameCases.map((item) => crashCase('D20', item)),
  ...directoryCases.map((item) => crashCase('D21', item)),
];
