import { assert } from '../../core/errors.ts';
import type { StoreRecord } from '../../core/host-ports.ts';
import { BucketCursor } from '../index/bucket-cursor.ts';
import { type IndexReader, KeyPlace } from '../index/index-reader.ts';
import type { IndexState } from '../index/shared-index.ts';
import type { KeyScratch } from '../kernels/key-scratch.ts';
import type { KeyedRecords, LedgerState, ReadRecord, TableState } from '../ledger-store.ts';
import { bucketCount, word } from '../memory/layout.ts';
import { type Eras, stampOf } from '../stamps.ts';

/** A table at one moment, as blocks. */
export interface TableParts {
  readonly name: string;
  readonly version: number;
  readonly live: IndexState;
  readonly tombstones: IndexState;
}

/** What a {@link SharedState} reads. */
export interface StateSource {
  readonly size: number;
  get(name: string): TableParts | undefined;
  values(): Iterable<TableParts>;
  readonly eras: Eras;
  /** Whether its blocks are as they were. */
  isKept(): boolean;
}

/** Who reads it, on the store's own thread. */
export interface StateReader {
  readonly reader: IndexReader;
  readonly key: KeyScratch;
}

/** The tables of a shared store at one moment, as others read them: records are copies. */
export class SharedState implements LedgerState {
  readonly #source: StateSource;
  readonly #reader: StateReader;

  constructor(source: StateSource, reader: StateReader) {
    this.#source = source;
    this.#reader = reader;
  }

  get size(): number {
    return this.#source.size;
  }

  get(name: string): TableState | undefined {
    checkKept(this.#source);
    const parts = this.#source.get(name);
    return parts && this.#tableOf(parts);
  }

  *values(): Generator<TableState, void, undefined> {
    for (const parts of this.#source.values()) yield this.#tableOf(parts);
  }

  #tableOf({ name, version, live, tombstones }: TableParts): TableState {
    const source = this.#source;
    const of = { ...this.#reader, source };
    return {
      name,
      version,
      live: new SharedRecords(live, of, version),
      tombstones: new SharedRecords(tombstones, of, version),
    };
  }
}

interface RecordsOf extends StateReader {
  readonly source: StateSource;
}

/** Records of a table; they are walked in the order of a snapshot. */
class SharedRecords implements KeyedRecords {
  readonly #state: IndexState;
  readonly #of: RecordsOf;
  readonly #version: number;

  constructor(state: IndexState, of: RecordsOf, version: number) {
    this.#state = state;
    this.#of = of;
    this.#version = version;
  }

  get size(): number {
    return this.#state.size;
  }

  /** Of the table's last change: no two of them share it. */
  get stamp(): number {
    return stampOf(this.#of.source.eras, this.#version);
  }

  get(bytes: Uint8Array): ReadRecord | undefined {
    const { source, reader, key } = this.#of;
    checkKept(source);
    key.load(bytes);
    if (!reader.find(this.#state.root, key, place)) return undefined;
    const { version, value } = reader.readAt(place.bucket, place.slot);
    return { key: bytes, version, value, stamp: stampOf(source.eras, version) };
  }

  *records(): Generator<StoreRecord, void, undefined> {
    const { source, reader } = this.#of;
    checkKept(source);
    const { memories } = reader;
    const cursor = new BucketCursor(memories, this.#state.root);
    for (let bucket = cursor.next(); bucket !== 0; bucket = cursor.next()) {
      const count = word(memories.wordsOf(bucket), memories.wordAt(bucket) + bucketCount);
      for (let slot = 0; slot < count; slot++) {
        yield reader.recordAt(reader.heapOf(bucket), reader.offsetOf(bucket, slot));
        checkKept(source);
      }
    }
  }
}

// Only while a key is looked up, which nothing interrupts.
const place = new KeyPlace();

function checkKept(source: StateSource): void {
  assert(source.isKept(), 'a state is read only until it is released, or the store goes on');
}
