import { concatBytes, fromUtf8, toUtf8 } from '../../core/byte-strings.ts';
import { assert, type FormatCode, FormatError } from '../../core/errors.ts';
import { cborDepthMax } from '../../core/limits.ts';

/** Keys of the maps in COSE and CCF: labels are integers or texts, nothing else. */
export type CborKey = number | string;

/** A map in the order of its bytes; CCF's headers are not in canonical order, so order is kept. */
export type CborMap = ReadonlyMap<CborKey, CborValue>;

/** A tagged value. */
export class CborTagged {
  readonly tag: number;
  readonly value: CborValue;

  constructor(tag: number, value: CborValue) {
    this.tag = tag;
    this.value = value;
  }
}

/**
 * The closed grammar of this project: integers within ±(2^53-1), byte strings, texts, arrays, maps,
 * booleans, null and tags. Byte strings are views of the decoded input, so that what was signed can be
 * verified as it was received.
 */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap
  | CborTagged;

/** What {@link decodeCbor} lets through beyond the untagged grammar. */
export interface CborOptions {
  /** Nesting of arrays, maps and tags. @default cborDepthMax (6) */
  readonly depthMax?: number;
  /** The tags that may occur. @default none */
  readonly tags?: readonly number[];
}

/**
 * Decodes exactly one CBOR item that fills the input: definite lengths and shortest forms only, no key
 * twice in a map, well-formed UTF-8. Two different inputs never decode to equal values in equal order.
 * @throws FormatError `CBOR_LENGTH`, `CBOR_DEPTH`, `CBOR_INDEFINITE`, `CBOR_RESERVED`,
 * `CBOR_NON_MINIMAL`, `CBOR_DUPLICATE_KEY`, `CBOR_UTF8`, `CBOR_TYPE`, `NUMBER_TOO_LARGE`, `TRAILING_BYTES`
 * @see RFC 8949 section 3
 */
export function decodeCbor(bytes: Uint8Array, options: CborOptions = {}): CborValue {
  const decoder = new Decoder(bytes, options);
  const value = decoder.item(options.depthMax ?? cborDepthMax);
  if (decoder.offset !== bytes.length) {
    throw decoder.error('TRAILING_BYTES', `${bytes.length - decoder.offset} bytes after the item`);
  }
  return value;
}

