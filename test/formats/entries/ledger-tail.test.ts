import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { sealEntry } from '../../../src/formats/entries/entry.ts';
import {
  decodeOpenChunk,
  encodeChunk,
  isOpenChunk,
} from '../../../src/formats/entries/ledger-chunk.ts';
import { findSignature, flawOfEntry } from '../../../src/formats/entries/ledger-tail.ts';
import { tables } from '../../../src/formats/entries/tables.ts';
import { encodePrivateDomain, encodePublicDomain } from '../../../src/formats/entries/write-set.ts';
import { LedgerSecrets } from '../../../src/formats/keys/ledger-secrets.ts';
import { bitFlips, truncations } from '../../helpers/hostile-bytes.ts';
import { SeededRandomness } from '../../helpers/make-random.ts';
import { change, singleton } from '../../helpers/make-tables.ts';

const secret = new Uint8Array(32).fill(5);
const secrets = new LedgerSecrets([{ from: seqno(1), secret }]);
const noSecret = new LedgerSecrets([]);

function entry(at: number, isSignature = false, secretTable = false): Uint8Array {
  const domain = {
    type: 4,
    seqno: seqno(at),
    claimsDigest: new Uint8Array(32),
    commitEvidenceDigest: new Uint8Array(32),
    maxConflictVersion: 0,
    maps: isSignature ? [singleton(tables.tree, 'a tree')] : [change('public:app', { k: 'v' })],
  } as const;
  return sealEntry({
    secret,
    seqno: seqno(at),
    view: view(2),
    publicDomain: encodePublicDomain(domain),
    privatePlain: encodePrivateDomain(secretTable ? [change('app', { k: 'v' })] : []),
  });
}

const transaction = entry(7);
const signature = entry(8, true);
const after = seqno(6);
const find = (bytes: Uint8Array, from = 0) => findSignature(bytes, { from, after, secrets });

describe('flawOfEntry()', () => {
  test('flawOfEntry() finds none in an entry as it was written', () => {
    expect(flawOfEntry(transaction, secrets)).toBeUndefined();
    expect(flawOfEntry(entry(7, false, true), secrets)).toBeUndefined();
    expect(flawOfEntry(transaction, noSecret)).toBeUndefined();
  });

  test('flawOfEntry() finds every flipped bit but the two known flags', () => {
    const missed = bitFlips(transaction).flatMap((flipped, bit) =>
      flawOfEntry(flipped, secrets) === undefined ? [bit] : [],
    );
    expect(missed).toEqual([8, 9]);
  });

  test('flawOfEntry() finds every cut', () => {
    for (const cut of truncations(transaction)) expect(flawOfEntry(cut, secrets)).toBeDefined();
  });

  test('flawOfEntry() tries every secret: which one is in force may be what is damaged', () => {
    const other = new Uint8Array(32);
    const shifted = new LedgerSecrets([
      { from: seqno(1), secret },
      { from: seqno(3), secret: other },
    ]);
    expect(flawOfEntry(transaction, shifted)).toBeUndefined();
    const wrong = new LedgerSecrets([{ from: seqno(1), secret: other }]);
    expect(flawOfEntry(transaction, wrong)).toMatchObject({ code: 'GCM_TAG_MISMATCH' });
  });

  test('flawOfEntry() says what it is', () => {
    const flipped = transaction.slice();
    // The last value, in front of a count of removals.
    flipped[flipped.length - 9] = 0xff;
    expect(flawOfEntry(flipped, secrets)).toMatchObject({ code: 'GCM_TAG_MISMATCH' });
    expect(flawOfEntry(flipped, noSecret)).toBeUndefined();
    flipped[45] = 9;
    expect(flawOfEntry(flipped, noSecret)).toMatchObject({ code: 'SEQNO_MISMATCH' });
  });
});

