import { roughI64, roughU64 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';

/** What a snapshot's record is made of, before its value is looked at. */
export interface RecordShape {
  readonly keyLength: number;
  /** Negative = a tombstone. */
  readonly version: number;
  /** Bytes up to the value. */
  readonly headBytes: number;
  readonly valueLength: number;
  /** Of the whole record, padding and all. */
  readonly bytes: number;
}

/** As much of a record as has come. */
export interface RecordPlace {
  /** Where it begins. */
  readonly at: number;
  /** Where the bytes that have come end. */
  readonly end: number;
  /** Bytes of the map's body from the record on. */
  readonly left: number;
  /** Byte of the domain where the record begins, for the words of errors. */
  readonly offset: number;
}

/**
 * Reads what stands before a record's value. The padding of the value is not looked at: see {@link checkPadding}.
 * @returns how many bytes of the record must be there to tell, where they are not
 * @throws FormatError `LENGTH_EXCEEDS_PARENT`, `BAD_LENGTH`, `PADDING`, `NUMBER_TOO_LARGE`, as `decodeSnapshot`
 */
export function readRecordShape(bytes: Uint8Array, place: RecordPlace): RecordShape | number {
  const { at, end, left } = place;
  if (left < 8) throw exceeds('length of key', 8, { ...place, from: 0 });
  if (end - at < 8) return 8;
  const keyLength = roughU64(bytes, at);
  if (keyLength > left - 8) throw exceeds('key', keyLength, { ...place, from: 8 });
  const keyEnd = 8 + keyLength + paddingOf(keyLength);
  if (keyEnd > left) {
    throw exceeds('padding', paddingOf(keyLength), { ...place, from: 8 + keyLength });
  }
  const needed = Math.min(left, keyEnd + 16);
  if (end - at < needed) return needed;
  checkPadding(bytes, [at + 8 + keyLength, at + keyEnd], place.offset + 8 + keyLength);
  return { keyLength, headBytes: keyEnd + 16, ...readValueHead(bytes, keyEnd, place) };
}

function readValueHead(
  bytes: Uint8Array,
  keyEnd: number,
  place: RecordPlace,
): Pick<RecordShape, 'version' | 'valueLength' | 'bytes'> {
  const { at, left } = place;
  if (left < keyEnd + 8) {
    throw exceeds('length of version and value', 8, { ...place, from: keyEnd });
  }
  const length = roughU64(bytes, at + keyEnd);
  if (length > left - keyEnd - 8) {
    throw exceeds('version and value', length, { ...place, from: keyEnd + 8 });
  }
  const offset = place.offset + keyEnd;
  if (length < 8) {
    const message = `version and value of ${length} bytes`;
    throw new FormatError('BAD_LENGTH', message, { offset, actual: length });
  }
  const version = roughI64(bytes, at + keyEnd + 8);
  if (!Number.isSafeInteger(version)) {
    const message = `version of a key is about ${version}, beyond 2^53-1`;
    const where = { offset: offset + 8, actual: `${version}` };
    throw new FormatError('NUMBER_TOO_LARGE', message, where);
  }
  const padding = paddingOf(length);
  const whole = keyEnd + 8 + length + padding;
  if (whole > left) throw exceeds('padding', padding, { ...place, from: whole - padding });
  return { version, valueLength: length - 8, bytes: whole };
}

/**
 * @param range of `bytes`, where zeros must be
 * @param offset of the domain, for the words of the error
 * @throws FormatError `PADDING`
 */
export function checkPadding(
  bytes: Uint8Array,
  [from, to]: readonly [number, number],
  offset: number,
): void {
  for (let i = from; i < to; i++) {
    if (bytes[i] === 0) continue;
    throw new FormatError('PADDING', `non-zero padding at offset ${offset}`, { offset });
  }
}

/** Zero bytes that bring a key or value to a multiple of 8, of any length. */
export function paddingOf(length: number): number {
  return (8 - (length % 8)) % 8;
}

function exceeds(
  what: string,
  actual: number,
  { offset, left, from }: RecordPlace & { readonly from: number },
): FormatError {
  const place = { offset: offset + from, actual, expected: left - from };
  const message = `${what} needs ${actual} bytes at offset ${place.offset}, ${place.expected} are left`;
  return new FormatError('LENGTH_EXCEEDS_PARENT', message, place);
}
