import { concatBytes, toUtf8 } from '../../core/byte-strings.ts';
import { assert } from '../../core/errors.ts';

/**
 * One DER element.
 *
 * | size | field |
 * |---|---|
 * | 1 | tag |
 * | 1, 2 or 3 | length, shortest form, up to 65535 |
 * | length | content |
 */
export function derElement(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(content);
  assert(body.length <= 0xffff, `a DER element of ${body.length} bytes`);
  return concatBytes([Uint8Array.of(tag, ...lengthBytes(body.length)), body]);
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

/** A SEQUENCE of elements. */
export function derSequence(...items: readonly Uint8Array[]): Uint8Array {
  return derElement(0x30, ...items);
}

/** A SET of one element; of several, the caller sorts them. */
export function derSet(...items: readonly Uint8Array[]): Uint8Array {
  return derElement(0x31, ...items);
}

/** A non-negative INTEGER from big-endian bytes of any length. */
export function derUnsigned(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return (digits[0] ?? 0) < 0x80 ? derElement(2, digits) : derElement(2, Uint8Array.of(0), digits);
}

/** The BOOLEAN TRUE; FALSE is a default and so never written. */
export function derTrue(): Uint8Array {
  return derElement(1, Uint8Array.of(0xff));
}

/** A BIT STRING of whole bytes. */
export function derBitString(bytes: Uint8Array): Uint8Array {
  return derElement(3, Uint8Array.of(0), bytes);
}

/** An OCTET STRING. */
export function derOctetString(bytes: Uint8Array): Uint8Array {
  return derElement(4, bytes);
}

/** A UTF8String, as CCF writes names. */
export function derUtf8(text: string): Uint8Array {
  return derElement(0x0c, toUtf8(text));
}

/** An OBJECT IDENTIFIER from its dotted text; the first two arcs share a byte. */
export function derOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return derElement(6, Uint8Array.of(first * 40 + second, ...rest.flatMap(base128)));
}

function base128(arc: number): readonly number[] {
  const digits = [arc & 0x7f];
  for (let left = arc >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80);
  return digits;
}

/**
 * A time of X.509: UTCTime until 2049, GeneralizedTime after.
 * @param ms milliseconds since 1970, UTC; cut to seconds
 * @see RFC 5280 section 4.1.2.5
 */
export function derTime(ms: number): Uint8Array {
  const seconds = Math.floor(ms / 1000);
  const { year, month, day } = civilDate(Math.floor(seconds / 86_400));
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const rest = [month, day, ...clock].map(twoDigits).join('');
  if (year < 2050) return derElement(0x17, toUtf8(`${twoDigits(year % 100)}${rest}Z`));
  return derElement(0x18, toUtf8(`${year}${rest}Z`));
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}

/** The Gregorian date of a day counted from 1 January 1970, counted out year by year and month by month. */
function civilDate(days: number): { year: number; month: number; day: number } {
  let year = 1970;
  let left = days;
  for (; left >= 365 + leapDay(year); year++) left -= 365 + leapDay(year);
  const months = [31, 28 + leapDay(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  let month = 1;
  for (const length of months) {
    if (left < length) break;
    left -= length;
    month++;
  }
  return { year, month, day: left + 1 };
}

function leapDay(year: number): 0 | 1 {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 1 : 0;
}
