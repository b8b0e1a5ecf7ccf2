import { type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { type CborMap, CborTagged, type CborValue, encodeCbor } from '../../src/formats/cbor.ts';
import {
  type CoseSign1,
  decodeCoseSign1,
  encodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
  verifyCoseSign1Sync,
} from '../../src/formats/cose-sign1.ts';
import { bitFlips, outcomeOf, refusalOf, truncations } from '../helpers/hostile-bytes.ts';
import { slowTest } from '../helpers/slow-test.ts';
import { codeOf, refusals } from './expect-code.ts';
import { makeKey } from './make-keys.ts';

const p384 = makeKey('cose');
const p256 = makeKey('cose', 'P-256');
const payload = new Uint8Array(32).fill(5);

/** Signs any protected bytes at all, as an honest signer with a lax encoder would. */
function signAnything(protectedBytes: Uint8Array, key: KeyObject, hash = 'sha384'): Uint8Array {
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]);
  return new Uint8Array(sign(hash, input, { key, dsaEncoding: 'ieee-p1363' }));
}

interface Draft {
  readonly header?: CborMap;
  readonly protectedBytes?: Uint8Array;
  readonly unprotectedHeader?: CborMap;
  readonly payload?: CborValue;
  readonly signature?: Uint8Array;
  readonly key?: KeyObject;
}

/** A message that is right but for what the draft says. */
function make(draft: Draft = {}): Uint8Array {
  const protectedBytes = draft.protectedBytes ?? encodeCbor(draft.header ?? new Map([[1, -35]]));
  const signature = draft.signature ?? signAnything(protectedBytes, draft.key ?? p384.privateKey);
  const detached = draft.payload === undefined ? null : draft.payload;
  const items = [protectedBytes, draft.unprotectedHeader ?? new Map(), detached, signature];
  return encodeCbor(new CborTagged(18, items));
}

const header = (...entries: [number | string, CborValue][]) => new Map(entries);
const detached = { payload: 'detached' } as const;

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

  test('a detached payload where it must be attached', () => {
    expect(outcomeOf(() => decodeCoseSign1(make(), { payload: 'attached' }))).toBe('COSE_PAYLOAD');
  });
});

describe('verifyCoseSign1() refuses', () => {
  const verify = (bytes: Uint8Array, key: KeyObject, expected: Uint8Array | undefined = payload) =>
    codeOf(
      (async () => verifyCoseSign1(decodeCoseSign1(bytes, { payload: 'either' }), key, expected))(),
    );

  test('ES384 with a P-256 key, though OpenSSL would verify it', async () => {
    const bytes = make({
      header: header([1, -7]),
      signature: signAnything(encodeCbor(header([1, -7])), p256.privateKey),
    });
    expect(await verify(bytes, p256.publicKey)).toBe('SIG_INVALID');
    expect(await verify(make(), p256.publicKey)).toBe('ALG_KEY_MISMATCH');
  });

  test('ES256 with a P-384 key', async () => {
    const protectedBytes = encodeCbor(header([1, -7]));
    const signature = signAnything(protectedBytes, p256.privateKey, 'sha256');
    expect(await verify(make({ protectedBytes, signature }), p384.publicKey)).toBe(
      'ALG_KEY_MISMATCH',
    );
    expect(await verify(make({ protectedBytes, signature }), p256.publicKey)).toBe('accepted');
  });

  test.each([
    ['r and s of zero', new Uint8Array(96)],
    ['r and s above the order', new Uint8Array(96).fill(0xff)],
    [
      'a signature by another key',
      signAnything(encodeCbor(header([1, -35])), makeKey('other').privateKey),
    ],
  ])('%s', async (_what, signature) => {
    expect(await verify(make({ signature }), p384.publicKey)).toBe('SIG_INVALID');
  });

  test('another payload, a missing one, and an attached one that is not the expected one', async () => {
    const other = new Uint8Array(32);
    expect(await verify(make(), p384.publicKey, other)).toBe('SIG_INVALID');
    const message = decodeCoseSign1(make(), detached);
    expect(await codeOf(verifyCoseSign1(message, p384.publicKey))).toBe('COSE_PAYLOAD');
    expect(await verify(make({ payload }), p384.publicKey, other)).toBe('COSE_PAYLOAD');
  });

  test('a label put into the signed header afterwards', async () => {
    const forged = { protectedBytes: encodeCbor(header([1, -35], [4, payload])) };
    const signature = signAnything(encodeCbor(header([1, -35])), p384.privateKey);
    expect(await verify(make({ ...forged, signature }), p384.publicKey)).toBe('SIG_INVALID');
  });
});

test('verifyCoseSign1() accepts the twin signature (r, n-s): signature bytes are no identity', async () => {
  const order = BigInt(
    '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  );
  const message = decodeCoseSign1(make(), detached);
  const s = order - BigInt(`0x${toHex(message.signature.subarray(48))}`);
  const twin = concatBytes([
    message.signature.subarray(0, 48),
    fromHex(s.toString(16).padStart(96, '0')),
  ]);
  await verifyCoseSign1({ ...message, signature: twin }, p384.publicKey, payload);
  expect(toHex(twin)).not.toBe(toHex(message.signature));
});

test.each(['P-256', 'P-384'] as const)(
  'signCoseSign1() signs what verifyCoseSign1() accepts, %s',
  async (curve) => {
    const key = makeKey('round trip', curve);
    const protectedHeader = header([1, curve === 'P-256' ? -7 : -35], ['any', [1, null]]);
    const bytes = await signCoseSign1({ protectedHeader, payload, attached: true }, key.privateKey);
    const message = decodeCoseSign1(bytes, { payload: 'attached' });
    await verifyCoseSign1(message, key.publicKey);
    verifyCoseSign1Sync(message, key.publicKey, payload);
    expect(message.protectedHeader).toStrictEqual(protectedHeader);
  },
);

test("signCoseSign1() refuses an alg that is not the key's", async () => {
  const draft = { protectedHeader: header([1, -7]), payload, attached: false };
  expect(await codeOf(signCoseSign1(draft, p384.privateKey))).toBe('ALG_KEY_MISMATCH');
  expect(await codeOf(signCoseSign1(draft, makeKey('x', 'P-521').privateKey))).toBe(
    'ALG_KEY_MISMATCH',
  );
});

test('encodeCoseSign1() gives back the bytes of a decoded message', () => {
  const unprotected = fc.dictionary(fc.string({ minLength: 1 }), fc.maxSafeInteger());
  fc.assert(
    fc.property(unprotected, fc.boolean(), (labels, attached) => {
      const bytes = encodeCoseSign1({
        protectedBytes: encodeCbor(header([1, -35])),
        unprotectedHeader: new Map(Object.entries(labels)),
        payload: attached ? payload : undefined,
        signature: new Uint8Array(96),
      });
      expect(toHex(encodeCoseSign1(decodeCoseSign1(bytes, { payload: 'either' })))).toBe(
        toHex(bytes),
      );
    }),
  );
});

describe('a message that is damaged', () => {
  let bytes: Uint8Array;
  const verify = (input: Uint8Array): Promise<void> => {
    const message: CoseSign1 = decodeCoseSign1(input, detached);
    return verifyCoseSign1(message, p384.publicKey, payload);
  };
  beforeAll(() => {
    bytes = make({ header: header([1, -35], [4, payload]) });
  });

  test('is refused at every truncation', async () => {
    await refusals(truncations(bytes), verify);
  });

  slowTest('is refused with any bit flipped', async () => {
    const codes = await refusals(bitFlips(bytes), verify);
    expect([...codes]).toContain('SIG_INVALID');
  });
});
