import { decode as decodeWithCbor2, encode as encodeWithCbor2 } from 'cbor2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../src/core/bytes.ts';
import {
  CborTagged,
  type CborValue,
  cborArray,
  cborBytes,
  cborMap,
  cborText,
  decodeCbor,
  encodeCbor,
} from '../../../src/formats/encoding/cbor.ts';
import { outcomeOf, outcomes, refusalOf, truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';

describe('RFC 8949 appendix A vectors of the closed grammar', () => {
  test.each<[string, CborValue]>([
    ['00', 0],
    ['01', 1],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1000],
    ['1a000f4240', 1_000_000],
    ['1b000000e8d4a51000', 1_000_000_000_000],
    ['20', -1],
    ['3863', -100],
    ['3903e7', -1000],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['40', new Uint8Array()],
    ['4401020304', Uint8Array.of(1, 2, 3, 4)],
    ['60', ''],
    ['6449455446', 'IETF'],
    ['62c3bc', 'ü'],
    ['64f0908591', '\u{10151}'],
    ['80', []],
    ['8301820203820405', [1, [2, 3], [4, 5]]],
    ['a0', new Map()],
    [
      'a201020304',
      new Map([
        [1, 2],
        [3, 4],
      ]),
    ],
    ['826161a161626163', ['a', new Map([['b', 'c']])]],
    [
      '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
      Array.from({ length: 25 }, (_, i) => i + 1),
    ],
  ])('decodeCbor() and encodeCbor() agree on %s', (hex, value) => {
    expect(decodeCbor(fromHex(hex))).toStrictEqual(value);
    expect(toHex(encodeCbor(value))).toBe(hex);
  });
});

describe('decodeCbor() refuses', () => {
  const indefinite = 'CBOR_INDEFINITE: indefinite length, at offset 1';
  const unknown = 'CBOR_TYPE: a float, undefined or unknown simple value, at offset 1';
  test.each([
    ['an empty input', '', 'CBOR_LENGTH: the input ends where an item begins, at offset 0'],
    ['a cut integer', '19ff', 'CBOR_LENGTH: 2 bytes are needed, 1 are left, at offset 1'],
    [
      'a byte string longer than the input',
      '42ff',
      'CBOR_LENGTH: 2 bytes are needed, 1 are left, at offset 1',
    ],
    [
      'a byte string of 2^32-1',
      '5affffffff',
      'CBOR_LENGTH: 4294967295 bytes are needed, 0 are left, at offset 5',
    ],
    [
      'a byte string of 2^63',
      '5b8000000000000000',
      'CBOR_LENGTH: 9223372036854775808 is beyond 2^53-1, at offset 9',
    ],
    [
      'a byte string of 2^64-1',
      '5bffffffffffffffff',
      'CBOR_LENGTH: 18446744073709551615 is beyond 2^53-1, at offset 9',
    ],
    [
      'an array of 2^32-1',
      '9affffffff',
      'CBOR_LENGTH: 4294967295 items declared, 0 bytes are left, at offset 5',
    ],
    [
      'a map of 2^64-1',
      'bbffffffffffffffff',
      'CBOR_LENGTH: 18446744073709551615 is beyond 2^53-1, at offset 9',
    ],
    ['an indefinite byte string', '5f4101ff', indefinite],
    ['an indefinite text', '7f6161ff', indefinite],
    ['an indefinite array', '9fff', indefinite],
    ['an indefinite map', 'bfff', indefinite],
    ['a lone break', 'ff', 'CBOR_INDEFINITE: a break without an indefinite length, at offset 1'],
    [
      'reserved information 28',
      '1c',
      'CBOR_RESERVED: reserved additional information 28, at offset 1',
    ],
    [
      'reserved information 30',
      'fe',
      'CBOR_RESERVED: reserved additional information 30, at offset 1',
    ],
    ['a long 23', '1817', 'CBOR_NON_MINIMAL: 23 in 1 bytes, at offset 2'],
    ['a long 255', '1900ff', 'CBOR_NON_MINIMAL: 255 in 2 bytes, at offset 3'],
    ['a long 65535', '1a0000ffff', 'CBOR_NON_MINIMAL: 65535 in 4 bytes, at offset 5'],
    ['a long 2^32-1', '1b00000000ffffffff', 'CBOR_NON_MINIMAL: 4294967295 in 8 bytes, at offset 9'],
    ['a long length', '580100', 'CBOR_NON_MINIMAL: 1 in 1 bytes, at offset 2'],
    ['a key twice', 'a201000100', 'CBOR_DUPLICATE_KEY: key 1 twice, at offset 4'],
    ['a nested key twice', '81a2616100616100', 'CBOR_DUPLICATE_KEY: key "a" twice, at offset 7'],
    ['a stray continuation byte', '6180', 'CBOR_UTF8: not UTF-8 (1 bytes)'],
    ['an overlong text', '62c080', 'CBOR_UTF8: not UTF-8 (2 bytes)'],
    ['a surrogate', '63eda080', 'CBOR_UTF8: not UTF-8 (3 bytes)'],
    ['a half float', 'f90000', unknown],
    ['a single float', 'fa47c35000', unknown],
    ['NaN', 'fb7ff8000000000000', unknown],
    ['undefined', 'f7', unknown],
    ['a simple value', 'f8ff', unknown],
    ['a tag', 'c000', 'CBOR_TYPE: unexpected tag 0, at offset 1'],
    [
      'a byte string as key',
      'a1410000',
      'CBOR_TYPE: a map key is neither an integer nor a text, at offset 3',
    ],
    [
      'an integer of 2^53',
      '1b0020000000000000',
      'NUMBER_TOO_LARGE: 9007199254740992 is beyond 2^53-1, at offset 9',
    ],
    [
      'an integer of -2^53',
      '3b001fffffffffffff',
      'NUMBER_TOO_LARGE: -1-9007199254740991 is beyond -(2^53-1), at offset 9',
    ],
    ['a byte behind the item', '0000', 'TRAILING_BYTES: 1 bytes after the item, at offset 1'],
    [
      'seven nested arrays',
      '8181818181818100',
      'CBOR_DEPTH: nested in more than 6 levels, at offset 7',
    ],
  ])('%s', (_what, hex, code) => {
    expect(refusalOf(() => decodeCbor(fromHex(hex)))).toBe(code);
  });

  test('200,000 nested arrays without deep recursion', () => {
    expect(outcomeOf(() => decodeCbor(new Uint8Array(200_000).fill(0x81)))).toBe('CBOR_DEPTH');
  });

  test('a chain of arrays that each declare all bytes left, without storing them', () => {
    const heads = Array.from({ length: 13_000 }, (_, i) => {
      const left = 39_000 - 3 * (i + 1);
      return Uint8Array.of(0x99, left >> 8, left & 0xff);
    });
    expect(outcomeOf(() => decodeCbor(concatBytes(heads)))).toBe('CBOR_DEPTH');
  });
});

