import { equalBytes } from '../core/bytes.ts';
import type { FileHandle, FileSystem } from '../io/file-system.ts';

/**
 * Whether two regular files have the same bytes; read in pieces, as each may have gigabytes.
 * @throws StorageError as {@link FileSystem.open} for reading
 */
export async function equalFiles(fileSystem: FileSystem, a: string, b: string): Promise<boolean> {
  const left = await fileSystem.open(a, { for: 'read' });
  try {
    const right = await fileSystem.open(b, { for: 'read' });
    try {
      return await equalContents(left, right);
    } finally {
      await right.close();
    }
  } finally {
    await left.close();
  }
}

/** Bytes compared at a time. */
const compareBytesMax = 1024 * 1024;

async function equalContents(a: FileHandle, b: FileHandle): Promise<boolean> {
  const size = await a.size();
  if (size !== (await b.size())) return false;
  for (let position = 0; position < size; position += compareBytesMax) {
    const [left, right] = await Promise.all([
      a.read(position, Math.min(compareBytesMax, size - position)),
      b.read(position, Math.min(compareBytesMax, size - position)),
    ]);
    if (!equalBytes(left, right)) return false;
  }
  return true;
}
