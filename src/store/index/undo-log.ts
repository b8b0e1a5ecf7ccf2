import { int64At, padded, setInt64, stubBytes, word } from '../memory/layout.ts';
import type { Ref } from '../memory/memories.ts';
import type { StoreContext } from './buckets.ts';
import type { RecordSink } from './shared-index.ts';

/** What is undone, newest first. Records and keys are views or copies, good during the call. */
export interface UndoVisitor {
  /** A key had no record. */
  remove(table: number, isTombstone: boolean, key: Uint8Array): void;
  /** A key had this record, which begins at a word of a block. */
  restore(table: number, isTombstone: boolean, block: Ref, offset: number): void;
  /** A table had this version; `undefined` when there was no such table. */
  revertTable(table: number, version: number | undefined): void;
}

const blockBytes = 8192;
const blockWords = blockBytes / 4;

// An entry: its words in all, 0 where a block has no further one; table; kind; a spare word; then what the kind says.
const headWords = 4;
const kindTable = 0;
const kindInserted = 2;
const kindReplaced = 4;
/** Added to the kind of what happened to tombstones. */
const ofTombstone = 1;

/**
 * What the changes since the compacted seqno have done away with, in blocks of the store's own memory, so
 * that it costs the garbage collector nothing. A chain that an entry refers to is the log's.
 */
export class UndoLog implements RecordSink {
  readonly #context: StoreContext;
  /** Blocks from the one that holds `#first` on. */
  readonly #blocks: Ref[] = [];
  /** Positions in words since the log began: of the oldest entry, and behind the newest. */
  #first = 0;
  #end = 0;
  /** Entries that own a chain. */
  #chains = 0;
  #table = 0;
  #isTombstone = 0;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  /** Where the next entry will be. */
  get end(): number {
    return this.#end;
  }

  /** What {@link inserted} and {@link replaced} are about from now on. */
  about(table: number, isTombstone: boolean): this {
    this.#table = table;
    this.#isTombstone = isTombstone ? ofTombstone : 0;
    return this;
  }

  /** A table is about to change. */
  table(table: number, version: number | undefined): void {
    this.#table = table;
    this.#isTombstone = 0;
    const { words, at } = this.#entry(kindTable, 4);
    setInt64(words, at, version ?? -1);
    words[at + 2] = 0;
    words[at + 3] = 0;
  }

  inserted(): void {
    const { key, chains, epochs } = this.#context;
    const size = 2 + (padded(key.length) >>> 2);
    if (headWords + size <= blockWords) {
      const { words, at } = this.#entry(kindInserted, size);
      words[at] = key.length;
      words[at + 1] = 0;
      for (let i = 2; i < size; i++) words[at + i] = word(key.words, i - 2);
      return;
    }
    const chain = chains.write([key.bytes]);
    const { words, at } = this.#entry(kindInserted, stubBytes / 4);
    words[at] = key.length;
    words[at + 1] = 1;
    words[at + 2] = chain;
    words[at + 3] = epochs.current;
    this.#chains++;
  }

  replaced(record: Int32Array, from: number, bytes: number): void {
    const size = bytes >>> 2;
    const { words, at } = this.#entry(kindReplaced, size);
    for (let i = 0; i < size; i++) words[at + i] = word(record, from + i);
    if (word(record, from + 1) !== 0) this.#chains++;
  }

  readonly #place: { words: Int32Array; at: number } = { words: new Int32Array(0), at: 0 };

