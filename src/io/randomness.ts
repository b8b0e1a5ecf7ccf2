import { randomBytes } from 'node:crypto';
import type { Randomness } from '../core/randomness.ts';

/** The operating system's generator. */
export const realRandomness: Randomness = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
};
