import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, compareBytes, concatBytes, toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { compareMapNames, isPrivateMap } from '../../../src/formats/entries/map-name.ts';
import {
  decodePrivateDomain,
  decodePublicDomain,
  type EntryType,
  encodePrivateDomain,
  encodePublicDomain,
  entryLeaf,
  entryLeafOf,
  type MapWrites,
  mapWrites,
  type PublicDomain,
  singletonKey,
  singletonValue,
} from '../../../src/formats/entries/write-set.ts';
import {
  bitFlips,
  lengthBombs,
  outcomeOf,
  outcomes,
  refusalOf,
  truncations,
} from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';

const claims = new Uint8Array(32).fill(0xcc);
const evidence = new Uint8Array(32).fill(0xee);
const write = (key: string, value: string) => ({ key: toUtf8(key), value: toUtf8(value) });

const domain: PublicDomain = {
  type: 4,
  seqno: seqno(17),
  claimsDigest: claims,
  commitEvidenceDigest: evidence,
  maxConflictVersion: 5,
  maps: [
    { name: 'public:a', writes: [write('k', 'v'), write('l', '')], removes: [toUtf8('m')] },
    { name: 'public:b', writes: [{ key: singletonKey, value: toUtf8('one') }], removes: [] },
  ],
};

function privateMap(name: string, keys: { writes?: string[]; removes?: string[] }): Uint8Array {
  const { writes = [], removes = [] } = keys;
  const writer = new ByteWriter().text(name).u64(0).u64(0).u64(writes.length);
  for (const key of writes) writer.text(key).text('v');
  writer.u64(removes.length);
  for (const key of removes) writer.text(key);
  return writer.finish();
}

describe('decodePublicDomain()', () => {
  test('decodePublicDomain() reads what encodePublicDomain() wrote', () => {
    expect(decodePublicDomain(encodePublicDomain(domain))).toEqual(domain);
  });

  test.each([
    [0, undefined, undefined],
    [2, claims, undefined],
    [3, undefined, evidence],
    [4, claims, evidence],
  ] as const)('decodePublicDomain() knows the digests of type %i', (type, claimed, evident) => {
    const given = { ...domain, type, claimsDigest: claimed, commitEvidenceDigest: evident };
    const bytes = encodePublicDomain(given);
    expect(decodePublicDomain(bytes)).toEqual(given);
    const digestBytes = (claimed?.length ?? 0) + (evident?.length ?? 0);
    expect(toHex(bytes.subarray(9 + digestBytes, 17 + digestBytes))).toBe('0500000000000000');
  });

  test.each([1, 5, 255])('decodePublicDomain() refuses entry type %i', (type) => {
    const bytes = encodePublicDomain(domain);
    bytes[0] = type;
    expect(() => decodePublicDomain(bytes)).toThrow(
      expect.objectContaining({
        code: 'BAD_ENTRY_TYPE',
        message: `entry type ${type} is not a write set`,
        ...{ offset: 0, actual: type },
      }),
    );
  });

  test('decodePublicDomain() refuses a conflict version beyond 2^53-1', () => {
    const bytes = encodePublicDomain(domain);
    bytes[80] = 0x20;
    expect(refusalOf(() => decodePublicDomain(bytes))).toBe(
      'NUMBER_TOO_LARGE: max conflict version is 2305843009213693957, beyond 2^53-1',
    );
  });

  test.each([
    ['entry type', 0],
    ['seqno', 1],
    ['claims digest', 9],
    ['commit evidence digest', 41],
    ['max conflict version', 73],
    ['length of map name', 82],
  ])('decodePublicDomain() says that the %s is cut off', (what, length) => {
    const bytes = encodePublicDomain(domain).subarray(0, length);
    expect(() => decodePublicDomain(bytes)).toThrow(`${what} needs `);
  });

  test('decodePublicDomain() refuses a private map', () => {
    const bytes = concatBytes([encodePublicDomain({ ...domain, maps: [] }), privateMap('a', {})]);
    expect(outcomeOf(() => decodePublicDomain(bytes))).toBe('BAD_NAME');
  });

  test('decodePublicDomain() refuses every truncation but the ones between maps', () => {
    const bytes = encodePublicDomain(domain);
    const codes = outcomes(truncations(bytes), decodePublicDomain);
    const accepted = codes.flatMap((code, length) => (code === 'accepted' ? [length] : []));
    const first = encodePublicDomain({ ...domain, maps: [] }).length;
    const second = encodePublicDomain({ ...domain, maps: domain.maps.slice(0, 1) }).length;
    expect(accepted).toEqual([first, second]);
  });

  slowTest('decodePublicDomain() answers flipped bits and length bombs with typed errors', () => {
    const bytes = encodePublicDomain(domain);
    const codes = outcomes([...bitFlips(bytes), ...lengthBombs(bytes)], decodePublicDomain);
    expect(codes).toEqual(expect.arrayContaining(['COUNT_EXCEEDS_BYTES', 'LENGTH_EXCEEDS_PARENT']));
  });

  test('decodePublicDomain() keeps keys and names that would be dangerous as properties', () => {
    const maps = [
      {
        name: 'public:__proto__',
        writes: [write('__proto__', '1'), write('constructor', '2')],
        removes: [],
      },
    ];
    expect(decodePublicDomain(encodePublicDomain({ ...domain, maps })).maps).toEqual(maps);
  });
});

