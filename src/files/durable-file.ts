import { dirname } from 'node:path';
import type { FileSystem } from '../io/file-system.ts';
import { removeIfThere } from './remove-if-there.ts';

/**
 * Writes a small file whole or not at all: under its name lie the old bytes or the new ones, whenever the power
 * goes; when it resolves, the new ones. It writes `<path>.tmp`, syncs it, renames it over `path` and syncs the
 * directory. A `.tmp` that a crash left is removed first, so one path has one writer at a time.
 *
 * @throws StorageError those of the file system, and then no `.tmp` is left. After `SYNC_FAILED` of the directory
 * the new bytes are there, and a power cut may bring back the old ones
 */
export async function writeDurably(
  fileSystem: FileSystem,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await removeIfThere(fileSystem, temporary);
  const handle = await fileSystem.open(temporary, { for: 'create' });
  try {
    try {
      await handle.write(bytes, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fileSystem.rename(temporary, path);
  } catch (error) {
    // The first failure is the one to tell; a `.tmp` that cannot be removed is left to the next write.
    await removeIfThere(fileSystem, temporary).catch(() => undefined);
    throw error;
  }
  await fileSystem.syncDirectory(dirname(path));
}
