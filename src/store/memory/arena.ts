import { assert, StorageError } from '../../core/errors.ts';
import type { SharedMemory } from '../../core/host-ports.ts';
import { granuleBytes, granulesPerPageLog2, Memories, pageBytes, type Ref } from './memories.ts';
import { blocksPerPage, classSize, sizeClassCount, sizeClassOf } from './size-classes.ts';
import { createSharedMemory, type MemorySize } from './web-assembly.ts';

/** How much memory an `Arena` may take, and from where. */
export interface ArenaOptions {
  /**
   * Most bytes of one memory: a power of two, 128 KiB to 4 GiB.
   * @default 1 GiB
   */
  readonly memoryBytesMax?: number;
  /**
   * Most memories; with `memoryBytesMax`, at most 256 GiB in all.
   * @default 256
   */
  readonly memoriesMax?: number;
  /** Where memories come from; their bytes need not be zero. @default new ones */
  readonly createMemory?: (size: MemorySize) => SharedMemory;
}

/** An arena as plain data: with it another thread goes on where this one has stopped. */
export interface ArenaState {
  readonly memories: readonly SharedMemory[];
  /** Of the most pages that each memory may have. */
  readonly pagesLog2: number;
  /** Pages that were ever used, that are there, that are free, and the first free one; then pages in use. */
  readonly counts: readonly [number, number, number, number, number];
  readonly partial: Int32Array<ArrayBuffer>;
  readonly classes: Uint8Array<ArrayBuffer>;
  readonly live: Uint16Array<ArrayBuffer>;
  readonly carved: Uint16Array<ArrayBuffer>;
  readonly free: Int32Array<ArrayBuffer>;
  readonly next: Int32Array<ArrayBuffer>;
  readonly previous: Int32Array<ArrayBuffer>;
}

/** Pages that a memory begins with: a store of few tables needs no more. */
const initialPages = 16;

/** A memory grows by a quarter, within these bounds. */
const growthPagesMin = 16;
const growthPagesMax = 1024;

/** Names no page: page 0 of each memory is no allocator's, see `stage.ts`. */
const noPage = 0;

/**
 * Memory in blocks of up to a page, freed into lists by size class. Pages belong to one class while a block
 * of theirs is in use, and go back to all classes afterwards. Bookkeeping is the owner's alone; other
 * threads only read blocks.
 */
export class Arena {
  readonly memories: Memories;
  readonly #size: MemorySize;
  readonly #pagesLog2: number;
  readonly #memoriesMax: number;
  readonly #createMemory: (size: MemorySize) => SharedMemory;
  #partial = new Int32Array(sizeClassCount);
  #freePages = noPage;
  #freePageCount = 0;
  /** Pages from here on were never used; memory is there up to `#grown`. */
  #fresh = 0;
  #grown = 0;
  #usedPages = 0;
  // Of each page: its class, blocks in use, blocks ever carved, first free block, and neighbours in a list.
  #classes = new Uint8Array(0);
  #live = new Uint16Array(0);
  #carved = new Uint16Array(0);
  #free = new Int32Array(0);
  #next = new Int32Array(0);
  #previous = new Int32Array(0);
  /** Blocks allocated since it was set and not freed since. */
  #journal: Set<Ref> | undefined;

  /**
   * @param state of an arena whose blocks this one takes over
   * @throws RangeError for bounds that are none, or not those of the state
   */
  constructor(options: ArenaOptions = {}, state?: ArenaState) {
    const { memoryBytesMax = 2 ** 30, memoriesMax = 256 } = options;
    const pages = memoryBytesMax / pageBytes;
    const pagesLog2 = Math.log2(pages);
    if (!Number.isInteger(pagesLog2) || pagesLog2 < 1 || pagesLog2 > 16) {
      throw new RangeError(
        `a memory of ${memoryBytesMax} bytes is no power of two, 128 KiB to 4 GiB`,
      );
    }
    const most = 2 ** (22 - pagesLog2);
    if (!Number.isInteger(memoriesMax) || memoriesMax < 1) {
      throw new RangeError(`${memoriesMax} memories are not one or more`);
    }
    this.memories = new Memories(pagesLog2);
    this.#size = { initial: Math.min(initialPages, pages), maximum: pages };
    this.#pagesLog2 = pagesLog2;
    this.#memoriesMax = Math.min(memoriesMax, most);
    this.#createMemory = options.createMemory ?? createSharedMemory;
    if (state !== undefined) this.#adopt(state);
  }