describe('decodePrivateDomain()', () => {
  test('decodePrivateDomain() reads an empty domain', () => {
    expect(decodePrivateDomain(new Uint8Array(0))).toEqual([]);
  });

  test('decodePrivateDomain() skips reads', () => {
    const bytes = new ByteWriter()
      .text('a')
      .u64(7)
      .u64(1)
      .text('read')
      .u64(3)
      .u64(0)
      .u64(0)
      .finish();
    expect(decodePrivateDomain(bytes)).toEqual([{ name: 'a', writes: [], removes: [] }]);
  });

  test.each([
    ['DUPLICATE_KEY: map name twice in a row', [privateMap('a', {}), privateMap('a', {})]],
    ['KEY_ORDER: map name is not in byte order at 41', [privateMap('b', {}), privateMap('a', {})]],
    ['DUPLICATE_KEY: written key twice in a row', [privateMap('a', { writes: ['k', 'k'] })]],
    [
      'KEY_ORDER: written key is not in byte order at 51',
      [privateMap('a', { writes: ['l', 'k'] })],
    ],
    ['DUPLICATE_KEY: removed key twice in a row', [privateMap('a', { removes: ['k', 'k'] })]],
    [
      'KEY_ORDER: removed key is not in byte order at 50',
      [privateMap('a', { removes: ['l', 'k'] })],
    ],
    ['BAD_NAME: map "public:a" in the private domain', [privateMap('public:a', {})]],
  ])('decodePrivateDomain() refuses with %s', (code, maps) => {
    expect(refusalOf(() => decodePrivateDomain(concatBytes(maps)))).toBe(code);
  });

  const map = () => new ByteWriter().text('a');
  const read = () => map().u64(0).u64(1);
  const written = () => map().u64(0).u64(0).u64(1);
  const removed = () => map().u64(0).u64(0).u64(0).u64(1);
  test.each<[string, ByteWriter]>([
    ['read version needs 8 bytes', map()],
    ['read count needs 8 bytes', map().u64(0)],
    ['read count is 1 at offset 17, 15 bytes', read().zeros(15)],
    ['read key declares 9 bytes', read().u64(9).u64(0)],
    ['read key version needs 8 bytes', read().u64(8).u64(0)],
    ['write count needs 8 bytes', map().u64(0).u64(0)],
    ['write count is 1 at offset 25, 15 bytes', written().zeros(15)],
    ['written key declares 9 bytes', written().u64(9).u64(0)],
    ['value declares 9 bytes', written().u64(0).u64(9)],
    ['remove count needs 8 bytes', map().u64(0).u64(0).u64(0)],
    ['remove count is 1 at offset 33, 7 bytes', removed().zeros(7)],
    ['removed key declares 9 bytes', removed().u64(9)],
  ])('decodePrivateDomain() says what is cut off: %s', (message, writer) => {
    expect(() => decodePrivateDomain(writer.finish())).toThrow(message);
  });

  test('decodePrivateDomain() says where a key out of order is', () => {
    const bytes = privateMap('a', { writes: ['l', 'k'] });
    expect(() => decodePrivateDomain(bytes)).toThrow(expect.objectContaining({ offset: 51 }));
  });

  test('decodePrivateDomain() refuses a name that is not UTF-8', () => {
    const bytes = privateMap('abc', {});
    bytes[8] = 0xff;
    expect(outcomeOf(() => decodePrivateDomain(bytes))).toBe('BAD_TEXT');
  });

  test('decodePrivateDomain() inverts encodePrivateDomain() for any maps in any order', () => {
    const keys = fc.uniqueArray(fc.uint8Array({ maxLength: 12 }), {
      selector: toHex,
      maxLength: 6,
    });
    const maps = fc.uniqueArray(
      fc.record({
        name: fc.string({ unit: 'grapheme', maxLength: 8 }),
        writes: fc
          .tuple(keys, fc.uint8Array({ maxLength: 20 }))
          .map(([all, value]) => all.map((key) => ({ key, value }))),
        removes: keys,
      }),
      { selector: (map) => map.name, maxLength: 5 },
    );
    return fc.assert(
      fc.property(maps, (given) => {
        const encoded = encodePrivateDomain(given);
        const decoded = decodePrivateDomain(encoded);
        expect(decoded).toEqual(sorted(given));
        expect(encodePrivateDomain(decoded)).toEqual(encoded);
      }),
    );
  });
});

