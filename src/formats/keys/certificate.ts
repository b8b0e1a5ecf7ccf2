import { createHash, type KeyObject, sign, X509Certificate } from 'node:crypto';
import { equalBytes, fromBase64, toBase64 } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { pemBytesMax } from '../../core/limits.ts';
import {
  derBitString,
  derElement,
  derOctetString,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUnsigned,
  derUtf8,
} from '../encoding/der.ts';
import { pemBlock } from '../encoding/pem.ts';
import { keyIdOfSpki, profileOfKey, publicKeyOfSpki, spkiOf } from './ec-key.ts';

/** A certificate of a service or node; dates are carried, never judged. */
export interface Certificate {
  /** In the one form that `pemOf` writes, whatever text it was read from. */
  readonly pem: string;
  readonly der: Uint8Array;
  readonly publicKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Hex SHA-256 of `spki`: a node's id, a service key's kid. */
  readonly keyId: string;
  readonly x509: X509Certificate;
}

const begin = '-----BEGIN CERTIFICATE-----\n';
const end = '\n-----END CERTIFICATE-----\n';

/**
 * Reads one PEM certificate in the form that CCF and OpenSSL write: 64 columns, line feeds, nothing
 * around it. One certificate has one text, so a receipt's certificate cannot be reworded.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function readCertificate(pem: string): Certificate {
  return certificateOfDer(derOfPem(pem));
}

/**
 * Reads the certificate in a text as releases of CCF, OpenSSL and people write it: the first block of
 * {@link pemBlock}. Only its DER counts, which stays as strict as in {@link readCertificate}.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function readTableCertificate(text: string): Certificate {
  const base64 = pemBlock(text, 'CERTIFICATE');
  if (base64 === undefined) throw badCertificate('no PEM certificate in the text');
  return certificateOfDer(derOfBase64(base64));
}

/**
 * Reads the certificate of a snapshot's JSON receipt: as {@link readCertificate}, or the same with one NUL behind it.
 * CCF 2.0 kept the NUL of its C strings in every certificate, and copied a node's into its receipts. Another form than
 * these two was never written. The NUL says nothing: whoever adds or removes it changes neither key nor signature, and
 * nothing else of a receipt has two forms.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function readReceiptCertificate(text: string): Certificate {
  return readCertificate(text.endsWith('\0') ? text.slice(0, -1) : text);
}

/**
 * The text of a node's certificate for a receipt: the ledger's, as CCF copies it, where {@link readReceiptCertificate}
 * takes that; else the same certificate in the one form.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function receiptCertificate(text: string): string {
  const { pem } = readTableCertificate(text);
  return text === `${pem}\0` ? text : pem;
}

function certificateOfDer(der: Uint8Array): Certificate {
  const x509 = parseX509(der);
  const spki = spkiOfX509(x509);
  const publicKey = publicKeyOfSpki(spki, 'BAD_CERTIFICATE');
  return { pem: pemOf(der), der, publicKey, spki, keyId: keyIdOfSpki(spki), x509 };
}

function derOfPem(pem: string): Uint8Array {
  if (pem.length > pemBytesMax || !pem.startsWith(begin) || !pem.endsWith(end)) {
    throw badCertificate('not one PEM certificate');
  }
  const der = derOfBase64(pem.slice(begin.length, -end.length).replaceAll('\n', ''));
  if (pemOf(der) === pem) return der;
  throw badCertificate('its lines are not of 64 columns');
}

function derOfBase64(base64: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch (cause) {
    throw badCertificate('its base64 is malformed', cause);
  }
}

function parseX509(der: Uint8Array): X509Certificate {
  try {
    const x509 = new X509Certificate(der);
    if (equalBytes(new Uint8Array(x509.raw), der)) return x509;
  } catch (cause) {
    throw badCertificate('not an X.509 certificate', cause);
  }
  throw badCertificate('bytes after the certificate, or not in DER');
}

function spkiOfX509(x509: X509Certificate): Uint8Array {
  try {
    return spkiOf(x509.publicKey);
  } catch (cause) {
    throw badCertificate('its public key cannot be read', cause);
  }
}

function badCertificate(what: string, cause?: unknown): FormatError {
  return new FormatError('BAD_CERTIFICATE', `bad certificate: ${what}`, { cause });
}

/** PEM of a certificate's DER, 64 columns, with a line feed at the end. */
export function pemOf(der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `${begin}${lines.join('\n')}${end}`;
}

/**
 * Verifies that a service signed a node's certificate: the node is no CA, the signature verifies under
 * the issuer's key and, when the issuer is a certificate, the names fit and it is a CA. Dates are ignored, as CCF does: node
 * certificates expire long before their receipts are read. Names prove nothing (all CCF services may
 * be called the same), so the issuer must be pinned by the caller.
 * @throws VerificationError `NODE_CERT_NOT_ENDORSED`
 */
export function verifyEndorsed(certificate: Certificate, issuer: Certificate | KeyObject): void {
  if (certificate.x509.ca) throw notEndorsed(certificate, 'it is a CA, not a node');
  if ('x509' in issuer) checkIssuer(certificate, issuer);
  const key = 'x509' in issuer ? issuer.publicKey : issuer;
  if (!certificate.x509.verify(key))
    throw notEndorsed(certificate, 'its signature does not verify');
}

