import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex } from '../../../src/core/bytes.ts';
import { CborTagged, type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { decodeCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import { outcomeOf, refusalOf } from '../../helpers/hostile-bytes.ts';
import { detached, header, makeCoseSign1 as make, payload } from '../make-cose-sign1.ts';

describe('decodeCoseSign1() refuses', () => {
  const { subarray } = Uint8Array.prototype;
  const untagged = (bytes: Uint8Array) => subarray.call(bytes, 1);
  const retagged = (...tag: number[]) => concatBytes([Uint8Array.of(...tag), untagged(make())]);
  const array = (items: readonly CborValue[]) => encodeCbor(new CborTagged(18, items));
  const alg = encodeCbor(new Map([[1, -35]]));
  const sig = new Uint8Array(96);
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'COSE_TAG: the message is not tagged 18 (COSE_Sign1)'],
    [
      'an untagged message',
      untagged(make()),
      'COSE_TAG: the message is not tagged 18 (COSE_Sign1)',
    ],
    ['tag 98', retagged(0xd8, 98), 'COSE_TAG: the message is not tagged 18 (COSE_Sign1)'],
    ['tag 16', retagged(0xd0), 'COSE_TAG: the message is not tagged 18 (COSE_Sign1)'],
    ['tag 17', retagged(0xd1), 'COSE_TAG: the message is not tagged 18 (COSE_Sign1)'],
    ['tag 61', retagged(0xd8, 61), 'COSE_TAG: the message is not tagged 18 (COSE_Sign1)'],
    [
      'tag 18 in a long form',
      retagged(0xd8, 18),
      'COSE_TAG: the message is not tagged 18 (COSE_Sign1)',
    ],
    ['tag 18 twice', retagged(0xd2, 0xd2), 'COSE_TAG: tag 18 inside tag 18'],
    [
      'three items',
      array([alg, new Map(), null]),
      'COSE_STRUCTURE: the message has 3 items, not 4',
    ],
    [
      'five items',
      array([alg, new Map(), null, sig, 0]),
      'COSE_STRUCTURE: the message has 5 items, not 4',
    ],
    [
      'no array',
      encodeCbor(new CborTagged(18, new Map())),
      'COSE_STRUCTURE: the message is not an array',
    ],
    [
      'a protected header that is a map',
      array([new Map(), new Map(), null, sig]),
      'COSE_STRUCTURE: the protected header is not a byte string',
    ],
    [
      'a protected header that holds an array',
      make({ protectedBytes: encodeCbor([1]) }),
      'COSE_STRUCTURE: the protected header is not a map',
    ],
    [
      'an unprotected header of bytes',
      array([alg, alg, null, sig]),
      'COSE_STRUCTURE: the unprotected header is not a map',
    ],
    [
      'a payload that is a text',
      make({ payload: 'x' }),
      'COSE_STRUCTURE: the payload is neither bytes nor nil',
    ],
    [
      'a signature that is a text',
      array([alg, new Map(), null, 'x']),
      'COSE_STRUCTURE: the signature is not a byte string',
    ],
    [
      'a kid that is a text',
      make({ header: header([1, -35], [4, 'x']) }),
      'COSE_STRUCTURE: kid is not a byte string',
    ],
    [
      'an attached payload',
      make({ payload }),
      'COSE_PAYLOAD: the payload is attached, not detached',
    ],
    [
      'an empty attached payload',
      make({ payload: new Uint8Array() }),
      'COSE_PAYLOAD: the payload is attached, not detached',
    ],
    ['no alg', make({ header: header([3, 0]) }), 'ALG_MISSING: the protected header has no alg'],
    [
      'an empty protected header',
      make({ protectedBytes: new Uint8Array() }),
      'ALG_MISSING: the protected header has no alg',
    ],
    [
      'an empty map as protected header',
      make({ protectedBytes: encodeCbor(new Map()) }),
      'ALG_MISSING: the protected header has no alg',
    ],
    [
      'a protected header of texts only',
      make({ header: header(['ccf.v1', 1]) }),
      'ALG_MISSING: the protected header has no alg',
    ],
    [
      'alg outside the protected header',
      make({ header: header([3, 0]), unprotectedHeader: header([1, -35]) }),
      'ALG_UNPROTECTED: alg is outside the protected header',
    ],
    [
      'alg 0',
      make({ header: header([1, 0]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'alg none',
      make({ header: header([1, 'none']) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'HS256',
      make({ header: header([1, 5]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'ES512',
      make({ header: header([1, -36]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'EdDSA',
      make({ header: header([1, -8]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'RS256',
      make({ header: header([1, -257]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'EDGE-18 ML-DSA-65',
      make({ header: header([1, -49]) }),
      'ALG_NOT_ALLOWED: alg is neither ES256 (-7) nor ES384 (-35)',
    ],
    [
      'crit',
      make({ header: header([1, -35], [2, ['x']]) }),
      'COSE_CRIT: no critical extension is understood here',
    ],
    [
      'crit outside the protected header',
      make({ unprotectedHeader: header([2, ['x']]) }),
      'COSE_CRIT: no critical extension is understood here',
    ],
    [
      'a label in both headers',
      make({ header: header([1, -35], [4, sig]), unprotectedHeader: header([4, sig]) }),
      'COSE_LABEL_IN_BOTH: label 4 is in both headers',
    ],
    [
      'alg in both headers',
      make({ unprotectedHeader: header([1, -35]) }),
      'COSE_LABEL_IN_BOTH: label 1 is in both headers',
    ],
    [
      'a label twice',
      make({ protectedBytes: fromHex('a2013822013822') }),
      'CBOR_DUPLICATE_KEY: key 1 twice, at offset 5',
    ],
    [
      'an indefinite header',
      make({ protectedBytes: fromHex('bf013822ff') }),
      'CBOR_INDEFINITE: indefinite length, at offset 1',
    ],
    [
      'a long label',
      make({ protectedBytes: fromHex('a11801 3822'.replace(' ', '')) }),
      'CBOR_NON_MINIMAL: 1 in 1 bytes, at offset 3',
    ],
    [
      'a float in the header',
      make({ protectedBytes: fromHex('a2013822 03f93c00'.replace(' ', '')) }),
      'CBOR_TYPE: a float, undefined or unknown simple value, at offset 6',
    ],
    [
      'a tag in the header',
      make({ protectedBytes: fromHex('a201382203c100') }),
      'CBOR_TYPE: unexpected tag 1, at offset 6',
    ],
    [
      'bytes behind the header',
      make({ protectedBytes: fromHex('a101382200') }),
      'TRAILING_BYTES: 1 bytes after the item, at offset 4',
    ],
    [
      'no signature',
      make({ signature: new Uint8Array() }),
      'SIG_LENGTH: a signature of 0 bytes, not 96',
    ],
    [
      'a signature of 95 bytes',
      make({ signature: new Uint8Array(95) }),
      'SIG_LENGTH: a signature of 95 bytes, not 96',
    ],
    [
      'a signature of 97 bytes',
      make({ signature: new Uint8Array(97) }),
      'SIG_LENGTH: a signature of 97 bytes, not 96',
    ],
    [
      'a zero-padded signature',
      make({ signature: new Uint8Array(100) }),
      'SIG_LENGTH: a signature of 100 bytes, not 96',
    ],
    [
      'a byte behind the message',
      concatBytes([make(), Uint8Array.of(0)]),
      'TRAILING_BYTES: 1 bytes after the item, at offset 107',
    ],
    ['2 MiB', new Uint8Array(2 * 1024 * 1024), 'TOO_LARGE: a COSE message of 2097152 bytes'],
  ])('%s', (_what, bytes, code) => {
    expect(refusalOf(() => decodeCoseSign1(bytes, detached))).toBe(code);
  });

  test.each<[Uint8Array, object]>([
    [new Uint8Array(2 * 1024 * 1024), { actual: 2_097_152, expected: 1_048_576 }],
    [new Uint8Array(), { offset: 0 }],
    [make({ signature: new Uint8Array(95) }), { actual: 95, expected: 96 }],
    [make({ header: header([1, -36]) }), { actual: -36 }],
    [make({ header: header([1, 'none']) }), { actual: 'none' }],
    [make({ header: header([1, [1]]) }), { actual: 'object' }],
  ])('what it measured, and says so: %#', (bytes, place) => {
    expect(() => decodeCoseSign1(bytes, detached)).toThrow(expect.objectContaining(place));
  });

  test('nothing of 1 MiB for its size', () => {
    expect(outcomeOf(() => decodeCoseSign1(new Uint8Array(1024 * 1024), detached))).toBe(
      'COSE_TAG',
    );
  });

  test('a detached payload where it must be attached', () => {
    expect(refusalOf(() => decodeCoseSign1(make(), { payload: 'attached' }))).toBe(
      'COSE_PAYLOAD: the payload is detached, not attached',
    );
  });
});
