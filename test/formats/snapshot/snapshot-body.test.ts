import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, concatBytes, toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { sealEntry } from '../../../src/formats/entries/entry.ts';
import type { SnapshotRecord } from '../../../src/formats/entries/snapshot-map.ts';
import { sipHash24Low32, sortByKeyOrder } from '../../../src/formats/snapshot/key-order.ts';
import {
  decodeSnapshot,
  decodeSnapshotPublicDomain,
  encodeSnapshot,
  encodeSnapshotPublicDomain,
  isPrivateMap,
  type SnapshotContent,
  snapshotPublicPieces,
} from '../../../src/formats/snapshot/snapshot-body.ts';
import {
  bitFlips,
  lengthBombs,
  outcomeOf,
  outcomes,
  refusalOf,
  truncations,
} from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';

const secret = new Uint8Array(32).fill(9);

function record(key: string, version: number, value: string): SnapshotRecord {
  return { key: toUtf8(key), version, value: toUtf8(value) };
}

const content: SnapshotContent = {
  seqno: seqno(63),
  maxConflictVersion: 0,
  leaf: new Uint8Array(32).fill(5),
  viewHistory: [1, 1, 38],
  publicMaps: [
    {
      name: 'public:a',
      version: 40,
      records: sortByKeyOrder([
        record('one', 3, 'value'),
        record('8 bytes.', 40, '8 bytes.'),
        record('', 12, ''),
        record('gone', -17, ''),
      ]),
    },
    { name: 'public:late', version: 0, records: [] },
  ],
  privateMaps: [{ name: 'secret', version: 7, records: [record('k', 7, 'v')] }],
};
const entry = encodeSnapshot(content, secret);
const { privateMaps: _, ...publicContent } = content;

/** A public domain with one map whose records are the given bytes. */
function domainOf(body: Uint8Array): Uint8Array {
  const head = encodeSnapshotPublicDomain({ ...publicContent, publicMaps: [] });
  const map = new ByteWriter(4096).text('public:m').u64(1).blob(body).finish();
  return concatBytes([head, map]);
}

function recordBytes(key: string, value = 'v', padding = 0): Uint8Array {
  const pad = (text: string) => new Uint8Array((8 - (text.length % 8)) % 8).fill(padding);
  return new ByteWriter(4096)
    .text(key)
    .raw(pad(key))
    .u64(8 + value.length)
    .i64(1)
    .raw(toUtf8(value))
    .raw(pad(value))
    .finish();
}

function sealed(publicDomain: Uint8Array, iv: { view?: number; isSnapshot?: boolean } = {}) {
  const { isSnapshot = true } = iv;
  const position = { seqno: seqno(63), view: view(iv.view ?? 0), isSnapshot };
  return sealEntry({ secret, ...position, publicDomain, privatePlain: new Uint8Array(0) });
}

describe('snapshotPublicPieces()', () => {
  test('snapshotPublicPieces() gives the bytes of encodeSnapshotPublicDomain(), a few at a time', () => {
    const large = Array.from({ length: 12 }, (_, i) => record(`key ${i}`, i, 'x'.repeat(300_000)));
    const maps = [...content.publicMaps, { name: 'public:z', version: 1, records: large }];
    const publicMaps = maps.map((map) => ({ ...map, records: sortByKeyOrder(map.records) }));
    for (const given of [publicContent, { ...publicContent, publicMaps }]) {
      const pieces = [...snapshotPublicPieces(given)];
      const whole = encodeSnapshotPublicDomain(given);
      expect(Buffer.compare(concatBytes(pieces), whole)).toBe(0);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(1_500_000);
    }
  });
});

