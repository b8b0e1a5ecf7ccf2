import { assert, FormatError } from '../../core/errors.ts';
import { heldRecordBytesMax } from '../../core/limits.ts';
import type { SnapshotRecord } from '../entries/snapshot-map.ts';
import type { MapHeader, MapSink } from './domain-stream.ts';
import { sipHash24Low32 } from './key-order.ts';
import { checkPadding, type RecordShape, readRecordShape } from './record-shape.ts';
import { TieCheck } from './tie-check.ts';

/** A record whose value nobody wants to see. */
export type MeasuredRecord = Pick<RecordShape, 'keyLength' | 'version' | 'valueLength'>;

/** Takes the records of a snapshot, map by map. */
export interface RecordSink {
  /** A map begins: says whether its records are wanted as they are, or only measured. */
  begin(map: MapHeader): 'records' | 'sizes';
  /** Key and value are views on the bytes that were taken, or on memory of their own. */
  record?(record: SnapshotRecord): void;
  measured?(record: MeasuredRecord): void;
  end?(): void;
}

const noBytes = new Uint8Array(0);

/**
 * Takes the maps of a snapshot's domain apart into records as their bytes come, checking all that `decodeSnapshot`
 * does. In memory is at most one record, and of one that is only measured no more than its key.
 */
export class RecordStream implements MapSink {
  readonly #sink: RecordSink;
  #map: MapHeader | undefined;
  #isHeld = false;
  #ties = new TieCheck('');
  #lastKey: Uint8Array = noBytes;
  /** Bytes of the body from the next record on. */
  #left = 0;
  /** A record that has begun: what has come of it, and what must be there to go on. */
  #begun: Uint8Array = noBytes;
  #length = 0;
  #needed = 0;
  /** Bytes to go of a value that is passed by, and how many zeros are at its end. */
  #passing = 0;
  #zeros = 0;

  constructor(sink: RecordSink) {
    this.#sink = sink;
  }

  begin(map: MapHeader): void {
    this.#map = map;
    this.#isHeld = this.#sink.begin(map) === 'records';
    this.#ties = new TieCheck(map.name);
    this.#left = map.bodyBytes;
  }

  /**
   * The next bytes of the map's body.
   * @throws FormatError as `decodeSnapshot`, of records; `TOO_LARGE` for a key, or a record that is wanted, above 64 MiB
   */
  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) at += this.#step(bytes, at);
    // The caller may use its memory again.
    if (this.#lastKey.buffer === bytes.buffer) this.#lastKey = this.#lastKey.slice();
  }

  end(): void {
    assert(this.#left === 0 && this.#length === 0, 'a body ends with its last record');
    this.#sink.end?.();
  }

  #step(bytes: Uint8Array, at: number): number {
    if (this.#passing > 0) return this.#pass(bytes, at);
    const taken = this.#length > 0 ? 0 : this.#read(bytes, at);
    return taken > 0 ? taken : this.#gather(bytes, at);
  }

  /** The zeros at a value's end are checked even where the rest of it is passed by. */
  #pass(bytes: Uint8Array, at: number): number {
    const size = Math.min(this.#passing, bytes.length - at);
    const zeros = Math.max(0, size - (this.#passing - this.#zeros));
    const from = at + size - Math.min(zeros, size);
    checkPadding(bytes, [from, at + size], this.#offset);
    this.#zeros -= at + size - from;
    this.#passing -= size;
    this.#left -= size;
    return size;
  }

  /** In memory that grows with what comes, whatever length was declared. */
  #gather(bytes: Uint8Array, at: number): number {
    const size = Math.min(this.#needed - this.#length, bytes.length - at);
    const length = this.#length + size;
    if (length > this.#begun.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(this.#needed, 2 * length)));
      grown.set(this.#begun.subarray(0, this.#length));
      this.#begun = grown;
    }
    this.#begun.set(bytes.subarray(at, at + size), this.#length);
    this.#length = length;
    if (length === this.#needed && this.#read(this.#begun.subarray(0, length), 0) > 0) {
      this.#begun = noBytes;
      this.#length = 0;
    }
    return size;
  }

  /** Reads one record; 0 when it is not all there yet, as far as it is needed. */
  #read(bytes: Uint8Array, at: number): number {
    const place = { at, end: bytes.length, left: this.#left, offset: this.#offset };
    const shape = readRecordShape(bytes, place);
    const isShape = typeof shape !== 'number';
    const needed = isShape ? this.#neededOf(shape) : shape;
    // What stands before a value is small, unless the key is not.
    if (needed > heldRecordBytesMax) throw this.#tooLarge(needed);
    this.#needed = needed;
    if (!isShape || bytes.length - at < needed) return 0;
    this.#give(bytes.subarray(at, at + needed), shape);
    this.#left -= needed;
    return needed;
  }

  #neededOf({ headBytes, bytes }: RecordShape): number {
    return this.#isHeld ? bytes : headBytes;
  }

  #give(bytes: Uint8Array, shape: RecordShape): void {
    const { keyLength, headBytes, version, valueLength } = shape;
    const valueEnd = headBytes + valueLength;
    const key = bytes.subarray(8, 8 + keyLength);
    if (this.#isHeld) checkPadding(bytes, [valueEnd, shape.bytes], this.#offset + valueEnd);
    this.#checkOrder(key);
    if (this.#isHeld) {
      this.#sink.record?.({ key, version, value: bytes.subarray(headBytes, valueEnd) });
      return;
    }
    this.#passing = shape.bytes - headBytes;
    this.#zeros = shape.bytes - valueEnd;
    this.#sink.measured?.({ keyLength, version, valueLength });
  }

  #checkOrder(key: Uint8Array): void {
    const hash = sipHash24Low32(key);
    if (hash > this.#ties.hash) this.#ties.passed(hash);
    else this.#ties.check(hash, key, () => this.#lastKey);
    this.#lastKey = key;
  }

  /** Byte of the domain that comes next. */
  get #offset(): number {
    const { offset = 0, bodyBytes = 0 } = this.#map ?? {};
    return offset + bodyBytes - this.#left;
  }

  #tooLarge(actual: number): FormatError {
    const place = { offset: this.#offset, actual, expected: heldRecordBytesMax };
    return new FormatError('TOO_LARGE', `a record or key of ${actual} bytes`, place);
  }
}
