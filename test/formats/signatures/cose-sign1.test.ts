import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../src/core/bytes.ts';
import { encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import {
  type CoseSign1,
  decodeCoseSign1,
  encodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
  verifyCoseSign1Sync,
} from '../../../src/formats/signatures/cose-sign1.ts';
import { bitFlips, refusalOf, truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { codeOf, refusalOfAsync, refusals } from '../expect-code.ts';
import {
  detached,
  header,
  makeCoseSign1 as make,
  p256,
  p384,
  payload,
  signAnything,
} from '../make-cose-sign1.ts';
import { makeKey } from '../make-keys.ts';

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
    expect(await refusalOfAsync(verifyCoseSign1(message, p384.publicKey))).toBe(
      'COSE_PAYLOAD: the payload is missing',
    );
    expect(await verify(make({ payload }), p384.publicKey, other)).toBe('COSE_PAYLOAD');
  });

  test('what verifyCoseSign1Sync() refuses, in the same words', async () => {
    const attached = decodeCoseSign1(make({ payload }), { payload: 'attached' });
    const zeros = decodeCoseSign1(make({ signature: new Uint8Array(96) }), detached);
    const ones = decodeCoseSign1(make({ signature: new Uint8Array(96).fill(0xff) }), detached);
    const right = decodeCoseSign1(make(), detached);
    const other = new Uint8Array(32);
    const cases: [CoseSign1, KeyObject, Uint8Array | undefined, string][] = [
      [
        attached,
        p384.publicKey,
        other,
        'COSE_PAYLOAD: the attached payload is not the expected one',
      ],
      [right, p256.publicKey, payload, 'ALG_KEY_MISMATCH: alg -35 needs a key on secp384r1'],
      [
        right,
        p384.publicKey,
        other,
        'SIG_INVALID: the COSE signature does not verify under this key',
      ],
      [
        zeros,
        p384.publicKey,
        payload,
        'SIG_INVALID: the COSE signature does not verify under this key',
      ],
      [
        ones,
        p384.publicKey,
        payload,
        'SIG_INVALID: the COSE signature does not verify under this key',
      ],
    ];
    for (const [message, key, expected, refusal] of cases) {
      expect(refusalOf(() => verifyCoseSign1Sync(message, key, expected))).toBe(refusal);
      expect(await refusalOfAsync(verifyCoseSign1(message, key, expected))).toBe(refusal);
    }
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
    const apart = await signCoseSign1(
      { protectedHeader, payload, attached: false },
      key.privateKey,
    );
    expect(decodeCoseSign1(apart, detached).payload).toBeUndefined();
  },
);

test("signCoseSign1() refuses an alg that is not the key's", async () => {
  const draft = { protectedHeader: header([1, -7]), payload, attached: false };
  expect(await refusalOfAsync(signCoseSign1(draft, p384.privateKey))).toBe(
    'ALG_KEY_MISMATCH: this key signs with alg -35',
  );
  expect(await codeOf(signCoseSign1(draft, makeKey('x', 'P-521').privateKey))).toBe(
    'ALG_KEY_MISMATCH',
  );
});

test('decodeCoseSign1() takes every item as it was received', () => {
  const unprotectedHeader = header([7, 8]);
  const protectedHeader = header([1, -35], [4, payload]);
  const bytes = make({ header: protectedHeader, unprotectedHeader, payload });
  expect(decodeCoseSign1(bytes, { payload: 'attached' })).toMatchObject({
    protectedBytes: encodeCbor(protectedHeader),
    protectedHeader,
    unprotectedHeader,
    profile: { alg: -35 },
    kid: payload,
    payload,
  });
  expect(decodeCoseSign1(make(), detached).kid).toBeUndefined();
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
