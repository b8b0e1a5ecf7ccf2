import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';

/** A disk in memory, which can lose its power. */
export async function openMemoryDisk(): Promise<DiskDriver> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/disk');
  return {
    fileSystem,
    directory: '/disk',
    addSymlink: (path) => fileSystem.addSpecial(path, 'symlink'),
    addSpecial: (path) => fileSystem.addSpecial(path, 'other'),
    openHandles: () => fileSystem.openHandles,
    crash: () => fileSystem.crash(),
  };
}
