import { createHash } from 'node:crypto';
import type { Randomness } from '../../src/core/randomness.ts';

/** Random-looking bytes that are the same in every run: SHA-256 over a seed and a counter. */
export class SeededRandomness implements Randomness {
  readonly #seed: string;
  #blocks = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = createHash('sha256')
        .update(`${this.#seed} ${this.#blocks++}`)
        .digest();
      out.set(block.subarray(0, length - at), at);
    }
    return out;
  }
}
