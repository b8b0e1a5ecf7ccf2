import 'reflect-metadata';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  X509Certificate as PeculiarCertificate,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { FormatError } from '../../../src/core/errors.ts';
import { derOid, derTime, derUnsigned } from '../../../src/formats/encoding/der.ts';
import {
  createCertificate,
  isEndorsedBy,
  pemOf,
  readCertificate,
  verifyEndorsed,
} from '../../../src/formats/keys/certificate.ts';
import { keyIdOf, publicKeyOfSpki, spkiOf } from '../../../src/formats/keys/ec-key.ts';
import {
  bitFlips,
  outcomeOf,
  outcomes,
  refusalOf,
  truncations,
} from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { makeKey } from '../make-keys.ts';
import { makeService } from '../make-snapshot-file.ts';

const made = makeService('certificate');
const other = makeService('other');

test("createCertificate() writes CCF's service profile, as node:crypto reads it", () => {
  const { x509, keyId } = made.serviceCertificate;
  expect(x509.subject).toBe('CN=CCF Network');
  expect(x509.issuer).toBe('CN=CCF Network');
  expect(x509.ca).toBe(true);
  expect(x509.keyUsage).toBeUndefined();
  expect(x509.validFrom).toBe('Jan  1 00:00:00 2020 GMT');
  expect(x509.validTo).toBe('Jan  2 00:00:00 2020 GMT');
  expect(x509.verify(made.service.publicKey)).toBe(true);
  expect(keyId).toBe(keyIdOf(made.service.privateKey));
});

test("createCertificate() writes CCF's node profile, as node:crypto reads it", () => {
  const { x509 } = made.nodeCertificate;
  expect(x509.subject).toBe('CN=CCF Node');
  expect(x509.ca).toBe(false);
  expect(x509.subjectAltName).toBe('IP Address:127.0.0.1');
  expect(x509.checkIssued(made.serviceCertificate.x509)).toBe(true);
});

test('createCertificate() makes what @peculiar/x509 reads and verifies', async () => {
  const service = new PeculiarCertificate(made.serviceCertificate.pem);
  const node = new PeculiarCertificate(made.nodeCertificate.pem);
  expect(node.issuer).toBe('CN=CCF Network');
  expect(node.notBefore.getTime()).toBe(Date.UTC(2020, 0, 1));
  expect(Array.from(service.extensions, ({ type, critical }) => [type, critical])).toStrictEqual([
    ['2.5.29.19', true],
    ['2.5.29.14', false],
    ['2.5.29.35', false],
  ]);
  expect(await node.verify({ publicKey: service.publicKey, signatureOnly: true })).toBe(true);
  expect(await service.verify({ publicKey: node.publicKey, signatureOnly: true })).toBe(false);
});

test('publicKeyOfSpki() reads each key as itself, whatever it has read before', () => {
  const [first, second] = [made.service, made.node].map(({ publicKey }) => spkiOf(publicKey));
  const given = first?.slice() ?? new Uint8Array();
  publicKeyOfSpki(given, 'BAD_CERTIFICATE');
  given.set(second ?? []);
  expect(spkiOf(publicKeyOfSpki(given, 'BAD_CERTIFICATE'))).toStrictEqual(second);
  given[given.length - 1] = (given.at(-1) ?? 0) ^ 1;
  expect(() => publicKeyOfSpki(given, 'BAD_CERTIFICATE')).toThrow(FormatError);
  expect(spkiOf(publicKeyOfSpki(first ?? given, 'BAD_CERTIFICATE'))).toStrictEqual(first);
});

test.each(['P-256', 'P-384'] as const)(
  'createCertificate() names both keys by the SHA-1 of their points, %s',
  (curve) => {
    const { service, node, serviceCertificate, nodeCertificate } = makeService('names', curve);
    const idOf = (key: typeof node.publicKey) => {
      const point = spkiOf(key).subarray(curve === 'P-256' ? -65 : -97);
      return createHash('sha1').update(point).digest('hex');
    };
    const root = new PeculiarCertificate(serviceCertificate.pem);
    const leaf = new PeculiarCertificate(nodeCertificate.pem);
    expect(root.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 1 });
    expect(leaf.getExtension(BasicConstraintsExtension)).toMatchObject({ ca: false });
    expect(leaf.getExtension(BasicConstraintsExtension)?.pathLength).toBeUndefined();
    expect(leaf.getExtension(SubjectKeyIdentifierExtension)?.keyId).toBe(idOf(node.publicKey));
    expect(leaf.getExtension(AuthorityKeyIdentifierExtension)?.keyId).toBe(idOf(service.publicKey));
    expect(leaf.signatureAlgorithm).toMatchObject({
      name: 'ECDSA',
      hash: { name: curve === 'P-256' ? 'SHA-256' : 'SHA-384' },
    });
    expect(new X509Certificate(nodeCertificate.pem).toLegacyObject().serialNumber).toBe(
      leaf.serialNumber.toUpperCase(),
    );
  },
);