/**
 * Encodes in definite, shortest form, keeping the order of maps.
 *
 * | first byte | value |
 * |---|---|
 * | 0x00 + n, 0x20 + n | integer, negative integer |
 * | 0x40 + n, 0x60 + n | bytes, text: length, content |
 * | 0x80 + n, 0xa0 + n | array: count, items · map: count, key and value pairs |
 * | 0xc0 + n | tag, value |
 * | 0xf4, 0xf5, 0xf6 | false, true, null |
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const parts: Uint8Array[] = [];
  write(value, parts);
  return concatBytes(parts);
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #tags: readonly number[];
  offset = 0;

  constructor(bytes: Uint8Array, options: CborOptions) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#tags = options.tags ?? [];
  }

  error(code: FormatCode, message: string): FormatError {
    return new FormatError(code, `${message}, at offset ${this.offset}`, { offset: this.offset });
  }

  /** Fewer bytes than the input itself declares: `limit` is how long it would have to be at least. */
  #short(needed: number, message: string): FormatError {
    const place = { actual: this.#bytes.length, expected: this.offset + needed };
    const text = `${message}, at offset ${this.offset}`;
    return new FormatError('CBOR_LENGTH', text, { offset: this.offset, ...place });
  }

  /** Decodes the item at the offset; `depth` is how many containers may still be entered. */
  item(depth: number): CborValue {
    this.#checkNest(depth);
    const first = this.#byte();
    const major = first >> 5;
    if (major === 7) return this.#simple(first & 0x1f);
    const argument = this.#argument(first);
    switch (major) {
      case 0:
        return argument;
      case 1:
        return this.#negative(argument);
      case 2:
        return this.#take(argument);
      case 3:
        return fromUtf8(this.#take(argument), 'CBOR_UTF8');
      case 4:
        return this.#array(argument, depth - 1);
      case 5:
        return this.#map(argument, depth - 1);
      default:
        return this.#tagged(argument, depth - 1);
    }
  }

  /**
   * Refuses heads of containers that follow each other for more than `depth` levels, before any of them is judged. A
   * tag or an indefinite length is refused in any case, but a nest of 200,000 is first of all a nest.
   */
  #checkNest(depth: number): void {
    let at = this.offset;
    for (let level = 0; level <= depth; level++) {
      const first = this.#bytes[at] ?? 0;
      const info = first & 0x1f;
      const isContainer = first >= 0x80 && first < 0xe0;
      if (!isContainer || (info > 27 && info < 31)) return;
      at += info < 24 || info === 31 ? 1 : 1 + (1 << (info - 24));
    }
    this.offset = at;
    throw this.error('CBOR_DEPTH', `nested in more than ${cborDepthMax} levels`);
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw this.#short(1, 'the input ends where an item begins');
    this.offset++;
    return byte;
  }

  /** The argument of an item's head, refused when fewer bytes would have done. */
  #argument(first: number): number {
    const info = first & 0x1f;
    if (info < 24) return info;
    if (info === 31) throw this.error('CBOR_INDEFINITE', 'indefinite length');
    if (info > 27) throw this.error('CBOR_RESERVED', `reserved additional information ${info}`);
    const size = 1 << (info - 24);
    this.#take(size);
    const value = this.#uint(this.offset - size, size);
    const floor = size === 1 ? 24n : 1n << BigInt(size * 4);
    if (value < floor) throw this.error('CBOR_NON_MINIMAL', `${value} in ${size} bytes`);
    if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
    const code = first < 0x40 ? 'NUMBER_TOO_LARGE' : 'CBOR_LENGTH';
    throw this.error(code, `${value} is beyond 2^53-1`);
  }

  #uint(at: number, size: number): bigint {
    if (size === 8) return this.#view.getBigUint64(at);
    if (size === 4) return BigInt(this.#view.getUint32(at));
    return BigInt(size === 2 ? this.#view.getUint16(at) : this.#view.getUint8(at));
  }

  #negative(argument: number): number {
    if (argument === Number.MAX_SAFE_INTEGER) {
      throw this.error('NUMBER_TOO_LARGE', `-1-${argument} is beyond -(2^53-1)`);
    }
    return -1 - argument;
  }

  #take(size: number): Uint8Array {
    const left = this.#bytes.length - this.offset;
    if (size > left) throw this.#short(size, `${size} bytes are needed, ${left} are left`);
    this.offset += size;
    return this.#bytes.subarray(this.offset - size, this.offset);
  }

  /** An item takes a byte at least: a count that cannot fit is refused before anything is stored. */
  #checkCount(count: number, itemBytesMin: number): void {
    const left = this.#bytes.length - this.offset;
    if (count * itemBytesMin > left) {
      throw this.#short(count * itemBytesMin, `${count} items declared, ${left} bytes are left`);
    }
  }

  #array(count: number, depth: number): CborValue[] {
    this.#checkCount(count, 1);
    const items: CborValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.item(depth));
    return items;
  }

  #map(count: number, depth: number): CborMap {
    this.#checkCount(count, 2);
    const map = new Map<CborKey, CborValue>();
    for (let i = 0; i < count; i++) {
      const key = this.item(depth);
      if (typeof key !== 'number' && typeof key !== 'string') {
        throw this.error('CBOR_TYPE', 'a map key is neither an integer nor a text');
      }
      if (map.has(key)) throw this.error('CBOR_DUPLICATE_KEY', `key ${JSON.stringify(key)} twice`);
      map.set(key, this.item(depth));
    }
    return map;
  }

  #tagged(tag: number, depth: number): CborTagged {
    if (!this.#tags.includes(tag)) throw this.error('CBOR_TYPE', `unexpected tag ${tag}`);
    return new CborTagged(tag, this.item(depth));
  }

  #simple(info: number): boolean | null {
    if (info === 20) return false;
    if (info === 21) return true;
    if (info === 22) return null;
    if (info === 31) throw this.error('CBOR_INDEFINITE', 'a break without an indefinite length');
    if (info > 27) throw this.error('CBOR_RESERVED', `reserved additional information ${info}`);
    throw this.error('CBOR_TYPE', 'a float, undefined or unknown simple value');
  }
}