  /** Where an entry's own words begin; the same object each time, since there are millions. */
  #entry(kind: number, size: number): { readonly words: Int32Array; readonly at: number } {
    const { arena, memories } = this.#context;
    const total = headWords + size;
    const used = this.#end % blockWords;
    if (used > 0 && used + total > blockWords) {
      this.#set(this.#end, 0);
      this.#end += blockWords - used;
    }
    if (this.#end === this.#blocksEnd) this.#blocks.push(arena.alloc(blockBytes));
    const block = this.#blockAt(this.#end);
    const place = this.#place;
    place.words = memories.wordsOf(block);
    const at = memories.wordAt(block) + (this.#end % blockWords);
    place.words[at] = total;
    place.words[at + 1] = this.#table;
    place.words[at + 2] = kind + this.#isTombstone;
    place.at = at + headWords;
    this.#end += total;
    return place;
  }

  /** Tells what came after a position, newest first; the log stays as it is. */
  visit(from: number, visitor: UndoVisitor): void {
    const positions: number[] = [];
    this.#forEach(from, this.#end, (position) => positions.push(position));
    for (const position of positions.reverse()) this.#tell(position, visitor);
  }

  #tell(position: number, visitor: UndoVisitor): void {
    const { memories, reader } = this.#context;
    const block = this.#blockAt(position);
    const words = memories.wordsOf(block);
    const offset = position % blockWords;
    const at = memories.wordAt(block) + offset;
    const table = word(words, at + 1);
    const kind = word(words, at + 2);
    const isTombstone = (kind & ofTombstone) !== 0;
    const own = offset + headWords;
    if (kind === kindTable) {
      const version = int64At(words, at + headWords);
      visitor.revertTable(table, version < 0 ? undefined : version);
    } else if (kind - (kind & ofTombstone) === kindReplaced) {
      visitor.restore(table, isTombstone, block, own);
    } else visitor.remove(table, isTombstone, reader.keyIn(block, own));
  }

  /** Forgets what came before a position. */
  drop(position: number): void {
    this.#retireChains(this.#first, position);
    const isAll = position >= this.#end;
    // Of an empty log no block is left: the next entry begins another one.
    if (isAll) this.#end = Math.ceil(this.#end / blockWords) * blockWords;
    const first = isAll ? this.#end : Math.max(position, this.#first);
    const dropped = Math.floor(first / blockWords) - Math.floor(this.#first / blockWords);
    this.#first = first;
    for (const block of this.#blocks.splice(0, dropped)) this.#context.arena.free(block);
  }

  /** Forgets what came after a position. */
  cut(position: number): void {
    const end = Math.max(position, this.#first);
    this.#retireChains(end, this.#end);
    const kept = this.#keptUntil(end);
    for (const block of this.#blocks.splice(kept)) this.#context.arena.free(block);
    this.#end = end;
  }

  /** As {@link cut}, where all that was written behind the position is taken back by others. */
  forget(position: number, chains: number): void {
    this.#blocks.length = this.#keptUntil(position);
    this.#end = position;
    this.#chains = chains;
  }

  get chains(): number {
    return this.#chains;
  }

  #keptUntil(position: number): number {
    return Math.ceil(position / blockWords) - Math.floor(this.#first / blockWords);
  }

  #retireChains(from: number, to: number): void {
    if (this.#chains === 0) return;
    const { chains } = this.#context;
    this.#forEach(from, to, (_, words, at) => {
      if (word(words, at + 2) < kindInserted || word(words, at + headWords + 1) === 0) return;
      this.#chains--;
      chains.retire(word(words, at + headWords + 2), word(words, at + headWords + 3));
    });
  }

  #forEach(
    from: number,
    to: number,
    visit: (position: number, words: Int32Array, at: number) => void,
  ): void {
    const { memories } = this.#context;
    for (let position = Math.max(from, this.#first); position < to; ) {
      const block = this.#blockAt(position);
      const words = memories.wordsOf(block);
      const at = memories.wordAt(block) + (position % blockWords);
      const size = word(words, at);
      if (size === 0) {
        position += blockWords - (position % blockWords);
        continue;
      }
      visit(position, words, at);
      position += size;
    }
  }

  get #blocksEnd(): number {
    return (Math.floor(this.#first / blockWords) + this.#blocks.length) * blockWords;
  }

  #blockAt(position: number): Ref {
    const index = Math.floor(position / blockWords) - Math.floor(this.#first / blockWords);
    return this.#blocks[index] ?? 0;
  }

  #set(position: number, value: number): void {
    const { memories } = this.#context;
    const block = this.#blockAt(position);
    memories.wordsOf(block)[memories.wordAt(block) + (position % blockWords)] = value;
  }
}
