import { dirname } from 'node:path';
import { StorageError } from '../core/errors.ts';
import type { FileStat, FileSystem } from '../io/file-system.ts';

/** Ways in which others could change a file that we rely on; each is a code of StorageError. */
export type FileWarning = 'HARDLINK_REFUSED' | 'INSECURE_MODE';

/** What about a file or a directory lets others change it. A hard link may well be a backup's. */
export function warningsOf(stat: FileStat | undefined): readonly FileWarning[] {
  if (stat === undefined || (stat.kind !== 'file' && stat.kind !== 'directory')) return [];
  const { kind, links = 1, mode = 0 } = stat;
  return [
    // A directory has a link for each one in it.
    ...(kind === 'file' && links > 1 ? (['HARDLINK_REFUSED'] as const) : []),
    ...((mode & writableByOthers) === 0 ? [] : (['INSECURE_MODE'] as const)),
  ];
}

const writableByOthers = 0o022;

/**
 * What others could do to a snapshot file and to the directory that it lies in; none where the file system does
 * not say.
 * @throws StorageError when they cannot be looked at
 */
export async function warningsFor(
  fileSystem: FileSystem,
  path: string,
): Promise<readonly StorageError[]> {
  return [
    ...(await warningsAt(fileSystem, path)),
    ...(await warningsAt(fileSystem, dirname(path))),
  ];
}

/** As {@link warningsFor}, of one name alone. @throws as that */
export async function warningsAt(
  fileSystem: FileSystem,
  path: string,
): Promise<readonly StorageError[]> {
  const stat = await fileSystem.stat(path);
  if (stat === undefined) return [];
  return warningsOf(stat).map((code) => warningError(code, path, stat));
}

/** A warning, as the error that it is where nothing of the kind is let pass. */
function warningError(
  code: FileWarning,
  file: string,
  { links, mode = 0 }: Pick<FileStat, 'links' | 'mode'>,
): StorageError {
  if (code === 'HARDLINK_REFUSED') {
    const message = `${file} has ${links} names (hard links): whoever has another one can change it, expected 1`;
    return new StorageError(code, message, { file, actual: links ?? 0, expected: 1 });
  }
  const actual = `0${mode.toString(8)}`;
  const message = `${file} has mode ${actual}: its group or everybody may write it, expected at most 0755`;
  return new StorageError(code, message, { file, actual, expected: '0755' });
}
