import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Removes the file that a rename replaces, and then renames: for a moment there is neither. */
export function openUnlinkingDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      rename: async (from, to) => {
        const [old, replaced] = [await whole.stat(from), await whole.stat(to)];
        if (old !== undefined && replaced?.kind === 'file' && from !== to) await whole.remove(to);
        await whole.rename(from, to);
      },
    }),
  });
}
