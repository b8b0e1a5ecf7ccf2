import { compareBytes } from '../../core/bytes.ts';
import { stdSort } from './std-sort.ts';

// CCF's key words 0x7720796f726c694b and 0x2165726568207361, as 32-bit halves.
const key0High = 0x7720796f;
const key0Low = 0x726c694b;
const key1High = 0x21657265;
const key1Low = 0x68207361;

/**
 * The low 32 bits, unsigned, of SipHash-2-4 under CCF's fixed key: the order of keys in a snapshot's
 * map. Computed in 32-bit halves, since BigInt would cost microseconds a key. A block takes two
 * rounds, the end four; what a block must still xor into v0 waits for the next round.
 * @see CCF src/ds/siphash.h, src/ds/champ_map.h
 */
export function sipHash24Low32(key: Uint8Array): number {
  const blockRounds = 2 * (Math.floor(key.length / 8) + 1);
  let v0h = key0High ^ 0x736f6d65;
  let v0l = key0Low ^ 0x70736575;
  let v1h = key1High ^ 0x646f7261;
  let v1l = key1Low ^ 0x6e646f6d;
  let v2h = key0High ^ 0x6c796765;
  let v2l = key0Low ^ 0x6e657261;
  let v3h = key1High ^ 0x74656462;
  let v3l = key1Low ^ 0x79746573;
  let wordHigh = 0;
  let wordLow = 0;
  for (let round = 0; round < blockRounds + 4; round++) {
    if (round % 2 === 0) {
      v0h ^= wordHigh;
      v0l ^= wordLow;
      wordLow = wordAt(key, round * 4);
      wordHigh = wordAt(key, round * 4 + 4);
      if (round === blockRounds - 2) wordHigh |= key.length << 24;
      v3h ^= wordHigh;
      v3l ^= wordLow;
    }
    if (round === blockRounds) v2l ^= 0xff;
    // v0 += v1; v1 = rotate(v1, 13) ^ v0; v0 = rotate(v0, 32)
    v0l = (v0l + v1l) | 0;
    v0h = (v0h + v1h + carry(v0l, v1l)) | 0;
    let old = v1h;
    v1h = rotate(v1h, v1l, 13) ^ v0h;
    v1l = rotate(v1l, old, 13) ^ v0l;
    old = v0h;
    v0h = v0l;
    v0l = old;
    // v2 += v3; v3 = rotate(v3, 16) ^ v2
    v2l = (v2l + v3l) | 0;
    v2h = (v2h + v3h + carry(v2l, v3l)) | 0;
    old = v3h;
    v3h = rotate(v3h, v3l, 16) ^ v2h;
    v3l = rotate(v3l, old, 16) ^ v2l;
    // v0 += v3; v3 = rotate(v3, 21) ^ v0
    v0l = (v0l + v3l) | 0;
    v0h = (v0h + v3h + carry(v0l, v3l)) | 0;
    old = v3h;
    v3h = rotate(v3h, v3l, 21) ^ v0h;
    v3l = rotate(v3l, old, 21) ^ v0l;
    // v2 += v1; v1 = rotate(v1, 17) ^ v2; v2 = rotate(v2, 32)
    v2l = (v2l + v1l) | 0;
    v2h = (v2h + v1h + carry(v2l, v1l)) | 0;
    old = v1h;
    v1h = rotate(v1h, v1l, 17) ^ v2h;
    v1l = rotate(v1l, old, 17) ^ v2l;
    old = v2h;
    v2h = v2l;
    v2l = old;
  }
  return (v0l ^ v1l ^ v2l ^ v3l) >>> 0;
}

/** Four bytes, little-endian, zero beyond the end. */
function wordAt(key: Uint8Array, at: number): number {
  const low = (key[at] ?? 0) | ((key[at + 1] ?? 0) << 8);
  return low | ((key[at + 2] ?? 0) << 16) | ((key[at + 3] ?? 0) << 24);
}

/** Whether a 32-bit sum wrapped: it is then below what was added. */
function carry(sum: number, added: number): number {
  return sum >>> 0 < added >>> 0 ? 1 : 0;
}

/** One half of a 64-bit left rotation by less than 32. */
function rotate(half: number, other: number, by: number): number {
  return (half << by) | (other >>> (32 - by));
}

/** A key with its {@link sipHash24Low32}, computed once. */
export interface HashedKey {
  readonly key: Uint8Array;
  readonly hash: number;
}

/**
 * Our order of keys in a snapshot's map: by hash, then by key bytes. CCF breaks ties by the history of
 * its in-memory map instead, and reads any order.
 */
export function compareKeyOrder(a: HashedKey, b: HashedKey): number {
  return a.hash - b.hash || compareBytes(a.key, b.key);
}

/** Sorts by {@link compareKeyOrder}, hashing each key once. */
export function sortByKeyOrder<T extends { readonly key: Uint8Array }>(items: readonly T[]): T[] {
  const hashed = items.map((item) => ({ item, key: item.key, hash: sipHash24Low32(item.key) }));
  return hashed.sort(compareKeyOrder).map(({ item }) => item);
}

/**
 * Sorts by hash alone exactly as libstdc++'s `std::sort` does, which leaves equal hashes in an order
 * that depends on the input: replaying a CCF snapshot of many keys needs that very order.
 * @param items in the order in which CCF's map is traversed; not changed
 * @param hashes `hashes[i]` belongs to `items[i]`; not changed
 * @throws RangeError when there is not one hash an item
 * @see CCF src/ds/champ_map.h
 */
export function sortAsStdSort<T>(items: readonly T[], hashes: ArrayLike<number>): T[] {
  if (items.length !== hashes.length) {
    throw new RangeError(`${hashes.length} hashes for ${items.length} items`);
  }
  const hashed = items.map((item, i) => ({ item, hash: hashes[i] ?? 0 }));
  stdSort(hashed);
  return hashed.map(({ item }) => item);
}