  #adopt(state: ArenaState): void {
    if (state.pagesLog2 !== this.#pagesLog2) {
      const theirs = 2 ** state.pagesLog2 * pageBytes;
      throw new RangeError(`memories of ${theirs} bytes can't be taken over by an arena of others`);
    }
    for (const memory of state.memories) this.memories.add(memory);
    const [fresh, grown, freePageCount, freePages, usedPages] = state.counts;
    this.#fresh = fresh;
    this.#grown = grown;
    this.#freePageCount = freePageCount;
    this.#freePages = freePages;
    this.#usedPages = usedPages;
    this.#partial = state.partial;
    this.#classes = state.classes;
    this.#live = state.live;
    this.#carved = state.carved;
    this.#free = state.free;
    this.#next = state.next;
    this.#previous = state.previous;
  }

  /** All that another arena needs to go on; this one must not be used any more. */
  get state(): ArenaState {
    const pages = this.#grown;
    return {
      memories: [...this.memories.list],
      pagesLog2: this.#pagesLog2,
      counts: [this.#fresh, pages, this.#freePageCount, this.#freePages, this.#usedPages],
      partial: this.#partial,
      classes: this.#classes.slice(0, pages),
      live: this.#live.slice(0, pages),
      carved: this.#carved.slice(0, pages),
      free: this.#free.slice(0, pages),
      next: this.#next.slice(0, pages),
      previous: this.#previous.slice(0, pages),
    };
  }

  /** Pages with a block in use. */
  get usedPages(): number {
    return this.#usedPages;
  }

  /** Memory that is there, used or not. */
  get bytes(): number {
    return this.memories.list.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  /** A block of `bytes` or more, with whatever was in it. @throws StorageError `OUT_OF_MEMORY` */
  alloc(bytes: number): Ref {
    const sizeClass = sizeClassOf(bytes);
    let page = this.#partial[sizeClass] ?? noPage;
    if (page === noPage) page = this.#openPage(sizeClass);
    this.#live[page] = at(this.#live, page) + 1;
    let ref = at(this.#free, page);
    if (ref !== 0) {
      this.#free[page] = at(this.memories.wordsOf(ref), this.memories.wordAt(ref));
    } else {
      const carved = at(this.#carved, page);
      ref = ((page << granulesPerPageLog2) + carved * classSize(sizeClass)) | 0;
      this.#carved[page] = carved + 1;
    }
    if (at(this.#free, page) === 0 && at(this.#carved, page) === blocksPerPage(sizeClass)) {
      this.#unlink(page, sizeClass);
    }
    this.#journal?.add(ref);
    return ref;
  }

  free(ref: Ref): void {
    this.#journal?.delete(ref);
    const page = ref >>> granulesPerPageLog2;
    const sizeClass = at(this.#classes, page);
    const wasFull =
      at(this.#free, page) === 0 && at(this.#carved, page) === blocksPerPage(sizeClass);
    const live = at(this.#live, page) - 1;
    assert(live >= 0, 'a block is freed once');
    this.#live[page] = live;
    if (live === 0) {
      if (!wasFull) this.#unlink(page, sizeClass);
      this.#closePage(page);
      return;
    }
    this.memories.wordsOf(ref)[this.memories.wordAt(ref)] = at(this.#free, page);
    this.#free[page] = ref;
    if (wasFull) this.#link(page, sizeClass);
  }

  /** Bytes that a block really has. */
  capacityOf(ref: Ref): number {
    return classSize(at(this.#classes, ref >>> granulesPerPageLog2)) * granuleBytes;
  }

  /** Makes sure of so many bytes in pages that are in no use, and tells whether they are there. */
  reserve(bytes: number): boolean {
    const pages = Math.ceil(bytes / pageBytes);
    while (this.#sparePages < pages) if (!this.#grow()) return false;
    return true;
  }

  /** From now on {@link takeBack} can free what was allocated meanwhile. */
  watch(): void {
    this.#journal = new Set();
  }

  /** Ends {@link watch}; everything stays. */
  unwatch(): void {
    this.#journal = undefined;
  }

  /** Ends {@link watch}, and frees every block that was allocated under it and is still in use. */
  takeBack(): void {
    const blocks = this.#journal ?? [];
    this.#journal = undefined;
    for (const ref of blocks) this.free(ref);
  }

  get #sparePages(): number {
    const memories = ((this.#grown - 1) >> this.#pagesLog2) - (this.#fresh >> this.#pagesLog2);
    return this.#freePageCount + this.#grown - this.#fresh - Math.max(0, memories);
  }

  /** Page 0 of each memory is not given out; a memory has two pages at least. */
  #isFirst(page: number): boolean {
    return page % this.#size.maximum === 0;
  }

  #openPage(sizeClass: number): number {
    const page = this.#takePage();
    this.#classes[page] = sizeClass;
    this.#live[page] = 0;
    this.#carved[page] = 0;
    this.#free[page] = 0;
    this.#usedPages++;
    this.#link(page, sizeClass);
    return page;
  }

  #takePage(): number {
    const free = this.#freePages;
    if (free !== noPage) {
      this.#freePages = at(this.#next, free);
      this.#freePageCount--;
      return free;
    }
    if (this.#fresh === this.#grown && !this.#grow()) {
      throw new StorageError('OUT_OF_MEMORY', 'the store has used up the memory it may take', {
        expected: this.#memoriesMax * this.#size.maximum * pageBytes,
      });
    }
    const page = this.#fresh;
    this.#fresh++;
    if (this.#fresh < this.#grown && this.#isFirst(this.#fresh)) this.#fresh++;
    return page;
  }

  #closePage(page: number): void {
    this.#usedPages--;
    this.#next[page] = this.#freePages;
    this.#freePages = page;
    this.#freePageCount++;
  }

  /** Adds pages to the last memory, or another memory; tells whether there are more now. */
  #grow(): boolean {
    const { list } = this.memories;
    const last = list.length - 1;
    const pages = (list[last]?.buffer.byteLength ?? 0) / pageBytes;
    try {
      if (last >= 0 && pages < this.#size.maximum) this.#growMemory(last, pages);
      else if (list.length < this.#memoriesMax) this.#addMemory();
      else return false;
    } catch (error) {
      // What the system refuses is the same to us as what our own bounds refuse.
      if (error instanceof RangeError) return false;
      throw error;
    }
    this.#growTables();
    return true;
  }

  #growMemory(index: number, pages: number): void {
    const wanted = Math.min(growthPagesMax, Math.max(growthPagesMin, pages >>> 2));
    this.memories.list[index]?.grow(Math.min(wanted, this.#size.maximum - pages));
    this.memories.refresh(index);
    const has = (this.memories.bytes[index]?.length ?? 0) / pageBytes;
    this.#grown = (index << this.#pagesLog2) + has;
  }

  #addMemory(): void {
    const memory = this.#createMemory(this.#size);
    this.memories.add(memory);
    const index = this.memories.list.length - 1;
    const first = index << this.#pagesLog2;
    if (this.#fresh === first) this.#fresh++;
    this.#grown = first + memory.buffer.byteLength / pageBytes;
  }

  #growTables(): void {
    if (this.#classes.length >= this.#grown) return;
    const pages = Math.max(this.#grown, this.#classes.length * 2);
    this.#classes = grown(this.#classes, new Uint8Array(pages));
    this.#live = grown(this.#live, new Uint16Array(pages));
    this.#carved = grown(this.#carved, new Uint16Array(pages));
    this.#free = grown(this.#free, new Int32Array(pages));
    this.#next = grown(this.#next, new Int32Array(pages));
    this.#previous = grown(this.#previous, new Int32Array(pages));
  }

  #link(page: number, sizeClass: number): void {
    const next = at(this.#partial, sizeClass);
    this.#next[page] = next;
    this.#previous[page] = noPage;
    if (next !== noPage) this.#previous[next] = page;
    this.#partial[sizeClass] = page;
  }

  #unlink(page: number, sizeClass: number): void {
    const next = at(this.#next, page);
    const previous = at(this.#previous, page);
    if (next !== noPage) this.#previous[next] = previous;
    if (previous !== noPage) this.#next[previous] = next;
    else this.#partial[sizeClass] = next;
  }
}

interface NumberArray {
  readonly [index: number]: number;
}

function at(array: NumberArray, index: number): number {
  return array[index] ?? 0;
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
