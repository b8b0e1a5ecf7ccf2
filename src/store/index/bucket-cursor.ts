import {
  bucketBits,
  bucketCapacity,
  bucketCount,
  bucketSlots,
  nodeBits,
  nodeEntries,
  nodePrefix,
  word,
} from '../memory/layout.ts';
import type { Memories, Ref } from '../memory/memories.ts';

/** Walks the buckets of a table in the order of a snapshot. */
export class BucketCursor {
  readonly #memories: Memories;
  readonly #root: Ref;
  #rootEntry = 0;
  #leaf: Ref = 0;
  #leafEntry = 0;
  #fan: Ref = 0;
  #fanEntry = 0;

  constructor(memories: Memories, root: Ref) {
    this.#memories = memories;
    this.#root = root;
  }

  /** The next bucket; 0 after the last. */
  next(): Ref {
    for (;;) {
      if (this.#fan !== 0) {
        const entry = this.#fanEntry++;
        if (entry < this.#get(this.#fan, bucketCount)) {
          return this.#get(this.#fan, bucketSlots + entry);
        }
        this.#fan = 0;
      }
      const node = this.#nextNode();
      if (node === 0 || this.#get(node, bucketCapacity) !== 0) return node;
      this.#fan = node;
      this.#fanEntry = 0;
    }
  }

  /** The next bucket or fan of the leaves. */
  #nextNode(): Ref {
    for (;;) {
      if (this.#leaf === 0 && !this.#nextLeaf()) return 0;
      const bits = this.#get(this.#leaf, nodeBits);
      const prefix = this.#get(this.#leaf, nodePrefix);
      while (this.#leafEntry < 2 ** bits) {
        const node = this.#get(this.#leaf, nodeEntries + this.#leafEntry);
        if (node === 0) this.#leafEntry++;
        else {
          // Equal neighbours are one.
          this.#leafEntry += 2 ** (prefix + bits - this.#get(node, bucketBits));
          return node;
        }
      }
      this.#leaf = 0;
    }
  }

  #nextLeaf(): boolean {
    if (this.#root === 0) return false;
    const bits = this.#get(this.#root, nodeBits);
    while (this.#rootEntry < 2 ** bits) {
      const leaf = this.#get(this.#root, nodeEntries + this.#rootEntry);
      if (leaf === 0) this.#rootEntry++;
      else {
        this.#rootEntry += 2 ** (bits - this.#get(leaf, nodePrefix));
        this.#leaf = leaf;
        this.#leafEntry = 0;
        return true;
      }
    }
    return false;
  }

  #get(block: Ref, index: number): number {
    return word(this.#memories.wordsOf(block), this.#memories.wordAt(block) + index);
  }
}
