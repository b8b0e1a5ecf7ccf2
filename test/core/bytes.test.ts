import { expect, test } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  fromBase64,
  fromHex,
  fromUtf8,
  toBase64,
  toHex,
  toUtf8,
} from '../../src/core/bytes.ts';
import { FormatError } from '../../src/core/errors.ts';

test('ByteWriter keeps what it wrote while it grows', () => {
  const writer = new ByteWriter(1).u8(1).u32(2).u64(3).i64(-4).u64be(5);
  const bytes = writer
    .raw(Uint8Array.of(6, 7))
    .blob(toUtf8('é'))
    .text('x')
    .zeros(300)
    .u8(9)
    .finish();
  const reader = new ByteReader(bytes);
  expect([
    reader.u8('a'),
    reader.u32('b'),
    reader.u64('c'),
    reader.i64('d'),
    reader.u64be('e'),
  ]).toEqual([1, 2, 3, -4, 5]);
  expect(toHex(reader.take(2, 'f'))).toBe('0607');
  expect([reader.text('g'), reader.text('h')]).toEqual(['é', 'x']);
  expect(reader.take(300, 'zeros').every((byte) => byte === 0)).toBe(true);
  expect(reader.u8('end')).toBe(9);
  reader.end('everything');
});

test('ByteReader refuses a length that is beyond its end, before it allocates', () => {
  const bytes = new ByteWriter().u64(2 ** 50).finish();
  expect(() => new ByteReader(bytes).blob('key')).toThrow(
    /key declares 1125899906842624 bytes at offset 0/,
  );
  expect(() => new ByteReader(bytes).count(8, 'count')).toThrow(FormatError);
});

test('ByteReader refuses numbers beyond 2^53-1', () => {
  const bytes = new Uint8Array(8).fill(0xff);
  expect(() => new ByteReader(bytes).u64('seqno')).toThrow(/seqno is 18446744073709551615/);
  expect(new ByteReader(bytes).i64('version')).toBe(-1);
});

test('ByteReader.end() refuses trailing bytes', () => {
  expect(() => new ByteReader(Uint8Array.of(1)).end('the receipt')).toThrow(
    /1 bytes after the receipt/,
  );
});

test.each(['A', 'AA', 'AAA', 'AA=', 'AB==', 'AA==\n', 'A A=', 'AA==AA==', '-_=='])(
  'fromBase64() refuses %j',
  (text) => {
    expect(() => fromBase64(text)).toThrow(FormatError);
  },
);

test('fromBase64() undoes toBase64()', () => {
  expect(toBase64(fromBase64('AAEC/w=='))).toBe('AAEC/w==');
});

test.each(['a', 'AB', 'zz', '0x', 'ab '])('fromHex() refuses %j', (text) => {
  expect(() => fromHex(text)).toThrow(FormatError);
});

test('fromUtf8() replaces nothing and keeps a byte-order mark', () => {
  expect(() => fromUtf8(Uint8Array.of(0xff))).toThrow(FormatError);
  expect(fromUtf8(Uint8Array.of(0xef, 0xbb, 0xbf))).toBe('\ufeff');
});

test('compareBytes() orders unsigned bytes, the shorter first', () => {
  expect(compareBytes(Uint8Array.of(0x7f), Uint8Array.of(0x80))).toBeLessThan(0);
  expect(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
});
