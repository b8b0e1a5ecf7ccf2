import { sipHash24Low32 } from '../../formats/snapshot/key-order.ts';
import { hashedKeyMax, hashOfWords } from './hash-kernel.ts';

/** A key on its way into or through the store: bytes, words, and hash, computed once. */
export class KeyScratch {
  readonly #hash: ((key: Uint8Array) => number) | undefined;
  bytes: Uint8Array = new Uint8Array(0);
  length = 0;
  /** Little-endian words of the key, zero from its end to a multiple of 8 bytes and one word beyond. */
  words: Int32Array = new Int32Array(64);
  /** Low 32 bits of SipHash-2-4 under CCF's key, unsigned. */
  hash = 0;

  /** @param hash in place of CCF's, to make keys collide */
  constructor(hash?: (key: Uint8Array) => number) {
    this.#hash = hash;
  }

  load(key: Uint8Array): void {
    const length = key.length;
    this.bytes = key;
    this.length = length;
    if ((length >>> 2) + 4 > this.words.length) this.words = new Int32Array((length >>> 1) + 4);
    const words = this.words;
    const whole = length >>> 2;
    let at = 0;
    for (let i = 0; i < whole; i++, at += 4) {
      words[i] =
        (key[at] ?? 0) |
        ((key[at + 1] ?? 0) << 8) |
        ((key[at + 2] ?? 0) << 16) |
        ((key[at + 3] ?? 0) << 24);
    }
    let last = 0;
    for (let shift = 0; at < length; at++, shift += 8) last |= (key[at] ?? 0) << shift;
    words[whole] = last;
    words[whole + 1] = 0;
    words[whole + 2] = 0;
    if (this.#hash !== undefined) this.hash = this.#hash(key);
    else this.hash = length > hashedKeyMax ? sipHash24Low32(key) : hashOfWords(words, length);
  }
}