/** Whether {@link verifyEndorsed} accepts a certificate under a key. */
export function isEndorsedBy(certificate: Certificate, key: KeyObject): boolean {
  return !certificate.x509.ca && certificate.x509.verify(key);
}

function checkIssuer(certificate: Certificate, issuer: Certificate): void {
  if (!issuer.x509.ca) throw notEndorsed(certificate, 'the issuer is not a CA');
  if (!certificate.x509.checkIssued(issuer.x509)) throw notEndorsed(certificate, 'names differ');
}

function notEndorsed(certificate: Certificate, why: string): VerificationError {
  const message = `the certificate of key ${certificate.keyId} is not endorsed: ${why}`;
  return new VerificationError('NODE_CERT_NOT_ENDORSED', message, { actual: certificate.keyId });
}

/** What {@link createCertificate} writes, in the profile of CCF's own certificates. */
export interface CertificateProfile {
  /** The subject's common name, such as `CCF Network` or `CCF Node`. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  /** Random bytes, 16 in CCF. */
  readonly serial: Uint8Array;
  /** Validity, milliseconds since 1970, UTC. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** A service is a CA with path length 1, a node is none. */
  readonly ca: boolean;
  /** The node's address, 4 or 16 bytes. @default no subject alternative name */
  readonly ipAddress?: Uint8Array;
}

/** Who signs a certificate; for a service's own, its subject and key again. */
export interface CertificateIssuer {
  /** Common name. */
  readonly subject: string;
  /** P-384 or P-256; private where it signs. */
  readonly key: KeyObject;
}

const oid = {
  commonName: derOid('2.5.4.3'),
  subjectKeyIdentifier: derOid('2.5.29.14'),
  subjectAltName: derOid('2.5.29.17'),
  basicConstraints: derOid('2.5.29.19'),
  authorityKeyIdentifier: derOid('2.5.29.35'),
  ecdsaWith: { sha256: derOid('1.2.840.10045.4.3.2'), sha384: derOid('1.2.840.10045.4.3.3') },
} as const;

/**
 * Creates and signs a certificate like CCF's. There is no keyUsage extension, as in CCF's own.
 * @throws VerificationError `ALG_KEY_MISMATCH` for an issuer's key of another kind
 */
export function createCertificate(
  profile: CertificateProfile,
  issuer: CertificateIssuer,
): Certificate {
  const { hash } = profileOfKey(issuer.key);
  const tbs = encodeTbsCertificate(profile, issuer);
  const signature = new Uint8Array(sign(hash, tbs, { key: issuer.key, dsaEncoding: 'der' }));
  const algorithm = derSequence(oid.ecdsaWith[hash]);
  return readCertificate(pemOf(derSequence(tbs, algorithm, derBitString(signature))));
}

/**
 * The part of a certificate that is signed.
 *
 * | element | value |
 * |---|---|
 * | [0] | version 3 |
 * | INTEGER | serial |
 * | SEQUENCE | ecdsa-with-SHA384 or -SHA256, by the issuer's curve |
 * | SEQUENCE ×4 | issuer, validity, subject, public key |
 * | [3] | basic constraints (critical), subject and authority key ids, address |
 *
 * @see RFC 5280 section 4.1
 */
export function encodeTbsCertificate(
  profile: CertificateProfile,
  issuer: CertificateIssuer,
): Uint8Array {
  return derSequence(
    derElement(0xa0, derUnsigned(Uint8Array.of(2))),
    derUnsigned(profile.serial),
    derSequence(oid.ecdsaWith[profileOfKey(issuer.key).hash]),
    distinguishedName(issuer.subject),
    derSequence(derTime(profile.notBeforeMs), derTime(profile.notAfterMs)),
    distinguishedName(profile.subject),
    spkiOf(profile.publicKey),
    derElement(0xa3, derSequence(...extensions(profile, issuer))),
  );
}

function distinguishedName(commonName: string): Uint8Array {
  return derSequence(derSet(derSequence(oid.commonName, derUtf8(commonName))));
}

function extensions(profile: CertificateProfile, issuer: CertificateIssuer): Uint8Array[] {
  const constraints = profile.ca
    ? derSequence(derTrue(), derUnsigned(Uint8Array.of(1)))
    : derSequence();
  const subjectId = derOctetString(keyIdentifier(profile.publicKey));
  const authorityId = derSequence(derElement(0x80, keyIdentifier(issuer.key)));
  const required = [
    derSequence(oid.basicConstraints, derTrue(), derOctetString(constraints)),
    derSequence(oid.subjectKeyIdentifier, derOctetString(subjectId)),
    derSequence(oid.authorityKeyIdentifier, derOctetString(authorityId)),
  ];
  if (profile.ipAddress === undefined) return required;
  const names = derSequence(derElement(0x87, profile.ipAddress));
  return [...required, derSequence(oid.subjectAltName, derOctetString(names))];
}

/** SHA-1 of the public point: a name, not a proof. @see RFC 5280 section 4.2.1.2 */
function keyIdentifier(key: KeyObject): Uint8Array {
  const spki = spkiOf(key);
  const pointBytes = 1 + profileOfKey(key).signatureBytes;
  return new Uint8Array(createHash('sha1').update(spki.subarray(-pointBytes)).digest());
}
