import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareBytes, toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import {
  compareKeyOrder,
  sipHash24Low32,
  sortAsStdSort,
  sortByKeyOrder,
} from '../../../src/formats/snapshot/key-order.ts';

const mask = 2n ** 64n - 1n;
const rotl = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask;

/** SipHash-2-4 by its definition, for any key: slow and obvious. */
function sipHash24(k0: bigint, k1: bigint, input: Uint8Array): bigint {
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const round = () => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotl(v[1], 13n) ^ v[0];
    v[0] = rotl(v[0], 32n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotl(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotl(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotl(v[1], 17n) ^ v[2];
    v[2] = rotl(v[2], 32n);
  };
  const padded = new Uint8Array((Math.floor(input.length / 8) + 1) * 8);
  padded.set(input);
  padded[padded.length - 1] = input.length & 0xff;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const word = words.getBigUint64(at, true);
    v[3] ^= word;
    round();
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 4; i++) round();
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

const ccfOracle = (key: Uint8Array) =>
  Number(sipHash24(0x7720796f726c694bn, 0x2165726568207361n, key) & 0xffffffffn);

describe('sipHash24Low32()', () => {
  test.each([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [8, 0x93f5f5799a932462n],
    [15, 0xa129ca6149be45e5n],
  ])("the test's own SipHash-2-4 gives the published value for %i bytes", (length, expected) => {
    const input = Uint8Array.from({ length }, (_, i) => i);
    expect(sipHash24(0x0706050403020100n, 0x0f0e0d0c0b0a0908n, input)).toBe(expected);
  });

  test('sipHash24Low32() equals SipHash-2-4 under the CCF key for every length to 600', () => {
    const inputs = Array.from({ length: 600 }, (_, length) =>
      Uint8Array.from({ length }, (_byte, i) => (i * 151 + length) & 0xff),
    );
    expect(inputs.map(sipHash24Low32)).toEqual(inputs.map(ccfOracle));
  });

  test('sipHash24Low32() equals SipHash-2-4 under the CCF key for any bytes', () => {
    return fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (key) => {
        expect(sipHash24Low32(key)).toBe(ccfOracle(key));
      }),
    );
  });
});

describe('sortByKeyOrder()', () => {
  test('sortByKeyOrder() sorts by unsigned hash, whatever the input order', () => {
    const keys = Array.from({ length: 200 }, (_, i) => ({ key: toUtf8(`key ${i}`) }));
    const sorted = sortByKeyOrder(keys);
    const hashes = sorted.map(({ key }) => sipHash24Low32(key));
    expect(hashes).toEqual(hashes.toSorted((a, b) => a - b));
    expect(Math.max(...hashes)).toBeGreaterThan(2 ** 31);
    expect(sortByKeyOrder(keys.toReversed())).toEqual(sorted);
  });

  test('compareKeyOrder() orders equal hashes by key bytes', () => {
    const [a, b] = [toUtf8('a'), toUtf8('b')];
    expect(compareKeyOrder({ hash: 1, key: b }, { hash: 2, key: a })).toBeLessThan(0);
    expect(compareKeyOrder({ hash: 1, key: b }, { hash: 1, key: a })).toBe(compareBytes(b, a));
    expect(compareKeyOrder({ hash: 1, key: a }, { hash: 1, key: a })).toBe(0);
  });
});

/** Hashes from a linear congruential generator, below `modulus`, as the C++ side made them. */
function generated(length: number, modulus: number): number[] {
  let state = 12345;
  return Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 3) % modulus;
  });
}

const positions = (hashes: readonly number[]) => hashes.map((_, i) => i);

function orderDigest(hashes: readonly number[]): string {
  const text = sortAsStdSort(positions(hashes), hashes).join(' ');
  return toHex(sha256(toUtf8(text))).slice(0, 16);
}

describe('sortAsStdSort()', () => {
  test('sortAsStdSort() keeps up to 16 items stable', () => {
    return fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 16 }), (hashes) => {
        const stable = positions(hashes).sort((a, b) => (hashes[a] ?? 0) - (hashes[b] ?? 0));
        expect(sortAsStdSort(positions(hashes), hashes)).toEqual(stable);
      }),
    );
  });

  test('sortAsStdSort() sorts any hashes and loses no item', () => {
    return fc.assert(
      fc.property(fc.array(fc.nat(50), { maxLength: 300 }), (hashes) => {
        const order = sortAsStdSort(positions(hashes), hashes);
        expect(order.map((i) => hashes[i])).toEqual(hashes.toSorted((a, b) => a - b));
        expect(order.toSorted((a, b) => a - b)).toEqual(positions(hashes));
      }),
    );
  });

  test('sortAsStdSort() changes neither of its inputs', () => {
    const items = [1, 2, 3];
    const hashes = Uint32Array.of(3, 2, 1);
    expect(sortAsStdSort(items, hashes)).toEqual([3, 2, 1]);
    expect(items).toEqual([1, 2, 3]);
    expect(hashes).toEqual(Uint32Array.of(3, 2, 1));
  });

  test('sortAsStdSort() wants one hash an item', () => {
    expect(() => sortAsStdSort([1, 2], [1])).toThrow(RangeError);
  });

  // The digests below are of what g++ 12.2's std::sort made of the same hashes.
  test.each([
    [17, 3, 'ddbb3b1688d8290c'],
    [20, 1, 'e85ee7e17e09e0e3'],
    [33, 7, '947a302353a7defb'],
    [64, 5, 'a5bdf326692e7dd3'],
    [100, 50, '0cc94c6b6b47cb6e'],
    [257, 20, '4f70e1c44664f934'],
    [1000, 100, '1fe8e796b68a1557'],
    [1000, 1000000, '5cac95965ac97700'],
    [5000, 9, '4892323736f94dfe'],
  ])('sortAsStdSort() puts %i items of %i hashes in the order of g++', (length, modulus, order) => {
    expect(orderDigest(generated(length, modulus))).toBe(order);
  });

  test('sortAsStdSort() falls back to heapsort in the order of g++', () => {
    // McIlroy's "A killer adversary for quicksort" against g++'s own std::sort, then ties among the rest.
    const hashes = [
      19, 1, 17, 3, 18, 5, 19, 7, 18, 9, 17, 11, 18, 13, 18, 15, 19, 19, 19, 18, 0, 2, 4, 6, 8, 10,
      12, 14, 16, 17, 17, 17, 18, 18, 19, 19, 17, 17, 18, 19,
    ];
    expect(orderDigest(hashes)).toBe('a54201abd08988b1');
  });
});
