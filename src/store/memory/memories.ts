import type { SharedMemory } from '../../core/host-ports.ts';

/** A page is what a WebAssembly memory grows by. */
export const pageBytes = 64 * 1024;

/** Blocks begin at multiples of a granule, so that 32 bits name 256 GiB. */
export const granuleBytes = 64;
const granuleWords = granuleBytes / 4;
export const granulesPerPageLog2 = 10;

/**
 * Where a block begins, in granules over all memories, as a signed 32-bit number; 0 is never a block.
 */
export type Ref = number;

/**
 * Several shared memories of equal greatest size as one space of {@link Ref}s, with views of each.
 *
 * A memory that grows gets new views, while the old ones stay valid and short: whoever allocates must
 * take its views afterwards.
 */
export class Memories {
  readonly list: SharedMemory[] = [];
  readonly words: Int32Array[] = [];
  readonly halves: Uint16Array[] = [];
  readonly bytes: Uint8Array[] = [];
  /** How far a {@link Ref} is shifted to the right for its memory. */
  readonly shift: number;
  readonly mask: number;

  /** @param pagesLog2 of the most pages that a memory can have */
  constructor(pagesLog2: number, list: readonly SharedMemory[] = []) {
    this.shift = pagesLog2 + granulesPerPageLog2;
    this.mask = 2 ** this.shift - 1;
    for (const memory of list) this.add(memory);
  }

  add(memory: SharedMemory): void {
    this.list.push(memory);
    this.refresh(this.list.length - 1);
  }

  /** Takes new views of a memory that has grown. */
  refresh(index: number): void {
    const buffer = this.list[index]?.buffer;
    if (buffer === undefined) throw new RangeError(`no memory ${index}`);
    this.words[index] = new Int32Array(buffer);
    this.halves[index] = new Uint16Array(buffer);
    this.bytes[index] = new Uint8Array(buffer);
  }

  wordsOf(ref: Ref): Int32Array {
    return this.words[ref >>> this.shift] ?? noWords;
  }

  halvesOf(ref: Ref): Uint16Array {
    return this.halves[ref >>> this.shift] ?? noHalves;
  }

  bytesOf(ref: Ref): Uint8Array {
    return this.bytes[ref >>> this.shift] ?? noBytes;
  }

  /** Where a block begins in its memory's words. */
  wordAt(ref: Ref): number {
    return (ref & this.mask) * granuleWords;
  }
}

const noWords = new Int32Array(0);
const noHalves = new Uint16Array(0);
const noBytes = new Uint8Array(0);
