import type { Arena } from './arena.ts';
import type { Epochs } from './epochs.ts';
import { chainWords, word } from './layout.ts';
import { type Memories, pageBytes, type Ref } from './memories.ts';

const headBytes = chainWords * 4;

/** Bytes too many for one block, in a chain of blocks. */
export class Chains {
  readonly #arena: Arena;
  readonly #epochs: Epochs;

  constructor(arena: Arena, epochs: Epochs) {
    this.#arena = arena;
    this.#epochs = epochs;
  }

  /** Writes parts one behind the other. @throws StorageError `OUT_OF_MEMORY` */
  write(parts: readonly Uint8Array[]): Ref {
    let left = parts.reduce((sum, { length }) => sum + length, 0);
    let first: Ref = 0;
    let previous: Ref = 0;
    const source = new Parts(parts);
    do {
      const size = Math.min(left, pageBytes - headBytes);
      const block = this.#arena.alloc(size + headBytes);
      const { memories } = this.#arena;
      const words = memories.wordsOf(block);
      const at = memories.wordAt(block);
      words[at] = 0;
      words[at + 1] = size;
      const begin = (at + chainWords) * 4;
      source.copyTo(memories.bytesOf(block).subarray(begin, begin + size));
      if (first === 0) first = block;
      else memories.wordsOf(previous)[memories.wordAt(previous)] = block;
      previous = block;
      left -= size;
    } while (left > 0);
    return first;
  }

  retire(first: Ref, birth: number): void {
    const { memories } = this.#arena;
    for (let block = first; block !== 0; ) {
      const next = word(memories.wordsOf(block), memories.wordAt(block));
      this.#epochs.retire(block, birth);
      block = next;
    }
  }
}

class Parts {
  readonly #parts: readonly Uint8Array[];
  #part = 0;
  #from = 0;

  constructor(parts: readonly Uint8Array[]) {
    this.#parts = parts;
  }

  copyTo(target: Uint8Array): void {
    for (let to = 0; to < target.length; ) {
      const part = this.#parts[this.#part];
      if (part === undefined) return;
      const piece = part.subarray(this.#from, this.#from + target.length - to);
      target.set(piece, to);
      to += piece.length;
      this.#from += piece.length;
      if (this.#from < part.length) continue;
      this.#part++;
      this.#from = 0;
    }
  }
}

/** Reads a chain piece by piece, as views. */
export function* chainPieces(memories: Memories, first: Ref): Generator<Uint8Array> {
  for (let block = first; block !== 0; ) {
    const words = memories.wordsOf(block);
    const at = memories.wordAt(block);
    const begin = (at + chainWords) * 4;
    yield memories.bytesOf(block).subarray(begin, begin + word(words, at + 1));
    block = word(words, at);
  }
}

/** A chain's bytes from `from`, at most `size` of them, in one piece of their own. */
export function chainBytes(memories: Memories, first: Ref, from: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let passed = 0;
  for (const piece of chainPieces(memories, first)) {
    const skipped = Math.max(0, from - passed);
    passed += piece.length;
    const to = passed - piece.length + skipped - from;
    if (skipped >= piece.length) continue;
    if (to >= size) break;
    out.set(piece.subarray(skipped, skipped + size - to), to);
  }
  return out;
}
