import { describe, expect, test } from 'vitest';
import { concatBytes, toBase64, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { type CborValue, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { keyIdOf, spkiOf } from '../../src/formats/keys/ec-key.ts';
import { readTrustAnchors, verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import { makeKey } from '../formats/make-keys.ts';
import { made, makeReceipt, map, services, stranger } from './make-receipts.ts';

const { publicKey } = made.service;
const { pem, der } = made.serviceCertificate;
const spki = spkiOf(publicKey);
const point = spki.subarray(-64);
const [x, y] = [point.subarray(0, 32), point.subarray(32)];
const url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
const jwk = { kty: 'EC', crv: 'P-256', x: url(x), y: url(y) };
const coseKey = map([1, 2], [2, toUtf8('one')], [-1, 1], [-2, x], [-3, y]);
const pemOf = (label: string, bytes: Uint8Array) =>
  `-----BEGIN ${label}-----\n${toBase64(bytes)}\n-----END ${label}-----\n`;

describe('readTrustAnchors()', () => {
  const odd = map([1, 2], [-1, 1], [-2, x], [-3, (y[31] ?? 0) % 2 === 1]);
  test.each<[string, string | Uint8Array | object]>([
    ['a PEM certificate', pem],
    ['one in CRLF, with text around and a NUL', `Service\r\n${pem.replaceAll('\n', '\r\n')}\0`],
    ['one on a single line', pemOf('CERTIFICATE', der)],
    ['one as bytes', toUtf8(pem)],
    ['a PEM public key', publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['a certificate in DER', der],
    ['a public key in DER', spki],
    ['a JWK', jwk],
    ['a JWK as text', JSON.stringify({ ...jwk, kid: 'one', use: 'sig', alg: 'ES256' })],
    ['a JWKS', { keys: [jwk] }],
    [
      'a JWKS with keys of other kinds',
      { keys: [{ kty: 'RSA', n: 'x' }, { kty: 'OKP', crv: 'Ed25519' }, jwk] },
    ],
    [
      'a JWKS with the same key twice',
      {
        keys: [
          { ...jwk, kid: 'a' },
          { ...jwk, kid: 'a' },
        ],
      },
    ],
    ['a COSE_Key', encodeCbor(coseKey)],
    ['a COSE_Key whose y is a sign', encodeCbor(odd)],
    ['a COSE_KeySet', encodeCbor([coseKey])],
    ['a COSE_KeySet with keys of other kinds', encodeCbor([map([1, 1], [-1, 6]), coseKey])],
  ])('reads %s', (_what, source) => {
    const [anchor] = readTrustAnchors(source);
    expect(anchor).toMatchObject({ curve: 'P-256', keyId: keyIdOf(publicKey) });
    expect(toHex(anchor?.spki ?? new Uint8Array())).toBe(toHex(spki));
  });

  test.each(['P-384', 'P-521'] as const)('reads keys on %s', (curve) => {
    const key = makeKey('anchor', curve).publicKey;
    const own = key.export({ format: 'jwk' });
    const [anchor] = readTrustAnchors(own);
    expect(anchor?.keyId).toBe(
      readTrustAnchors(new Uint8Array(key.export({ type: 'spki', format: 'der' })))[0]?.keyId,
    );
    expect(anchor?.curve).toBe(curve);
  });

  const other = makeKey('other', 'P-256').publicKey.export({ format: 'jwk' });
  test.each<[string, string | Uint8Array | object, string]>([
    ['two certificates', pem + stranger.serviceCertificate.pem, 'BAD_CERTIFICATE'],
    ['a private key', pemOf('PRIVATE KEY', new Uint8Array(3)), 'PRIVATE_KEY'],
    ['an empty text', '', 'BAD_KEY'],
    ['any text', 'hello', 'BAD_KEY'],
    ['PEM that does not end', pem.slice(0, -20), 'BAD_CERTIFICATE'],
    ['PEM of no base64', pemOf('CERTIFICATE', der).replace('M', '!'), 'BAD_CERTIFICATE'],
    [
      'a certificate with bytes behind it',
      pemOf('CERTIFICATE', concatBytes([der, new Uint8Array(1)])),
      'BAD_CERTIFICATE',
    ],
    ['a certificate that is cut', pemOf('CERTIFICATE', der.subarray(0, -1)), 'BAD_CERTIFICATE'],
    ['a certificate of 1 MiB', pemOf('CERTIFICATE', new Uint8Array(1024 * 1024)), 'TOO_LARGE'],
    [
      'a certificate of 100 KiB',
      pemOf('CERTIFICATE', new Uint8Array(100 * 1024)),
      'BAD_CERTIFICATE',
    ],
    ['many blocks', pemOf('X', new Uint8Array(1)).repeat(20_000), 'BAD_CERTIFICATE'],
    ['many beginnings', '-----BEGIN X'.repeat(80_000), 'BAD_CERTIFICATE'],
    ['a key off the curve', { ...jwk, y: url(x) }, 'BAD_KEY'],
    ['a JWK of a short coordinate', { ...jwk, x: url(x.subarray(1)) }, 'BAD_KEY'],
    ['a JWK without y', { kty: 'EC', crv: 'P-256', x: jwk.x }, 'BAD_KEY'],
    ['a JWK of padded base64', { ...jwk, x: `${jwk.x}=` }, 'BAD_BASE64'],
    ['an RSA key', { kty: 'RSA', n: 'x', e: 'AQAB' }, 'BAD_KEY'],
    ['a private JWK', { ...jwk, d: url(x) }, 'PRIVATE_KEY'],
    ['a private JWK in a set', { keys: [jwk, { kty: 'oct', k: 'AA' }] }, 'PRIVATE_KEY'],
    ['an empty JWKS', { keys: [] }, 'BAD_KEY'],
    ['a JWKS that is no list', { keys: 1 }, 'BAD_KEY'],
    [
      'a JWKS of two keys with one kid',
      {
        keys: [
          { ...jwk, kid: 'a' },
          { ...other, kid: 'a' },
        ],
      },
      'DUPLICATE_KID',
    ],
    [
      'a kid that is another key’s id',
      { keys: [jwk, { ...other, kid: keyIdOf(publicKey) }] },
      'DUPLICATE_KID',
    ],
    ['a JWKS of 65 keys', { keys: Array.from({ length: 65 }, () => jwk) }, 'TOO_LARGE'],
    ['an empty COSE_KeySet', encodeCbor([]), 'BAD_KEY'],
    [
      'a COSE_KeySet of two keys with one kid',
      encodeCbor([
        coseKey,
        map([1, 2], [2, toUtf8('one')], [-1, 1], [-2, xOf(other)], [-3, yOf(other)]),
      ]),
      'DUPLICATE_KID',
    ],
    ['a COSE_Key off the curve', encodeCbor(map([1, 2], [-1, 1], [-2, x], [-3, x])), 'BAD_KEY'],
    [
      'a private COSE_Key',
      encodeCbor(map([1, 2], [-1, 1], [-2, x], [-3, y], [-4, x])),
      'PRIVATE_KEY',
    ],
    ['a COSE_Key without x', encodeCbor(map([1, 2], [-1, 1], [-3, y])), 'BAD_KEY'],
    [
      'a COSE_Key with a text for kid',
      encodeCbor(map([1, 2], [2, 'a'], [-1, 1], [-2, x], [-3, y])),
      'BAD_KEY',
    ],
    ['a COSE_KeySet nested deep', nest(10), 'CBOR_DEPTH'],
    ['an indefinite COSE_KeySet', Uint8Array.of(0x9f, 0xff), 'CBOR_INDEFINITE'],
  ])('refuses %s', (_what, source, code) => {
    const before = performance.now();
    expect(() => readTrustAnchors(source)).toThrow(expect.objectContaining({ code }));
    expect(performance.now() - before).toBeLessThan(2_000);
  });

  test('refuses a certificate and public key of another kind, by what it is', () => {
    const ed25519 = Buffer.from('302a300506032b6570032100'.padEnd(88, '1'), 'hex');
    expect(() => readTrustAnchors(new Uint8Array(ed25519))).toThrow(/elliptic curve/);
  });

  test('refuses a key in another DER form than its own: it would have two ids', () => {
    const [head, size] = [spki.subarray(0, 23), 34];
    const compressed = concatBytes([head, Uint8Array.of(3, size, 0, 2 + ((y[31] ?? 0) % 2)), x]);
    compressed[1] = compressed.length - 2;
    expect(() => readTrustAnchors(compressed)).toThrow(/not in its one DER form/);
  });

  test('keeps the kid of a set, by which a receipt may name the key', async () => {
    const [anchor] = readTrustAnchors(encodeCbor([coseKey]));
    expect(anchor?.kid).toEqual(toUtf8('one'));
    const receipt = makeReceipt({
      withoutKid: true,
      header: [
        [4, toUtf8('one')],
        [395, 2],
      ],
    });
    const anchors = anchor === undefined ? [] : [anchor];
    expect(await verifyReceipt(receipt, { services: anchors })).toMatchObject({ trusted: true });
    expect(await codeOf(verifyReceipt(receipt, { services }))).toBe('KID_MISMATCH');
  });

  test('of several sources are checked together', async () => {
    const anchors = [
      { ...jwk, kid: 'a' },
      { ...other, kid: 'a' },
    ].flatMap(readTrustAnchors);
    expect(await codeOf(verifyReceipt(makeReceipt(), { services: anchors }))).toBe('DUPLICATE_KID');
  });
});

function xOf(key: { readonly x?: string }): Uint8Array {
  return new Uint8Array(Buffer.from(key.x ?? '', 'base64url'));
}

function yOf(key: { readonly y?: string }): Uint8Array {
  return new Uint8Array(Buffer.from(key.y ?? '', 'base64url'));
}

function nest(depth: number): Uint8Array {
  let value: CborValue = coseKey;
  for (let i = 0; i < depth; i++) value = [value];
  return encodeCbor(value);
}
