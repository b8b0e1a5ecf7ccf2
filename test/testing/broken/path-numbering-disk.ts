import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Numbers its files by their names. */
export function openPathNumberingDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      identify: async (path) => {
        const found = await whole.identify(path);
        return found && { ...found, inode: `by name:${path}` };
      },
    }),
  });
}
