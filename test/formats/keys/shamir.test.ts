import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import {
  combineBytes,
  combineLimbs,
  decodeLimbShare,
  encodeLimbShare,
  limbCount,
  multiplyBytes,
  splitLimbs,
} from '../../../src/formats/keys/shamir.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { splitBytes } from '../make-old-shares.ts';

const plan = fc.integer({ min: 1, max: 6 }).chain((threshold) =>
  fc.record({
    threshold: fc.constant(threshold),
    count: fc.integer({ min: threshold, max: 8 }),
    random: fc.uint8Array({ minLength: 80 * threshold, maxLength: 80 * threshold }),
    skip: fc.nat({ max: 7 }),
  }),
);

test("combineLimbs() restores the secret from any threshold of splitLimbs()' shares", () => {
  fc.assert(
    fc.property(plan, ({ threshold, count, random, skip }) => {
      const { secret, shares } = splitLimbs(random, { threshold, count });
      const rotated = [...shares.slice(skip % count), ...shares.slice(0, skip % count)];
      expect(combineLimbs(rotated.slice(0, threshold))).toStrictEqual(secret);
      expect(combineLimbs(rotated)).toStrictEqual(secret);
    }),
    { numRuns: 200 },
  );
});

test('combineLimbs() gives something else with a share too few', () => {
  const random = Uint8Array.from({ length: 240 }, (_, i) => i * 7);
  const { secret, shares } = splitLimbs(random, { threshold: 3, count: 4 });
  expect(combineLimbs(shares.slice(0, 2))).not.toStrictEqual(secret);
});

test('combineBytes() restores each byte from any threshold of shares', () => {
  fc.assert(
    fc.property(plan, ({ threshold, count, random, skip }) => {
      const secret = random.subarray(0, 32);
      const coefficients = random.subarray(0, 32 * (threshold - 1));
      const shares = splitBytes(secret, coefficients, count);
      const rotated = [...shares.slice(skip % count), ...shares.slice(0, skip % count)];
      expect(toHex(combineBytes(rotated.slice(0, threshold)))).toBe(toHex(secret));
    }),
    { numRuns: 100 },
  );
});

test('multiplyBytes() is the product of FIPS 197 section 4.2', () => {
  expect(multiplyBytes(0x57, 0x83)).toBe(0xc1);
  expect(multiplyBytes(0x57, 0x13)).toBe(0xfe);
});

test('encodeLimbShare() and decodeLimbShare() agree', () => {
  const share = { x: 258, limbs: Array.from({ length: limbCount }, (_, i) => 2 ** 31 - 2 - i) };
  const bytes = encodeLimbShare(share);
  expect(toHex(bytes.subarray(0, 8))).toBe('02010000feffff7f');
  expect(decodeLimbShare(bytes)).toStrictEqual(share);
});

describe('refused', () => {
  const limbs = new Array<number>(limbCount).fill(1);
  test.each([
    ['a share of 43 bytes', () => decodeLimbShare(new Uint8Array(43))],
    ['a limb of 2^31-1', () => decodeLimbShare(new Uint8Array(44).fill(0xff))],
    [
      'two limb shares of one x',
      () =>
        combineLimbs([
          { x: 1, limbs },
          { x: 1, limbs },
        ]),
    ],
    ['a byte share of x 0', () => combineBytes([{ x: 0, bytes: new Uint8Array(32) }])],
  ])('%s', (_what, run) => {
    expect(outcomeOf(run)).toBe('BAD_SHARE');
  });
});

test.each([
  [0, 1, 0],
  [2, 1, 160],
  [1, 1, 79],
])(
  'splitLimbs() refuses a threshold of %i of %i with %i random bytes',
  (threshold, count, size) => {
    expect(() => splitLimbs(new Uint8Array(size), { threshold, count })).toThrow(RangeError);
  },
);