test('createCertificate() leaves out an address that is not given', () => {
  expect(made.serviceCertificate.x509.subjectAltName).toBeUndefined();
  expect(made.nodeCertificate.x509.serialNumber).toMatch(/^[0-9A-F]{30,32}$/);
});

test('readCertificate() says why it refuses, as OpenSSL does', () => {
  const refuse = (der: Uint8Array) => () => readCertificate(pemOf(der));
  expect(refuse(made.nodeCertificate.der.slice(0, -1))).toThrow(
    expect.objectContaining({ cause: expect.any(Error) }),
  );
  expect(() => readCertificate(made.nodeCertificate.pem.replace('\nM', '\n M'))).toThrow(
    expect.objectContaining({ cause: expect.objectContaining({ code: 'BAD_BASE64' }) }),
  );
});

test('verifyEndorsed() names the certificate that it refuses', () => {
  expect(() => verifyEndorsed(made.nodeCertificate, other.service.publicKey)).toThrow(
    expect.objectContaining({ actual: made.nodeCertificate.keyId }),
  );
});

test('createCertificate() signs with a P-256 service too', () => {
  const small = makeService('small', 'P-256');
  verifyEndorsed(small.nodeCertificate, small.serviceCertificate);
});

test('readCertificate() reads back what pemOf() writes', () => {
  const { pem, der, spki, keyId } = made.nodeCertificate;
  expect(pemOf(der)).toBe(pem);
  expect(toHex(readCertificate(pem).spki)).toBe(toHex(spki));
  expect(keyIdOf(publicKeyOfSpki(spki, 'BAD_CERTIFICATE'))).toBe(keyId);
});

