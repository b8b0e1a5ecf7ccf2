import { concatBytes, toUtf8 } from '../../../core/bytes.ts';
import { check, checkSame, patternOf, storageErrorOf } from '../expectations.ts';
import { capability } from '../framework.ts';
import { type DiskCase, DiskUser, hello } from './disk-driver.ts';

/** More than a page, more than one buffer of a stream, and no round number. */
const largeBytes = 1_300_007;

/** What an open file does: D1 to D8. */
export const handleCases: readonly DiskCase[] = [
  {
    rule: 'D1',
    title: 'a created file is empty, has its name at once, and holds what is written',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        checkSame(await handle.size(), 0, 'the size of a new file');
        checkSame(await disk.names(), ['a'], 'the names while it is open');
        await handle.write(hello, 0);
      });
      await disk.checkFile('a', hello);
    },
  },
  {
    rule: 'D1',
    title: 'create refuses a name that is taken, and leaves the file as it is',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const opening = disk.fileSystem.open(disk.at('a'), { for: 'create' });
      await storageErrorOf(opening, ['ALREADY_EXISTS'], 'create of a taken name');
      await disk.checkFile('a', hello);
    },
  },
  {
    rule: 'D1',
    title: 'of many creates of one name at the same time exactly one succeeds',
    async run(driver) {
      const disk = new DiskUser(driver);
      const opening = () => disk.fileSystem.open(disk.at('a'), { for: 'create' });
      const opened = await Promise.allSettled(Array.from({ length: 8 }, opening));
      const handles = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      await Promise.all(handles.map((handle) => handle.close()));
      checkSame(handles.length, 1, 'the number of creates that succeeded');
    },
  },
  {
    rule: 'D1',
    title: 'create refuses the name of a directory, and one in a directory that is missing',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      const taken = disk.fileSystem.open(disk.at('d'), { for: 'create' });
      await storageErrorOf(taken, ['ALREADY_EXISTS'], "create of a directory's name");
      const missing = disk.fileSystem.open(disk.at('no/a'), { for: 'create' });
      await storageErrorOf(missing, ['NOT_FOUND'], 'create in a missing directory');
    },
  },
  ...(['read', 'fill'] as const).flatMap((purpose): DiskCase[] => [
    {
      rule: 'D2',
      title: `open for ${purpose} refuses a missing file, and makes none`,
      async run(driver) {
        const disk = new DiskUser(driver);
        const opening = disk.fileSystem.open(disk.at('a'), { for: purpose });
        await storageErrorOf(opening, ['NOT_FOUND'], 'open of a missing file');
        checkSame(await disk.names(), [], 'the names after it');
      },
    },
    {
      rule: 'D2',
      title: `open for ${purpose} refuses a directory, and a path through a file`,
      async run(driver) {
        const disk = new DiskUser(driver);
        await disk.write('a', hello);
        const directory = disk.fileSystem.open(disk.directory, { for: purpose });
        await storageErrorOf(directory, ['NOT_A_REGULAR_FILE'], 'open of a directory');
        const through = disk.fileSystem.open(disk.at('a/b'), { for: purpose });
        await storageErrorOf(through, ['NOT_A_DIRECTORY'], 'open through a file');
      },
    },
    {
      rule: 'D3',
      title: `open for ${purpose} refuses a symbolic link`,
      needs: ['addSymlink'],
      async run(driver) {
        const disk = new DiskUser(driver);
        await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
        const opening = disk.fileSystem.open(disk.at('link'), { for: purpose });
        await storageErrorOf(opening, ['SYMLINK_REFUSED'], 'open of a link');
      },
    },
    {
      rule: 'D3',
      title: `open for ${purpose} refuses a pipe without waiting`,
      needs: ['addSpecial'],
      async run(driver) {
        const disk = new DiskUser(driver);
        await capability(driver.addSpecial, 'addSpecial').call(driver, disk.at('pipe'));
        const opening = disk.fileSystem.open(disk.at('pipe'), { for: purpose });
        await storageErrorOf(opening, ['NOT_A_REGULAR_FILE'], 'open of a pipe');
      },
    },
  ]),
  {
    rule: 'D2',
    title: 'open for fill keeps what is there, and writes into it',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'fill', async (handle) => {
        checkSame(await handle.size(), 5, 'the size at the opening');
        await handle.write(toUtf8('XY'), 1);
      });
      await disk.checkFile('a', 'hXYlo');
    },
  },
  {
    rule: 'D3',
    title: 'create refuses the name of a symbolic link',
    needs: ['addSymlink'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
      const opening = disk.fileSystem.open(disk.at('link'), { for: 'create' });
      await storageErrorOf(opening, ['ALREADY_EXISTS'], "create of a link's name");
    },
  },
  {
    rule: 'D4',
    title: 'writes at any position stand where they were put, with zeros between them',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await handle.write(toUtf8('tail'), 8);
        await handle.write(toUtf8('ab'), 0);
        await handle.write(toUtf8('B'), 1);
      });
      await disk.checkFile('a', 'aB\0\0\0\0\0\0tail');
    },
  },
  {
    rule: 'D4',
    title: 'a large write is written whole, and only the part of its buffer that was given',
    async run(driver) {
      const disk = new DiskUser(driver);
      const whole = patternOf(largeBytes + 200);
      const given = whole.subarray(100, 100 + largeBytes);
      await disk.using('a', 'create', (handle) => handle.write(given, 3));
      await disk.checkFile('a', concatBytes([new Uint8Array(3), given]), 'a large file');
    },
  },
  {
    rule: 'D4',
    title: 'writes that are under way together all arrive',
    async run(driver) {
      const disk = new DiskUser(driver);
      const whole = patternOf(64 * 1024);
      await disk.using('a', 'create', async (handle) => {
        const parts = Array.from({ length: 16 }, (_, i) => i * 4096).toReversed();
        await Promise.all(
          parts.map((from) => handle.write(whole.subarray(from, from + 4096), from)),
        );
      });
      await disk.checkFile('a', whole, 'a file written in 16 parts');
    },
  },
  {
    rule: 'D4',
    title: 'a write of no bytes changes nothing, wherever it is',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await handle.write(new Uint8Array(), 7);
        checkSame(await handle.size(), 0, 'the size');
      });
    },
  },
  {
    rule: 'D4',
    title: 'bytes that change after a write is done do not change the file',
    async run(driver) {
      const disk = new DiskUser(driver);
      const bytes = new Uint8Array(hello);
      await disk.using('a', 'create', async (handle) => {
        await handle.write(bytes, 0);
        bytes.fill(0);
      });
      await disk.checkFile('a', hello);
    },
  },
  {
    rule: 'D5',
    title: 'read gives what is in the range, fewer bytes only at the end, none behind it',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'read', async (handle) => {
        checkSame(await handle.read(1, 3), toUtf8('ell'), 'bytes 1 to 3');
        checkSame(await handle.read(0, 5), hello, 'the whole');
        checkSame(await handle.read(3, 9), toUtf8('lo'), 'a range beyond the end');
        checkSame(await handle.read(5, 1), new Uint8Array(), 'a range at the end');
        checkSame(await handle.read(9, 9), new Uint8Array(), 'a range behind the end');
        checkSame(await handle.read(2, 0), new Uint8Array(), 'a range of nothing');
        checkSame(await handle.read(0, 2), toUtf8('he'), 'the beginning, again');
      });
    },
  },
  {
    rule: 'D5',
    title: 'a large read is whole, and reads that are under way together do not mix',
    async run(driver) {
      const disk = new DiskUser(driver);
      const whole = patternOf(largeBytes);
      await disk.write('a', whole);
      await disk.using('a', 'read', async (handle) => {
        const [all, head, tail] = await Promise.all([
          handle.read(0, largeBytes),
          handle.read(0, 10),
          handle.read(largeBytes - 10, 10),
        ]);
        checkSame(all, whole, 'all of it');
        checkSame(head, whole.subarray(0, 10), 'its first bytes');
        checkSame(tail, whole.subarray(largeBytes - 10), 'its last bytes');
      });
    },
  },
  ...(
    [
      [0, ''],
      [2, 'he'],
      [5, 'hello'],
      [7, 'hello\0\0'],
    ] as const
  ).map(
    ([size, expected]): DiskCase => ({
      rule: 'D6',
      title: `truncate of 5 bytes to ${size}`,
      async run(driver) {
        const disk = new DiskUser(driver);
        await disk.write('a', hello);
        await disk.using('a', 'fill', async (handle) => {
          await handle.truncate(size);
          checkSame(await handle.size(), size, 'the size after it');
        });
        await disk.checkFile('a', expected);
      },
    }),
  ),
  {
    rule: 'D6',
    title: 'what truncate has cut reads as zeros when the file grows again',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await handle.write(hello, 0);
        await handle.truncate(1);
        await handle.write(toUtf8('x'), 3);
        await handle.truncate(6);
      });
      await disk.checkFile('a', 'h\0\0x\0\0');
    },
  },
  {
    rule: 'D7',
    title: 'size follows every write and every cut, on every handle',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await handle.write(hello, 2);
        checkSame(await handle.size(), 7, 'the size after a write');
        await handle.write(hello, 0);
        checkSame(await handle.size(), 7, 'the size after one within');
        const sizes = await disk.using('a', 'read', async (other) => {
          const before = await other.size();
          await handle.write(hello, 10);
          return [before, await other.size()];
        });
        checkSame(sizes, [7, 15], 'the sizes on another handle, before a write and after it');
        checkSame(await handle.size(), 15, 'the size after a write behind the end');
        await handle.truncate(3);
        checkSame(await handle.size(), 3, 'the size after a cut');
      });
    },
  },
  {
    rule: 'D8',
    title: 'a handle for reading neither writes nor cuts',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'read', async (handle) => {
        await storageErrorOf(handle.write(toUtf8('X'), 0), ['WRITE_FAILED'], 'a write');
        await storageErrorOf(handle.truncate(0), ['WRITE_FAILED'], 'a truncate');
      });
      await disk.checkFile('a', hello);
    },
  },
  {
    rule: 'D8',
    title: 'a handle for writing does not read',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await storageErrorOf(handle.read(0, 1), ['READ_FAILED'], 'a read');
      });
    },
  },
  {
    rule: 'D8',
    title: 'a handle for filling does not read',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.using('a', 'fill', async (handle) => {
        await storageErrorOf(handle.read(0, 1), ['READ_FAILED'], 'a read');
      });
    },
  },
  {
    rule: 'D8',
    title: 'every use of a handle after its close is refused, another close too',
    async run(driver) {
      const disk = new DiskUser(driver);
      const handle = await disk.fileSystem.open(disk.at('a'), { for: 'create' });
      await handle.close();
      const uses = {
        write: () => handle.write(hello, 0),
        truncate: () => handle.truncate(0),
        read: () => handle.read(0, 1),
        sync: () => handle.sync(),
        size: () => handle.size(),
        close: () => handle.close(),
      };
      for (const [name, use] of Object.entries(uses)) {
        const error = await storageErrorOf(use(), ['CLOSED'], `${name} after the close`);
        checkSame(error.file, disk.at('a'), `the file that the error of ${name} names`);
      }
      await disk.checkFile('a', '');
    },
  },
  {
    rule: 'D8',
    title: 'every handle is given back, also those of readFile and of calls that fail',
    needs: ['openHandles'],
    async run(driver) {
      const disk = new DiskUser(driver);
      const openHandles = capability(driver.openHandles, 'openHandles').bind(driver);
      const before = openHandles();
      await disk.write('a', hello);
      await disk.read('a');
      await disk.fileSystem.readFile(disk.at('a'), { bytesMax: 1 }).catch(() => undefined);
      await disk.fileSystem.open(disk.at('a'), { for: 'create' }).catch(() => undefined);
      await disk.fileSystem.open(disk.directory, { for: 'read' }).catch(() => undefined);
      await disk.fileSystem.syncDirectory(disk.directory);
      check(openHandles() === before, `${openHandles() - before} handles are still taken`);
    },
  },
];