describe('encodeSnapshotPublicDomain()', () => {
  test('GEN-10 encodeSnapshotPublicDomain() writes the header, leaf and views as CCF does', () => {
    const bytes = encodeSnapshotPublicDomain({ ...publicContent, publicMaps: [] });
    const leaf = '05'.repeat(32);
    const number = (hex: string) => hex.padEnd(16, '0');
    expect(toHex(bytes)).toBe(
      ['01', number('3f'), number(''), number('20'), leaf, number('18')].join('') +
        ['01', '01', '26'].map(number).join(''),
    );
  });

  test('encodeSnapshotPublicDomain() pads keys and values to 8 and counts the version', () => {
    const bytes = encodeSnapshotPublicDomain({ ...publicContent, publicMaps: [] });
    const map = { name: 'public:m', version: 1, records: [record('abc', 1, 'v')] };
    const withMap = encodeSnapshotPublicDomain({ ...publicContent, publicMaps: [map] });
    expect(withMap).toEqual(domainOf(recordBytes('abc')));
    expect((withMap.length - bytes.length) % 8).toBe(0);
  });

  test('encodeSnapshotPublicDomain() and encodeSnapshot() take one allocation each', () => {
    const bytes = encodeSnapshotPublicDomain(content);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    expect(entry.buffer.byteLength).toBe(entry.length);
  });

  test('encodeSnapshotPublicDomain() sorts maps by UTF-8 bytes', () => {
    const [first, second] = ['public:\uffee', 'public:\u{1f600}'];
    const maps = [second, first].map((name) => ({ name, version: 1, records: [] }));
    const bytes = encodeSnapshotPublicDomain({ ...publicContent, publicMaps: maps });
    const names = decodeSnapshotPublicDomain(bytes).publicMaps.map((map) => map.name);
    expect(names).toEqual([first, second]);
  });

  test('encodeSnapshotPublicDomain() refuses a private map, a map twice and a bad leaf', () => {
    const map = { name: 'public:m', version: 1, records: [] };
    const encode = (change: object) => () => encodeSnapshotPublicDomain({ ...content, ...change });
    expect(encode({ publicMaps: content.privateMaps })).toThrow(RangeError);
    expect(encode({ publicMaps: [map, map] })).toThrow(RangeError);
    expect(encode({ leaf: new Uint8Array(31) })).toThrow(
      new RangeError('a Merkle leaf of 31 bytes'),
    );
  });
});

