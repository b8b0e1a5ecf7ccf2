import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { sealEntry } from '../../../src/formats/entries/entry.ts';
import {
  type ChunkPlace,
  decodeChunk,
  encodeChunk,
  encodeTable,
} from '../../../src/formats/entries/ledger-chunk.ts';
import {
  bitFlips,
  lengthBombs,
  outcomeOf,
  outcomes,
  refusalOf,
  truncations,
} from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';

const secret = new Uint8Array(32);

function entry(position: number, text = 'public'): Uint8Array {
  return sealEntry({
    secret,
    seqno: seqno(position),
    view: view(2),
    publicDomain: toUtf8(text),
    privatePlain: new Uint8Array(0),
  });
}

const entries = [entry(5), entry(6, 'longer'), entry(7, '')];
const complete = encodeChunk(entries, { complete: true });
const open = encodeChunk(entries, { complete: false });

const committedPlace: ChunkPlace = {
  file: 'ledger_5-7.committed',
  first: seqno(5),
  last: seqno(7),
  committed: true,
  isLastChunk: false,
};
const openPlace: ChunkPlace = {
  file: 'ledger_5',
  first: seqno(5),
  committed: false,
  isLastChunk: true,
};

describe('decodeChunk()', () => {
  test('decodeChunk() finds the entries of a committed chunk, as views', () => {
    const chunk = decodeChunk(complete, committedPlace);
    expect(chunk).toMatchObject({ complete: true, tornBytes: 0 });
    expect(chunk.entries.map((each) => each.seqno)).toEqual([5, 6, 7]);
    expect(chunk.entries.map((each) => each.offset)).toEqual([8, 58, 108]);
    expect(chunk.entries.map((each) => each.bytes)).toEqual(entries);
    expect(chunk.entries[1]?.bytes.buffer).toBe(complete.buffer);
  });

  test('decodeChunk() walks an open chunk, and one that is complete but not committed', () => {
    const opened = decodeChunk(open, openPlace);
    expect(opened).toMatchObject({ complete: false, tornBytes: 0 });
    expect(opened.entries).toHaveLength(3);
    expect(decodeChunk(complete, openPlace)).toMatchObject({ complete: true });
    expect(decodeChunk(open, { ...openPlace, isLastChunk: false }).entries).toHaveLength(3);
  });

  test('decodeChunk() drops a torn last entry of the last open chunk, wherever it is cut', () => {
    const ends = [8, 58, 108, 152];
    for (const cut of truncations(open).slice(8)) {
      const { entries: whole, tornBytes } = decodeChunk(cut, openPlace);
      const end = ends.findLast((each) => each <= cut.length) ?? 8;
      expect(whole).toHaveLength(ends.indexOf(end));
      expect(tornBytes).toBe(cut.length - end);
    }
  });

  test('decodeChunk() drops a table that a crash kept the header from naming', () => {
    const table = encodeTable([8, 58, 108]);
    for (const torn of [...truncations(table), table]) {
      const chunk = decodeChunk(concatBytes([open, torn]), openPlace);
      expect(chunk).toMatchObject({ complete: false, tornBytes: torn.length });
      expect(chunk.entries).toHaveLength(3);
    }
  });

  test('decodeChunk() does not take other bytes for a torn table', () => {
    const other = concatBytes([open, encodeTable([8, 59, 108])]);
    expect(outcomeOf(() => decodeChunk(other, openPlace))).toBe('BAD_VERSION');
    const longer = concatBytes([open, encodeTable([8, 58, 108, 152])]);
    expect(outcomeOf(() => decodeChunk(longer, openPlace))).toBe('BAD_VERSION');
    const header = concatBytes([open, new Uint8Array(8)]);
    expect(outcomeOf(() => decodeChunk(header, openPlace))).toBe('BAD_VERSION');
  });

  test('decodeChunk() reads no entries from an empty or header-only last open chunk', () => {
    for (const length of [0, 3, 8]) {
      const chunk = decodeChunk(new Uint8Array(length), openPlace);
      expect(chunk).toEqual({ entries: [], complete: false, tornBytes: length % 8 });
    }
  });

  test.each<[string, Uint8Array, ChunkPlace]>([
    [
      'EMPTY_FILE: ledger_5-7.committed at offset 0: 0 of 8 header bytes',
      new Uint8Array(0),
      committedPlace,
    ],
    [
      'EMPTY_FILE: ledger_5 at offset 0: 0 of 8 header bytes',
      new Uint8Array(0),
      { ...openPlace, isLastChunk: false },
    ],
    [
      'TRUNCATED_HEADER: ledger_5-7.committed at offset 0: 5 of 8 header bytes',
      new Uint8Array(5),
      committedPlace,
    ],
    [
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 0: table at 0 of 152 bytes',
      open,
      committedPlace,
    ],
    [
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 0: 3 entries, its name says 4',
      complete,
      { ...committedPlace, last: seqno(8) },
    ],
    [
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 0: 3 entries, its name says 4',
      open,
      { ...committedPlace, committed: false, last: seqno(8) },
    ],
    [
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 152: table of 16 bytes for 3 entries',
      concatBytes([complete, new Uint8Array(4)]),
      committedPlace,
    ],
    [
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 152: table of 13 bytes for 3 entries',
      concatBytes([complete, new Uint8Array(1)]),
      committedPlace,
    ],
    [
      'TRUNCATED_BODY: ledger_5 at offset 108: entry ends at 152 of 140',
      open.subarray(0, 140),
      { ...openPlace, isLastChunk: false },
    ],
    [
      'TRUNCATED_HEADER: ledger_5: entry at offset 108: 4 of 8 header bytes',
      open.subarray(0, 112),
      { ...openPlace, isLastChunk: false },
    ],
    [
      'SEQNO_MISMATCH: ledger_5-7.committed at offset 8: entry says seqno 5, its place 4',
      complete,
      { ...committedPlace, first: seqno(4), last: seqno(6) },
    ],
    [
      'SEQNO_MISMATCH: ledger_5 at offset 58: entry says seqno 7, its place 6',
      encodeChunk([entry(5), entry(7)], { complete: false }),
      openPlace,
    ],
    [
      'SEQNO_MISMATCH: ledger_5 at offset 58: entry says seqno 5, its place 6',
      encodeChunk([entry(5), entry(5)], { complete: false }),
      openPlace,
    ],
  ])('decodeChunk() refuses with %s', (code, bytes, place) => {
    expect(refusalOf(() => decodeChunk(bytes, place))).toBe(code);
  });

  test('decodeChunk() refuses seqnos that run beyond 2^53-1', () => {
    const first = seqno(Number.MAX_SAFE_INTEGER);
    const bytes = encodeChunk([entry(first), entry(first)], { complete: false });
    new DataView(bytes.buffer).setBigUint64(8 + 50 + 24, 2n ** 53n, true);
    expect(outcomeOf(() => decodeChunk(bytes, { ...openPlace, first }))).toBe('SEQNO_MISMATCH');
  });

  test('decodeChunk() names file and offset', () => {
    const bad = complete.slice();
    bad[58] = 9;
    expect(() => decodeChunk(bad, committedPlace)).toThrow(
      expect.objectContaining({ code: 'BAD_VERSION', file: committedPlace.file, offset: 58 }),
    );
    const wrongTable = complete.slice();
    wrongTable[wrongTable.length - 4] = 0;
    expect(() => decodeChunk(wrongTable, committedPlace)).toThrow(
      expect.objectContaining({ code: 'BAD_OFFSET_TABLE', file: committedPlace.file, offset: 160 }),
    );
  });

  test('decodeChunk() says which seqno it found, and which it wanted', () => {
    const bytes = encodeChunk([entry(5), entry(7)], { complete: false });
    expect(() => decodeChunk(bytes, openPlace)).toThrow(
      expect.objectContaining({
        ...{ file: 'ledger_5', offset: 58, seqno: 6, actual: '7', expected: 6 },
      }),
    );
  });

  test('decodeChunk() refuses an entry too short for its IV', () => {
    const short = concatBytes([new Uint8Array(8), Uint8Array.of(1, 0, 23, 0, 0, 0, 0, 0)]);
    const bytes = concatBytes([short, new Uint8Array(23)]);
    expect(refusalOf(() => decodeChunk(bytes, openPlace))).toBe(
      'TRUNCATED_BODY: ledger_5 at offset 8: entry of 31 bytes has no IV',
    );
    const enough = concatBytes([bytes, new Uint8Array(1)]);
    enough.set([24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 10);
    expect(refusalOf(() => decodeChunk(enough, openPlace))).toBe(
      'SEQNO_MISMATCH: ledger_5 at offset 8: entry says seqno 0, its place 5',
    );
  });

  test('decodeChunk() refuses a table that is where no table can be', () => {
    const at = (offset: number) => {
      const bytes = complete.slice();
      new DataView(bytes.buffer).setBigUint64(0, BigInt(offset), true);
      return refusalOf(() => decodeChunk(bytes, openPlace));
    };
    const file = 'BAD_OFFSET_TABLE: ledger_5 at offset 0: table at';
    expect([at(8), at(complete.length + 1)]).toEqual([
      `${file} 8 of 164 bytes`,
      `${file} 165 of 164 bytes`,
    ]);
    expect(at(9)).toBe('TRUNCATED_HEADER: ledger_5: entry at offset 8: 1 of 8 header bytes');
    expect(at(complete.length)).toBe(
      'BAD_VERSION: ledger_5: entry at offset 152: version 8, not 1',
    );
  });

  test('decodeChunk() says which entry the table has elsewhere', () => {
    const bytes = complete.slice();
    bytes[156] = 59;
    expect(refusalOf(() => decodeChunk(bytes, committedPlace))).toBe(
      'BAD_OFFSET_TABLE: ledger_5-7.committed at offset 156: entry 1 is at 58, the table says 59',
    );
  });

  test('decodeChunk() takes a file whose name has an end for one that no crash tore', () => {
    const named = { ...openPlace, last: seqno(7) };
    expect(refusalOf(() => decodeChunk(open.subarray(0, 140), named))).toMatch(/^TRUNCATED_BODY/);
    expect(refusalOf(() => decodeChunk(new Uint8Array(3), named))).toMatch(/^TRUNCATED_HEADER/);
    expect(refusalOf(() => decodeChunk(complete.subarray(0, 160), openPlace))).toMatch(
      /^BAD_OFFSET_TABLE/,
    );
  });

  test('decodeChunk() refuses every truncation of a committed chunk', () => {
    const codes = outcomes(truncations(complete), (bytes) => decodeChunk(bytes, committedPlace));
    expect(codes).not.toContain('accepted');
  });

  slowTest('decodeChunk() answers flipped bits and length bombs with typed errors', () => {
    const hostile = [...bitFlips(complete), ...lengthBombs(complete)];
    for (const place of [committedPlace, openPlace]) {
      const codes = outcomes(hostile, (bytes) => decodeChunk(bytes, place));
      expect(codes).toEqual(expect.arrayContaining(['BAD_OFFSET_TABLE', 'TOO_LARGE']));
    }
  });

  test('decodeChunk() inverts encodeChunk()', () => {
    const texts = fc.array(fc.string({ maxLength: 30 }), { minLength: 1, maxLength: 20 });
    return fc.assert(
      fc.property(texts, fc.boolean(), (given, isComplete) => {
        const made = given.map((text, i) => entry(5 + i, text));
        const bytes = encodeChunk(made, { complete: isComplete });
        const chunk = decodeChunk(bytes, openPlace);
        expect(chunk).toMatchObject({ complete: isComplete, tornBytes: 0 });
        expect(chunk.entries.map((each) => each.bytes)).toEqual(made);
      }),
    );
  });
});

describe('encodeChunk()', () => {
  test('encodeChunk() of nothing is 8 zero bytes, and never complete', () => {
    expect(encodeChunk([], { complete: false })).toEqual(new Uint8Array(8));
    expect(() => encodeChunk([], { complete: true })).toThrow(
      new RangeError('a complete chunk has entries'),
    );
  });

  test('encodeChunk() and encodeTable() take one allocation each', () => {
    for (const bytes of [complete, open, encodeTable([8, 58, 108])]) {
      expect(bytes.buffer.byteLength).toBe(bytes.length);
    }
  });
});
