import { word } from '../memory/layout.ts';
import { pageBytes } from '../memory/memories.ts';
import { compile, createSharedMemory, instantiate } from '../memory/web-assembly.ts';
import { sipHashCode } from './siphash-code.ts';
import { and, constant, get, load64, moduleOf, set } from './wasm-assembler.ts';

/** Longest key that the kernel takes: with what must follow it, it fills a page. */
export const hashedKeyMax = pageBytes - 16;

/** Hashes keys in machine code, which has the 64-bit numbers that JavaScript has not. */
class HashKernel {
  readonly #words: Int32Array;
  readonly #run: (length: number) => number;

  constructor() {
    const memory = createSharedMemory({ initial: 1, maximum: 1 });
    this.#words = new Int32Array(memory.buffer);
    // Checked by its tests: the module exports this one function.
    this.#run = instantiate(compile(hashBytes()), memory)['hash'] as (length: number) => number;
  }

  hash(words: Int32Array, length: number): number {
    const into = this.#words;
    const count = (length >>> 2) + 3;
    for (let i = 0; i < count; i++) into[i] = word(words, i);
    return this.#run(length) >>> 0;
  }
}

let kernel: HashKernel | undefined;

/**
 * `sipHash24Low32` of a key of at most {@link hashedKeyMax} bytes.
 * @param words little-endian, zero from the key's end to a multiple of 8 bytes and one word beyond
 */
export function hashOfWords(words: Int32Array, length: number): number {
  // One for all stores of this thread: each memory takes gigabytes of its addresses.
  kernel ??= new HashKernel();
  return kernel.hash(words, length);
}

const [length, next, stop] = [0, 1, 2] as const;
const [v0, v1, v2, v3, tail] = [3, 4, 5, 6, 7] as const;

function hashBytes(): Uint8Array {
  const body = [
    ...[get(length), constant(-8), and, load64(), set(tail)],
    ...sipHashCode({
      key: [constant(0)],
      length,
      tail,
      pointers: [next, stop],
      state: [v0, v1, v2, v3],
    }),
  ];
  return moduleOf({ name: 'hash', parameters: 1, locals: 2, longs: 5, body });
}
