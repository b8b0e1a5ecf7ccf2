import { StorageError } from '../core/errors.ts';
import type { FileSystem } from '../io/file-system.ts';

/** Removes a file that may be gone already. @throws StorageError `NOT_A_REGULAR_FILE`, `WRITE_FAILED` */
export async function removeIfThere(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.remove(path);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'NOT_FOUND')) throw error;
  }
}
