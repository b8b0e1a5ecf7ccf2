import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import {
  parseSnapshotName,
  parseSpoolName,
  snapshotName,
  spoolName,
} from '../../../src/formats/encoding/file-name.ts';
import { chunkName, parseChunkName } from '../../../src/formats/entries/ledger-chunk.ts';

const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe('parseSnapshotName()', () => {
  test.each([
    ['snapshot_1_2', { seqno: 1, evidenceSeqno: 2, committed: false }],
    ['snapshot_493_494.committed', { seqno: 493, evidenceSeqno: 494, committed: true }],
    ['snapshot_4_5.committed_7', { seqno: 4, evidenceSeqno: 5, committed: true, commitSeqno: 7 }],
    [
      'snapshot_1_9007199254740991.committed',
      { seqno: 1, evidenceSeqno: Number.MAX_SAFE_INTEGER, committed: true },
    ],
  ])('parseSnapshotName() reads %s', (name, parsed) => {
    expect(parseSnapshotName(name)).toEqual(parsed);
  });

  test.each([
    'snapshot_x_y.committed',
    'snapshot_1.committed',
    'snapshot_01_2.committed',
    'snapshot_-1_2',
    'snapshot_0_1.committed',
    'snapshot_1_1.committed',
    'snapshot_2_1.committed',
    'snapshot_1_9007199254740992.committed',
    'snapshot_1_100000000000000000000.committed',
    'snapshot_1_0x10',
    'snapshot_1_2.committed.bak',
    'snapshot_1_2.committed.tmp',
    'snapshot_1_2.committed.ignored',
    'snapshot_1_2.ignored',
    'snapshot_1_2.COMMITTED',
    'snapshot_1_2.committed ',
    'snapshot_1_2.committed\n',
    ' snapshot_1_2.committed',
    'snapshot_1_2.committed_',
    'snapshot_1_2.committed_1',
    'snapshot_1_2_3',
    '../snapshot_1_2.committed',
    'spool_1_2.tmp',
    '',
  ])('parseSnapshotName() does not read %j', (name) => {
    expect(parseSnapshotName(name)).toBeUndefined();
  });

  test('parseSnapshotName() inverts snapshotName()', () => {
    const names = fc
      .tuple(fc.uniqueArray(positive, { minLength: 3, maxLength: 3 }), fc.nat(2))
      .map(([numbers, kind]) => {
        const [v = 0, e = 0, s = 0] = numbers.toSorted((a, b) => a - b);
        const parsed = { seqno: seqno(v), evidenceSeqno: seqno(e), committed: kind > 0 };
        return kind === 2 ? { ...parsed, commitSeqno: seqno(s) } : parsed;
      });
    return fc.assert(
      fc.property(names, (parsed) => {
        expect(parseSnapshotName(snapshotName(parsed))).toEqual(parsed);
      }),
    );
  });
});

describe('parseSpoolName()', () => {
  test('parseSpoolName() inverts spoolName()', () => {
    return fc.assert(
      fc.property(positive, fc.maxSafeNat(), (version, attempt) => {
        const parsed = { seqno: seqno(version), attempt };
        expect(parseSpoolName(spoolName(parsed))).toEqual(parsed);
      }),
    );
  });

  test.each(['spool_1_2', 'spool_01_2.tmp', 'spool_0_1.tmp', 'spool_1_02.tmp', 'spool_1.tmp'])(
    'parseSpoolName() does not read %s',
    (name) => {
      expect(parseSpoolName(name)).toBeUndefined();
    },
  );
});

describe('parseChunkName()', () => {
  test.each([
    ['ledger_1', { first: 1, last: undefined, committed: false }],
    ['ledger_3-11', { first: 3, last: 11, committed: false }],
    ['ledger_3-3.committed', { first: 3, last: 3, committed: true }],
  ])('parseChunkName() reads %s', (name, parsed) => {
    expect(parseChunkName(name)).toEqual(parsed);
  });

  test.each([
    'ledger_0',
    'ledger_01',
    'ledger_1.committed',
    'ledger_1-0',
    'ledger_4-3.committed',
    'ledger_1-2.committed.recovery',
    'ledger_1.recovery',
    'ledger_1-2.recovery',
    'ledger_1.ignored',
    'ledger_1-2.committed.ignored',
    'ledger_1-',
    'ledger_-2',
    'ledger_1-2.committed\n',
    'ledger_9007199254740992',
    'ledger_1e3',
    'Ledger_1',
    '',
  ])('parseChunkName() does not read %j', (name) => {
    expect(parseChunkName(name)).toBeUndefined();
  });

  test('parseChunkName() inverts chunkName()', () => {
    return fc.assert(
      fc.property(positive, fc.nat(1000), fc.nat(2), (start, length, kind) => {
        const first = seqno(Math.min(start, Number.MAX_SAFE_INTEGER - length));
        const last = kind === 0 ? undefined : seqno(first + length);
        const parsed = { first, last, committed: kind === 2 };
        expect(parseChunkName(chunkName(first, last, parsed.committed))).toEqual(parsed);
      }),
    );
  });

  test('chunkName() refuses a committed chunk without end', () => {
    expect(() => chunkName(seqno(1), undefined, true)).toThrow(
      new RangeError('a committed chunk has a last seqno in its name'),
    );
  });

  test('chunkName() is not of a committed chunk unless it is told so', () => {
    expect(chunkName(seqno(1), seqno(2))).toBe('ledger_1-2');
  });
});
