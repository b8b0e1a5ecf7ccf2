import { assert } from '../../core/errors.ts';
import { sha256Bytes } from '../encoding/sha256.ts';

/**
 * A growing run of 32-byte hashes in one buffer, numbered from `base`: a level of a Merkle tree.
 * What it returns are views that later calls may move or overwrite.
 */
export class HashSlab {
  #bytes = new Uint8Array(0);
  /** Hashes that were dropped but still lie in front of the buffer. */
  #skipped = 0;
  #base: number;
  #end: number;

  constructor(base: number) {
    this.#base = base;
    this.#end = base;
  }

  /** Index behind the last hash. */
  get end(): number {
    return this.#end;
  }

  /** Whether the hash of that index is still, and already, held. */
  has(index: number): boolean {
    return index >= this.#base && index < this.#end;
  }

  push(hash: Uint8Array): void {
    const at = this.#offset(this.#end);
    if (at === this.#bytes.length) this.#grow();
    this.#bytes.set(hash, this.#offset(this.#end));
    this.#end++;
  }

  /** Hashes `from` … `to - 1`, back to back. */
  range(from: number, to: number): Uint8Array {
    assert(from >= this.#base && from <= to && to <= this.#end, 'hashes are held');
    return this.#bytes.subarray(this.#offset(from), this.#offset(to));
  }

  /** Keeps only the hashes below `end`. */
  truncate(end: number): void {
    if (end >= this.#end) return;
    assert(end >= this.#base, 'truncating above the base');
    this.#end = end;
  }

  /** Keeps only the hashes from `base` on; memory is given back once half the buffer is unused. */
  drop(base: number): void {
    if (base <= this.#base) return;
    assert(base <= this.#end, 'dropping no more than is held');
    this.#skipped += base - this.#base;
    this.#base = base;
    if (this.#skipped * sha256Bytes * 2 < this.#bytes.length) return;
    this.#bytes = this.#bytes.slice(this.#offset(base), this.#offset(this.#end));
    this.#skipped = 0;
  }

  #offset(index: number): number {
    return (index - this.#base + this.#skipped) * sha256Bytes;
  }

  #grow(): void {
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, 8 * sha256Bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
