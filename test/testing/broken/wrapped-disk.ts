import type { FileHandle, FileSystem } from '../../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';

/** What of a disk is broken; what is not here works. */
export interface Breakage {
  readonly files?: (whole: MemoryFileSystem) => Partial<FileSystem>;
  readonly handle?: (whole: FileHandle, path: string) => Partial<FileHandle>;
}

/** A disk in memory, broken in one place. */
export async function openBrokenDisk({ files, handle }: Breakage): Promise<DiskDriver> {
  const disk = new MemoryFileSystem();
  await disk.makeDirectory('/disk');
  const whole: FileSystem = {
    open: async (path, options) => {
      const opened = await disk.open(path, options);
      return { ...methodsOf(opened), ...handle?.(opened, path) };
    },
    readFile: (path, options) => disk.readFile(path, options),
    list: (directory) => disk.list(directory),
    stat: (path) => disk.stat(path),
    identify: (path) => disk.identify(path),
    link: (from, to) => disk.link(from, to),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDirectory: (directory) => disk.syncDirectory(directory),
  };
  return {
    fileSystem: { ...whole, ...files?.(disk) },
    directory: '/disk',
    addSymlink: (path) => disk.addSpecial(path, 'symlink'),
    addSpecial: (path) => disk.addSpecial(path, 'other'),
    openHandles: () => disk.openHandles,
    crash: () => disk.crash(),
  };
}

function methodsOf(handle: FileHandle): FileHandle {
  return {
    size: () => handle.size(),
    read: (position, length) => handle.read(position, length),
    write: (bytes, position) => handle.write(bytes, position),
    truncate: (size) => handle.truncate(size),
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}
