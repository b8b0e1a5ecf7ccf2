import type { FileHandle } from '../io/file-system.ts';

/** Writes under way at once, at most. */
const writesMax = 4;

/** A chunk whose slot is not free yet. */
interface HeldChunk {
  /** While it is written. */
  writing: Promise<void> | undefined;
}

/** Slots that become free in the order in which they were taken. */
export interface FreedInOrder {
  readonly slots: number;
  free(): void;
}

/** Writes chunks of a file while others are worked on, and frees the slots that they lie in. */
export class ChunkWrites {
  readonly #handle: FileHandle;
  readonly #chunkBytes: number;
  readonly #ring: FreedInOrder;
  readonly #started = new Set<number>();
  readonly #writing = new Set<Promise<void>>();
  /** In the order in which they were taken. */
  readonly #held: HeldChunk[] = [];
  #current: HeldChunk = { writing: undefined };
  #failure: { readonly error: unknown } | undefined;

  constructor(handle: FileHandle, chunkBytes: number, ring: FreedInOrder) {
    this.#handle = handle;
    this.#chunkBytes = chunkBytes;
    this.#ring = ring;
  }

  /** Whether the disk has nothing to do. */
  get isIdle(): boolean {
    return this.#writing.size === 0;
  }

  isStarted(n: number): boolean {
    return this.#started.has(n);
  }

  /** Until another write may start. @throws StorageError `WRITE_FAILED` when an earlier one failed */
  async room(): Promise<void> {
    while (this.#writing.size >= writesMax) await Promise.race(this.#writing);
    this.#check();
  }

  /** Starts to write chunk `n`, which was taken last and must not change until it is freed. */
  start(n: number, chunk: Uint8Array): void {
    const held = this.#current;
    const writing = this.#handle
      .write(chunk, n * this.#chunkBytes)
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .then(() => {
        held.writing = undefined;
        this.#writing.delete(writing);
      });
    held.writing = writing;
    this.#started.add(n);
    this.#writing.add(writing);
  }

  /**
   * The chunk that was taken last is read no more, but for its write: frees what can be, and at least as much as
   * the next one needs. @throws StorageError `WRITE_FAILED` when an earlier write failed
   */
  async done(): Promise<void> {
    this.#held.push(this.#current);
    this.#current = { writing: undefined };
    for (let first = this.#held[0]; first !== undefined; first = this.#held[0]) {
      if (first.writing !== undefined) {
        if (this.#held.length < this.#ring.slots) break;
        await first.writing;
      }
      this.#held.shift();
      this.#ring.free();
    }
    this.#check();
  }

  /** Until all is written. @throws StorageError `WRITE_FAILED` */
  async settle(): Promise<void> {
    await this.end();
    this.#check();
  }

  /** Until nothing is under way, come of it what may. */
  async end(): Promise<void> {
    await Promise.all(this.#writing);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
