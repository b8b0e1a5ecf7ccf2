import { ByteReader, ByteWriter } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';

/** Field of CCF's newer sharing: integers modulo the Mersenne prime 2^31-1. */
const prime = 2n ** 31n - 1n;

/** Limbs of one secret or share: 40 bytes. */
export const limbCount = 10;

/** A share of a secret of ten limbs; `x` 0 is the secret itself, as a recovery owner gets it. */
export interface LimbShare {
  readonly x: number;
  /** {@link limbCount} integers below 2^31-1. */
  readonly limbs: readonly number[];
}

/**
 * Splits ten limbs so that any `threshold` shares give them back and fewer tell nothing.
 * @param random 8 bytes for each limb of each coefficient, the secret's own first:
 * 80 × threshold bytes
 * @param plan `threshold` shares of `count`, which stand at x = 1 … count
 * @throws RangeError unless 1 ≤ threshold ≤ count, or on another number of random bytes
 */
export function splitLimbs(
  random: Uint8Array,
  plan: { readonly threshold: number; readonly count: number },
): { readonly secret: readonly number[]; readonly shares: readonly LimbShare[] } {
  const { threshold, count } = plan;
  if (threshold < 1 || threshold > count) {
    throw new RangeError(`a threshold of ${threshold} of ${count} shares`);
  }
  if (random.length !== 8 * limbCount * threshold) {
    throw new RangeError(`${random.length} random bytes, not ${8 * limbCount * threshold}`);
  }
  const coefficients = readCoefficients(random, threshold);
  const shares = Array.from({ length: count }, (_, i) => evaluate(coefficients, i + 1));
  return { secret: evaluate(coefficients, 0).limbs, shares };
}

/** One row of {@link limbCount} field elements for each power of x; 64 bits leave no bias to speak of. */
function readCoefficients(random: Uint8Array, rows: number): readonly (readonly bigint[])[] {
  const view = new DataView(random.buffer, random.byteOffset, random.length);
  const at = (row: number, limb: number) => 8 * (row * limbCount + limb);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: limbCount }, (_, limb) => view.getBigUint64(at(row, limb), true) % prime),
  );
}

function evaluate(coefficients: readonly (readonly bigint[])[], x: number): LimbShare {
  const limbs = Array.from({ length: limbCount }, (_, limb) => {
    let sum = 0n;
    for (const row of coefficients.toReversed())
      sum = (sum * BigInt(x) + (row[limb] ?? 0n)) % prime;
    return Number(sum);
  });
  return { x, limbs };
}

/**
 * Interpolates the ten limbs at 0; with too few shares, or wrong ones, the result is just wrong.
 * @throws FormatError `BAD_SHARE` when two shares have one x
 */
export function combineLimbs(shares: readonly LimbShare[]): readonly number[] {
  checkDistinct(shares);
  const weights = shares.map(({ x }) => weightAtZero(x, shares));
  return Array.from({ length: limbCount }, (_, limb) => {
    let sum = 0n;
    for (const [i, share] of shares.entries()) {
      sum += (weights[i] ?? 0n) * BigInt(share.limbs[limb] ?? 0);
    }
    return Number(sum % prime);
  });
}

/** Lagrange's basis polynomial of a share, at 0. */
function weightAtZero(x: number, shares: readonly LimbShare[]): bigint {
  let numerator = 1n;
  let denominator = 1n;
  for (const other of shares) {
    if (other.x === x) continue;
    numerator = (numerator * BigInt(other.x)) % prime;
    denominator = (denominator * (BigInt(other.x - x) + prime)) % prime;
  }
  return (numerator * inverse(denominator)) % prime;
}

/** The inverse by Fermat: value^(prime-2). */
function inverse(value: bigint): bigint {
  let result = 1n;
  let power = value % prime;
  for (let exponent = prime - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % prime;
    power = (power * power) % prime;
  }
  return result;
}

function checkDistinct(shares: readonly { readonly x: number }[]): void {
  if (new Set(shares.map(({ x }) => x)).size === shares.length) return;
  throw new FormatError('BAD_SHARE', 'two shares have the same x');
}

/** Bytes of an encoded {@link LimbShare}. */
export const limbShareBytes = 4 + 4 * limbCount;

/**
 * Decodes a share.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | x, u32 |
 * | 4 | 40 | ten limbs, u32 each, below 2^31-1 |
 *
 * @throws FormatError `BAD_SHARE`
 * @see CCF 5.0 src/crypto/sharing.h
 */
export function decodeLimbShare(bytes: Uint8Array): LimbShare {
  if (bytes.length !== limbShareBytes) throw new FormatError('BAD_SHARE', 'not 44 bytes');
  const reader = new ByteReader(bytes);
  const x = reader.u32('x');
  const limbs = Array.from({ length: limbCount }, () => reader.u32('limb'));
  if ([x, ...limbs].every((value) => value < Number(prime))) return { x, limbs };
  throw new FormatError('BAD_SHARE', 'a number of the share is not below 2^31-1');
}

/** The inverse of {@link decodeLimbShare}. */
export function encodeLimbShare(share: LimbShare): Uint8Array {
  const writer = new ByteWriter(limbShareBytes).u32(share.x);
  return writer.raw(encodeLimbs(share.limbs)).finish();
}

/** Ten limbs as 40 little-endian bytes: the key material that the sharing protects. */
export function encodeLimbs(limbs: readonly number[]): Uint8Array {
  const writer = new ByteWriter(4 * limbCount);
  for (const limb of limbs) writer.u32(limb);
  return writer.finish();
}

/** A share of CCF's older sharing: each byte for itself in GF(2^8). */
export interface ByteShare {
  readonly x: number;
  readonly bytes: Uint8Array;
}

/**
 * Interpolates every byte at 0 in GF(2^8) with the polynomial 0x11b.
 * @throws FormatError `BAD_SHARE` when two shares have one x, or one has x 0
 */
export function combineBytes(shares: readonly ByteShare[]): Uint8Array {
  checkDistinct(shares);
  if (shares.some(({ x }) => x === 0)) throw new FormatError('BAD_SHARE', 'a share has x 0');
  const result = new Uint8Array(shares[0]?.bytes.length ?? 0);
  for (const share of shares) {
    const weight = byteWeightAtZero(share.x, shares);
    for (const [i, byte] of share.bytes.entries()) {
      result[i] = (result[i] ?? 0) ^ multiplyBytes(weight, byte);
    }
  }
  return result;
}

function byteWeightAtZero(x: number, shares: readonly ByteShare[]): number {
  let numerator = 1;
  let denominator = 1;
  for (const other of shares) {
    if (other.x === x) continue;
    numerator = multiplyBytes(numerator, other.x);
    denominator = multiplyBytes(denominator, other.x ^ x);
  }
  return multiplyBytes(numerator, invertByte(denominator));
}

/** The inverse by Fermat: value^254. */
function invertByte(value: number): number {
  let result = 1;
  for (let i = 0; i < 254; i++) result = multiplyBytes(result, value);
  return result;
}

/** Carry-less product modulo x^8 + x^4 + x^3 + x + 1; not constant-time, the shares are in the caller's hands. */
export function multiplyBytes(a: number, b: number): number {
  let product = 0;
  let shifted = a;
  for (let bits = b; bits > 0; bits >>= 1) {
    if (bits & 1) product ^= shifted;
    shifted = shifted & 0x80 ? ((shifted << 1) ^ 0x11b) & 0xff : shifted << 1;
  }
  return product;
}
