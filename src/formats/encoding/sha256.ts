import { hash } from 'node:crypto';

/** Bytes of a SHA-256 digest. */
export const sha256Bytes = 32;

/**
 * SHA-256 of one byte string, as a plain 32-byte `Uint8Array` (a `Buffer` would compare and slice
 * differently from every other byte string here).
 */
export function sha256(bytes: Uint8Array): Uint8Array {
  // By way of a string it takes half as long: a digest in memory of its own costs more than the hash.
  const digest = Buffer.from(hash('sha256', bytes, 'binary'), 'latin1');
  return new Uint8Array(digest.buffer, digest.byteOffset, digest.length);
}