test('decodeCbor() says where it found what it refuses', () => {
  expect(() => decodeCbor(fromHex('820018'))).toThrow(expect.objectContaining({ offset: 3 }));
});

test.each([
  ['17', 23],
  ['1818', 24],
  ['18ff', 255],
  ['190100', 256],
  ['19ffff', 65_535],
  ['1a00010000', 65_536],
  ['1affffffff', 4_294_967_295],
  ['1b0000000100000000', 4_294_967_296],
  ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['37', -24],
  ['3b001ffffffffffffe', -Number.MAX_SAFE_INTEGER],
])('encodeCbor() and decodeCbor() agree on %s, at the edge of a form', (hex, value) => {
  expect(toHex(encodeCbor(value))).toBe(hex);
  expect(decodeCbor(fromHex(hex))).toBe(value);
});

test('decodeCbor() takes six containers into each other, or as many as it is told', () => {
  expect(outcomeOf(() => decodeCbor(fromHex('81818181818100')))).toBe('accepted');
  expect(outcomeOf(() => decodeCbor(fromHex('8100'), { depthMax: 0 }))).toBe('CBOR_DEPTH');
  expect(outcomeOf(() => decodeCbor(fromHex('a10000'), { depthMax: 0 }))).toBe('CBOR_DEPTH');
  const tags = { tags: [0], depthMax: 0 };
  expect(outcomeOf(() => decodeCbor(fromHex('c000'), tags))).toBe('CBOR_DEPTH');
});

test('decodeCbor() refuses a count above the bytes that are left, and reads one equal to them', () => {
  expect(refusalOf(() => decodeCbor(fromHex('830000')))).toBe(
    'CBOR_LENGTH: 3 items declared, 2 bytes are left, at offset 1',
  );
  expect(refusalOf(() => decodeCbor(fromHex('a2000000')))).toBe(
    'CBOR_LENGTH: 2 items declared, 3 bytes are left, at offset 1',
  );
  expect(refusalOf(() => decodeCbor(fromHex('5bffffffffffffffff')))).toMatch(/^CBOR_LENGTH/);
  expect(refusalOf(() => decodeCbor(fromHex('3bffffffffffffffff')))).toMatch(/^NUMBER_TOO_LARGE/);
});

test('decodeCbor() refuses reserved information in every kind of item', () => {
  const codes = ['1c', '1d', '1e', 'fc', 'fd', 'fe'].map((hex) =>
    outcomeOf(() => decodeCbor(fromHex(hex))),
  );
  expect(codes).toEqual(Array(6).fill('CBOR_RESERVED'));
  expect(outcomeOf(() => decodeCbor(fromHex('fb0000000000000000')))).toBe('CBOR_TYPE');
});

test('encodeCbor() takes a number that is no safe integer for a bug', () => {
  expect(() => encodeCbor(0.5)).toThrow('0.5 is not an integer that CBOR is written with here');
});

