import { hash } from 'node:crypto';

/** Bytes of a SHA-256 digest. */
export const sha256Bytes = 32;

/**
 * SHA-256 of one byte string, as a plain 32-byte `Uint8Array` (a `Buffer` would compare and slice
 * differently from every other byte string here).
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  const digest = hash('sha256', bytes, 'buffer');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}
