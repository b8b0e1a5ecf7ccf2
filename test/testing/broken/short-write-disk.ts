import type { DiskDriver } from '../../../src/testing/contracts/disk/disk-driver.ts';
import { openBrokenDisk } from './wrapped-disk.ts';

/** Most bytes that one system call takes here; the rest is forgotten. */
const callBytesMax = 128 * 1024;

/** Writes a part of a large write, and says that it has written all. */
export function openShortWriteDisk(): Promise<DiskDriver> {
  return openBrokenDisk({
    handle: (whole) => ({
      write: (bytes, position) => whole.write(bytes.subarray(0, callBytesMax), position),
    }),
  });
}