test('cborBytes() and the others say what a value is not', () => {
  expect(refusalOf(() => cborBytes('x', 'it', 'VDP'))).toBe('VDP: it is not a byte string');
  expect(refusalOf(() => cborText(1, 'it', 'VDP'))).toBe('VDP: it is not a text');
  expect(refusalOf(() => cborMap([], 'it', 'VDP'))).toBe('VDP: it is not a map');
  expect(refusalOf(() => cborArray('x', 'it', 'VDP'))).toBe('VDP: it is not an array');
  const [bytes, map, array] = [new Uint8Array(1), new Map(), [1]];
  expect(cborBytes(bytes, 'it', 'VDP')).toBe(bytes);
  expect(cborText('x', 'it', 'VDP')).toBe('x');
  expect(cborMap(map, 'it', 'VDP')).toBe(map);
  expect(cborArray(array, 'it', 'VDP')).toBe(array);
});

test('encodeCbor() writes a tag before its value', () => {
  expect(toHex(encodeCbor(new CborTagged(18, [0])))).toBe('d28100');
});

test('decodeCbor() keeps a byte-order mark, which is part of the text', () => {
  expect(decodeCbor(fromHex('64efbbbf61'))).toBe('\ufeffa');
});

test('decodeCbor() returns byte strings as views of the input', () => {
  const input = fromHex('82420102f6');
  const [first] = decodeCbor(input) as CborValue[];
  expect((first as Uint8Array).buffer).toBe(input.buffer);
});

test('decodeCbor() keeps a key __proto__ as a mere key', () => {
  const map = decodeCbor(encodeCbor(new Map([['__proto__', 1]])));
  expect(map).toStrictEqual(new Map([['__proto__', 1]]));
});

test('decodeCbor() decodes the tags it is told of', () => {
  expect(decodeCbor(fromHex('d28100'), { tags: [18] })).toStrictEqual(new CborTagged(18, [0]));
});

test('encodeCbor() keeps the order of a map', () => {
  expect(
    toHex(
      encodeCbor(
        new Map([
          [15, 1],
          [1, 2],
        ]),
      ),
    ),
  ).toBe('a20f010102');
});

const cborValue = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc
      .uniqueArray(
        fc.tuple(fc.oneof(fc.maxSafeInteger(), fc.string({ unit: 'grapheme' })), tie('value')),
        {
          selector: ([key]) => key,
          maxLength: 5,
        },
      )
      .map((entries) => new Map(entries)),
  ),
})).value;

test('decodeCbor() is the inverse of encodeCbor()', () => {
  fc.assert(
    fc.property(cborValue, (value) => {
      expect(decodeCbor(encodeCbor(value), { depthMax: 16 })).toStrictEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('decodeCbor() refuses every truncation with a typed error', () => {
  fc.assert(
    fc.property(cborValue, (value) => {
      const codes = outcomes(truncations(encodeCbor(value)), (cut) =>
        decodeCbor(cut, { depthMax: 16 }),
      );
      expect(codes).not.toContain('accepted');
    }),
    { numRuns: 100 },
  );
});

/** cbor2 at its strictest; without ignoreGlobalTags it would build Dates and RegExps from input. */
const strictCbor2 = {
  rejectDuplicateKeys: true,
  rejectStreaming: true,
  requirePreferred: true,
  rejectUndefined: true,
  rejectFloats: true,
  preferMap: true,
  ignoreGlobalTags: true,
  maxDepth: 16,
};

const refused = Symbol('refused');

/** What cbor2 makes of the input, `refused` also where it is outside our closed grammar. */
function oracle(bytes: Uint8Array): unknown {
  try {
    return inGrammar(decodeWithCbor2(bytes, strictCbor2));
  } catch {
    return refused;
  }
}

function inGrammar(value: unknown): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(inGrammar);
  if (value instanceof Map) {
    if ([...value.keys()].some((key) => typeof key !== 'number' && typeof key !== 'string'))
      throw refused;
    return new Map([...value].map(([key, item]) => [inGrammar(key), inGrammar(item)]));
  }
  throw refused;
}

function ours(bytes: Uint8Array): unknown {
  let value: unknown = refused;
  const code = outcomeOf(() => {
    value = decodeCbor(bytes, { depthMax: 15 });
  });
  return code === 'accepted' ? value : refused;
}

slowTest('decodeCbor() and strict cbor2 accept the same random bytes with equal values', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
      expect(ours(bytes)).toStrictEqual(oracle(bytes));
    }),
    { numRuns: 3000 },
  );
});

slowTest('decodeCbor() and strict cbor2 agree on damaged encodings', () => {
  const damaged = fc.tuple(cborValue, fc.nat(), fc.nat({ max: 255 })).map(([value, at, byte]) => {
    const bytes = encodeCbor(value).slice();
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  fc.assert(
    fc.property(damaged, (bytes) => {
      expect(ours(bytes)).toStrictEqual(oracle(bytes));
    }),
    { numRuns: 2000 },
  );
});

test('encodeCbor() writes the same bytes as cbor2', () => {
  fc.assert(
    fc.property(cborValue, (value) => {
      expect(toHex(encodeCbor(value))).toBe(toHex(encodeWithCbor2(value)));
    }),
    { numRuns: 500 },
  );
});
