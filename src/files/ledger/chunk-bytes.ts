import { equalBytes } from '../../core/bytes.ts';
import { StorageError } from '../../core/errors.ts';
import { chunkBytesMax } from '../../core/limits.ts';
import { sha256 } from '../../formats/encoding/sha256.ts';
import { chunkHeaderBytes } from '../../formats/entries/ledger-chunk.ts';
import type { FileHandle, FileSystem } from '../../io/file-system.ts';
import { changedError, tooLargeError } from '../../io/storage-error.ts';

/** Bytes compared at a time. */
const pieceBytes = 4 * 1024 * 1024;

/**
 * Reads a chunk that its node may be appending to: what was there when it was opened. What changed meanwhile is read
 * twice, and must be the same but for the header, which is written again when the chunk is completed: then the header
 * of an open chunk is returned, and no part of a table.
 * @throws StorageError `NOT_FOUND`, `READ_FAILED`, `TOO_LARGE`; `CHANGED_WHILE_READING` for what was cut or overwritten
 */
export async function readGrowing(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const before = await stateOf(fileSystem, path);
    const size = await handle.size();
    if (size > chunkBytesMax) throw tooLargeError(path, size, chunkBytesMax);
    const bytes = await handle.read(0, size);
    const after = await stateOf(fileSystem, path);
    if (before !== undefined && before === after && bytes.length === size) return bytes;
    if (bytes.length < size || !(await isSame(handle, bytes))) throw changedError(path);
    return asOpen(bytes, await handle.size());
  } finally {
    await handle.close();
  }
}

/** `undefined` where the name is gone, or nothing tells one state of a file from another. */
async function stateOf(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  const state = await fileSystem.identify?.(path);
  return state && `${state.inode} ${state.modified}`;
}

/** Whether the file still begins with these bytes, but for the header. */
async function isSame(handle: FileHandle, bytes: Uint8Array): Promise<boolean> {
  for (let at = chunkHeaderBytes; at < bytes.length; at += pieceBytes) {
    const expected = bytes.subarray(at, at + pieceBytes);
    if (!equalBytes(await handle.read(at, expected.length), expected)) return false;
  }
  return true;
}

/** A chunk of which more was written meanwhile, as it was before its table and its header were. */
function asOpen(bytes: Uint8Array, sizeNow: number): Uint8Array {
  if (bytes.length < chunkHeaderBytes || sizeNow === bytes.length) return bytes;
  const table = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (table === 0n) return bytes;
  const open = table < BigInt(bytes.length) ? bytes.slice(0, Number(table)) : bytes;
  open.fill(0, 0, chunkHeaderBytes);
  return open;
}

/** The beginning of a chunk that was read, by which a second reading sees the same. */
export interface ChunkPin {
  /** Where its last whole entry ended. */
  readonly end: number;
  readonly digest: Uint8Array;
}

/** @param end where the last whole entry ends */
export function pinOf(bytes: Uint8Array, end: number): ChunkPin {
  return { end, digest: sha256(bytes.subarray(chunkHeaderBytes, end)) };
}

/**
 * Reads the beginning of a chunk again, whatever its node has written behind it, with the header of an open one.
 * @throws StorageError `NOT_FOUND`, `READ_FAILED`; `CHANGED_WHILE_READING` when it is another one
 */
export async function readPinned(
  fileSystem: FileSystem,
  path: string,
  { end, digest }: ChunkPin,
): Promise<Uint8Array> {
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const bytes = await handle.read(0, end);
    const isSameAsBefore =
      bytes.length === end && equalBytes(sha256(bytes.subarray(chunkHeaderBytes)), digest);
    if (!isSameAsBefore) {
      const message = `${path} was changed while the ledger was read: its first ${end} bytes were others before`;
      throw new StorageError('CHANGED_WHILE_READING', message, { file: path, expected: end });
    }
    bytes.fill(0, 0, chunkHeaderBytes);
    return bytes;
  } finally {
    await handle.close();
  }
}
