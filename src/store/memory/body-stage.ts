import { StorageError } from '../../core/errors.ts';
import type { SharedMemory } from '../../core/host-ports.ts';
import { heapBytesMax } from './layout.ts';
import { pageBytes } from './memories.ts';
import { createSharedMemory, type MemorySize } from './web-assembly.ts';

/** Before the bytes that come in: what the two indexes of a map still hold of the bytes before them. */
export const heldBytes = heapBytesMax;
const mainAt = pageBytes;

/** Bytes that are looked at together; a record's key may need more. */
const mainBytes = 16 * pageBytes;

/** Pages that a stage may ever have: as many as a memory can. */
const pagesMax = 65_536;

/**
 * Where the records of a map lie while they are looked at: a memory of its own, in which each record begins at a
 * multiple of 8 bytes as it does in a heap.
 *
 * | byte | what |
 * |---|---|
 * | 0 | live records, then tombstones, that wait for their bucket |
 * | 64 KiB | bytes of the body, from {@link at} to {@link end} not yet looked at |
 */
export class BodyStage {
  readonly memory: SharedMemory;
  words: Int32Array;
  bytes: Uint8Array;
  /** Byte where the next record begins. */
  at = mainAt;
  /** Byte behind the last one that has come in. */
  end = mainAt;

  constructor(createMemory: (size: MemorySize) => SharedMemory = createSharedMemory) {
    this.memory = createMemory({ initial: (mainAt + mainBytes) / pageBytes, maximum: pagesMax });
    this.words = new Int32Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
  }

  /** Bytes that can be added. */
  get room(): number {
    return this.bytes.length - this.end;
  }

  add(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Forgets what was looked at, and makes sure that so many bytes from {@link at} on have room. */
  rewind(bytes: number): void {
    this.bytes.copyWithin(mainAt, this.at, this.end);
    this.end -= this.at - mainAt;
    this.at = mainAt;
    const missing = mainAt + bytes - this.bytes.length;
    if (missing > 0) this.#grow(missing);
  }

  /** Begins with another map. */
  clear(): void {
    this.at = mainAt;
    this.end = mainAt;
  }

  #grow(bytes: number): void {
    try {
      this.memory.grow(Math.ceil(bytes / pageBytes));
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const message = `no memory for a key that needs ${bytes} bytes more`;
      throw new StorageError('OUT_OF_MEMORY', message, { actual: bytes, cause });
    }
    this.words = new Int32Array(this.memory.buffer);
    this.bytes = new Uint8Array(this.memory.buffer);
  }
}
