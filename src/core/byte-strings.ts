import { type FormatCode, FormatError } from './errors.ts';

/** Concatenates byte strings into one new array. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** Tells whether two byte strings are equal; not constant-time, for public bytes only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Orders byte strings as CCF does: unsigned bytes, the shorter first on a common prefix. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

/** UTF-8 bytes of a text. */
export function toUtf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/**
 * Decodes UTF-8; nothing is replaced, a byte-order mark is kept.
 * @throws FormatError `BAD_TEXT` (or `code`) on malformed UTF-8
 */
export function fromUtf8(bytes: Uint8Array, code: FormatCode = 'BAD_TEXT'): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch (cause) {
    throw new FormatError(code, `not UTF-8 (${bytes.length} bytes)`, { cause });
  }
}
