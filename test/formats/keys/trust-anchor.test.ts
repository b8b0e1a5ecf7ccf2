import { createECDH, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { pemOf } from '../../../src/formats/keys/certificate.ts';
import { keyIdOf, spkiOf } from '../../../src/formats/keys/ec-key.ts';
import { readTrustAnchors } from '../../../src/formats/keys/trust-anchor.ts';
import {
  idsOf,
  json,
  keyOf,
  makeCertificate,
  other,
  p256,
  p384,
  refusalOf,
  spkiPem,
} from '../make-anchors.ts';

const cose = (value: CborValue) => encodeCbor(value);

const pem = makeCertificate(keyOf('P-384'), 'one');

describe('readTrustAnchors() reads a certificate or public key', () => {
  const { der } = pem;
  const rewrapped = pem.pem.replaceAll('\n', '\r\n');
  const oneLine = `-----BEGIN CERTIFICATE-----${Buffer.from(der).toString('base64')}-----END CERTIFICATE-----`;

  test.each([
    ['as CCF writes it', pem.pem],
    ['with a NUL byte at its end', `${pem.pem}\0`],
    ['with other line ends', rewrapped],
    ['without a last line end', pem.pem.trimEnd()],
    ['with text around it', `subject=CN = service\n\n${pem.pem}\nend of file\n`],
    ['with text around it that is no UTF-8', `\xff\xfe\n${pem.pem}`],
    ['twice', pem.pem + pem.pem],
    ['with its own public key', pem.pem + spkiPem(pem.publicKey)],
    ['after its public key', spkiPem(pem.publicKey) + pem.pem],
    ['in one line', oneLine],
    ['called X509', pem.pem.replaceAll('CERTIFICATE', 'X509 CERTIFICATE')],
  ])('PEM %s', (_, text) => {
    const { services, skipped } = readTrustAnchors(Buffer.from(text, 'latin1'));
    expect(services).toMatchObject([{ keyId: pem.keyId, pem: pemOf(der) }]);
    expect(skipped).toEqual([]);
  });

  test('DER, of certificate and key', () => {
    expect(idsOf(der)).toEqual([pem.keyId]);
    expect(idsOf(spkiOf(p256))).toEqual([keyIdOf(p256)]);
    expect(idsOf(spkiOf(p384))).toEqual([keyIdOf(p384)]);
  });

  test('a compressed point has the id of the whole one', () => {
    const ecdh = createECDH('secp384r1');
    ecdh.generateKeys();
    const [compressed, whole] = [ecdh.getPublicKey(null, 'compressed'), ecdh.getPublicKey()];
    const head = Buffer.from('3076301006072a8648ce3d020106052b81040022036200', 'hex');
    const short = Buffer.from('3046301006072a8648ce3d020106052b81040022033200', 'hex');
    expect(idsOf(Buffer.concat([short, compressed]))).toEqual(idsOf(Buffer.concat([head, whole])));
  });
});

describe('readTrustAnchors() refuses', () => {
  const second = makeCertificate(keyOf('P-256'), 'two');
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const encrypted =
    '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n';
  const pkcs8 = keyOf('P-384').privateKey.export({ type: 'pkcs8', format: 'der' });

  test.each([
    [
      'two certificates',
      pem.pem + second.pem,
      'SEVERAL_KEYS',
      'two certificates where one is expected',
    ],
    [
      'a certificate and the key of another',
      pem.pem + spkiPem(p256),
      'SEVERAL_KEYS',
      'two keys where one',
    ],
    [
      'three keys',
      spkiPem(p256) + spkiPem(p384) + spkiPem(other),
      'SEVERAL_KEYS',
      '3 keys where one',
    ],
    [
      'a certificate with an encrypted private key',
      pem.pem + encrypted,
      'PRIVATE_KEY',
      'private key',
    ],
    ['an RSA key', spkiPem(rsa.publicKey), 'ALG_KEY_MISMATCH', 'this key is rsa'],
    ['a block without end', pem.pem.slice(0, -30), 'BAD_CERTIFICATE', 'has no end'],
    [
      'a block in a block',
      `-----BEGIN PUBLIC KEY-----\n${pem.pem}`,
      'BAD_CERTIFICATE',
      'has no end',
    ],
    ['broken base64', pem.pem.replace('M', '*'), 'BAD_BASE64', 'PEM CERTIFICATE'],
    ['a text', 'no key at all', 'NO_KEY', 'it has none'],
    ['nothing', '', 'NO_KEY', 'it has none'],
    ['a JSON array', '[]', 'NO_KEY', 'it has none'],
    ['a JSON object that is no key', '{"cert":1}', 'BAD_KEY', 'has no kty'],
  ])('%s', (_, text, code, message) => {
    const refusal = refusalOf(toUtf8(text));
    expect(refusal.code).toBe(code);
    expect(refusal.message).toContain(message);
  });

  test('a private key in DER, and DER with bytes behind it', () => {
    expect(refusalOf(pkcs8).code).toBe('PRIVATE_KEY');
    expect(refusalOf(concatBytes([pem.der, Uint8Array.of(0)])).code).toBe('BAD_KEY');
  });

  test('what is too large or has too many keys, at once', () => {
    expect(refusalOf(new Uint8Array(1024 * 1024 + 1))).toMatchObject({
      code: 'TOO_LARGE',
      expected: 1024 * 1024,
    });
    const keys = Array.from({ length: 1001 }, () => ({ kty: 'RSA' }));
    expect(refusalOf(json({ keys }))).toMatchObject({ code: 'TOO_LARGE', expected: 1000 });
    expect(refusalOf(cose(keys.map(() => new Map([[1, 3]]))))).toMatchObject({
      code: 'TOO_LARGE',
      expected: 1000,
    });
    const block = '-----BEGIN X-----\n-----END X-----\n';
    expect(refusalOf(toUtf8(block.repeat(1001)))).toMatchObject({
      code: 'TOO_LARGE',
      expected: 1000,
    });
  });

  test.each([
    ['beginnings without end', '-----BEGIN CERTIFICATE-----\n'],
    ['ends without beginning', '-----END CERTIFICATE-----\n'],
    ['lines', '-'],
    ['half a marker', '-----BEGIN A'],
    ['brackets', '{"keys":['],
  ])('a bomb of %s in time that its size allows', (_, piece) => {
    const bomb = toUtf8(piece.repeat(Math.floor((1024 * 1024) / piece.length)));
    const startedMs = performance.now();
    refusalOf(bomb);
    expect(performance.now() - startedMs).toBeLessThan(1000);
  });
});
