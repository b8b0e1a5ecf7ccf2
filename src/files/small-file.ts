import { fromUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import type { FileSystem } from '../io/file-system.ts';

/** Files of this node's own, beside the ledger, are below this. */
const smallBytesMax = 64 * 1024;

/**
 * The text of a small file; `undefined` where there is none.
 * @throws StorageError as `readFile`; FormatError `BAD_TEXT`
 */
export async function readSmall(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  try {
    return fromUtf8(await fileSystem.readFile(path, { bytesMax: smallBytesMax }));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
