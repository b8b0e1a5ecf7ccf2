import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Copies the file where it should give it a second name. */
export function openCopyingLinkDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      link: async (from, to) => {
        const bytes = await whole.readFile(from, { bytesMax: 1_000_000 });
        const copy = await whole.open(to, { for: 'create' });
        await copy.write(bytes, 0);
        await copy.sync();
        await copy.close();
      },
    }),
  });
}
