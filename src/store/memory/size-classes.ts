import { granuleBytes, pageBytes } from './memories.ts';

/**
 * Sizes of blocks in granules: four or more to each doubling, and few granules of a page left over.
 */
const classGranules = [
  1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 73, 85, 102, 113, 128,
  146, 170, 204, 256, 341, 512, 1024,
];

const granulesPerPage = pageBytes / granuleBytes;

const classes = new Uint8Array(granulesPerPage + 1);
for (let granules = 0, sizeClass = 0; granules <= granulesPerPage; granules++) {
  if (granules > (classGranules[sizeClass] ?? 0)) sizeClass++;
  classes[granules] = sizeClass;
}

export const sizeClassCount = classGranules.length;

/** The size class of the smallest blocks that hold `bytes`, at most a page. */
export function sizeClassOf(bytes: number): number {
  if (bytes > pageBytes) throw new RangeError(`a block of ${bytes} bytes is larger than a page`);
  return classes[(bytes + granuleBytes - 1) >>> 6] ?? 0;
}

export function classSize(sizeClass: number): number {
  return classGranules[sizeClass] ?? 0;
}

/** How many blocks of a class a page holds. */
export function blocksPerPage(sizeClass: number): number {
  return Math.floor(granulesPerPage / classSize(sizeClass));
}
