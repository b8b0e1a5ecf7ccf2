import { assert } from '../../core/errors.ts';
import type { FrozenTable, StoreRecord } from '../../core/host-ports.ts';
import type { Seqno } from '../../core/words.ts';
import type { MapWrites } from '../../formats/entries/write-set.ts';
import type { StoreContext } from '../index/buckets.ts';
import { UndoLog, type UndoVisitor } from '../index/undo-log.ts';
import type { LedgerState, LedgerStore } from '../ledger-store.ts';
import type { Arena } from '../memory/arena.ts';
import type { BuiltStore } from '../memory/built-store.ts';
import type { Epochs } from '../memory/epochs.ts';
import { recordBytes } from '../memory/layout.ts';
import { Stamps } from '../stamps.ts';
import { tablesOfNumbers } from './shared-descriptor.ts';
import { SharedFrozen, StageKeeper } from './shared-frozen.ts';
import { SharedState, type TableParts } from './shared-state.ts';
import { SharedTable } from './shared-table.ts';
import { openStoreContext, type StoreContextOptions } from './store-context.ts';

/** How a {@link SharedStore} keeps its state. */
export interface SharedStoreOptions extends StoreContextOptions {
  /**
   * Whether removed keys leave tombstones.
   * @default false
   */
  readonly keepsTombstones?: boolean;
}

/**
 * What one change may need at once, at most, beside its record: copies of root, leaf and bucket, and both halves of
 * whatever is split, several times over.
 */
const changeBytesMax = 512 * 1024;

/** A record's bytes are counted in 32 bits. */
const recordBytesMax = 2 ** 31;

/**
 * The state of a node in shared WebAssembly memory, in the order and layout of a snapshot: freezing costs a few
 * pointers a table, and other threads read what is frozen straight from the memory.
 *
 * What the oldest held state sees is never changed: the first write to a bucket after a freeze copies its
 * slots, never its records.
 */
export class SharedStore implements LedgerStore {
  readonly #arena: Arena;
  readonly #epochs: Epochs;
  readonly #context: StoreContext;
  readonly #log: UndoLog;
  readonly #stamps: Stamps;
  readonly #stages = new StageKeeper();
  readonly #keepsTombstones: boolean;
  readonly #tables = new Map<string, SharedTable>();
  readonly #byNumber: SharedTable[] = [];
  /** Where the log was before each seqno above the compacted one; the first are done with. */
  #starts: number[] = [];
  #seqno: Seqno;
  #compacted: Seqno;
  #state: LedgerState | undefined;
  /** Goes up with each change, so that a state which was not held is not read afterwards. */
  #changes = 0;

  /** @param tables the state after `seqno`, or what was built of it elsewhere: none for a new ledger */
  constructor(
    seqno: Seqno,
    tables: Iterable<FrozenTable> | BuiltStore,
    options: SharedStoreOptions = {},
  ) {
    const built = 'arena' in tables ? tables : undefined;
    this.#context = openStoreContext(options, built?.arena);
    this.#arena = this.#context.arena;
    this.#epochs = this.#context.epochs;
    this.#log = new UndoLog(this.#context);
    this.#stamps = new Stamps(seqno);
    this.#keepsTombstones = options.keepsTombstones ?? false;
    this.#seqno = seqno;
    this.#compacted = seqno;
    if ('arena' in tables) this.#adopt(tables);
    else for (const table of tables) this.#load(table);
  }

  /**
   * A store that goes on with what a `StoreLoader` has built, on whatever thread: nothing of the state is
   * read or copied.
   * @param options the loader's, where they bound memory or say what becomes of removed keys
   * @throws RangeError when its memories have another bound
   */
  static adopt(built: BuiltStore, options: SharedStoreOptions = {}): SharedStore {
    return new SharedStore(built.seqno, built, options);
  }

