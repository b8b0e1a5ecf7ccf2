import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Says that it has synced a file, and has not. */
export function openLyingSyncDisk(): Promise<DiskDriver> {
  // To ask for the size refuses a closed handle, as a sync would.
  return openBrokenDisk({ handle: (whole) => ({ sync: async () => void (await whole.size()) }) });
}
