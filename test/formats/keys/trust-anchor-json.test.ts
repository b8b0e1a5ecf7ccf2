import type { KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../../src/core/bytes.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import { readTrustAnchors } from '../../../src/formats/keys/trust-anchor.ts';
import {
  idsOf,
  json,
  jwk,
  keyOf,
  makeCertificate,
  other,
  p256,
  p384,
  refusalOf,
} from '../make-anchors.ts';

const pem = makeCertificate(keyOf('P-384'), 'one');

describe('readTrustAnchors() reads JSON Web Keys', () => {
  const x5c = [Buffer.from(pem.der).toString('base64')];

  test.each([
    ['P-384', jwk(p384), p384],
    ['P-256 with alg and use', jwk(p256, { alg: 'ES256', use: 'sig' }), p256],
    ['key_ops', jwk(p256, { key_ops: ['verify'] }), p256],
    ['another key’s certificate, which does not count', jwk(p384, { x5c }), p384],
    ['kid as CCF has it', jwk(p384, { kid: keyIdOf(p384) }), p384],
    ['kid that is a name', jwk(p384, { kid: 'service' }), p384],
  ] as const)('%s', (_, key, expected) => {
    expect(idsOf(json(key))).toEqual([keyIdOf(expected)]);
    expect(idsOf(json({ keys: [key, key] }))).toEqual([keyIdOf(expected)]);
    expect(idsOf(toUtf8(`\ufeff\r\n ${JSON.stringify(key)}\n\0`))).toEqual([keyIdOf(expected)]);
  });

  test('every key of a set is one to trust, and what is of another kind is named', () => {
    const keys = [
      { kty: 'AKP', alg: 'ML-DSA-65', pub: 'AA', kid: 'pq' },
      jwk(p384, { kid: 'a' }),
      { kty: 'RSA', n: 'AA', e: 'AQAB' },
      jwk(p256),
      { kty: 'OKP', crv: 'Ed25519', x: 'AA' },
      { kty: 'EC', crv: 'P-521', x: 'AA', y: 'AA' },
      jwk(other, { use: 'enc' }),
      jwk(other, { alg: 'ECDH-ES' }),
    ];
    const { services, skipped } = readTrustAnchors(json({ keys }));
    expect(services.map((key) => keyIdOf(key as KeyObject))).toEqual([
      keyIdOf(p384),
      keyIdOf(p256),
    ]);
    expect(skipped.map(({ place, reason }) => `${place} ${reason}`)).toEqual([
      'key 0 (kid "pq") is of type AKP (ML-DSA-65), which is not verified here',
      'key 2 is of type RSA, which is not verified here',
      'key 4 is of type OKP, which is not verified here',
      'key 5 is of curve P-521: services sign with P-256 or P-384',
      'key 6 is not for verifying: its use is "enc"',
      'key 7 is not for verifying: its alg is ECDH-ES',
    ]);
  });

  const { d } = keyOf('P-384').privateKey.export({ format: 'jwk' });
  const { x = '', y = '' } = jwk(p384);
  test.each([
    [
      'a private key',
      { keys: [jwk(p384), jwk(p256, { d })] },
      'PRIVATE_KEY',
      'key 1 holds a private key',
    ],
    [
      'a private RSA key',
      { keys: [jwk(p384), { kty: 'RSA', n: 'AA', e: 'AQAB', d: 'AA' }] },
      'PRIVATE_KEY',
      'key 1',
    ],
    ['a secret', { kty: 'oct', k: 'AA' }, 'PRIVATE_KEY', 'the JWK holds a private key'],
    ['a point beside the curve', jwk(p384, { y: x }), 'BAD_KEY', 'no point of P-384'],
    [
      'the point of another curve',
      jwk(p384, { crv: 'P-256' }),
      'BAD_KEY',
      'x has 48 bytes, of P-256 it has 32',
    ],
    ['padding', jwk(p384, { x: `${x}=` }), 'BAD_KEY', 'no base64url'],
    ['x without its last byte', jwk(p384, { x: x.slice(0, -4) }), 'BAD_KEY', 'x has 45 bytes'],
    [
      'bits behind the last byte',
      jwk(p256, { x: `${String(jwk(p256).x).slice(0, -1)}B` }),
      'BAD_KEY',
      '',
    ],
    ['x that is a number', jwk(p384, { x: 1 }), 'BAD_KEY', 'a x that is no text'],
    ['no y', { kty: 'EC', crv: 'P-384', x }, 'BAD_KEY', 'has no y'],
    ['no kty', { crv: 'P-384', x, y }, 'BAD_KEY', 'has no kty'],
    ['ES256 with P-384', jwk(p384, { alg: 'ES256' }), 'ALG_KEY_MISMATCH', 'says alg ES256'],
    ['the kid of another key', jwk(p384, { kid: keyIdOf(p256) }), 'KID_MISMATCH', keyIdOf(p384)],
    ['a kid that is a number', jwk(p384, { kid: 7 }), 'BAD_KEY', 'kid'],
    ['keys that are no array', { keys: {} }, 'BAD_KEY', 'no array'],
    ['keys that are no objects', { keys: [7] }, 'BAD_KEY', 'key 0 is no object'],
    ['an empty set', { keys: [] }, 'NO_KEY', 'it has none'],
    [
      'a set of other kinds',
      { keys: [{ kty: 'RSA', n: 'AA', e: 'AQAB' }] },
      'NO_KEY',
      'key 0 is of type RSA',
    ],
  ] as const)('and refuses %s', (_, value, code, message) => {
    const refusal = refusalOf(json(value));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(message);
  });

  test('and refuses one kid for two keys, by its name', () => {
    const keys = [jwk(p384, { kid: 'k1' }), jwk(p256), jwk(other, { kid: 'k1' })];
    const refusal = refusalOf(json({ keys }));
    expect(refusal).toMatchObject({ code: 'DUPLICATE_KID', actual: 'k1' });
    expect(refusal.message).toContain('key 0 (kid "k1") and key 2 (kid "k1")');
  });

  test('and refuses a member that is there twice', () => {
    const text = JSON.stringify(jwk(p384)).replace('{', `{"x":"AA",`);
    expect(refusalOf(toUtf8(text)).code).toBe('BAD_JSON');
  });
});
