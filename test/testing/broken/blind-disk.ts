import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Does not list names that begin with a dot. */
export function openBlindDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    files: (whole) => ({
      list: async (directory) =>
        (await whole.list(directory)).filter(({ name }) => !name.startsWith('.')),
    }),
  });
}
