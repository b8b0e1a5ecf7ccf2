import { assert } from '../../core/errors.ts';
import type { Arena } from '../memory/arena.ts';
import type { Epochs } from '../memory/epochs.ts';
import { chainWords, word } from '../memory/layout.ts';
import { type Memories, pageBytes, type Ref } from '../memory/memories.ts';

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
    const writer = this.begin(parts.reduce((sum, { length }) => sum + length, 0));
    for (const part of parts) writer.append(part);
    return writer.first;
  }

  /** A chain for so many bytes, which are to follow. @throws StorageError `OUT_OF_MEMORY` */
  begin(bytes: number): ChainWriter {
    return new ChainWriter(this.#arena, bytes);
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

/** Fills a chain; a block is taken only when there is something to put into it. */
export class ChainWriter {
  readonly #arena: Arena;
  /** Bytes for which there is no block yet. */
  #left: number;
  #block: Ref = 0;
  /** Bytes of the last block that are free. */
  #room = 0;
  /** The chain; 0 before the first bytes. */
  first: Ref = 0;

  constructor(arena: Arena, bytes: number) {
    this.#arena = arena;
    this.#left = bytes;
  }

  /** @throws StorageError `OUT_OF_MEMORY` */
  append(bytes: Uint8Array): void {
    const { memories } = this.#arena;
    for (let from = 0; from < bytes.length; ) {
      if (this.#room === 0) this.#addBlock();
      const piece = bytes.subarray(from, from + this.#room);
      const block = this.#block;
      const at = memories.wordAt(block);
      const size = word(memories.wordsOf(block), at + 1);
      memories.bytesOf(block).set(piece, (at + chainWords) * 4 + size - this.#room);
      this.#room -= piece.length;
      from += piece.length;
    }
  }

  #addBlock(): void {
    assert(this.#left > 0, 'a chain takes no more bytes than it was begun for');
    const { memories } = this.#arena;
    const size = Math.min(this.#left, pageBytes - headBytes);
    const block = this.#arena.alloc(size + headBytes);
    const words = memories.wordsOf(block);
    const at = memories.wordAt(block);
    words[at] = 0;
    words[at + 1] = size;
    if (this.first === 0) this.first = block;
    else memories.wordsOf(this.#block)[memories.wordAt(this.#block)] = block;
    this.#block = block;
    this.#room = size;
    this.#left -= size;
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
