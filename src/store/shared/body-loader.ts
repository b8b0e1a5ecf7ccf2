import { assert, FormatError } from '../../core/errors.ts';
import type { MapHeader } from '../../formats/snapshot/domain-stream.ts';
import {
  checkPadding,
  paddingOf,
  type RecordShape,
  readRecordShape,
} from '../../formats/snapshot/record-shape.ts';
import { TieCheck } from '../../formats/snapshot/tie-check.ts';
import type { StoreContext } from '../index/buckets.ts';
import { BulkIndex } from '../index/bulk-index.ts';
import { type ChainWriter, chainBytes } from '../index/chains.ts';
import { emptyIndex } from '../index/shared-index.ts';
import type { ScanKernel } from '../kernels/scan-kernel.ts';
import { type BodyStage, heldBytes } from '../memory/body-stage.ts';
import { inlineBytesMax, word } from '../memory/layout.ts';
import type { Ref } from '../memory/memories.ts';
import type { TableParts } from './shared-state.ts';

/** What a {@link BodyLoader} works with. */
export interface BodyLoaderParts {
  readonly context: StoreContext;
  readonly stage: BodyStage;
  /** Looks at most records; there is none where keys have another hash than CCF's. */
  readonly kernel: ScanKernel | undefined;
  readonly keepsTombstones: boolean;
}

/** A record's bytes are counted in 32 bits. */
const recordBytesMax = 2 ** 31;

/** A large record on its way into a chain. */
interface LargeRecord {
  readonly hash: number;
  readonly shape: RecordShape;
  readonly chain: ChainWriter;
  left: number;
}

/**
 * Takes the records of one map as they come and makes indexes of them, checking all that `decodeSnapshot` does:
 * lengths, padding, the order of hashes, and that no key comes twice.
 */
export class BodyLoader {
  readonly #parts: BodyLoaderParts;
  readonly #stage: BodyStage;
  readonly #map: MapHeader;
  readonly #live: BulkIndex;
  readonly #tombstones: BulkIndex;
  readonly #ties: TieCheck;
  /** Bytes of the body from the first one that is not looked at yet. */
  #left: number;
  /** Bytes that are needed together to go on. */
  #needed = 8;
  #large: LargeRecord | undefined;
  // Where the last key is: in the stage, in a chain, or, once the stage was needed for others, here.
  #lastAt = 0;
  #lastLength = 0;
  #lastChain: Ref = 0;
  #lastKey: Uint8Array | undefined;

  constructor(map: MapHeader, parts: BodyLoaderParts) {
    const { context, stage } = parts;
    this.#parts = parts;
    this.#stage = stage;
    this.#map = map;
    this.#live = new BulkIndex(context, stage, 0);
    this.#tombstones = new BulkIndex(context, stage, heldBytes / 4);
    this.#ties = new TieCheck(map.name);
    this.#left = map.bodyBytes;
    stage.clear();
  }

  /**
   * Takes the next bytes of the body.
   * @throws FormatError `LENGTH_EXCEEDS_PARENT`, `BAD_LENGTH`, `PADDING`, `NUMBER_TOO_LARGE`, `KEY_ORDER`,
   * `DUPLICATE_KEY`, `TOO_LARGE` for a record of 2 GiB or more
   * @throws StorageError `OUT_OF_MEMORY`
   */
  take(bytes: Uint8Array): void {
    const stage = this.#stage;
    for (let from = 0; from < bytes.length; ) {
      if (stage.room === 0) this.#rewind();
      const piece = bytes.subarray(from, from + stage.room);
      stage.add(piece);
      from += piece.length;
      this.#scan();
    }
  }

