import { basename, resolve } from 'node:path';
import { StorageError } from '../core/errors.ts';
import { parseSnapshotName } from '../formats/encoding/file-name.ts';
import type { FileSystem, ReadFileOptions } from '../io/file-system.ts';

/** A file that a person named, and how it is read. */
export interface NamedFile {
  readonly path: string;
  readonly fileSystem: FileSystem;
}

/**
 * Where a name leads that a person gave: a link is followed to the file behind it, as that of a mounted secret or the
 * newest snapshot. Names that a directory gives are not read so: links in a data directory are refused.
 * Of a snapshot the name counts that is one, the link's before the file's.
 * @throws StorageError `SYMLINK_REFUSED` for one that leads nowhere, in a circle, or to something else than a file
 */
export async function namedFile(fileSystem: FileSystem, path: string): Promise<NamedFile> {
  const target = await targetOf(fileSystem, path);
  if (target === undefined) return { path, fileSystem };
  const isByTarget = !isSnapshotName(path) && isSnapshotName(target);
  if (isByTarget) return { path: target, fileSystem };
  return { path, fileSystem: withLink(fileSystem, path, target) };
}

const isSnapshotName = (path: string): boolean => parseSnapshotName(basename(path)) !== undefined;

/**
 * As `readFile`, of a file that a person named.
 * @throws StorageError as that, `SYMLINK_REFUSED`
 */
export async function readNamedFile(
  fileSystem: FileSystem,
  path: string,
  options: ReadFileOptions,
): Promise<Uint8Array> {
  return fileSystem.readFile((await targetOf(fileSystem, path)) ?? path, options);
}

/** The file behind a link; `undefined` for what is no link. */
async function targetOf(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  const found = await fileSystem.stat(path);
  if (found?.kind !== 'symlink' || fileSystem.resolveLink === undefined) return undefined;
  const target = await fileSystem.resolveLink(path);
  const kind = (await fileSystem.stat(target))?.kind;
  if (kind === 'file') return target;
  const what = kind === 'directory' ? 'a directory, not a file' : 'not a regular file';
  const message = `${path} is a symbolic link to ${target}, which is ${what}`;
  throw new StorageError('SYMLINK_REFUSED', message, {
    file: path,
    actual: target,
    expected: 'a file',
  });
}

/** The same files, and under one name the file that a link of that name leads to. */
function withLink(fileSystem: FileSystem, link: string, target: string): FileSystem {
  const followed = (path: string) => (resolve(path) === resolve(link) ? target : path);
  const through: Partial<FileSystem> = {
    open: (path, options) => fileSystem.open(followed(path), options),
    readFile: (path, options) => fileSystem.readFile(followed(path), options),
    stat: (path) => fileSystem.stat(followed(path)),
    identify: async (path) => fileSystem.identify?.(followed(path)),
  };
  return new Proxy(fileSystem, {
    get: (of, name) => {
      const value: unknown = Reflect.get(through, name) ?? Reflect.get(of, name);
      return typeof value === 'function' ? value.bind(of) : value;
    },
  });
}
