import { type FormatCode, FormatError } from '../../core/errors.ts';

/** One DER element, as views of what was read. */
export interface DerElement {
  readonly tag: number;
  /** Without tag and length. */
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

/** Tags that certificates and signatures are made of. */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  sequence: 0x30,
  version: 0xa0,
  extensions: 0xa3,
} as const;

/**
 * Reads DER elements that follow each other, each once and never past the end: what is nested is read by a reader of
 * its content, so the work is bounded by the bytes, times the depth that the caller goes to.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #code: FormatCode;
  #at = 0;

  /** @param code of the error for bytes that are no DER */
  constructor(bytes: Uint8Array, code: FormatCode) {
    this.#bytes = bytes;
    this.#code = code;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Whether the next element has this tag. */
  hasNext(tag: number): boolean {
    return this.#bytes[this.#at] === tag;
  }

  /** The next element, which must have this tag unless any may come. @throws FormatError `code` */
  next(what: string, tag?: number): DerElement {
    const begin = this.#at;
    const actual = this.#byte(what);
    if (tag !== undefined && actual !== tag) throw this.#error(`${what} has another DER tag`);
    if ((actual & 0x1f) === 0x1f) throw this.#error(`${what} has a DER tag of several bytes`);
    const length = this.#length(what);
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    if (content.length !== length) throw this.#error(`${what} is cut`);
    this.#at += length;
    return { tag: actual, content, whole: this.#bytes.subarray(begin, this.#at) };
  }

  /** A reader of the next element's content. @throws FormatError `code` */
  enter(what: string, tag: number = derTag.sequence): DerReader {
    return new DerReader(this.next(what, tag).content, this.#code);
  }

  /** @throws FormatError `code` when anything is left */
  end(what: string): void {
    if (!this.isAtEnd) throw this.#error(`bytes after ${what}`);
  }

  /** Up to 2^24-1, in the shortest form: nothing here is larger. */
  #length(what: string): number {
    const first = this.#byte(what);
    if (first < 0x80) return first;
    const size = first & 0x7f;
    if (size === 0 || size > 3) throw this.#error(`${what} has a length of no known form`);
    let length = 0;
    for (let i = 0; i < size; i++) length = length * 256 + this.#byte(what);
    if (length < 0x80 || length < 256 ** (size - 1)) {
      throw this.#error(`the length of ${what} is not in its shortest form`);
    }
    return length;
  }

  #byte(what: string): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw this.#error(`${what} is cut`);
    this.#at++;
    return byte;
  }

  #error(what: string): FormatError {
    return new FormatError(this.#code, `bad DER: ${what}`, { offset: this.#at });
  }
}

/** The content of a BIT STRING of whole bytes. @throws FormatError `code` */
export function wholeBits(element: DerElement, code: FormatCode): Uint8Array {
  if (element.content[0] === 0) return element.content.subarray(1);
  throw new FormatError(code, 'bad DER: a bit string is not of whole bytes');
}
