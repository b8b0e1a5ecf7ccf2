import { expect } from 'vitest';
import { FormatError, VerificationError } from '../../src/core/errors.ts';

/** Every proper prefix of the bytes. */
export function truncations(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, length) => bytes.slice(0, length));
}

/** The bytes with each bit flipped in turn. */
export function bitFlips(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return flipped;
  });
}

/** The bytes with eight of them overwritten by a huge number, at every offset, in both byte orders. */
export function lengthBombs(bytes: Uint8Array): Uint8Array[] {
  const bombs = [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n + 1n, 2n ** 53n - 1n, 2n ** 32n, 2n ** 31n];
  return Array.from({ length: Math.max(0, bytes.length - 7) }, (_, offset) => offset).flatMap(
    (offset) =>
      bombs.flatMap((bomb) =>
        [true, false].map((littleEndian) => {
          const copy = bytes.slice();
          new DataView(copy.buffer).setBigUint64(offset, bomb, littleEndian);
          return copy;
        }),
      ),
  );
}

/** Whether an error is one that hostile bytes may cause; any other is a bug. */
export function isTypedError(error: unknown): error is FormatError | VerificationError {
  return error instanceof FormatError || error instanceof VerificationError;
}

/** What `decode` does with one input: the code it throws, or `'accepted'`. */
export function outcomeOf(decode: () => unknown): string {
  try {
    decode();
    return 'accepted';
  } catch (error) {
    if (!isTypedError(error)) throw error;
    return error.code;
  }
}

/** What `decode` does with one input, as a user reads it: `CODE: message`, or `'accepted'`. */
export function refusalOf(decode: () => unknown): string {
  try {
    decode();
    return 'accepted';
  } catch (error) {
    if (!isTypedError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** Asserts that every input is accepted or refused with a typed error; returns what happened to each. */
export function outcomes<T>(inputs: readonly T[], decode: (input: T) => unknown): string[] {
  const codes = inputs.map((input) => outcomeOf(() => decode(input)));
  expect(codes).toHaveLength(inputs.length);
  return codes;
}