describe('findSignature()', () => {
  test.each([
    ['at once', signature, 0],
    ['behind a transaction', concatBytes([transaction, signature]), transaction.length],
    ['behind one byte', concatBytes([Uint8Array.of(1), signature]), 1],
    ['behind zeros', concatBytes([new Uint8Array(4096), signature]), 4096],
    ['with private data', entry(8, true, true), 0],
  ])('findSignature() finds one %s', (_, bytes, offset) => {
    expect(find(bytes)).toEqual({ seqno: 8, offset });
  });

  test('findSignature() finds one in garbage, wherever it is', () => {
    const garbage = new SeededRandomness('garbage').bytes(1000);
    for (const offset of [0, 1, 7, 333, 999]) {
      const bytes = concatBytes([garbage.subarray(0, offset), signature, garbage]);
      expect(find(bytes)).toEqual({ seqno: 8, offset });
    }
  });

  test.each([
    ['transactions', concatBytes([transaction, entry(8), entry(9)])],
    ['nothing', new Uint8Array()],
    ['zeros', new Uint8Array(10_000)],
    ['ones', new Uint8Array(10_000).fill(0xff)],
    ['garbage', new SeededRandomness('no signature').bytes(100_000)],
    ['a signature that came before', entry(6, true)],
    ['a signature from beyond all reach', entry(100_000, true)],
  ])('findSignature() finds none in %s', (_, bytes) => {
    expect(find(bytes)).toBeUndefined();
  });

  test('findSignature() finds none in any cut of one', () => {
    for (const cut of truncations(signature)) expect(find(cut)).toBeUndefined();
  });

  test('findSignature() does not need the header, and every other bit', () => {
    const missed = bitFlips(signature).flatMap((bytes, bit) => (find(bytes) ? [] : [bit]));
    expect(missed).toHaveLength((signature.length - 8) * 8);
    expect(missed[0]).toBe(64);
  });

  test('findSignature() begins where it is told to', () => {
    expect(find(signature, 1)).toBeUndefined();
  });

  test('findSignature() without the secret goes by the shape', () => {
    const flipped = signature.slice();
    flipped[flipped.length - 9] = 0;
    expect(findSignature(flipped, { from: 0, after, secrets })).toBeUndefined();
    expect(findSignature(flipped, { from: 0, after, secrets: noSecret })).toBeDefined();
    const some = new LedgerSecrets([
      { from: seqno(1), secret: undefined },
      { from: seqno(3), secret },
    ]);
    expect(findSignature(flipped, { from: 0, after, secrets: some })).toBeDefined();
  });
});

describe('decodeOpenChunk()', () => {
  const place = { file: 'ledger_7', first: seqno(7) };
  const chunk = encodeChunk([transaction, signature], { complete: false });
  const end = chunk.length;

  test('decodeOpenChunk() finds all entries of a whole one', () => {
    const { entries, flaw, ...rest } = decodeOpenChunk(chunk, place);
    expect(entries.map(({ seqno: at, offset }) => [at, offset])).toEqual([
      [7, 8],
      [8, 8 + transaction.length],
    ]);
    expect({ flaw, ...rest }).toEqual({ flaw: undefined, end });
  });

  test.each([
    ['a cut entry', concatBytes([chunk, entry(9).subarray(0, -1)]), 'TRUNCATED_BODY'],
    ['a cut header', concatBytes([chunk, entry(9).subarray(0, 7)]), 'TRUNCATED_HEADER'],
    ['zeros', concatBytes([chunk, new Uint8Array(50)]), 'BAD_VERSION'],
    ['an entry of another seqno', concatBytes([chunk, entry(10)]), 'SEQNO_MISMATCH'],
  ])('decodeOpenChunk() stops at %s, and says where', (_, bytes, code) => {
    const { entries, end: at, flaw } = decodeOpenChunk(bytes, place);
    expect(entries).toHaveLength(2);
    expect(at).toBe(end);
    expect(flaw).toMatchObject({ code, file: 'ledger_7', offset: end });
  });

  test('decodeOpenChunk() reads nothing from less than a header', () => {
    expect(decodeOpenChunk(new Uint8Array(), place)).toEqual({ entries: [], end: 0 });
    expect(decodeOpenChunk(new Uint8Array(3), place)).toMatchObject({
      entries: [],
      end: 0,
      flaw: {
        code: 'TRUNCATED_HEADER',
        message: 'ledger_7 at offset 0: 3 of 8 header bytes',
        offset: 0,
      },
    });
    expect(decodeOpenChunk(new Uint8Array(8), place)).toEqual({ entries: [], end: 8 });
  });

  test('isOpenChunk() asks name and header', () => {
    const name = { first: seqno(7), last: undefined, committed: false };
    expect(isOpenChunk(chunk, name)).toBe(true);
    expect(isOpenChunk(Uint8Array.of(1, 2, 3), name)).toBe(true);
    expect(isOpenChunk(new Uint8Array(8), name)).toBe(true);
    expect(isOpenChunk(new Uint8Array(8).fill(1), name)).toBe(false);
    expect(isOpenChunk(chunk, { ...name, last: seqno(8) })).toBe(false);
    const complete = encodeChunk([transaction, signature], { complete: true });
    expect(isOpenChunk(complete, name)).toBe(false);
  });
});
