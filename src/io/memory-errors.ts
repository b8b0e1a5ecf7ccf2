import type { FileOperation } from './file-system.ts';
import { storageError } from './storage-error.ts';

/** Fails as Node would with that errno. @throws StorageError */
export function fail(operation: FileOperation, path: string, errno: string): never {
  throw storageError(operation, path, errnoError(errno));
}

/** An error in the shape of Node's own. */
export function errnoError(errno: string): Error {
  return Object.assign(new Error(`${errno}: in memory`), { code: errno });
}
