import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Links over a file that has the name already. */
export function openReplacingLinkDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      link: async (from, to) => {
        const source = await whole.stat(from);
        if (source !== undefined && (await whole.stat(to)) !== undefined) await whole.remove(to);
        await whole.link(from, to);
      },
    }),
  });
}
