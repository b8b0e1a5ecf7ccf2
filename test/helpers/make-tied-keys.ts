import { toUtf8 } from '../../src/core/bytes.ts';
import { sipHash24Low32 } from '../../src/formats/snapshot/key-order.ts';

/** Keys in the order in which they are tried: short texts. */
const keyAt = (index: number): string => `k${index.toString(36)}`;

/** Three keys that share one hash, found once by trying 12 million, which takes 18 seconds. */
export const tiedTriple = ['k2i9o6', 'k5bxl9', 'k62k99'] as const;

/**
 * Pairs of keys that share the 32 bits of the hash by which snapshots are sorted. By the birthday
 * paradox the first comes after some 80,000 keys, and the tenth after some 290,000.
 */
export function findTiedPairs(count: number): readonly (readonly [string, string])[] {
  const seen = new Map<number, number>();
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; pairs.length < count; index++) {
    const hash = sipHash24Low32(toUtf8(keyAt(index)));
    const before = seen.get(hash);
    if (before === undefined) seen.set(hash, index);
    else pairs.push([keyAt(before), keyAt(index)]);
  }
  return pairs;
}

/** Keys whose hashes share their low bits, so that they meet deep in the trie, but differ. */
export function findNearKeys(count: number, bits: number): readonly string[] {
  const mask = 2 ** bits;
  const near: string[] = [];
  for (let index = 0; near.length < count; index++) {
    if (sipHash24Low32(toUtf8(keyAt(index))) % mask === 0) near.push(keyAt(index));
  }
  return near;
}