function write(value: CborValue, parts: Uint8Array[]): void {
  if (value === null) parts.push(Uint8Array.of(0xf6));
  else if (typeof value === 'boolean') parts.push(Uint8Array.of(value ? 0xf5 : 0xf4));
  else if (typeof value === 'number') parts.push(integer(value));
  else if (typeof value === 'string') writeString(3, toUtf8(value), parts);
  else if (value instanceof Uint8Array) writeString(2, value, parts);
  else if (value instanceof CborTagged) {
    parts.push(head(6, value.tag));
    write(value.value, parts);
  } else if (value instanceof Map) writeMap(value, parts);
  else writeArray(value as readonly CborValue[], parts); // the only member of the union that is left
}

function writeString(major: 2 | 3, content: Uint8Array, parts: Uint8Array[]): void {
  parts.push(head(major, content.length), content);
}

function writeArray(items: readonly CborValue[], parts: Uint8Array[]): void {
  parts.push(head(4, items.length));
  for (const item of items) write(item, parts);
}

function writeMap(map: CborMap, parts: Uint8Array[]): void {
  parts.push(head(5, map.size));
  for (const [key, value] of map) {
    write(key, parts);
    write(value, parts);
  }
}

function integer(value: number): Uint8Array {
  assert(Number.isSafeInteger(value), `${value} is not an integer that CBOR is written with here`);
  return value < 0 ? head(1, -1 - value) : head(0, value);
}

function head(major: number, argument: number): Uint8Array {
  const first = major << 5;
  if (argument < 24) return Uint8Array.of(first | argument);
  if (argument < 0x100) return Uint8Array.of(first | 24, argument);
  const bytes = new Uint8Array(argument < 0x1_0000 ? 3 : argument < 0x1_0000_0000 ? 5 : 9);
  const view = new DataView(bytes.buffer);
  if (bytes.length === 3) view.setUint16(1, argument);
  else if (bytes.length === 5) view.setUint32(1, argument);
  else view.setBigUint64(1, BigInt(argument));
  bytes[0] = first | (bytes.length === 3 ? 25 : bytes.length === 5 ? 26 : 27);
  return bytes;
}

/** `value` as a byte string. @throws FormatError `code` */
export function cborBytes(
  value: CborValue | undefined,
  what: string,
  code: FormatCode,
): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new FormatError(code, `${what} is not a byte string`);
}

/** `value` as a text. @throws FormatError `code` */
export function cborText(value: CborValue | undefined, what: string, code: FormatCode): string {
  if (typeof value === 'string') return value;
  throw new FormatError(code, `${what} is not a text`);
}

/** `value` as a map. @throws FormatError `code` */
export function cborMap(value: CborValue | undefined, what: string, code: FormatCode): CborMap {
  if (value instanceof Map) return value;
  throw new FormatError(code, `${what} is not a map`);
}

/** `value` as an array. @throws FormatError `code` */
export function cborArray(
  value: CborValue | undefined,
  what: string,
  code: FormatCode,
): readonly CborValue[] {
  if (Array.isArray(value)) return value as readonly CborValue[]; // isArray forgets the element type
  throw new FormatError(code, `${what} is not an array`);
}