describe('decodeSnapshot()', () => {
  test('decodeSnapshot() reads what encodeSnapshot() wrote, tombstones and all', () => {
    const decoded = decodeSnapshot(entry, secret);
    expect(decoded).toMatchObject({ content, privateOpened: true });
    expect(decoded.envelope).toMatchObject({ seqno: 63, view: 0, isSnapshot: true, flags: 0 });
  });

  test('decodeSnapshot() leaves private maps closed without the secret', () => {
    const decoded = decodeSnapshot(entry);
    expect(decoded).toMatchObject({
      content: { ...publicContent, privateMaps: [] },
      privateOpened: false,
    });
  });

  test('decodeSnapshot() refuses another secret', () => {
    expect(outcomeOf(() => decodeSnapshot(entry, new Uint8Array(32)))).toBe('GCM_TAG_MISMATCH');
  });

  test.each<[string, Uint8Array]>([
    [
      'BAD_ENTRY_TYPE: entry type 4 is not a snapshot',
      new Uint8Array([4, ...encodeSnapshotPublicDomain(content).subarray(1)]),
    ],
    [
      'DUPLICATE_KEY: key 6b of public:m comes twice',
      domainOf(concatBytes([recordBytes('k'), recordBytes('k')])),
    ],
    ['PADDING: non-zero padding at offset 9', domainOf(recordBytes('k', 'v', 1))],
    [
      'BAD_LENGTH: version and value of 7 bytes',
      domainOf(new ByteWriter(64).u64(0).u64(7).u64(0).finish()),
    ],
    [
      'LENGTH_EXCEEDS_PARENT: padding needs 7 bytes at offset 33, 6 are left',
      domainOf(recordBytes('k').subarray(0, -1)),
    ],
  ])('decodeSnapshot() refuses with %s', (code, publicDomain) => {
    expect(refusalOf(() => decodeSnapshot(sealed(publicDomain)))).toBe(code);
  });

  const moved = encodeSnapshotPublicDomain({ ...content, seqno: seqno(64) });
  const head = () => new ByteWriter(99).u8(1).u64(63).u64(0);
  test.each<[Uint8Array, object]>([
    [
      sealed(encodeSnapshotPublicDomain(content).fill(4, 0, 1)),
      { message: 'entry type 4 is not a snapshot', offset: 0, actual: 4, expected: 1 },
    ],
    [entry.slice().fill(1, 1, 2), { message: 'a snapshot has no entry flags' }],
    [
      sealed(moved),
      { message: 'IV of snapshot 0.63, not of snapshot 0.64', offset: 24, seqno: 64 },
    ],
    [
      sealed(moved, { view: 2, isSnapshot: false }),
      { message: 'IV of entry 2.63, not of snapshot 0.64', offset: 24, seqno: 64 },
    ],
    [
      sealed(head().blob(new Uint8Array(31)).u64(0).finish()),
      { message: 'Merkle leaf of 31 bytes', offset: 17, actual: 31 },
    ],
    [
      sealed(head().blob(content.leaf).blob(new Uint8Array(9)).finish()),
      { message: 'view history of 9 bytes', offset: 57, actual: 9 },
    ],
    [
      sealed(domainOf(new ByteWriter(64).u64(0).u64(7).u64(0).finish())),
      { message: 'version and value of 7 bytes', offset: 8, actual: 7 },
    ],
    [sealed(domainOf(recordBytes('k', 'v', 1))), { code: 'PADDING', offset: 9 }],
    [
      sealed(domainOf(concatBytes([recordBytes('k'.repeat(50)), recordBytes('k'.repeat(50))]))),
      { message: `key ${'6b'.repeat(40)} of public:m comes twice` },
    ],
  ])('decodeSnapshot() says what it found, and where: %#', (bytes, expected) => {
    expect(() => decodeSnapshot(bytes)).toThrow(expect.objectContaining(expected));
  });

  test.each<[string, Uint8Array]>([
    ['entry type', new Uint8Array(0)],
    ['seqno', Uint8Array.of(1)],
    ['max conflict version', new ByteWriter().u8(1).u64(63).finish()],
    ['length of Merkle leaf', head().finish()],
    ['length of view history', head().blob(content.leaf).finish()],
    ['map version', head().blob(content.leaf).u64(0).text('public:m').finish()],
    [
      'length of records of a map',
      head().blob(content.leaf).u64(0).text('public:m').u64(1).finish(),
    ],
    ['length of key', domainOf(new Uint8Array(1))],
    ['length of version and value', domainOf(new ByteWriter().blob(new Uint8Array(8)).finish())],
  ])('decodeSnapshot() says that %s is cut off', (what, publicDomain) => {
    expect(() => decodeSnapshot(sealed(publicDomain))).toThrow(`${what} needs `);
  });

  test('decodeSnapshot() names a number that is too large', () => {
    const huge = new Uint8Array(8).fill(0xff);
    const views = head().blob(content.leaf).blob(huge).finish();
    expect(() => decodeSnapshot(sealed(views))).toThrow('first seqno of a view is 18446744073709');
    const version = new ByteWriter()
      .u64(0)
      .u64(8)
      .u64(2 ** 53)
      .finish();
    expect(() => decodeSnapshot(sealed(domainOf(version)))).toThrow('version of a key is 9007199');
  });

  test('decodeSnapshot() reads entries above the bound of a ledger', () => {
    const header = new ByteWriter()
      .u8(1)
      .u8(0)
      .u32(64 * 1024 * 1024 + 1)
      .u8(0)
      .u8(0)
      .finish();
    expect(outcomeOf(() => decodeSnapshot(header))).toBe('TRUNCATED_BODY');
  });

  test('decodeSnapshot() refuses keys out of hash order', () => {
    const keys = sortByKeyOrder([record('a', 1, ''), record('b', 1, ''), record('c', 1, '')]);
    const map = { name: 'public:m', version: 1, records: keys.toReversed() };
    const bytes = encodeSnapshot({ ...content, publicMaps: [map] }, secret);
    expect(refusalOf(() => decodeSnapshot(bytes))).toBe(
      `KEY_ORDER: key ${toHex(keys[1]?.key ?? secret)} of public:m is out of hash order`,
    );
  });

  test('CON-8 decodeSnapshot() takes equal hashes in any order, but no key twice among them', () => {
    const [first, second] = [toUtf8('twin 37777'), toUtf8('twin 116009')];
    expect(sipHash24Low32(first)).toBe(sipHash24Low32(second));
    const encode = (...keys: Uint8Array[]) => {
      const records = keys.map((key) => ({ key, version: 1, value: new Uint8Array(0) }));
      return encodeSnapshot(
        { ...content, publicMaps: [{ name: 'public:m', version: 1, records }] },
        secret,
      );
    };
    const ways = [encode(first, second), encode(second, first), encode(first, second, first)];
    expect(outcomes(ways, (bytes) => decodeSnapshot(bytes))).toEqual([
      'accepted',
      'accepted',
      'DUPLICATE_KEY',
    ]);
  });

  test('decodeSnapshot() refuses an IV that is not the snapshot’s', () => {
    const publicDomain = encodeSnapshotPublicDomain(content);
    const moved = encodeSnapshotPublicDomain({ ...content, seqno: seqno(64) });
    const entries = [
      sealed(publicDomain, { view: 2 }),
      sealed(publicDomain, { isSnapshot: false }),
      sealed(moved),
    ];
    expect(outcomes(entries, (bytes) => decodeSnapshot(bytes))).toEqual(Array(3).fill('BAD_IV'));
  });

  test('decodeSnapshot() refuses entry flags and a leaf or view history of another size', () => {
    const flagged = entry.slice();
    flagged[1] = 1;
    const shortLeaf = new ByteWriter(99).u8(1).u64(63).u64(0).blob(new Uint8Array(31)).u64(0);
    const oddViews = new ByteWriter(99).u8(1).u64(63).u64(0).blob(content.leaf);
    oddViews.blob(new Uint8Array(9));
    const entries = [flagged, sealed(shortLeaf.finish()), sealed(oddViews.finish())];
    expect(outcomes(entries, (bytes) => decodeSnapshot(bytes))).toEqual([
      'BAD_FLAGS',
      'BAD_LENGTH',
      'BAD_LENGTH',
    ]);
  });

  slowTest('decodeSnapshot() with the secret refuses every flipped bit', () => {
    const codes = outcomes(bitFlips(entry), (bytes) => decodeSnapshot(bytes, secret));
    expect(codes).not.toContain('accepted');
  });

  test('CON-7 decodeSnapshot() refuses every truncation', () => {
    const codes = outcomes(truncations(entry), (bytes) => decodeSnapshot(bytes));
    expect(codes).not.toContain('accepted');
  });

  slowTest(
    'decodeSnapshot() answers flips and length bombs in the public domain with typed errors',
    () => {
      const hostile = [...bitFlips(entry), ...lengthBombs(entry)];
      const codes = outcomes(hostile, (bytes) => decodeSnapshot(bytes));
      expect(codes).toEqual(expect.arrayContaining(['LENGTH_EXCEEDS_PARENT', 'NUMBER_TOO_LARGE']));
    },
  );

  test('decodeSnapshot() inverts encodeSnapshot() for any content', () => {
    const bytes = fc.uint8Array({ maxLength: 20 });
    const records = fc
      .uniqueArray(fc.record({ key: bytes, version: fc.maxSafeInteger(), value: bytes }), {
        selector: ({ key }) => toHex(key),
        maxLength: 8,
      })
      .map(sortByKeyOrder);
    const maps = (prefix: string) =>
      fc
        .uniqueArray(
          fc.record({
            name: fc.stringMatching(/^[a-z]{0,4}$/).map((name) => prefix + name),
            version: fc.maxSafeNat(),
            records,
          }),
          { selector: ({ name }) => name, maxLength: 4 },
        )
        .map((given) => given.toSorted((a, b) => (a.name < b.name ? -1 : 1)));
    const contents = fc.record({
      seqno: fc.maxSafeNat().map(seqno),
      maxConflictVersion: fc.maxSafeNat(),
      leaf: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      viewHistory: fc.array(fc.maxSafeNat(), { maxLength: 5 }),
      publicMaps: maps('public:'),
      privateMaps: maps('p'),
    });
    return fc.assert(
      fc.property(contents, (given) => {
        expect(decodeSnapshot(encodeSnapshot(given, secret), secret).content).toEqual(given);
      }),
    );
  });
});

test('isPrivateMap() is also here, for readers of snapshots', () => {
  expect([isPrivateMap('public:a'), isPrivateMap('a')]).toEqual([false, true]);
});
