import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';

/** What a file system under test needs besides the port. */
interface Fixture {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  addSymlink(path: string): void;
  addPipe(path: string): void;
  dispose(): void;
}

async function realFixture(): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), 'file-system-'));
  return {
    fileSystem: realFileSystem,
    directory,
    addSymlink: (path) => symlinkSync('/etc/hostname', path),
    addPipe: (path) => execFileSync('/usr/bin/env', ['mkfifo', path]),
    dispose: () => rmSync(directory, { recursive: true }),
  };
}

async function memoryFixture(): Promise<Fixture> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/tmp');
  return {
    fileSystem,
    directory: '/tmp',
    addSymlink: (path) => fileSystem.addSpecial(path, 'symlink'),
    addPipe: (path) => fileSystem.addSpecial(path, 'other'),
    dispose: () => expect(fileSystem.openHandles).toBe(0),
  };
}

describe.each([
  ['realFileSystem', realFixture],
  ['MemoryFileSystem', memoryFixture],
])('%s', (_name, makeFixture) => {
  let fixture: Fixture;
  let fileSystem: FileSystem;
  const at = (name: string) => join(fixture.directory, name);
  const hello = toUtf8('hello');

  async function writeNew(path: string, bytes: Uint8Array): Promise<void> {
    const handle = await fileSystem.open(path, { for: 'create' });
    await handle.write(bytes, 0);
    await handle.close();
  }

  beforeEach(async () => {
    fixture = await makeFixture();
    fileSystem = fixture.fileSystem;
  });
  afterEach(() => fixture.dispose());

  test('FileSystem.open() for create makes a file that readFile() gives back', async () => {
    await writeNew(at('a'), hello);
    expect(await fileSystem.readFile(at('a'), { bytesMax: 5 })).toEqual(hello);
  });

  test('FileSystem.open() for create refuses a name that is taken', async () => {
    await writeNew(at('a'), hello);
    await expect(fileSystem.open(at('a'), { for: 'create' })).rejects.toMatchObject({
      name: 'StorageError',
      code: 'ALREADY_EXISTS',
      file: at('a'),
      actual: 'EEXIST',
    });
  });

  test('FileSystem.open() for create refuses the name of a symbolic link', async () => {
    fixture.addSymlink(at('link'));
    const opening = fileSystem.open(at('link'), { for: 'create' });
    await expect(opening).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });

  test('FileSystem.open() for create refuses a directory that is missing', async () => {
    await expect(fileSystem.open(at('no/a'), { for: 'create' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      file: at('no/a'),
    });
  });

  test.each(['read', 'fill'] as const)(
    'FileSystem.open() for %s refuses a missing file',
    async (purpose) => {
      await expect(fileSystem.open(at('a'), { for: purpose })).rejects.toMatchObject({
        code: 'NOT_FOUND',
        file: at('a'),
        message: expect.stringContaining('ENOENT'),
        cause: expect.objectContaining({ code: 'ENOENT' }),
      });
    },
  );

  test.each(['read', 'fill'] as const)(
    'FileSystem.open() for %s refuses a symbolic link',
    async (purpose) => {
      fixture.addSymlink(at('link'));
      const opening = fileSystem.open(at('link'), { for: purpose });
      await expect(opening).rejects.toMatchObject({ code: 'SYMLINK_REFUSED' });
    },
  );

  test.each(['read', 'fill'] as const)(
    'FileSystem.open() for %s refuses a pipe without waiting',
    async (purpose) => {
      fixture.addPipe(at('pipe'));
      const opening = fileSystem.open(at('pipe'), { for: purpose });
      await expect(opening).rejects.toMatchObject({ code: 'NOT_A_REGULAR_FILE' });
    },
  );

  test.each(['read', 'fill'] as const)(
    'FileSystem.open() for %s refuses a directory',
    async (purpose) => {
      const opening = fileSystem.open(fixture.directory, { for: purpose });
      await expect(opening).rejects.toMatchObject({ code: 'NOT_A_REGULAR_FILE' });
    },
  );

  test('FileSystem.open() refuses a path through a file', async () => {
    await writeNew(at('a'), hello);
    const opening = fileSystem.open(at('a/b'), { for: 'read' });
    await expect(opening).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
  });

  test('FileSystem.open() for fill writes into what is there', async () => {
    await writeNew(at('a'), hello);
    const handle = await fileSystem.open(at('a'), { for: 'fill' });
    await handle.write(toUtf8('XY'), 1);
    await handle.close();
    expect(await fileSystem.readFile(at('a'), { bytesMax: 9 })).toEqual(toUtf8('hXYlo'));
  });

  test('FileHandle.write() leaves zeros before a position behind the end', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await handle.write(toUtf8('x'), 3);
    await handle.close();
    expect(await fileSystem.readFile(at('a'), { bytesMax: 9 })).toEqual(toUtf8('\0\0\0x'));
  });

  test('FileHandle.write() of no bytes leaves the size', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await handle.write(new Uint8Array(), 7);
    expect(await handle.size()).toBe(0);
    await handle.close();
  });

  test.each([
    [2, 'he'],
    [7, 'hello\0\0'],
  ])('FileHandle.truncate() cuts, or extends with zeros: to %d bytes', async (size, expected) => {
    await writeNew(at('a'), hello);
    const handle = await fileSystem.open(at('a'), { for: 'fill' });
    await handle.truncate(size);
    await handle.close();
    expect(await fileSystem.readFile(at('a'), { bytesMax: 9 })).toEqual(toUtf8(expected));
  });

  test('FileHandle.truncate() forgets what it cuts, also when the file grows again', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await handle.write(hello, 0);
    await handle.truncate(1);
    await handle.write(toUtf8('x'), 3);
    await handle.close();
    expect(await fileSystem.readFile(at('a'), { bytesMax: 9 })).toEqual(toUtf8('h\0\0x'));
  });

  test('FileHandle.read() gives the bytes of a range, fewer only at the end', async () => {
    await writeNew(at('a'), hello);
    const handle = await fileSystem.open(at('a'), { for: 'read' });
    expect(await handle.read(1, 3)).toEqual(toUtf8('ell'));
    expect(await handle.read(3, 9)).toEqual(toUtf8('lo'));
    expect(await handle.read(9, 9)).toEqual(new Uint8Array());
    await handle.close();
  });

  test('FileHandle.size() is the size now', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await handle.write(hello, 2);
    expect(await handle.size()).toBe(7);
    await handle.close();
  });

  test('FileHandle.write() fails on a handle for reading', async () => {
    await writeNew(at('a'), hello);
    const handle = await fileSystem.open(at('a'), { for: 'read' });
    await expect(handle.write(hello, 0)).rejects.toMatchObject({
      code: 'WRITE_FAILED',
      actual: 'EBADF',
    });
    await handle.close();
  });

  test('FileHandle.truncate() fails on a handle for reading', async () => {
    await writeNew(at('a'), hello);
    const handle = await fileSystem.open(at('a'), { for: 'read' });
    const refused = { code: 'WRITE_FAILED', actual: 'EINVAL' };
    await expect(handle.truncate(0)).rejects.toMatchObject(refused);
    await handle.close();
  });

  test('FileHandle.read() fails on a handle for writing', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await expect(handle.read(0, 1)).rejects.toMatchObject({ code: 'READ_FAILED', actual: 'EBADF' });
    await handle.close();
  });

  test('FileHandle refuses every use after its close', async () => {
    const handle = await fileSystem.open(at('a'), { for: 'create' });
    await handle.sync();
    await handle.close();
    const closed = { code: 'CLOSED', file: at('a') };
    await expect(handle.write(hello, 0)).rejects.toMatchObject(closed);
    await expect(handle.truncate(0)).rejects.toMatchObject(closed);
    await expect(handle.read(0, 1)).rejects.toMatchObject(closed);
    await expect(handle.sync()).rejects.toMatchObject(closed);
    await expect(handle.size()).rejects.toMatchObject(closed);
    await expect(handle.close()).rejects.toMatchObject(closed);
  });

  test('FileSystem.readFile() refuses a file above the bound', async () => {
    await writeNew(at('a'), hello);
    await expect(fileSystem.readFile(at('a'), { bytesMax: 4 })).rejects.toMatchObject({
      code: 'TOO_LARGE',
      actual: 5,
      expected: 4,
    });
  });

  test('FileSystem.readFile() refuses a missing file', async () => {
    const reading = fileSystem.readFile(at('a'), { bytesMax: 4 });
    await expect(reading).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('FileSystem.list() sorts names by their bytes and tells their kinds', async () => {
    await fileSystem.makeDirectory(at('d'));
    await writeNew(at('\u{1F600}'), hello);
    await writeNew(at('\uFFFD'), hello);
    await writeNew(at('b'), hello);
    await writeNew(at('B'), hello);
    fixture.addSymlink(at('link'));
    fixture.addPipe(at('pipe'));
    expect(await fileSystem.list(fixture.directory)).toEqual([
      { name: 'B', kind: 'file' },
      { name: 'b', kind: 'file' },
      { name: 'd', kind: 'directory' },
      { name: 'link', kind: 'symlink' },
      { name: 'pipe', kind: 'other' },
      { name: '\uFFFD', kind: 'file' },
      { name: '\u{1F600}', kind: 'file' },
    ]);
  });

  test('FileSystem.list() refuses what is missing or no directory', async () => {
    await writeNew(at('a'), hello);
    await expect(fileSystem.list(at('no'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fileSystem.list(at('a'))).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
  });

  test('FileSystem.stat() gives size and kind, and undefined for no such name', async () => {
    await writeNew(at('a'), hello);
    fixture.addSymlink(at('link'));
    expect(await fileSystem.stat(at('a'))).toMatchObject({ size: 5, kind: 'file' });
    expect(await fileSystem.stat(at('link'))).toMatchObject({ kind: 'symlink' });
    expect(await fileSystem.stat(fixture.directory)).toMatchObject({ kind: 'directory' });
    expect(await fileSystem.stat(at('no'))).toBeUndefined();
    expect(await fileSystem.stat(at('no/a'))).toBeUndefined();
  });

  test('FileSystem.stat() refuses a path through a file', async () => {
    await writeNew(at('a'), hello);
    await expect(fileSystem.stat(at('a/b'))).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
  });

  test('FileSystem.makeDirectory() makes those above, and leaves what exists', async () => {
    await fileSystem.makeDirectory(at('d/e/f'));
    await writeNew(at('d/e/f/a'), hello);
    await fileSystem.makeDirectory(at('d/e/f'));
    expect(await fileSystem.list(at('d/e/f'))).toEqual([{ name: 'a', kind: 'file' }]);
  });

  test('FileSystem.makeDirectory() refuses the name of a file, and a path through one', async () => {
    await writeNew(at('a'), hello);
    const refused = { code: 'NOT_A_DIRECTORY' };
    await expect(fileSystem.makeDirectory(at('a'))).rejects.toMatchObject(refused);
    await expect(fileSystem.makeDirectory(at('a/b'))).rejects.toMatchObject(refused);
  });

  test('FileSystem.rename() replaces a file of the new name', async () => {
    await writeNew(at('a'), hello);
    await writeNew(at('b'), toUtf8('other'));
    await fileSystem.rename(at('a'), at('b'));
    expect(await fileSystem.list(fixture.directory)).toEqual([{ name: 'b', kind: 'file' }]);
    expect(await fileSystem.readFile(at('b'), { bytesMax: 5 })).toEqual(hello);
  });

  test('FileSystem.rename() refuses a missing file', async () => {
    const renaming = fileSystem.rename(at('a'), at('b'));
    await expect(renaming).rejects.toMatchObject({ code: 'NOT_FOUND', file: at('a') });
  });

  test('FileSystem.remove() removes a file and a symbolic link, not a directory', async () => {
    await writeNew(at('a'), hello);
    fixture.addSymlink(at('link'));
    await fileSystem.remove(at('a'));
    await fileSystem.remove(at('link'));
    expect(await fileSystem.list(fixture.directory)).toEqual([]);
    await expect(fileSystem.remove(at('a'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fileSystem.remove(fixture.directory)).rejects.toMatchObject({
      code: 'NOT_A_REGULAR_FILE',
    });
  });

  test('FileSystem.syncDirectory() takes a directory only', async () => {
    await writeNew(at('a'), hello);
    await fileSystem.syncDirectory(fixture.directory);
    await expect(fileSystem.syncDirectory(at('no'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(fileSystem.syncDirectory(at('a'))).rejects.toMatchObject({
      code: 'NOT_A_DIRECTORY',
    });
  });
});

describe('realFileSystem alone', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'real-file-system-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('WRT-3 realFileSystem gives files mode 0600 and directories 0700', async () => {
    await realFileSystem.makeDirectory(join(directory, 'd'));
    const handle = await realFileSystem.open(join(directory, 'd/a'), { for: 'create' });
    await handle.close();
    expect(statSync(join(directory, 'd')).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'd/a')).mode & 0o777).toBe(0o600);
  });

  test('realFileSystem.readFile() notices a file that grows meanwhile', async () => {
    const path = join(directory, 'a');
    appendFileSync(path, 'x');
    const reading = realFileSystem.readFile(path, { bytesMax: 1_000_000 });
    // Grows it at every turn of the event loop, of which several lie between the first look and the last.
    const grow = () => {
      appendFileSync(path, 'x');
      growing = setImmediate(grow);
    };
    let growing = setImmediate(grow);
    await expect(reading).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING', file: path });
    clearImmediate(growing);
  });

  test('realFileSystem.readFile() notices a file that goes away meanwhile', async () => {
    const path = join(directory, 'a');
    appendFileSync(path, 'x');
    const reading = realFileSystem.readFile(path, { bytesMax: 1_000_000 });
    setImmediate(() => rmSync(path));
    // Which of the two depends on whether the other thread has opened it by then.
    const code = expect.stringMatching(/^(CHANGED_WHILE_READING|NOT_FOUND)$/);
    await expect(reading).rejects.toMatchObject({ code });
  });

  test('realFileSystem names the errno when the kernel refuses a read', async () => {
    const handle = await realFileSystem.open('/proc/self/mem', { for: 'read' });
    await expect(handle.read(0, 8)).rejects.toMatchObject({ code: 'READ_FAILED', actual: 'EIO' });
    await handle.close();
  });

  test('realFileSystem names the errno when the kernel refuses a write or a sync', async () => {
    const handle = await realFileSystem.open('/proc/self/oom_score_adj', { for: 'fill' });
    const refused = { actual: 'EINVAL', file: '/proc/self/oom_score_adj' };
    await expect(handle.write(toUtf8('junk'), 0)).rejects.toMatchObject({
      ...refused,
      code: 'WRITE_FAILED',
    });
    await expect(handle.sync()).rejects.toMatchObject({ ...refused, code: 'SYNC_FAILED' });
    await handle.close();
  });

  test('realFileSystem.syncDirectory() passes on a refusal', async () => {
    await expect(realFileSystem.syncDirectory('/proc')).rejects.toMatchObject({
      code: 'SYNC_FAILED',
      actual: 'EINVAL',
    });
  });
});
