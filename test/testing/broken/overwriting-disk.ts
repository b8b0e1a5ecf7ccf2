import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Creates a file where there is one already, whose content is gone then. */
export function openOverwritingDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      open: async (path, options) => {
        const found = options.for === 'create' ? await whole.stat(path) : undefined;
        if (found?.kind === 'file') await whole.remove(path);
        return whole.open(path, options);
      },
    }),
  });
}
