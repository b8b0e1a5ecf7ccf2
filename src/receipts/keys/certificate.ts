import { equalBytes } from '../../core/byte-strings.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { derOid } from '../../formats/encoding/der.ts';
import { DerReader, derTag, wholeBits } from './der-reader.ts';
import {
  type EcPublicKey,
  type HashName,
  isEcdsaValid,
  keyOfSpki,
  rawSignature,
} from './ec-public-key.ts';
import { onlyPemBlock } from './pem.ts';

/** What a receipt's verification reads of a certificate; names and dates are left alone, as CCF does. */
export interface ReceiptCertificate {
  readonly key: EcPublicKey;
  /** Whether the basic constraints make it a CA: a service is one, a node is none. */
  readonly isCa: boolean;
  /** The part that is signed. */
  readonly tbs: Uint8Array;
  readonly hash: HashName;
  /** ECDSA in DER; of the issuer's curve, so it is read when that is known. */
  readonly signature: Uint8Array;
}

const code = 'BAD_CERTIFICATE';
/** Largest certificate that is read: CCF's are below 1 KiB. */
const certificateBytesMax = 64 * 1024;

const oid = {
  basicConstraints: derOid('2.5.29.19'),
  ecdsaWith: {
    'SHA-256': derOid('1.2.840.10045.4.3.2'),
    'SHA-384': derOid('1.2.840.10045.4.3.3'),
    'SHA-512': derOid('1.2.840.10045.4.3.4'),
  },
} as const;

const hashNames = Object.keys(oid.ecdsaWith) as readonly HashName[]; // the keys of the constant above

/**
 * Reads the one certificate of a receipt's PEM text, in the form that CCF and OpenSSL write.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function readReceiptCertificate(pem: string): ReceiptCertificate {
  return decodeCertificate(onlyPemBlock(pem, 'CERTIFICATE'));
}

/**
 * Decodes a certificate, once through and bounded in size.
 *
 * | element | read |
 * |---|---|
 * | SEQUENCE, first | what is signed: see below |
 * | SEQUENCE | the signature's algorithm, the same as inside of what is signed |
 * | BIT STRING | ECDSA in DER |
 *
 * Of what is signed: version, serial, algorithm, issuer, validity, subject, public key, perhaps ids, extensions.
 * @throws FormatError `BAD_CERTIFICATE`
 * @see RFC 5280 section 4.1
 */
export function decodeCertificate(der: Uint8Array): ReceiptCertificate {
  if (der.length > certificateBytesMax) {
    const place = { actual: der.length, expected: certificateBytesMax };
    throw new FormatError(code, `a certificate of ${der.length} bytes`, place);
  }
  const outer = new DerReader(der, code);
  const fields = outer.enter('a certificate');
  outer.end('the certificate');
  const tbs = fields.next('the signed part', derTag.sequence);
  const algorithm = fields.next('the algorithm', derTag.sequence);
  const signature = wholeBits(fields.next('the signature', derTag.bitString), code);
  fields.end('the signature');
  const inner = decodeTbs(tbs.content);
  if (!equalBytes(inner.algorithm, algorithm.whole)) throw bad('it names two algorithms');
  const hash = hashOf(algorithm.content);
  return { key: inner.key, isCa: inner.isCa, tbs: tbs.whole, hash, signature };
}

function decodeTbs(content: Uint8Array) {
  const fields = new DerReader(content, code);
  if (fields.hasNext(derTag.version)) fields.next('the version');
  fields.next('the serial', derTag.integer);
  const algorithm = fields.next('the inner algorithm', derTag.sequence).whole;
  fields.next('the issuer', derTag.sequence);
  fields.next('the validity', derTag.sequence);
  fields.next('the subject', derTag.sequence);
  const key = keyOfSpki(fields.next('the public key', derTag.sequence).whole, code);
  let isCa = false;
  while (!fields.isAtEnd) {
    const field = fields.next('a field behind the public key');
    if (field.tag === derTag.extensions) isCa = isCaOf(field.content);
  }
  return { algorithm, key, isCa };
}

function isCaOf(content: Uint8Array): boolean {
  const list = new DerReader(content, code).enter('the extensions');
  const found: Uint8Array[] = [];
  while (!list.isAtEnd) {
    const extension = list.enter('an extension');
    const kind = extension.next('the kind of an extension', derTag.oid).whole;
    if (extension.hasNext(derTag.boolean)) extension.next('whether an extension is critical');
    const value = extension.next('the value of an extension', derTag.octetString).content;
    extension.end('an extension');
    if (equalBytes(kind, oid.basicConstraints)) found.push(value);
  }
  if (found.length > 1) throw bad('it has basic constraints twice');
  const [constraints] = found;
  if (constraints === undefined) return false;
  const flags = new DerReader(constraints, code).enter('the basic constraints');
  return flags.hasNext(derTag.boolean) && flags.next('whether it is a CA').content[0] === 0xff;
}

function hashOf(algorithm: Uint8Array): HashName {
  const hash = hashNames.find((name) => equalBytes(oid.ecdsaWith[name], algorithm));
  if (hash !== undefined) return hash;
  throw bad('it is signed by another algorithm than ECDSA with SHA-256, SHA-384 or SHA-512');
}

function bad(what: string): FormatError {
  return new FormatError(code, `bad certificate: ${what}`);
}

/** Whether a certificate's signature verifies under a key. @throws FormatError `BAD_CERTIFICATE` */
export async function isIssuedBy(
  certificate: ReceiptCertificate,
  key: EcPublicKey,
): Promise<boolean> {
  const { hash, tbs: message } = certificate;
  const signature = signatureFor(certificate, key);
  return signature !== undefined && isEcdsaValid({ key, hash, signature, message });
}

/** A signature of larger numbers than the key's curve has is another key's, not a malformed one. */
function signatureFor(certificate: ReceiptCertificate, key: EcPublicKey): Uint8Array | undefined {
  rawSignature('P-521', certificate.signature, code);
  try {
    return rawSignature(key.curve, certificate.signature, code);
  } catch {
    return undefined;
  }
}

/** @throws VerificationError `NODE_CERT_NOT_ENDORSED` */
export function checkKind(certificate: ReceiptCertificate, isCa: boolean): void {
  if (certificate.isCa === isCa) return;
  const what = isCa ? 'an endorsement is not a CA' : 'the node is a CA';
  throw notEndorsed(certificate, what);
}

/** The error for a certificate that nothing trusted stands behind. */
export function notEndorsed({ key }: ReceiptCertificate, why: string): VerificationError {
  const message = `the certificate of key ${key.keyId} is not endorsed: ${why}`;
  return new VerificationError('NODE_CERT_NOT_ENDORSED', message, { actual: key.keyId });
}

/** Whether DER is of a certificate: a public key begins with an algorithm, which begins with its id. */
export function isCertificateDer(der: Uint8Array): boolean {
  const outer = new DerReader(der, 'BAD_KEY').enter('a certificate or public key');
  return outer.next('its first part', derTag.sequence).content[0] !== derTag.oid;
}
