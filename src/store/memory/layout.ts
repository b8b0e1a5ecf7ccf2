/**
 * What lies in a table's blocks: words of 32 bits, little-endian, as every machine that Node runs on has them.
 *
 * A table is a root, leaves, and buckets; each of the three is found by the next bits of the key's hash. Equal
 * neighbours in a root or leaf are one and the same block, as in extendible hashing.
 *
 * | root, leaf: word | field |
 * |---|---|
 * | 0 | epoch of its birth |
 * | 1 | its own bits: it has 2^bits entries |
 * | 2 | of a leaf: bits above its own |
 * | 4 … | refs of leaves, or of buckets; 0 where there is none |
 *
 * | bucket: word | field |
 * |---|---|
 * | 0 | epoch of its birth |
 * | 1 | ref of its heap |
 * | 2 | records |
 * | 3 | bytes of the heap that are used |
 * | 4 | bytes of them that its records take |
 * | 5 | epoch of the heap's birth |
 * | 6 | bits of the hash that its keys share |
 * | 7 | slots that there is room for; 0 tells a fan |
 * | 8 … | hashes in ascending order, then as many 16-bit offsets of records in the heap, in units of 8 bytes |
 *
 * A fan stands where bits can't tell keys apart any more: word 2 counts its buckets, whose refs begin at word 8
 * and ascend by hash, then key. No bucket of a fan is empty.
 *
 * A record in a heap is what a snapshot has (`snapshot-body.ts`), or, for a large one, a stub of 16 bytes: its size,
 * 1 where a record has the upper half of its key's length, the first block of its chain, and the epoch of its birth.
 * A block of a chain has the ref of the next one, the bytes that it holds, and these.
 */
export const nodeBirth = 0;
export const nodeBits = 1;
export const nodePrefix = 2;
export const nodeEntries = 4;

export const bucketHeap = 1;
export const bucketCount = 2;
export const bucketUsed = 3;
export const bucketLive = 4;
export const bucketHeapBirth = 5;
export const bucketBits = 6;
export const bucketCapacity = 7;
export const bucketSlots = 8;

export const chainWords = 2;

/** Most bits that a root and a leaf have: together they tell 2 million buckets apart. */
export const rootBitsMax = 12;
export const leafBitsMax = 9;

/** A heap's greatest size, and what its records may take before the bucket is split. */
export const heapBytesMax = 16 * 1024;
export const heapLiveMax = 12 * 1024;

/** Most records of a bucket. */
export const bucketRecordsMax = 256;

/** A larger record lies in a chain. */
export const inlineBytesMax = 2048;
export const stubBytes = 16;

/** A word of a view. Refs and offsets are our own, so that nothing is read outside. */
export function word(words: Int32Array, index: number): number {
  return words[index] ?? 0;
}

/** Bytes up to the next multiple of 8. */
export function padded(length: number): number {
  return (length + 7) & -8;
}

/** Bytes of a record in a snapshot. */
export function recordBytes(keyLength: number, valueLength: number): number {
  return 24 + padded(keyLength) + padded(valueLength);
}

/** Bytes of a bucket's heap that the record at a word takes. */
export function heapBytesAt(words: Int32Array, at: number): number {
  if (word(words, at + 1) !== 0) return stubBytes;
  const value = at + 2 + (padded(word(words, at)) >>> 2);
  return (value + 2 - at) * 4 + padded(word(words, value));
}

/** Bytes of a snapshot that the record at a word takes. */
export function bodyBytesAt(words: Int32Array, at: number): number {
  return word(words, at + 1) === 0 ? heapBytesAt(words, at) : word(words, at) >>> 0;
}

/** Writes a signed 64-bit number that is a safe integer. */
export function setInt64(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = Math.floor(value / 2 ** 32);
}

export function int64At(words: Int32Array, at: number): number {
  return word(words, at + 1) * 2 ** 32 + (word(words, at) >>> 0);
}
