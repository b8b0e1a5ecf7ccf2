import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storageError } from './storage-error.ts';

/** A directory of the machine that lasts no longer than it is needed. */
export interface TemporaryDirectory {
  readonly path: string;
  /** Removes it with all that is in it; a second call does nothing. @throws StorageError `WRITE_FAILED` */
  remove(): Promise<void>;
}

/**
 * Creates a directory of mode 0700 among the system's temporary files (`TMPDIR`). Whoever made it removes
 * it; should the process end before, by its own exit or an uncaught error, it goes then.
 * @throws StorageError `WRITE_FAILED`, `NOT_FOUND`, `NOT_A_DIRECTORY`
 */
export async function makeTemporaryDirectory(prefix: string): Promise<TemporaryDirectory> {
  const path = await makeUnique(join(tmpdir(), prefix));
  const removeAtExit = () => rmSync(path, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  const remove = async () => {
    await removeTree(path);
    process.off('exit', removeAtExit);
  };
  return { path, remove };
}

async function makeUnique(prefix: string): Promise<string> {
  try {
    return await mkdtemp(prefix);
  } catch (cause) {
    throw storageError('makeDirectory', prefix, cause);
  }
}

async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (cause) {
    throw storageError('remove', path, cause);
  }
}