  /** The table, once all bytes were taken. @throws StorageError `OUT_OF_MEMORY` */
  finish(): TableParts {
    assert(this.#left === 0 && this.#large === undefined, 'a body is finished once it is whole');
    const { name, version } = this.#map;
    const live = this.#live.finish();
    const tombstones = this.#parts.keepsTombstones ? this.#tombstones.finish() : emptyIndex;
    return { name, version, live, tombstones };
  }

  #rewind(): void {
    this.#live.hold();
    this.#tombstones.hold();
    if (this.#ties.hash >= 0) this.#lastKey = this.#keyBefore();
    this.#stage.rewind(this.#needed);
  }

  #keyBefore(): Uint8Array {
    if (this.#lastKey !== undefined) return this.#lastKey;
    if (this.#lastChain === 0) {
      return this.#stage.bytes.slice(this.#lastAt, this.#lastAt + this.#lastLength);
    }
    return chainBytes(this.#parts.context.memories, this.#lastChain, 8, this.#lastLength);
  }

  #scan(): void {
    while (this.#left > 0) {
      const isFurther = this.#large === undefined ? this.#scanRecords() : this.#feedLarge();
      if (!isFurther) return;
    }
  }

  /** Most records by the kernel; the next one, which is odd or not all there, by itself. */
  #scanRecords(): boolean {
    const { kernel } = this.#parts;
    if (kernel !== undefined) this.#scanPlain(kernel);
    if (this.#left === 0) return true;
    const shape = this.#shapeOfNext();
    if (shape === undefined) return false;
    this.#takeRecord(shape);
    return true;
  }

  #scanPlain(kernel: ScanKernel): void {
    const stage = this.#stage;
    for (;;) {
      const begin = stage.at;
      const { hash } = this.#ties;
      const count =
        hash < 0 ? 0 : kernel.scan(begin, Math.min(stage.end, begin + this.#left), hash);
      if (count === 0) return;
      let last = begin;
      let at = begin;
      for (let i = 0; i < count; i++) {
        const next = kernel.endAt(i);
        this.#live.add(kernel.hashAt(i), at >>> 2, next - at, 0);
        last = at;
        at = next;
      }
      this.#ties.passed(kernel.hashAt(count - 1));
      this.#remember(last + 8, word(stage.words, last >>> 2), 0);
      this.#pass(at - begin);
    }
  }

  /** `undefined` when it is not all there yet. */
  #shapeOfNext(): RecordShape | undefined {
    const { bytes, at, end } = this.#stage;
    const place = { at, end, left: this.#left, offset: this.#offset(0) };
    const shape = readRecordShape(bytes, place);
    if (typeof shape === 'number') {
      this.#needed = shape;
      return undefined;
    }
    if (shape.bytes >= recordBytesMax) throw this.#tooLarge(shape.bytes);
    const isThere = this.#has(shape.bytes > inlineBytesMax ? shape.headBytes : shape.bytes);
    return isThere ? shape : undefined;
  }

  #has(bytes: number): boolean {
    this.#needed = bytes;
    return this.#stage.end - this.#stage.at >= bytes;
  }

  #takeRecord(shape: RecordShape): void {
    const { context } = this.#parts;
    const { stage } = this.#parts;
    const { at } = stage;
    const { key } = context;
    const { headBytes, valueLength, bytes, keyLength } = shape;
    const isLarge = bytes > inlineBytesMax;
    if (!isLarge) this.#checkPadding(at + headBytes + valueLength, at + bytes);
    key.load(stage.bytes.subarray(at + 8, at + 8 + keyLength));
    const { hash } = key;
    if (hash > this.#ties.hash) this.#ties.passed(hash);
    else this.#ties.check(hash, key.bytes, () => this.#keyBefore());
    if (isLarge) {
      this.#large = { hash, shape, chain: context.chains.begin(bytes), left: bytes };
      return;
    }
    this.#remember(at + 8, keyLength, 0);
    this.#indexFor(shape)?.add(hash, at >>> 2, bytes, 0);
    this.#pass(bytes);
  }

  /** Moves what is there of a large record into its chain; tells whether that was all. */
  #feedLarge(): boolean {
    const large = this.#large;
    if (large === undefined) return true;
    const { stage } = this.#parts;
    this.#needed = 8;
    // Whole words, so that the padding comes with the last bytes.
    const size = Math.min(large.left, (stage.end - stage.at) & -8);
    if (size === 0) return false;
    const { hash, shape, chain } = large;
    large.left -= size;
    if (large.left === 0) {
      this.#checkPadding(stage.at + size - paddingOf(shape.valueLength), stage.at + size);
    }
    chain.append(stage.bytes.subarray(stage.at, stage.at + size));
    this.#pass(size);
    if (large.left > 0) return true;
    this.#large = undefined;
    this.#remember(0, shape.keyLength, chain.first);
    const index = this.#indexFor(shape);
    if (index !== undefined) index.add(hash, 0, shape.bytes, chain.first);
    else this.#dropChain(chain.first, shape.keyLength);
    return true;
  }

  #dropChain(chain: Ref, keyLength: number): void {
    const { chains, memories, epochs } = this.#parts.context;
    this.#lastKey = chainBytes(memories, chain, 8, keyLength);
    chains.retire(chain, epochs.current);
  }

  #indexFor({ version }: RecordShape): BulkIndex | undefined {
    if (version >= 0) return this.#live;
    return this.#parts.keepsTombstones ? this.#tombstones : undefined;
  }

  #remember(at: number, length: number, chain: Ref): void {
    this.#lastAt = at;
    this.#lastLength = length;
    this.#lastChain = chain;
    this.#lastKey = undefined;
  }

  #pass(bytes: number): void {
    this.#stage.at += bytes;
    this.#left -= bytes;
  }

  #checkPadding(from: number, to: number): void {
    const { bytes, at } = this.#stage;
    checkPadding(bytes, [from, to], this.#offset(from - at));
  }

  /** Where a byte of the next record is in its domain. */
  #offset(from: number): number {
    const { offset, bodyBytes } = this.#map;
    return offset + bodyBytes - this.#left + from;
  }

  #tooLarge(actual: number): FormatError {
    const place = { offset: this.#offset(0), actual, expected: recordBytesMax };
    return new FormatError('TOO_LARGE', `a record of ${actual} bytes`, place);
  }
}
