import { StorageError } from '../core/errors.ts';
import type { FileSystem } from '../io/file-system.ts';
import { isSyncUnsupported } from '../io/storage-error.ts';

/**
 * Refuses a directory whose file system cannot sync directories, before anything is written that counts: no name on it
 * would be safe from a power cut, and so nothing that is promised would hold. Every other failure is left to the write
 * that meets it.
 * @throws StorageError `SYNC_UNSUPPORTED`
 */
export async function checkDirectorySync(fileSystem: FileSystem, directory: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(directory);
  } catch (error) {
    if (isSyncUnsupported(error)) throw unsupportedError(directory, error);
    if (!(error instanceof StorageError)) throw error;
  }
}

/**
 * Makes a directory as `FileSystem.makeDirectory` does, and names a file system that cannot sync it.
 * @throws StorageError as that, `SYNC_UNSUPPORTED`
 */
export async function makeDurableDirectory(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.makeDirectory(path);
  } catch (error) {
    throw isSyncUnsupported(error) ? unsupportedError(path, error) : error;
  }
}

function unsupportedError(directory: string, cause: StorageError): StorageError {
  const { actual } = cause;
  const message = `the file system of ${directory} cannot sync directories (${actual}): nothing on it would be safe from a power cut`;
  const place = { file: directory, cause };
  return new StorageError(
    'SYNC_UNSUPPORTED',
    message,
    actual === undefined ? place : { ...place, actual },
  );
}
