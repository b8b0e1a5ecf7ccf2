import { createHash, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import { readTrustAnchors } from '../../../src/formats/keys/trust-anchor.ts';
import { coordinatesOf, coseKey, idsOf, other, p256, p384, refusalOf } from '../make-anchors.ts';

const cose = (value: CborValue) => encodeCbor(value);
const akp = (alg: number) =>
  new Map<number, CborValue>([
    [1, 7],
    [3, alg],
    [-1, new Uint8Array(1952)],
  ]);

describe('readTrustAnchors() reads COSE keys', () => {
  const odd = (key: KeyObject) => ((coordinatesOf(key).y.at(-1) ?? 0) & 1) === 1;
  const named = toUtf8(keyIdOf(p384));
  const raw = Buffer.from(keyIdOf(p384), 'hex');
  const { x, y } = coordinatesOf(p384);
  const thumbprint = createHash('sha256').update(
    cose(
      new Map<number, CborValue>([
        [1, 2],
        [-1, 2],
        [-2, x],
        [-3, y],
      ]),
    ),
  );

  test.each([
    ['P-384', coseKey(p384), p384],
    ['P-256', coseKey(p256, [[3, -7]]), p256],
    ['a compressed point', new Map([...coseKey(p384), [-3, odd(p384)]] as const), p384],
    ['alg ESP384', coseKey(p384, [[3, -51]]), p384],
    ['kid as CCF writes it', coseKey(p384, [[2, named]]), p384],
    ['kid as a digest', coseKey(p384, [[2, raw]]), p384],
    ['kid as a thumbprint', coseKey(p384, [[2, thumbprint.digest()]]), p384],
    ['kid that is a name', coseKey(p384, [[2, toUtf8('service of May')]]), p384],
    ['key_ops', coseKey(p384, [[4, [2]]]), p384],
  ] as const)('%s', (_, key, expected) => {
    expect(idsOf(cose(key))).toEqual([keyIdOf(expected)]);
    expect(idsOf(cose([key]))).toEqual([keyIdOf(expected)]);
    expect(idsOf(concatBytes([Uint8Array.of(0xd9, 0xd9, 0xf7), cose(key)]))).toEqual([
      keyIdOf(expected),
    ]);
  });

  test('every key of a set is one to trust, and what is of another kind is named', () => {
    const rsa = new Map<number, CborValue>([
      [1, 3],
      [-1, new Uint8Array(256)],
      [-2, Uint8Array.of(1, 0, 1)],
    ]);
    const p521 = new Map<number, CborValue>([
      [1, 2],
      [-1, 3],
      [-2, new Uint8Array(66)],
      [-3, new Uint8Array(66)],
    ]);
    const signing = coseKey(other, [[4, [1]]]);
    const set = [
      akp(-49),
      coseKey(p384),
      rsa,
      coseKey(p256, [[2, toUtf8('b')]]),
      p521,
      signing,
      coseKey(p384),
    ];
    const { services, skipped } = readTrustAnchors(cose(set));
    expect(services.map((key) => keyIdOf(key as KeyObject))).toEqual([
      keyIdOf(p384),
      keyIdOf(p256),
    ]);
    expect(skipped).toEqual([
      { place: 'key 0', reason: 'is ML-DSA-65, which is not verified here' },
      { place: 'key 2', reason: 'is an RSA key, which is not verified here' },
      { place: 'key 4', reason: 'is of curve P-521: services sign with P-256 or P-384' },
      { place: 'key 5', reason: 'is not for verifying, by its key_ops' },
    ]);
  });

  const flipped = coordinatesOf(p384).y.slice();
  flipped[20] = (flipped[20] ?? 0) ^ 1;
  test.each([
    [
      'a private key',
      coseKey(p384, [[-4, new Uint8Array(48)]]),
      'PRIVATE_KEY',
      'the COSE_Key holds a private key',
    ],
    [
      'a private ML-DSA key',
      new Map([...akp(-50), [-2, new Uint8Array(32)]] as const),
      'PRIVATE_KEY',
      'private key',
    ],
    [
      'a symmetric key',
      new Map<number, CborValue>([
        [1, 4],
        [-1, new Uint8Array(32)],
      ]),
      'PRIVATE_KEY',
      'private key',
    ],
    [
      'a point beside the curve',
      new Map([...coseKey(p384), [-3, flipped]] as const),
      'BAD_KEY',
      'no point of P-384',
    ],
    [
      'x of 47 bytes',
      new Map([...coseKey(p384), [-2, new Uint8Array(47)]] as const),
      'BAD_KEY',
      'x has 47 bytes, of P-384 it has 48',
    ],
    [
      'y of 49 bytes',
      new Map([...coseKey(p384), [-3, new Uint8Array(49)]] as const),
      'BAD_KEY',
      'y has 49 bytes',
    ],
    [
      'x that is a text',
      new Map([...coseKey(p384), [-2, 'x']] as const),
      'BAD_KEY',
      'x is not a byte string',
    ],
    [
      'no y',
      new Map([...coseKey(p384)].filter(([label]) => label !== -3)),
      'BAD_KEY',
      'y is not a byte string',
    ],
    [
      'no crv',
      new Map([...coseKey(p384)].filter(([label]) => label !== -1)),
      'BAD_KEY',
      'has no crv',
    ],
    [
      'no kty',
      new Map([...coseKey(p384)].filter(([label]) => label !== 1)),
      'BAD_KEY',
      'has no kty',
    ],
    [
      'P-521',
      new Map<number, CborValue>([
        [1, 2],
        [-1, 3],
      ]),
      'NO_KEY',
      'is of curve P-521',
    ],
    ['ML-DSA alone', akp(-48), 'NO_KEY', 'is ML-DSA-44'],
    [
      'ES256 with P-384',
      coseKey(p384, [[3, -7]]),
      'ALG_KEY_MISMATCH',
      'says alg -7: ES384 (-35) goes with that curve',
    ],
    [
      'ES512 with P-256',
      coseKey(p256, [[3, -36]]),
      'ALG_KEY_MISMATCH',
      'ES256 (-7) goes with that curve',
    ],
    [
      'the kid of another key',
      coseKey(p384, [[2, toUtf8(keyIdOf(p256))]]),
      'KID_MISMATCH',
      keyIdOf(p384),
    ],
    [
      'the digest of another key',
      coseKey(p384, [[2, Buffer.from(keyIdOf(p256), 'hex')]]),
      'KID_MISMATCH',
      keyIdOf(p384),
    ],
    ['an empty set', [], 'NO_KEY', 'it has none'],
    ['a set of numbers', [1, 2], 'BAD_KEY', 'key 0 is not a map'],
  ] as const)('and refuses %s', (_, value, code, message) => {
    const refusal = refusalOf(cose(value as CborValue));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(message);
  });

  test('and refuses one kid for two keys, by its name', () => {
    const set = [coseKey(p384, [[2, toUtf8('a')]]), coseKey(p256, [[2, toUtf8('a')]])];
    expect(refusalOf(cose(set))).toMatchObject({ code: 'DUPLICATE_KID', actual: 'a' });
    expect(idsOf(cose([set[0] ?? [], set[0] ?? []]))).toEqual([keyIdOf(p384)]);
  });

  test('and refuses a nest, a label that is there twice and what comes behind', () => {
    expect(refusalOf(new Uint8Array(1_000_000).fill(0x81)).code).toBe('CBOR_DEPTH');
    expect(refusalOf(Uint8Array.of(0xa2, 1, 2, 1, 2)).code).toBe('CBOR_DUPLICATE_KEY');
    expect(refusalOf(concatBytes([cose(coseKey(p384)), Uint8Array.of(0)])).code).toBe(
      'TRAILING_BYTES',
    );
  });
});
