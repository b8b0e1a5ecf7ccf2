import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import {
  encodeJsonFields,
  JsonNumber,
  type JsonValue,
  jsonArray,
  jsonCount,
  jsonObject,
  jsonText,
  jsonView,
  parseJson,
} from '../../../src/formats/encoding/json.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';

const parse = (text: string) => parseJson(toUtf8(text));

/** Back to what JSON.parse would give, for values without doubled keys or `__proto__`. */
function plain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

test('parseJson() reads what JSON.parse reads', () => {
  const json = fc.json({ noUnicodeString: false }).filter((text) => !text.includes('__proto__'));
  fc.assert(
    fc.property(json, (text) => {
      expect(plain(parse(text))).toEqual(JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('parseJson() accepts nothing that JSON.parse refuses', () => {
  const damaged = fc.tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[]",:\\0e.-+tfn \n'));
  fc.assert(
    fc.property(damaged, ([text, at, character]) => {
      const damagedText =
        text.slice(0, at % text.length) + character + text.slice((at % text.length) + 1);
      const refused = outcomeOf(() => parse(damagedText)) !== 'accepted';
      expect(() => refused || JSON.parse(damagedText)).not.toThrow();
    }),
    { numRuns: 1000 },
  );
});

describe('parseJson() refuses', () => {
  test.each([
    ['nothing', '', 'BAD_JSON'],
    ['white space', ' \n', 'BAD_JSON'],
    ['a byte-order mark', '\ufeff{}', 'BAD_JSON'],
    ['a key twice', '{"a":1,"a":1}', 'BAD_JSON'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":1}', 'BAD_JSON'],
    ['a trailing comma', '[1,]', 'BAD_JSON'],
    ['a missing colon', '{"a" 1}', 'BAD_JSON'],
    ['a bare key', '{a:1}', 'BAD_JSON'],
    ['single quotes', "'a'", 'BAD_JSON'],
    ['a raw line feed in a string', '"\n"', 'BAD_JSON'],
    ['an unknown escape', '"\\x41"', 'BAD_JSON'],
    ['an endless string', '"abc', 'BAD_JSON'],
    ['a string that ends in a backslash', '"abc\\"', 'BAD_JSON'],
    ['a leading zero', '01', 'TRAILING_BYTES'],
    ['a hexadecimal number', '0x10', 'TRAILING_BYTES'],
    ['a bare point', '.5', 'BAD_JSON'],
    ['NaN', 'NaN', 'BAD_JSON'],
    ['a misspelt word', 'trui', 'BAD_JSON'],
    ['a second value', '{} {}', 'TRAILING_BYTES'],
    ['65 nested arrays', '['.repeat(65) + ']'.repeat(65), 'BAD_JSON'],
    ['200,000 nested objects', '{"a":'.repeat(200_000), 'BAD_JSON'],
    ['a text of 1 MiB and a byte', `"${'a'.repeat(1024 * 1024 - 1)}"`, 'TOO_LARGE'],
  ])('%s', (_what, text, code) => {
    expect(outcomeOf(() => parse(text))).toBe(code);
  });

  test('malformed UTF-8', () => {
    expect(outcomeOf(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22)))).toBe('BAD_TEXT');
  });
});

test('parseJson() never touches a prototype', () => {
  const object = jsonObject(parse('{"__proto__":{"admin":true},"constructor":1}'), 'x');
  expect([...object.keys()]).toStrictEqual(['__proto__', 'constructor']);
  expect(Object.hasOwn(Object.prototype, 'admin')).toBe(false);
});

test('parseJson() keeps what is no safe integer as text', () => {
  expect(parse('[9007199254740991,9007199254740993,1.0,-0,1e2]')).toStrictEqual([
    9_007_199_254_740_991,
    new JsonNumber('9007199254740993'),
    new JsonNumber('1.0'),
    new JsonNumber('-0'),
    new JsonNumber('1e2'),
  ]);
});

test('jsonCount() takes whole numbers of 0 … 2^53-1 and tells too large from wrong', () => {
  expect(jsonCount(parse('9007199254740991'), 'x')).toBe(Number.MAX_SAFE_INTEGER);
  expect(outcomeOf(() => jsonCount(parse('9007199254740993'), 'x'))).toBe('NUMBER_TOO_LARGE');
  expect(outcomeOf(() => jsonCount(parse('-1'), 'x'))).toBe('BAD_JSON');
  expect(outcomeOf(() => jsonCount(parse('1.5'), 'x'))).toBe('BAD_JSON');
  expect(outcomeOf(() => jsonCount(parse('"1"'), 'x'))).toBe('BAD_JSON');
  expect(outcomeOf(() => jsonView(parse('2147483648'), 'x'))).toBe('NUMBER_TOO_LARGE');
});

test('jsonObject(), jsonArray() and jsonText() refuse other types', () => {
  expect(outcomeOf(() => jsonObject(parse('[]'), 'x'))).toBe('BAD_JSON');
  expect(outcomeOf(() => jsonArray(parse('{}'), 'x'))).toBe('BAD_JSON');
  expect(outcomeOf(() => jsonText(undefined, 'x'))).toBe('BAD_JSON');
});

test('encodeJsonFields() sorts keys, leaves out what is absent and writes no spaces', () => {
  const text = fromUtf8(encodeJsonFields({ b: 'x/\n', a: undefined, _: 1, B: [true] }));
  expect(text).toBe('{"B":[true],"_":1,"b":"x/\\n"}');
});
