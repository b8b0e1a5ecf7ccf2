import { fromUtf8, toUtf8 } from './byte-strings.ts';
import { FormatError } from './errors.ts';

export { compareBytes, concatBytes, equalBytes, fromUtf8, toUtf8 } from './byte-strings.ts';

/** A little-endian u64, which may be too large to be exact, and is then too large for anything. */
export function roughU64(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) + u32(bytes, at + 4) * 2 ** 32;
}

/** As {@link roughU64}, signed. */
export function roughI64(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) + (u32(bytes, at + 4) | 0) * 2 ** 32;
}

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
  return (low | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24)) >>> 0;
}

/** Lower-case hex of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

/**
 * Decodes lower-case hex strictly: even length, no other character.
 * @throws FormatError `BAD_HEX`
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new FormatError('BAD_HEX', `not lower-case hex: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/**
 * Decodes standard base64 strictly: it must be exactly what {@link toBase64} would write, so that no
 * two texts mean the same bytes and no stray character is skipped.
 * @throws FormatError `BAD_BASE64`
 */
export function fromBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) {
    throw new FormatError(
      'BAD_BASE64',
      `not canonical base64: ${JSON.stringify(text.slice(0, 80))}`,
    );
  }
  return new Uint8Array(bytes);
}

/**
 * Reads CCF's little-endian primitives from a buffer, never past its end.
 * Every read names what it reads, so that an error says what was cut. Slices are views, not copies.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  /** Advances over `size` bytes and returns where they began. @throws FormatError `LENGTH_EXCEEDS_PARENT` */
  #take(size: number, what: string): number {
    if (size > this.remaining) {
      throw new FormatError(
        'LENGTH_EXCEEDS_PARENT',
        `${what} needs ${size} bytes at offset ${this.#offset}, ${this.remaining} are left`,
        { offset: this.#offset, actual: size, expected: this.remaining },
      );
    }
    const at = this.#offset;
    this.#offset += size;
    return at;
  }

  u8(what: string): number {
    return this.#view.getUint8(this.#take(1, what));
  }

  u32(what: string): number {
    return this.#view.getUint32(this.#take(4, what), true);
  }

  /** @throws FormatError `NUMBER_TOO_LARGE` above 2^53-1 */
  u64(what: string): number {
    return this.#safe(this.#view.getBigUint64(this.#take(8, what), true), what);
  }

  /** Signed 64-bit. @throws FormatError `NUMBER_TOO_LARGE` beyond ±(2^53-1) */
  i64(what: string): number {
    return this.#safe(this.#view.getBigInt64(this.#take(8, what), true), what);
  }

  /** Big-endian u64, as merklecpp writes them. @throws FormatError `NUMBER_TOO_LARGE` above 2^53-1 */
  u64be(what: string): number {
    return this.#safe(this.#view.getBigUint64(this.#take(8, what), false), what);
  }

  #safe(value: bigint, what: string): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) {
      throw new FormatError('NUMBER_TOO_LARGE', `${what} is ${value}, beyond 2^53-1`, {
        offset: this.#offset - 8,
        actual: value.toString(),
      });
    }
    return number;
  }

  /** The next `size` bytes as a view on the same memory. */
  take(size: number, what: string): Uint8Array {
    const at = this.#take(size, what);
    return this.bytes.subarray(at, at + size);
  }

  /** `u64 length` and that many bytes, as a view. @throws FormatError `LENGTH_EXCEEDS_PARENT` */
  blob(what: string): Uint8Array {
    const at = this.#offset;
    const length = this.#view.getBigUint64(this.#take(8, `length of ${what}`), true);
    if (length > BigInt(this.remaining)) {
      throw new FormatError(
        'LENGTH_EXCEEDS_PARENT',
        `${what} declares ${length} bytes at offset ${at}, ${this.remaining} are left`,
        { offset: at, actual: length.toString(), expected: this.remaining },
      );
    }
    return this.take(Number(length), what);
  }

  /** A {@link blob} that holds UTF-8. @throws FormatError `BAD_TEXT` */
  text(what: string): string {
    return fromUtf8(this.blob(what));
  }

  /**
   * A u64 count of items of at least `itemBytesMin` bytes each, refused before anything is allocated.
   * @throws FormatError `COUNT_EXCEEDS_BYTES`
   */
  count(itemBytesMin: number, what: string): number {
    const at = this.#offset;
    const count = this.#view.getBigUint64(this.#take(8, what), true);
    if (count * BigInt(itemBytesMin) > BigInt(this.remaining)) {
      throw new FormatError(
        'COUNT_EXCEEDS_BYTES',
        `${what} is ${count} at offset ${at}, ${this.remaining} bytes are left`,
        { offset: at, actual: count.toString(), expected: this.remaining },
      );
    }
    return Number(count);
  }

  /** @throws FormatError `TRAILING_BYTES` when anything is left */
  end(what: string): void {
    if (this.remaining !== 0) {
      throw new FormatError('TRAILING_BYTES', `${this.remaining} bytes after ${what}`, {
        offset: this.#offset,
        actual: this.remaining,
      });
    }
  }
}

/** Writes CCF's little-endian primitives into one growing buffer. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room and returns where it begins; call it before naming the buffer, which it may replace. */
  #grow(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), true);
    return this;
  }

  i64(value: number): this {
    const at = this.#grow(8);
    this.#view.setBigInt64(at, BigInt(value), true);
    return this;
  }

  u64be(value: number): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), false);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  blob(bytes: Uint8Array): this {
    return this.u64(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.blob(toUtf8(text));
  }

  zeros(size: number): this {
    const at = this.#grow(size);
    this.#bytes.fill(0, at, this.#length);
    return this;
  }

  /** What was written so far, as a view; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}
