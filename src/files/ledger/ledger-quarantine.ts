import { dirname, join } from 'node:path';
import { chunkBytesMax } from '../../core/limits.ts';
import type { Seqno } from '../../core/words.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { writeDurably } from '../durable-file.ts';

/** Entries at the end of a chunk that are kept, though nobody believes them. */
export interface UnbelievedEntries {
  /** The chunk's path. */
  readonly path: string;
  /** Where the first of them begins; to the end of the file. */
  readonly offset: number;
  readonly first: Seqno;
  readonly last: Seqno;
}

/**
 * Copies the end of a chunk into a quarantine directory, durably, as `ledger_<first>-<last>.unsigned`: the bytes as they
 * are, before they are cut off. Nothing there is replaced: a name that is taken gets a number.
 * @param directory made when it is not there
 * @returns the copy's path
 * @throws StorageError those of the file system
 */
export async function quarantineEntries(
  fileSystem: FileSystem,
  directory: string,
  { path, offset, first, last }: UnbelievedEntries,
): Promise<string> {
  const bytes = await fileSystem.readFile(path, { bytesMax: chunkBytesMax });
  await fileSystem.makeDirectory(directory);
  const copy = await freePath(fileSystem, join(directory, `ledger_${first}-${last}.unsigned`));
  await writeDurably(fileSystem, copy, bytes.subarray(offset));
  return copy;
}

/**
 * Moves a whole chunk into a quarantine directory, durably, under its name and `.unsigned`.
 * @returns its new path
 * @throws StorageError those of the file system
 */
export async function quarantineChunk(
  fileSystem: FileSystem,
  directory: string,
  { path, file }: { readonly path: string; readonly file: string },
): Promise<string> {
  await fileSystem.makeDirectory(directory);
  const moved = await freePath(fileSystem, join(directory, `${file}.unsigned`));
  await fileSystem.rename(path, moved);
  // The directory it goes to is synced first: a power cut leaves it in one of them.
  await fileSystem.syncDirectory(directory);
  await fileSystem.syncDirectory(dirname(path));
  return moved;
}

async function freePath(fileSystem: FileSystem, path: string): Promise<string> {
  let free = path;
  for (let number = 1; (await fileSystem.stat(free)) !== undefined; number++) {
    free = `${path}.${number}`;
  }
  return free;
}
