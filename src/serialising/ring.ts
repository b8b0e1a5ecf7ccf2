import { assert, StorageError } from '../core/errors.ts';
import type { SharedMemory } from '../core/host-ports.ts';
import { createSharedMemory } from '../store/memory/web-assembly.ts';

/** Chunks that a ring holds. */
const slots = 8;

/** What the two sides tell each other: chunks filled and freed since the beginning, and that nobody wants more. */
const filledAt = 0;
const freedAt = 1;
const stoppedAt = 2;
const signals = 3;

/** A ring as both of its threads see it; it may be posted. */
export interface RingPlace {
  readonly memory: SharedMemory;
  readonly chunkBytes: number;
  readonly counts: Int32Array<SharedArrayBuffer>;
}

const pageBytes = 65_536;

/** A ring's memory, which is kept: the first touch of new memory costs more than all that is then done in it. */
export class RingMemory {
  #memory: SharedMemory | undefined;

  /** A ring with nothing in it; the one before it is void. @throws StorageError `OUT_OF_MEMORY` */
  ring(chunkBytes: number): RingPlace {
    const pages = (chunkBytes * slots) / pageBytes;
    const had = this.#memory;
    if (had === undefined || had.buffer.byteLength < pages * pageBytes) {
      this.#memory = takeMemory(pages);
    }
    assert(this.#memory !== undefined, 'there is a memory now');
    const counts = new Int32Array(new SharedArrayBuffer(4 * signals));
    return { memory: this.#memory, chunkBytes, counts };
  }
}

function takeMemory(pages: number): SharedMemory {
  try {
    return createSharedMemory({ initial: pages, maximum: pages });
  } catch (cause) {
    const message = `no memory for ${pages * pageBytes} bytes of a snapshot`;
    throw new StorageError('OUT_OF_MEMORY', message, { expected: pages * pageBytes, cause });
  }
}

/** Chunk `n`, from 0 on, in the slot that it has. */
function slotOf({ memory, chunkBytes }: RingPlace, n: number): Uint8Array {
  return new Uint8Array(memory.buffer, (n % slots) * chunkBytes, chunkBytes);
}

/** The side that fills chunks; it blocks its thread while there is no free slot. */
export class RingProducer {
  readonly #place: RingPlace;

  constructor(place: RingPlace) {
    this.#place = place;
  }

  /** The next slot to fill; `undefined` when nobody wants more. */
  next(): Uint8Array | undefined {
    const { counts } = this.#place;
    const filled = Atomics.load(counts, filledAt);
    for (;;) {
      if (Atomics.load(counts, stoppedAt) !== 0) return undefined;
      const freed = Atomics.load(counts, freedAt);
      if (filled - freed < slots) return slotOf(this.#place, filled);
      // Whoever stops it counts one more as freed, so that no call is missed.
      Atomics.wait(counts, freedAt, freed);
    }
  }

  filled(): void {
    Atomics.add(this.#place.counts, filledAt, 1);
    Atomics.notify(this.#place.counts, filledAt);
  }
}

/** Longest time that the consumer's thread hears nothing else, in milliseconds. */
const waitMs = 5;

/** The side that takes chunks, and must free every one in their order. */
export class RingConsumer {
  readonly slots = slots;
  readonly #place: RingPlace;
  #taken = 0;

  constructor(place: RingPlace) {
    this.#place = place;
  }

  /**
   * The next chunk, once it is filled; its thread hears messages meanwhile.
   * @param check throws when there will be none
   */
  async next(check: () => void): Promise<Uint8Array> {
    const { counts } = this.#place;
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      check();
      const filled = Atomics.load(counts, filledAt);
      if (filled > this.#taken) return slotOf(this.#place, this.#taken++);
      Atomics.wait(counts, filledAt, filled, waitMs);
    }
  }

  /** The oldest chunk that was taken and not freed is read no more. */
  free(): void {
    Atomics.add(this.#place.counts, freedAt, 1);
    Atomics.notify(this.#place.counts, freedAt);
  }

  /** Nothing more is wanted. */
  stop(): void {
    Atomics.store(this.#place.counts, stoppedAt, 1);
    this.free();
  }
}
