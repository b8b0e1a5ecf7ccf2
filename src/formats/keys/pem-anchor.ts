import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { equalBytes, fromBase64, toHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import {
  type AnchorEntry,
  anchorKeysMax,
  privateKeyError,
  type UsableKey,
} from './anchor-entry.ts';
import { pemOf, readCertificate } from './certificate.ts';
import { profileOfKey, spkiOf } from './ec-key.ts';
import { canonicalKey } from './ec-point.ts';

/** What stands between two markers of a PEM text. */
interface PemBlock {
  readonly label: string;
  /** Base64, with whatever white space it has. */
  readonly body: string;
}

/**
 * Reads the one key of a PEM text: its certificate or public key. It may be there several times. Two keys are refused,
 * so that nothing is pinned by accident: of a chain nobody can say which is meant.
 * @throws FormatError `SEVERAL_KEYS`, `PRIVATE_KEY`, `BAD_CERTIFICATE`, `BAD_KEY`, `BAD_BASE64`, `TOO_LARGE`
 * @throws VerificationError `ALG_KEY_MISMATCH`
 */
export function readPemAnchor(bytes: Uint8Array): readonly AnchorEntry[] {
  const blocks = blocksOf(Buffer.from(bytes).toString('latin1'));
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) throw privateKeyError('a PEM');
  const known = blocks.filter(({ label }) => readers.has(label));
  const ders = known.map(({ label, body }) => ({ label, der: derOf(label, body) }));
  const [first] = ders;
  if (first === undefined) return blocks.map(skippedBlock);
  const keys = new Set(ders.map(({ der }) => identityOf(der)));
  if (keys.size > 1)
    throw severalKeys(
      ders.map(({ label }) => label),
      keys.size,
    );
  const certificate = ders.find(({ label }) => label.endsWith('CERTIFICATE')) ?? first;
  const others = blocks.filter(({ label }) => !readers.has(label));
  return [readBlock(certificate), ...others.map(skippedBlock)];
}

type Reader = (der: Uint8Array) => UsableKey['anchor'];

const readers: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['CERTIFICATE', (der) => readCertificate(pemOf(der))],
  ['X509 CERTIFICATE', (der) => readCertificate(pemOf(der))],
  ['PUBLIC KEY', publicKeyOf],
]);

function readBlock({
  label,
  der,
}: {
  readonly label: string;
  readonly der: Uint8Array;
}): UsableKey {
  const read = readers.get(label) ?? publicKeyOf;
  return { place: `the PEM ${label}`, anchor: read(der) };
}

const skippedBlock = ({ label }: PemBlock) => ({
  place: `the PEM ${label}`,
  reason: 'is neither a certificate nor a public key',
});

/** The last part of a label is bounded, so that the search for markers is linear. */
const marker = /-----(BEGIN|END) ([A-Z0-9][A-Z0-9 ]{0,63})-----/g;

function blocksOf(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly from: number } | undefined;
  for (const { 0: whole, 1: word, 2: label = '', index } of text.matchAll(marker)) {
    if (word === 'BEGIN') {
      if (open !== undefined) throw unclosed(open.label);
      open = { label, from: index + whole.length };
    } else if (open !== undefined) {
      if (open.label !== label) throw unclosed(open.label);
      blocks.push({ label, body: text.slice(open.from, index) });
      open = undefined;
      checkCount(blocks.length);
    }
  }
  if (open !== undefined) throw unclosed(open.label);
  return blocks;
}

function checkCount(count: number): void {
  if (count <= anchorKeysMax) return;
  const message = `more than ${anchorKeysMax} PEM blocks in one file of keys`;
  throw new FormatError('TOO_LARGE', message, { actual: count, expected: anchorKeysMax });
}

function unclosed(label: string): FormatError {
  const message = `a PEM ${label} has no end: -----END ${label}----- is expected`;
  return new FormatError('BAD_CERTIFICATE', message, { expected: `-----END ${label}-----` });
}

function derOf(label: string, body: string): Uint8Array {
  try {
    return fromBase64(body.replace(/[\s\0]+/g, ''));
  } catch (cause) {
    throw new FormatError('BAD_BASE64', `the base64 of a PEM ${label} is malformed`, { cause });
  }
}

/** Tells keys apart, also those of kinds that are not read here. */
function identityOf(der: Uint8Array): string {
  try {
    return toHex(spkiOf(new X509Certificate(der).publicKey));
  } catch {
    return toHex(der);
  }
}

function severalKeys(labels: readonly string[], count: number): FormatError {
  const areCertificates = labels.every((label) => label.endsWith('CERTIFICATE'));
  const what = areCertificates ? 'certificates' : 'keys';
  const number = count === 2 ? 'two' : String(count);
  const message = `${number} ${what} where one is expected: give each a file of its own`;
  return new FormatError('SEVERAL_KEYS', message, { actual: count, expected: 1 });
}

/** Whether bytes are a DER sequence by their head, and no text. */
export function isDer(bytes: Uint8Array): boolean {
  const [first, length = 0] = bytes;
  return first === 0x30 && (length >= 0x80 || length === bytes.length - 2);
}

/**
 * Reads a certificate or SubjectPublicKeyInfo in DER.
 * @throws as {@link readPemAnchor}
 */
export function readDerAnchor(der: Uint8Array): UsableKey {
  if (isCertificate(der)) return { place: 'the certificate', anchor: readCertificate(pemOf(der)) };
  if (isPrivateKey(der)) throw privateKeyError('DER');
  return { place: 'the key', anchor: publicKeyOf(der) };
}

function isCertificate(der: Uint8Array): boolean {
  try {
    return equalBytes(new Uint8Array(new X509Certificate(der).raw), der);
  } catch {
    return false;
  }
}

function isPrivateKey(der: Uint8Array): boolean {
  return (['pkcs8', 'sec1', 'pkcs1'] as const).some((type) => {
    try {
      createPrivateKey({ key: Buffer.from(der), format: 'der', type });
      return true;
    } catch {
      return false;
    }
  });
}

/** With a point that is written whole, whatever the file has: a key has one id. */
function publicKeyOf(der: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' });
  } catch (cause) {
    const message = 'neither a certificate nor a public key (SubjectPublicKeyInfo)';
    throw new FormatError('BAD_KEY', message, { cause });
  }
  profileOfKey(key);
  return canonicalKey(key);
}
