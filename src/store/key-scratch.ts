import { word } from './layout.ts';

// CCF's key words 0x7720796f726c694b and 0x2165726568207361, as 32-bit halves, with SipHash's own constants.
const v0h0 = 0x7720796f ^ 0x736f6d65;
const v0l0 = 0x726c694b ^ 0x70736575;
const v1h0 = 0x21657265 ^ 0x646f7261;
const v1l0 = 0x68207361 ^ 0x6e646f6d;
const v2h0 = 0x7720796f ^ 0x6c796765;
const v2l0 = 0x726c694b ^ 0x6e657261;
const v3h0 = 0x21657265 ^ 0x74656462;
const v3l0 = 0x68207361 ^ 0x79746573;

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
    this.hash = this.#hash === undefined ? sipHashOfWords(words, length) : this.#hash(key);
  }
}

/**
 * `sipHash24Low32` over words that were loaded already; see there for the rounds. The 64-bit lanes are pairs of 32-bit
 * ones, in which the rotations by 32 are a swap; a sum's carry is the top bit of a majority.
 */
function sipHashOfWords(words: Int32Array, length: number): number {
  let [v0h, v0l, v1h, v1l] = [v0h0, v0l0, v1h0, v1l0];
  let [v2h, v2l, v3h, v3l] = [v2h0, v2l0, v3h0, v3l0];
  const inputRounds = ((length >>> 3) + 1) * 2;
  let low = 0;
  let high = 0;
  let old = 0;
  for (let round = 0; round < inputRounds + 4; round++) {
    if ((round & 1) === 0) {
      // What a block xors into v0 behind its two rounds, before the next one's first.
      v0h ^= high;
      v0l ^= low;
      low = round < inputRounds ? word(words, round) : 0;
      high = round < inputRounds ? word(words, round + 1) : 0;
      if (round === inputRounds - 2) high |= length << 24;
      if (round === inputRounds) v2l ^= 0xff;
      v3h ^= high;
      v3l ^= low;
    }
    old = v0l;
    v0l = (v0l + v1l) | 0;
    v0h = (v0h + v1h + (((old & v1l) | ((old | v1l) & ~v0l)) >>> 31)) | 0;
    old = v1h;
    v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
    v1l = ((v1l << 13) | (old >>> 19)) ^ v0l;
    old = v0h;
    v0h = v0l;
    v0l = old;
    old = v2l;
    v2l = (v2l + v3l) | 0;
    v2h = (v2h + v3h + (((old & v3l) | ((old | v3l) & ~v2l)) >>> 31)) | 0;
    old = v3h;
    v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
    v3l = ((v3l << 16) | (old >>> 16)) ^ v2l;
    old = v0l;
    v0l = (v0l + v3l) | 0;
    v0h = (v0h + v3h + (((old & v3l) | ((old | v3l) & ~v0l)) >>> 31)) | 0;
    old = v3h;
    v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
    v3l = ((v3l << 21) | (old >>> 11)) ^ v0l;
    old = v2l;
    v2l = (v2l + v1l) | 0;
    v2h = (v2h + v1h + (((old & v1l) | ((old | v1l) & ~v2l)) >>> 31)) | 0;
    old = v1h;
    v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
    v1l = ((v1l << 17) | (old >>> 15)) ^ v2l;
    old = v2h;
    v2h = v2l;
    v2l = old;
  }
  return (v0l ^ v1l ^ v2l ^ v3l) >>> 0;
}
