import { dirname } from 'node:path';
import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Puts a sync off until the file is closed for good, and a rename through at once: the name is there before the content. */
export function openHastyRenameDisk(): Promise<DiskDriver> {
  const late: (() => Promise<void>)[] = [];
  return openBrokenDisk({
    handle: (whole) => ({
      sync: async () => {
        late.push(() => whole.sync());
      },
      close: async () => {
        if (late.length === 0) await whole.close();
        else late.push(() => whole.close());
      },
    }),
    files: (whole) => ({
      rename: async (from, to) => {
        await whole.rename(from, to);
        await whole.syncDirectory(dirname(to));
      },
      syncDirectory: async (directory) => {
        await whole.syncDirectory(directory);
        for (const sync of late.splice(0)) await sync();
      },
    }),
  });
}