describe('readCertificate() refuses', () => {
  const { pem, der } = made.nodeCertificate;
  const rsa = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n-----END CERTIFICATE-----\n`;
  test.each([
    ['nothing', '', 'bad certificate: not one PEM certificate'],
    ['a missing line feed at the end', pem.trimEnd(), 'bad certificate: not one PEM certificate'],
    ['text before it', `x\n${pem}`, 'bad certificate: not one PEM certificate'],
    ['text after it', `${pem}x`, 'bad certificate: not one PEM certificate'],
    ['two certificates', pem + pem, 'bad certificate: its base64 is malformed'],
    ['carriage returns', pem.replaceAll('\n', '\r\n'), 'bad certificate: not one PEM certificate'],
    [
      'a blank line',
      pem.replace('-----\n', '-----\n\n'),
      'bad certificate: its lines are not of 64 columns',
    ],
    [
      'spaces in the base64',
      pem.replace('\nM', '\n M'),
      'bad certificate: its base64 is malformed',
    ],
    [
      'other line lengths',
      pem.replace(/\n(.{64})\n(.{64})\n/, '\n$1$2\n'),
      'bad certificate: its lines are not of 64 columns',
    ],
    [
      'a public key',
      made.node.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      'bad certificate: not one PEM certificate',
    ],
    ['no certificate inside', rsa, 'bad certificate: not an X.509 certificate'],
    [
      'bytes behind the certificate',
      pemOf(Uint8Array.of(...der, 0)),
      'bad certificate: bytes after the certificate, or not in DER',
    ],
    ['a cut certificate', pemOf(der.slice(0, -1)), 'bad certificate: not an X.509 certificate'],
    [
      'a text of 1 MiB',
      pem.replace('\n', `\n${'A'.repeat(1024 * 1024)}\n`),
      'bad certificate: not one PEM certificate',
    ],
    [
      'a key on a curve that CCF does not use',
      pemOf(new Uint8Array(certificateOf('P-521').raw)),
      'not a P-256 or P-384 public key in canonical DER (secp521r1)',
    ],
  ])('%s', (_what, text, message) => {
    expect(refusalOf(() => readCertificate(text))).toBe(`BAD_CERTIFICATE: ${message}`);
  });

  test('every truncation', () => {
    const codes = outcomes(truncations(der), (cut) => readCertificate(pemOf(cut)));
    expect(new Set(codes)).toStrictEqual(new Set(['BAD_CERTIFICATE']));
  });
});

/** A certificate that only the part of our writer under test cannot make; its signature is nonsense. */
function certificateOf(crv: 'P-521'): X509Certificate {
  const key = makeKey('big', crv);
  const der = made.nodeCertificate.der;
  const spki = spkiOf(made.node.publicKey);
  const at = Buffer.from(der).indexOf(spki);
  const tbs = [
    der.subarray(8, at),
    spkiOf(key.publicKey),
    der.subarray(at + spki.length, 8 + (((der[6] ?? 0) << 8) | (der[7] ?? 0))),
  ];
  const rest = der.subarray(8 + (((der[6] ?? 0) << 8) | (der[7] ?? 0)));
  const wrap = (content: Buffer) =>
    Buffer.concat([Buffer.of(0x30, 0x82, content.length >> 8, content.length & 0xff), content]);
  return new X509Certificate(wrap(Buffer.concat([wrap(Buffer.concat(tbs)), rest])));
}

describe('verifyEndorsed()', () => {
  test('accepts an expired node under its service, by certificate and by key', () => {
    verifyEndorsed(made.nodeCertificate, made.serviceCertificate);
    verifyEndorsed(made.nodeCertificate, made.service.publicKey);
  });

  test.each([
    ['a service of the same name', made.nodeCertificate, other.serviceCertificate, 'names differ'],
    [
      "another service's key",
      made.nodeCertificate,
      other.service.publicKey,
      'its signature does not verify',
    ],
    [
      'a key of another curve',
      made.nodeCertificate,
      makeKey('x', 'P-256').publicKey,
      'its signature does not verify',
    ],
    [
      'an issuer that is a node',
      other.nodeCertificate,
      made.nodeCertificate,
      'the issuer is not a CA',
    ],
    [
      'a service in place of a node',
      made.serviceCertificate,
      made.serviceCertificate,
      'it is a CA, not a node',
    ],
  ])('refuses %s', (_what, certificate, issuer, why) => {
    expect(refusalOf(() => verifyEndorsed(certificate, issuer))).toBe(
      `NODE_CERT_NOT_ENDORSED: the certificate of key ${certificate.keyId} is not endorsed: ${why}`,
    );
  });

  test('refuses a key of another kind', () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    expect(outcomeOf(() => verifyEndorsed(made.nodeCertificate, publicKey))).toBe(
      'NODE_CERT_NOT_ENDORSED',
    );
  });

  test('is what isEndorsedBy() says of a key', () => {
    const { nodeCertificate, serviceCertificate, service } = made;
    expect(isEndorsedBy(nodeCertificate, service.publicKey)).toBe(true);
    expect(isEndorsedBy(nodeCertificate, other.service.publicKey)).toBe(false);
    expect(isEndorsedBy(nodeCertificate, makeKey('x', 'P-256').publicKey)).toBe(false);
    expect(isEndorsedBy(serviceCertificate, service.publicKey)).toBe(false);
  });

  test('refuses an issuer of another name', () => {
    const renamed = createCertificate(
      {
        subject: 'Other',
        publicKey: made.service.publicKey,
        serial: Uint8Array.of(1),
        notBeforeMs: 0,
        notAfterMs: 0,
        ca: true,
      },
      { subject: 'Other', key: made.service.privateKey },
    );
    expect(outcomeOf(() => verifyEndorsed(made.nodeCertificate, renamed))).toBe(
      'NODE_CERT_NOT_ENDORSED',
    );
  });

  slowTest('refuses a certificate with one bit of any byte flipped', () => {
    const { nodeCertificate, serviceCertificate } = makeService('small', 'P-256');
    const flips = bitFlips(nodeCertificate.der).filter((_, bit) => bit % 8 === (bit >> 3) % 8);
    const codes = outcomes(flips, (der) =>
      verifyEndorsed(readCertificate(pemOf(der)), serviceCertificate),
    );
    expect(codes).not.toContain('accepted');
  });
});

test('derTime() writes what Date writes, from 1970 to 2100', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) }), (ms) => {
      const text = new Date(ms).toISOString().replace(/[-:T]|\.\d{3}/g, '');
      const expected = ms < Date.UTC(2050, 0, 1) ? text.slice(2) : text;
      expect(Buffer.from(derTime(ms).subarray(2)).toString()).toBe(expected);
    }),
    {
      numRuns: 300,
      examples: [
        [Date.UTC(2000, 1, 29)],
        [Date.UTC(2049, 11, 31, 23, 59, 59)],
        [Date.UTC(2050, 0, 1)],
      ],
    },
  );
});

test.each([
  [Uint8Array.of(), '0200'],
  [Uint8Array.of(0), '020100'],
  [Uint8Array.of(0, 0, 1), '020101'],
  [Uint8Array.of(0x80), '02020080'],
])('derUnsigned() writes the shortest non-negative integer of %s', (bytes, hex) => {
  expect(toHex(derUnsigned(bytes))).toBe(hex);
});

test('derOid() writes arcs in base 128', () => {
  expect(toHex(derOid('1.2.840.10045.4.3.3'))).toBe('06082a8648ce3d040303');
});
