import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Asks for the size of an open file once, and keeps the answer. */
export function openSizeKeepingDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    handle: (whole) => {
      let kept: Promise<number> | undefined;
      let isClosed = false;
      return {
        size: () => {
          kept = isClosed ? whole.size() : (kept ?? whole.size());
          return kept;
        },
        close: () => {
          isClosed = true;
          return whole.close();
        },
      };
    },
  });
}
