import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import { encodeSnapshot, splitSnapshotFile } from '../../../src/formats/snapshot/snapshot-body.ts';
import { outcomeOf, outcomes, refusalOf, truncations } from '../../helpers/hostile-bytes.ts';

const content = {
  seqno: seqno(63),
  maxConflictVersion: 0,
  leaf: new Uint8Array(32).fill(5),
  viewHistory: [1, 1, 38],
  publicMaps: [{ name: 'public:late', version: 0, records: [] }],
  privateMaps: [],
};
const entry = encodeSnapshot(content, new Uint8Array(32).fill(9));

describe('splitSnapshotFile()', () => {
  const receipt = toUtf8('{"receipt":true}');
  const file = concatBytes([entry, receipt]);

  test('WRT-14 splitSnapshotFile() gives entry and receipt, which may be empty', () => {
    expect(splitSnapshotFile(file)).toEqual({ entry, receipt });
    expect(splitSnapshotFile(entry)).toEqual({ entry, receipt: new Uint8Array(0) });
  });

  test('CON-1 splitSnapshotFile() refuses every cut of the body with its own code', () => {
    const codes = outcomes(truncations(entry), (bytes) => splitSnapshotFile(bytes));
    expect(codes[0]).toBe('EMPTY_FILE');
    expect(new Set(codes.slice(1, 8))).toEqual(new Set(['TRUNCATED_HEADER']));
    expect(new Set(codes.slice(8))).toEqual(new Set(['TRUNCATED_BODY']));
  });

  test.each([
    [
      'LENGTH_EXCEEDS_FILE: header declares 281474976710663 bytes in all, the file has 184, 2147483648 are allowed',
      [1, 0, 255, 255, 255, 255, 255, 255],
    ],
    ['EMPTY_BODY: entry at offset 0: declared size 0', [1, 0, 0, 0, 0, 0, 0, 0]],
    ['BAD_VERSION: entry at offset 0: version 0, not 1', [0, 0, 0, 0, 0, 0, 0, 0]],
    ['BAD_FLAGS: entry at offset 0: unknown flags 0x4', [1, 4, 1, 0, 0, 0, 0, 0]],
  ])('splitSnapshotFile() refuses with %s', (code, header) => {
    const bytes = file.slice();
    bytes.set(header);
    expect(refusalOf(() => splitSnapshotFile(bytes))).toBe(code);
  });

  test('splitSnapshotFile() refuses a snapshot above the given bound, and an endless receipt', () => {
    const bytesMax = entry.length;
    expect(outcomeOf(() => splitSnapshotFile(file, { bytesMax }))).toBe('accepted');
    expect(outcomeOf(() => splitSnapshotFile(file, { bytesMax: bytesMax - 1 }))).toBe(
      'SNAPSHOT_TOO_LARGE',
    );
    const endless = concatBytes([entry, new Uint8Array(1024 * 1024 + 1)]);
    expect(outcomeOf(() => splitSnapshotFile(endless))).toBe('TOO_LARGE');
    expect(outcomeOf(() => splitSnapshotFile(endless.subarray(1)))).toBe('BAD_VERSION');
    expect(outcomeOf(() => splitSnapshotFile(endless.subarray(0, -1)))).toBe('accepted');
  });

  test('splitSnapshotFile() says what is declared, there and allowed', () => {
    const all = entry.length;
    const split = (bytes: Uint8Array, bytesMax?: number) => () =>
      splitSnapshotFile(bytes, bytesMax === undefined ? {} : { bytesMax });
    expect(split(new Uint8Array(0))).toThrow('snapshot file of 0 bytes');
    expect(split(entry.subarray(0, 9))).toThrow(
      expect.objectContaining({
        code: 'TRUNCATED_BODY',
        message: `header declares ${all} bytes in all, the file has 9`,
        ...{ offset: 2, actual: all, expected: 9 },
      }),
    );
    expect(split(file, 9)).toThrow(
      expect.objectContaining({
        code: 'SNAPSHOT_TOO_LARGE',
        message: `header declares ${all} bytes in all, the file has ${file.length}, 9 are allowed`,
        ...{ offset: 2, actual: all, expected: 9 },
      }),
    );
    expect(split(concatBytes([entry, new Uint8Array(1024 * 1024 + 1)]))).toThrow(
      expect.objectContaining({
        code: 'TOO_LARGE',
        message: 'a receipt of 1048577 bytes',
        ...{ offset: all, actual: 1_048_577, expected: 1_048_576 },
      }),
    );
  });

  test('splitSnapshotFile() calls a size plausible up to the whole bound', () => {
    const cut = entry.subarray(0, 20);
    const codes = [entry.length, entry.length - 1].map((bytesMax) =>
      outcomeOf(() => splitSnapshotFile(cut, { bytesMax })),
    );
    expect(codes).toEqual(['TRUNCATED_BODY', 'LENGTH_EXCEEDS_FILE']);
    expect(outcomeOf(() => splitSnapshotFile(entry, { bytesMax: 9 }))).toBe('SNAPSHOT_TOO_LARGE');
  });
});
