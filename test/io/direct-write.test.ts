import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import { createSharedMemory } from '../../src/store/memory/web-assembly.ts';

const page = 4096;

async function realDirectory(): Promise<string> {
  const made = await makeTemporaryDirectory('direct-write-');
  onTestFinished(() => made.remove());
  return made.path;
}

const systems: readonly (readonly [string, FileSystem, () => Promise<string>])[] = [
  ['realFileSystem', realFileSystem, realDirectory],
  ['MemoryFileSystem', new MemoryFileSystem(), async () => '/'],
];

test.each(systems)(
  '%s fills a file past the page cache with what is aligned and what is not',
  async (_, fileSystem, directory) => {
    const path = join(await directory(), 'filled');
    await (await fileSystem.open(path, { for: 'create' })).close();
    // At multiples of a page, as a memory that threads share is.
    const { buffer } = createSharedMemory({ initial: 4, maximum: 4 });
    const aligned = new Uint8Array(buffer, page, 4 * page).fill(3);
    const unaligned = toUtf8('unaligned');
    const size = 6 * page + unaligned.length;

    const handle = await fileSystem.open(path, { for: 'fill', direct: true });
    await handle.truncate(size);
    await Promise.all([
      handle.write(aligned, 2 * page),
      handle.write(aligned.subarray(0, page), 0),
      handle.write(aligned.subarray(1, page), page),
      handle.write(unaligned, 6 * page),
    ]);
    await handle.close();
    await expect(handle.write(aligned, 0)).rejects.toMatchObject({ code: 'CLOSED' });

    const expected = new Uint8Array(size).fill(3);
    expected[2 * page - 1] = 0;
    expected.set(unaligned, 6 * page);
    const found = await fileSystem.readFile(path, { bytesMax: size });
    expect(Buffer.compare(found, expected)).toBe(0);
  },
);
