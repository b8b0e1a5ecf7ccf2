import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { explain } from '../../src/cli/errors.ts';
import { mainFile } from '../../src/cli/main-file.ts';
import type { StorageError } from '../../src/core/errors.ts';
import { checkDirectorySync } from '../../src/files/directory-sync.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { storageError } from '../../src/io/storage-error.ts';
import { createNode } from '../../src/node/create-node.ts';
import { prune } from '../../src/recovery/prune.ts';

const errnoError = (code: string) => Object.assign(new Error(code), { code });

/** A file system that answers every sync of a directory, or of a file, with an error. */
function lacking(
  disk: MemoryFileSystem,
  operation: 'sync' | 'syncDirectory',
  errno: string,
): FileSystem {
  const refuse = async (path: string) => {
    throw storageError(operation, path, errnoError(errno));
  };
  return new Proxy<FileSystem>(disk, {
    get: (target, name) => {
      if (operation === 'syncDirectory' && name === 'syncDirectory') return refuse;
      if (operation === 'sync' && name === 'open') {
        return async (...args: Parameters<FileSystem['open']>) => {
          const handle = await target.open(...args);
          handle.sync = () => refuse(args[0]);
          return handle;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const isLock = (path: string) => /\/lock[^/]*$/.test(path);
const writes = ['rename', 'link', 'remove', 'write', 'truncate'];
const writesOf = ({ journal }: MemoryFileSystem) =>
  journal.filter(({ operation }) => writes.includes(operation));

describe.each(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EBADF', 'EISDIR'])(
  'where a directory cannot be synced (%s)',
  (errno) => {
    const refusal = { code: 'SYNC_UNSUPPORTED', actual: errno };

    test('a node is refused before anything is written', async () => {
      const disk = new MemoryFileSystem();
      const fileSystem = lacking(disk, 'syncDirectory', errno);
      const starting = createNode({ directory: '/a/b/node', environment: { fileSystem } });
      await expect(starting).rejects.toMatchObject(refusal);
      await expect(starting).rejects.toThrow(`cannot sync directories (${errno})`);
      expect(writesOf(disk).filter(({ path }) => !isLock(path))).toEqual([]);
      expect(await disk.list('/a/b/node')).toMatchObject([{ name: 'snapshots' }]);
      expect(await disk.list('/a/b/node/snapshots')).toEqual([]);
    });

    test('prune is refused before anything is written', async () => {
      const disk = new MemoryFileSystem();
      await disk.makeDirectory('/snapshots');
      const before = writesOf(disk).length;
      const fileSystem = lacking(disk, 'syncDirectory', errno);
      const pruning = prune({ snapshots: '/snapshots', keep: 1, environment: { fileSystem } });
      await expect(pruning).rejects.toMatchObject({ ...refusal, file: '/snapshots' });
      expect(
        writesOf(disk)
          .slice(before)
          .filter(({ path }) => !isLock(path)),
      ).toEqual([]);
      expect(await disk.list('/snapshots')).toEqual([]);
    });
  },
);

test.each(['EINVAL', 'ENOTSUP', 'ENOSYS'])(
  'a file system that cannot sync files (%s) is named as one',
  async (errno) => {
    const fileSystem = lacking(new MemoryFileSystem(), 'sync', errno);
    const starting = createNode({ directory: '/node', environment: { fileSystem } });
    const error = await starting.then(
      () => expect.unreachable(),
      (refusal: StorageError) => refusal,
    );
    expect(error).toMatchObject({ code: 'SYNC_FAILED', actual: errno });
    expect(explain(error)[0]).toContain(`cannot sync (${errno})`);
    expect(explain(error).join()).toContain('put the directory on a file system that can');
  },
);

test('a directory that cannot be synced is not left behind', async () => {
  const shim = join(mkdtempSync(join(tmpdir(), 'shim-')), 'shim.so');
  onTestFinished(() => rmSync(dirname(shim), { recursive: true }));
  const source = `#include <errno.h>
    #include <sys/stat.h>
    int fsync(int fd) { struct stat s; if (fstat(fd, &s) == 0 && S_ISDIR(s.st_mode)) { errno = EINVAL; return -1; } return 0; }`;
  const built = spawnSync('/usr/bin/env', ['cc', '-shared', '-fPIC', '-xc', '-', '-o', shim], {
    input: source,
  });
  if (built.status !== 0) return;
  const directory = join(dirname(shim), 'new', 'node');
  const args = [mainFile(), 'start', `--dir=${directory}`, '--no-progress'];
  const { status, stderr } = spawnSync(process.execPath, args, {
    env: { ...process.env, LD_PRELOAD: shim },
  });
  expect(stderr.toString()).toContain('cannot sync directories (EINVAL)');
  expect(stderr.toString()).toContain('[SYNC_UNSUPPORTED]');
  expect(status).toBe(3);
  expect(existsSync(dirname(directory))).toBe(false);
});

test.each(['EIO', 'ENOSPC', 'EDQUOT'])(
  'a sync that fails with %s has failed, as ever',
  async (errno) => {
    expect(storageError('syncDirectory', '/d', errnoError(errno)).code).toBe('SYNC_FAILED');
    expect(storageError('sync', '/d/f', errnoError(errno)).code).toBe('SYNC_FAILED');
    const fileSystem = lacking(new MemoryFileSystem(), 'syncDirectory', errno);
    await expect(checkDirectorySync(fileSystem, '/d')).resolves.toBeUndefined();
  },
);