function sorted(maps: readonly MapWrites[]): readonly MapWrites[] {
  return maps
    .map((map) => ({
      name: map.name,
      writes: map.writes.toSorted((a, b) => compareBytes(a.key, b.key)),
      removes: map.removes.toSorted(compareBytes),
    }))
    .sort((a, b) => compareBytes(toUtf8(a.name), toUtf8(b.name)));
}

describe('encodePublicDomain()', () => {
  const map: MapWrites = { name: 'public:a', writes: [], removes: [] };
  const wanted = 'entry type wants 32 digest bytes here';
  const twice = 'a key is there twice in one map';
  const one = write('k', 'v');
  test.each<[string, PublicDomain, string]>([
    ['a missing claims digest', { ...domain, claimsDigest: undefined }, wanted],
    [
      'a digest that the type does not have',
      { ...domain, type: 3 },
      'entry type wants no digest bytes here',
    ],
    ['a short digest', { ...domain, claimsDigest: new Uint8Array(31) }, wanted],
    [
      'a private map',
      { ...domain, maps: [{ ...map, name: 'a' }] },
      'map a does not belong to the public domain',
    ],
    ['a map twice', { ...domain, maps: [map, map] }, 'map public:a is there twice'],
    ['a key twice', { ...domain, maps: [{ ...map, removes: [claims, claims] }] }, twice],
    ['a key written twice', { ...domain, maps: [{ ...map, writes: [one, one] }] }, twice],
  ])('encodePublicDomain() refuses %s as a caller mistake', (_, bad, message) => {
    expect(() => encodePublicDomain(bad)).toThrow(new RangeError(message));
  });

  test('encodePublicDomain() and encodePrivateDomain() take one allocation each', () => {
    const bytes = encodePublicDomain(domain);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
    const maps = domain.maps.map((each) => ({ ...each, name: `a${each.name}` }));
    const plain = encodePrivateDomain(maps);
    expect(plain.buffer.byteLength).toBe(plain.length);
  });
});

describe('compareMapNames()', () => {
  test('compareMapNames() sorts by UTF-8 bytes where UTF-16 says otherwise', () => {
    expect(['\u{1f600}', '\uffee'].sort(compareMapNames)).toEqual(['\uffee', '\u{1f600}']);
    expect(['\u{1f600}', '\uffee'].sort()).toEqual(['\u{1f600}', '\uffee']);
  });

  test('isPrivateMap() looks at the prefix only', () => {
    expect(['public:', 'public:x', 'public', 'x public:', ''].map(isPrivateMap)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });
});

describe('singletonValue()', () => {
  test('singletonValue() finds the write under the zero key', () => {
    const map = mapWrites(domain, 'public:b');
    expect(map && singletonValue(map)).toEqual(toUtf8('one'));
  });

  test('singletonValue() is undefined without one', () => {
    const map = mapWrites(domain, 'public:a');
    expect(map && singletonValue(map)).toBeUndefined();
    expect(mapWrites(domain, 'public:c')).toBeUndefined();
  });
});

describe('entryLeafOf()', () => {
  const writeSetDigest = sha256(toUtf8('entry'));
  const parts = { writeSetDigest, claimsDigest: claims, commitEvidenceDigest: evidence };

  test.each<[EntryType, Uint8Array]>([
    [0, writeSetDigest],
    [2, sha256(concatBytes([writeSetDigest, claims]))],
    [3, sha256(concatBytes([writeSetDigest, evidence]))],
    [4, sha256(concatBytes([writeSetDigest, evidence, claims]))],
  ])('entryLeafOf() is what type %i defines', (type, leaf) => {
    expect(entryLeafOf({ type, ...parts })).toEqual(leaf);
  });

  test('entryLeafOf() wants the digests of its type', () => {
    expect(() => entryLeafOf({ ...parts, type: 4, claimsDigest: undefined })).toThrow(
      new TypeError('this entry type needs a claims digest'),
    );
    expect(() => entryLeafOf({ ...parts, type: 3, commitEvidenceDigest: undefined })).toThrow(
      new TypeError('this entry type needs a commit evidence digest'),
    );
  });

  test('entryLeaf() hashes the entry itself', () => {
    const leaf = entryLeaf(toUtf8('entry'), domain);
    expect(leaf).toEqual(entryLeafOf({ type: 4, ...parts }));
  });
});
