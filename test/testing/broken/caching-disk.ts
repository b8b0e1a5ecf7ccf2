import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Gives what it read before, as long as the file has the same size. */
export function openCachingDisk(): Promise<DiskDriver> {
  const cache = new Map<string, Uint8Array>();
  return openBrokenDisk({
    files: (whole) => ({
      readFile: async (path, options) => {
        const cached = cache.get(path);
        const size = (await whole.stat(path))?.size;
        if (cached !== undefined && size === cached.length) return new Uint8Array(cached);
        const bytes = await whole.readFile(path, options);
        cache.set(path, new Uint8Array(bytes));
        return bytes;
      },
    }),
  });
}
