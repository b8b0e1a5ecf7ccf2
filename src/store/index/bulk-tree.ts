import {
  leafBitsMax,
  nodeBirth,
  nodeBits,
  nodeEntries,
  nodePrefix,
  rootBitsMax,
} from '../memory/layout.ts';
import type { Ref } from '../memory/memories.ts';
import type { StoreContext } from './buckets.ts';

/** All hashes. */
const hashes = 2 ** 32;

/** Most bits of the hash that a way to a bucket or fan has. */
export const pathBitsMax = rootBitsMax + leafBitsMax;

/** Buckets and fans in ascending order, each for the hashes that share its first bits. */
export class Spans {
  readonly #starts: number[] = [];
  readonly #bits: number[] = [];
  readonly #refs: Ref[] = [];

  /** @param start the first of its hashes */
  add(start: number, bits: number, ref: Ref): void {
    this.#starts.push(start);
    this.#bits.push(bits);
    this.#refs.push(ref);
  }

  /** Puts leaves and a root above them; 0 when there are none. @throws StorageError `OUT_OF_MEMORY` */
  build(context: StoreContext): Ref {
    if (this.#refs.length === 0) return 0;
    const leaves = new Spans();
    this.#addLeaves(context, leaves, { start: 0, bits: 0, from: 0, to: this.#refs.length });
    const bits = Math.max(...leaves.#bits);
    return leaves.#node(context, { start: 0, bits: 0, from: 0, to: leaves.#refs.length }, bits);
  }

  /** One leaf for the whole range where it is not too wide, else those of its halves. */
  #addLeaves(context: StoreContext, leaves: Spans, range: Range): void {
    const { start, bits, from, to } = range;
    if (from === to) return;
    let deepest = bits;
    for (let i = from; i < to; i++) deepest = Math.max(deepest, this.#bits[i] ?? 0);
    if (deepest - bits <= leafBitsMax) {
      leaves.add(start, bits, this.#node(context, range, deepest - bits));
      return;
    }
    const middle = start + hashes / 2 ** (bits + 1);
    let boundary = from;
    while (boundary < to && (this.#starts[boundary] ?? 0) < middle) boundary++;
    this.#addLeaves(context, leaves, { start, bits: bits + 1, from, to: boundary });
    this.#addLeaves(context, leaves, { start: middle, bits: bits + 1, from: boundary, to });
  }

  /** A root or leaf whose entries are these spans. */
  #node({ arena, epochs, memories }: StoreContext, range: Range, bits: number): Ref {
    const node = arena.alloc((nodeEntries + 2 ** bits) * 4);
    const words = memories.wordsOf(node);
    const at = memories.wordAt(node);
    words[at + nodeBirth] = epochs.current;
    words[at + nodeBits] = bits;
    words[at + nodePrefix] = range.bits;
    const entries = at + nodeEntries;
    words.fill(0, entries, entries + 2 ** bits);
    const width = hashes / 2 ** (range.bits + bits);
    for (let i = range.from; i < range.to; i++) {
      const first = entries + ((this.#starts[i] ?? 0) - range.start) / width;
      const count = 2 ** (range.bits + bits - (this.#bits[i] ?? 0));
      words.fill(this.#refs[i] ?? 0, first, first + count);
    }
    return node;
  }
}

interface Range {
  /** Of the hashes, and how many of their bits are the same. */
  readonly start: number;
  readonly bits: number;
  /** Which spans lie in it. */
  readonly from: number;
  readonly to: number;
}

/** The bits of the widest span that begins at a hash and ends at another one or before; too many when there is none. */
export function bitsOfSpan(start: number, end: number): number {
  let bits = 0;
  let width = hashes;
  while (bits <= pathBitsMax && (start % width !== 0 || start + width > end)) {
    bits++;
    width /= 2;
  }
  return bits;
}

export function widthOf(bits: number): number {
  return hashes / 2 ** bits;
}