  #adopt({ names, numbers }: BuiltStore): void {
    for (const parts of tablesOfNumbers(names, numbers)) this.#addTable(parts.name).restore(parts);
  }

  get seqno(): Seqno {
    return this.#seqno;
  }

  get compacted(): Seqno {
    return this.#compacted;
  }

  /** Pages of 64 KiB in use. */
  get usedPages(): number {
    return this.#arena.usedPages;
  }

  /** Bytes of memory that are there, used or not. */
  get memoryBytes(): number {
    return this.#arena.bytes;
  }

  get tables(): LedgerState {
    this.#state ??= this.#liveState();
    return this.#state;
  }

  #liveState(): LedgerState {
    const changes = this.#changes;
    const source = {
      size: this.#byNumber.length,
      get: (name: string) => this.#tables.get(name)?.parts,
      values: () => this.#parts(),
      eras: this.#stamps.eras,
      isKept: () => this.#changes === changes,
    };
    const state: LedgerState = new SharedState(source, this.#context);
    state.hold = () => {
      assert(source.isKept(), 'a state is held before the store goes on');
      return this.freeze();
    };
    return state;
  }

  #parts(): TableParts[] {
    return this.#byNumber.map((table) => table.parts);
  }

  freeze(): SharedFrozen {
    return new SharedFrozen({
      tables: this.#parts(),
      eras: this.#stamps.eras,
      epochs: this.#epochs,
      reader: this.#context,
      stages: this.#stages,
    });
  }

  /**
   * Applies the transaction that follows `seqno`.
   * @throws StorageError `OUT_OF_MEMORY`
   * @throws RangeError when a record has 2 GiB or more
   */
  apply(seqno: Seqno, maps: readonly MapWrites[]): void {
    assert(seqno === this.#seqno + 1, `${seqno} is applied after ${this.#seqno}`);
    const bytes = bytesNeeded(maps);
    const start = this.#log.end;
    const options = { seqno, keepsTombstones: this.#keepsTombstones, log: this.#log };
    this.#change(bytes, () => {
      for (const changes of maps) this.#tableFor(changes.name).change(changes, options);
    });
    this.#starts.push(start);
    this.#seqno = seqno;
    this.#stamps.applied(seqno);
    this.#epochs.reclaim();
  }

  #tableFor(name: string): SharedTable {
    const known = this.#tables.get(name);
    if (known !== undefined) {
      this.#log.table(known.number, known.version);
      return known;
    }
    this.#log.table(this.#byNumber.length, undefined);
    return this.#addTable(name);
  }

  #addTable(name: string): SharedTable {
    const table = new SharedTable(name, this.#byNumber.length, this.#context);
    this.#tables.set(name, table);
    this.#byNumber.push(table);
    return table;
  }

  #load({ name, version, live, tombstones }: FrozenTable): void {
    const table = this.#addTable(name);
    const put = ({ key, version, value }: StoreRecord) => {
      this.#context.key.load(key);
      table.indexOf(version < 0).put(value, version, undefined);
    };
    for (const record of live.records()) put(record);
    if (this.#keepsTombstones) for (const record of tombstones?.records() ?? []) put(record);
    table.version = version;
  }

  /** Does work that takes at most so many bytes; when it throws, everything is as before. */
  #change(bytes: number, work: () => void): void {
    if (this.#arena.reserve(bytes)) this.#changeInPlace(work);
    else this.#changeGuarded(work);
    this.#changes++;
    this.#state = undefined;
  }

  /** There is memory enough; what may still be refused is undone. */
  #changeInPlace(work: () => void): void {
    const { end } = this.#log;
    try {
      work();
    } catch (error) {
      this.#log.visit(end, this.#undo);
      this.#log.cut(end);
      throw error;
    }
  }

  /**
   * Holds the state meanwhile, so that nothing of it is changed in place: going back to it takes no memory.
   */
  #changeGuarded(work: () => void): void {
    const before = this.#parts();
    const { end, chains } = this.#log;
    const guard = this.#epochs.hold();
    this.#arena.watch();
    try {
      work();
    } catch (error) {
      this.#arena.takeBack();
      this.#epochs.revert(guard);
      this.#log.forget(end, chains);
      for (const { name } of this.#byNumber.splice(before.length)) this.#tables.delete(name);
      for (const parts of before) this.#tables.get(parts.name)?.restore(parts);
      throw error;
    }
    this.#arena.unwatch();
    this.#epochs.release(guard);
  }

  /**
   * Undoes every transaction above `seqno`; what was frozen stays as it was.
   * @throws RangeError when that version was compacted, or was not applied yet
   * @throws StorageError `OUT_OF_MEMORY`
   */
  rollback(seqno: Seqno): void {
    if (seqno < this.#compacted || seqno > this.#seqno) {
      throw new RangeError(`no state at ${seqno}: there are ${this.#compacted} to ${this.#seqno}`);
    }
    if (seqno === this.#seqno) return;
    const start = this.#startOf(seqno);
    const bytes = (this.#log.end - start) * 4;
    this.#change(bytes * 64 + changeBytesMax, () => this.#log.visit(start, this.#undo));
    this.#log.cut(start);
    this.#starts.length = seqno - this.#compacted;
    this.#seqno = seqno;
    this.#stamps.rolledBack(seqno);
    this.#epochs.reclaim();
  }

  readonly #undo: UndoVisitor = {
    remove: (number, isTombstone, key) => {
      this.#context.key.load(key);
      this.#byNumber[number]?.indexOf(isTombstone).remove(undefined);
    },
    restore: (number, isTombstone, block, offset) => {
      const { key, version, value } = this.#context.reader.recordAt(block, offset);
      this.#context.key.load(key);
      this.#byNumber[number]?.indexOf(isTombstone).put(value, version, undefined);
    },
    revertTable: (number, version) => {
      const table = this.#byNumber[number];
      if (table === undefined) return;
      if (version !== undefined) table.version = version;
      else {
        this.#byNumber.pop();
        this.#tables.delete(table.name);
      }
    },
  };

  #startOf(seqno: Seqno): number {
    return this.#starts[seqno - this.#compacted] ?? this.#log.end;
  }

  compact(seqno: Seqno): void {
    if (seqno > this.#seqno) {
      throw new RangeError(`compacting to ${seqno}, but ${this.#seqno} is the last applied`);
    }
    if (seqno <= this.#compacted) return;
    this.#log.drop(this.#startOf(seqno));
    this.#starts = this.#starts.slice(seqno - this.#compacted);
    this.#compacted = seqno;
    this.#epochs.reclaim();
  }
}

/** What a transaction may need at most. @throws RangeError when a record is too large */
function bytesNeeded(maps: readonly MapWrites[]): number {
  let bytes = 0;
  for (const { writes, removes } of maps) {
    bytes += changeBytesMax * (1 + writes.length + removes.length);
    for (const { key, value } of writes) {
      const size = recordBytes(key.length, value.length);
      if (size >= recordBytesMax) throw new RangeError(`a record of ${size} bytes is too large`);
      bytes += 4 * size;
    }
  }
  return bytes;
}
