import { toUtf8 } from '../../../core/bytes.ts';
import { check, checkSame, codeOf, patternOf, shown, storageErrorOf } from '../expectations.ts';
import { capability } from '../framework.ts';
import { type DiskCase, DiskUser, hello } from './disk-driver.ts';

/** Names as our directories have them, and as people leave them; in the order of their UTF-8 bytes. */
const oddNames = [
  '.hidden',
  '..two',
  'B',
  'a b',
  'a.tmp',
  'b',
  'ledger_1',
  'ledger_1-2.committed',
  'ledger_10',
  'snapshot_2_3.committed',
  'spool_2_0.tmp',
  '~',
  'é',
  '\u{FFFD}',
  '\u{1F600}',
].sort((a, b) => Buffer.compare(toUtf8(a), toUtf8(b)));

/** What names do: D9 to D18. */
export const nameCases: readonly DiskCase[] = [
  {
    rule: 'D9',
    title: 'readFile gives all of a file that is as large as its bound, and of an empty one',
    async run(driver) {
      const disk = new DiskUser(driver);
      const large = patternOf(700_001);
      await disk.write('a', hello);
      await disk.write('empty', new Uint8Array());
      await disk.write('large', large);
      const read = (name: string, bytesMax: number) =>
        disk.fileSystem.readFile(disk.at(name), { bytesMax });
      checkSame(await read('a', 5), hello, 'a file of 5 bytes');
      checkSame(await read('empty', 0), new Uint8Array(), 'an empty file');
      checkSame(await read('large', 700_001), large, 'a large file');
    },
  },
  {
    rule: 'D9',
    title: 'readFile refuses a file above its bound',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const reading = disk.fileSystem.readFile(disk.at('a'), { bytesMax: 4 });
      const error = await storageErrorOf(reading, ['TOO_LARGE'], 'readFile above the bound');
      checkSame([error.actual, error.expected], [5, 4], 'size and bound in the error');
    },
  },
  {
    rule: 'D9',
    title: 'readFile refuses what is missing or no regular file',
    async run(driver) {
      const disk = new DiskUser(driver);
      const missing = disk.read('no');
      await storageErrorOf(missing, ['NOT_FOUND'], 'readFile of a missing file');
      const directory = disk.fileSystem.readFile(disk.directory, { bytesMax: 9 });
      await storageErrorOf(directory, ['NOT_A_REGULAR_FILE'], 'readFile of a directory');
    },
  },
  {
    rule: 'D9',
    title: 'the bytes of readFile are its own: to change them changes no file',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      (await disk.read('a')).fill(0);
      await disk.checkFile('a', hello);
      const held = await disk.read('a');
      await disk.using('a', 'fill', (handle) => handle.write(toUtf8('XXXXX'), 0));
      checkSame(held, hello, 'what was read before a write');
    },
  },
  {
    rule: 'D9',
    title: 'readFile of a file that is replaced meanwhile gives one of them whole, or says so',
    async run(driver) {
      const disk = new DiskUser(driver);
      const contents = [1, 2].map((seed) => patternOf(300_000, seed));
      await disk.write('a', contents[0] ?? hello);
      await disk.write('b', contents[1] ?? hello);
      const reading = disk.read('a').catch((error: unknown) => codeOf(error));
      await disk.fileSystem.rename(disk.at('b'), disk.at('a'));
      const read = await reading;
      const isOne = contents.some((bytes) => Buffer.compare(bytes, toBytes(read)) === 0);
      const what = typeof read === 'string' ? read : 'a mixture';
      check(isOne || read === 'CHANGED_WHILE_READING' || read === 'NOT_FOUND', `it is ${what}`);
    },
  },
  {
    rule: 'D10',
    title: 'list gives every name in the order of its bytes, hidden and odd ones too',
    async run(driver) {
      const disk = new DiskUser(driver);
      checkSame(await disk.names(), [], 'an empty directory');
      for (const name of oddNames.toReversed()) await disk.write(name, hello);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      const expected = [...oddNames, 'd'].sort((a, b) => Buffer.compare(toUtf8(a), toUtf8(b)));
      checkSame(await disk.names(), expected, 'the names');
    },
  },
  {
    rule: 'D10',
    title: 'list tells files from directories',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      await disk.write('f', hello);
      const expected = [
        { name: 'd', kind: 'directory' },
        { name: 'f', kind: 'file' },
      ];
      checkSame(await disk.fileSystem.list(disk.directory), expected, 'the entries');
      await disk.write('d/inner', hello);
      checkSame(await disk.fileSystem.list(disk.directory), expected, 'the entries, not deeper');
    },
  },
  {
    rule: 'D10',
    title: 'list tells links and pipes, and follows none',
    needs: ['addSymlink', 'addSpecial'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
      await capability(driver.addSpecial, 'addSpecial').call(driver, disk.at('pipe'));
      const expected = [
        { name: 'link', kind: 'symlink' },
        { name: 'pipe', kind: 'other' },
      ];
      checkSame(await disk.fileSystem.list(disk.directory), expected, 'the entries');
    },
  },
  {
    rule: 'D10',
    title: 'list gives each of a few hundred names once',
    async run(driver) {
      const disk = new DiskUser(driver);
      const names = Array.from({ length: 300 }, (_, i) => `f${String(i).padStart(3, '0')}`);
      for (const name of names) await disk.write(name, new Uint8Array());
      checkSame(await disk.names(), names, 'the names');
    },
  },
  {
    rule: 'D10',
    title: 'list refuses what is missing or no directory',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const { fileSystem } = disk;
      await storageErrorOf(fileSystem.list(disk.at('no')), ['NOT_FOUND'], 'list of nothing');
      await storageErrorOf(fileSystem.list(disk.at('a')), ['NOT_A_DIRECTORY'], 'list of a file');
    },
  },
  {
    rule: 'D11',
    title: 'stat tells the size of a file now, and what a directory is',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const stat = async (name: string) => {
        const { size, kind } = (await disk.fileSystem.stat(disk.at(name))) ?? {};
        return { size, kind };
      };
      checkSame(await stat('a'), { size: 5, kind: 'file' }, 'stat of a file');
      await disk.using('a', 'fill', (handle) => handle.write(hello, 5));
      checkSame(await stat('a'), { size: 10, kind: 'file' }, 'stat of a file that grew');
      checkSame((await stat('.'))?.kind, 'directory', 'the kind of a directory');
    },
  },
  {
    rule: 'D11',
    title: 'stat of no such name is undefined; through a file it is refused',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      checkSame(await disk.fileSystem.stat(disk.at('no')), undefined, 'stat of nothing');
      checkSame(await disk.fileSystem.stat(disk.at('no/b')), undefined, 'stat below nothing');
      const through = disk.fileSystem.stat(disk.at('a/b'));
      await storageErrorOf(through, ['NOT_A_DIRECTORY'], 'stat through a file');
    },
  },
  {
    rule: 'D11',
    title: 'stat of a link is of the link',
    needs: ['addSymlink'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
      checkSame((await disk.fileSystem.stat(disk.at('link')))?.kind, 'symlink', 'its kind');
    },
  },
  {
    rule: 'D12',
    title: 'makeDirectory makes those above, and leaves what is in one that exists',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d/e/f'));
      await disk.write('d/e/f/a', hello);
      await disk.fileSystem.makeDirectory(disk.at('d/e/f'));
      await disk.fileSystem.makeDirectory(disk.at('d'));
      await disk.checkFile('d/e/f/a', hello);
    },
  },
  {
    rule: 'D12',
    title: "makeDirectory refuses a file's name, and a path through one",
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      for (const name of ['a', 'a/b', 'a/b/c']) {
        const making = disk.fileSystem.makeDirectory(disk.at(name));
        await storageErrorOf(making, ['NOT_A_DIRECTORY'], `makeDirectory of ${name}`);
      }
      await disk.checkFile('a', hello);
    },
  },
  {
    rule: 'D13',
    title: 'rename gives the file the new name and takes the old one away',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.fileSystem.rename(disk.at('a'), disk.at('b'));
      checkSame(await disk.names(), ['b'], 'the names');
      await disk.checkFile('b', hello);
    },
  },
  {
    rule: 'D13',
    title: 'rename replaces a file of the new name, and works between directories',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      await disk.write('a', hello);
      await disk.write('d/b', toUtf8('a longer one that is replaced'));
      await disk.fileSystem.rename(disk.at('a'), disk.at('d/b'));
      checkSame(await disk.names(), ['d'], 'the names');
      await disk.checkFile('d/b', hello);
    },
  },
  {
    rule: 'D13',
    title: 'rename of a missing file is refused, and touches nothing',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('b', hello);
      const renaming = disk.fileSystem.rename(disk.at('a'), disk.at('b'));
      await storageErrorOf(renaming, ['NOT_FOUND'], 'rename of nothing');
      await disk.checkFile('b', hello);
    },
  },
  {
    rule: 'D13',
    title: 'an open handle stays with its file when that is renamed',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (handle) => {
        await disk.fileSystem.rename(disk.at('a'), disk.at('b'));
        await handle.write(hello, 0);
      });
      await disk.checkFile('b', hello);
      checkSame(await disk.names(), ['b'], 'the names');
    },
  },
  {
    rule: 'D14',
    title: 'remove takes one name away, which can then be created anew',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      await disk.write('b', hello);
      await disk.fileSystem.remove(disk.at('a'));
      checkSame(await disk.names(), ['b'], 'the names');
      await disk.write('a', toUtf8('new'));
      await disk.checkFile('a', 'new');
    },
  },
  {
    rule: 'D14',
    title: 'remove refuses a directory and a name that is not there',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.fileSystem.makeDirectory(disk.at('d'));
      const { fileSystem } = disk;
      const directory = fileSystem.remove(disk.at('d'));
      await storageErrorOf(directory, ['NOT_A_REGULAR_FILE'], 'remove of a directory');
      await storageErrorOf(fileSystem.remove(disk.at('no')), ['NOT_FOUND'], 'remove of nothing');
      checkSame(await disk.names(), ['d'], 'the names');
    },
  },
  {
    rule: 'D14',
    title: 'remove takes a link, not what it leads to',
    needs: ['addSymlink'],
    async run(driver) {
      const disk = new DiskUser(driver);
      await capability(driver.addSymlink, 'addSymlink').call(driver, disk.at('link'));
      await disk.fileSystem.remove(disk.at('link'));
      checkSame(await disk.names(), [], 'the names');
    },
  },
  {
    rule: 'D15',
    title: 'syncDirectory takes a directory, and refuses what is missing or none',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.write('a', hello);
      const { fileSystem } = disk;
      await fileSystem.syncDirectory(disk.directory);
      const missing = fileSystem.syncDirectory(disk.at('no'));
      await storageErrorOf(missing, ['NOT_FOUND'], 'sync of nothing');
      const file = fileSystem.syncDirectory(disk.at('a'));
      await storageErrorOf(file, ['NOT_A_DIRECTORY'], 'syncDirectory of a file');
    },
  },
  ...(
    [
      ['open for read', (disk) => disk.fileSystem.open(disk.at('no'), { for: 'read' }), 'ENOENT'],
      ['open for fill', (disk) => disk.fileSystem.open(disk.at('no'), { for: 'fill' }), 'ENOENT'],
      ['create', (disk) => disk.fileSystem.open(disk.at('no'), { for: 'create' }), 'EEXIST'],
      ['readFile', (disk) => disk.read('no'), 'ENOENT'],
      ['list', (disk) => disk.fileSystem.list(disk.at('no')), 'ENOENT'],
      ['rename', (disk) => disk.fileSystem.rename(disk.at('no'), disk.at('b')), 'ENOENT'],
      ['remove', (disk) => disk.fileSystem.remove(disk.at('no')), 'ENOENT'],
      ['syncDirectory', (disk) => disk.fileSystem.syncDirectory(disk.at('no')), 'ENOENT'],
    ] as const satisfies readonly [string, (disk: DiskUser) => Promise<unknown>, string][]
  ).map(
    ([name, call, errno]): DiskCase => ({
      rule: 'D16',
      title: `a failed ${name} names the path and ${errno}, with the cause`,
      async run(driver) {
        const disk = new DiskUser(driver);
        if (errno === 'EEXIST') await disk.write('no', hello);
        const codes = ['NOT_FOUND', 'ALREADY_EXISTS'] as const;
        const error = await storageErrorOf(call(disk), codes, name);
        checkSame(error.file, disk.at('no'), 'the file that it names');
        checkSame(error.actual, errno, 'the errno that it names');
        check(error.cause !== undefined, `it has no cause: ${shown(error)}`);
      },
    }),
  ),
  {
    rule: 'D17',
    title: 'a created file has mode 0600, a made directory 0700',
    needs: ['modeOf'],
    async run(driver) {
      const disk = new DiskUser(driver);
      const modeOf = capability(driver.modeOf, 'modeOf').bind(driver);
      await disk.fileSystem.makeDirectory(disk.at('d/e'));
      await disk.write('d/a', hello);
      checkSame((await modeOf(disk.at('d'))) & 0o777, 0o700, 'the mode of a directory above');
      checkSame((await modeOf(disk.at('d/e'))) & 0o777, 0o700, 'the mode of a directory');
      checkSame((await modeOf(disk.at('d/a'))) & 0o777, 0o600, 'the mode of a file');
    },
  },
  {
    rule: 'D18',
    title: 'what one handle writes another one reads, and a worker fills what the writer created',
    async run(driver) {
      const disk = new DiskUser(driver);
      await disk.using('a', 'create', async (owner) => {
        await disk.using('a', 'fill', (worker) => worker.write(hello, 0));
        checkSame(await owner.size(), 5, 'the size that the owner sees');
        await owner.write(toUtf8('!'), 5);
        await owner.sync();
        const seen = await disk.using('a', 'read', (reader) => reader.read(0, 9));
        checkSame(seen, toUtf8('hello!'), 'what a reader sees');
      });
    },
  },
  {
    rule: 'D18',
    title: 'two files that are written together keep their own bytes',
    async run(driver) {
      const disk = new DiskUser(driver);
      const [one, other] = [patternOf(9000, 3), patternOf(7000, 4)];
      await disk.using('a', 'create', (a) =>
        disk.using('b', 'create', async (b) => {
          await Promise.all([a.write(one, 0), b.write(other, 0)]);
          await Promise.all([a.truncate(5000), b.write(hello, 100)]);
        }),
      );
      const changed = new Uint8Array(other);
      changed.set(hello, 100);
      await disk.checkFile('a', one.subarray(0, 5000));
      await disk.checkFile('b', changed);
    },
  },
];

const toBytes = (read: Uint8Array | string): Uint8Array =>
  typeof read === 'string' ? new Uint8Array() : read;
