import type { KeyObject } from 'node:crypto';
import { FormatError } from '../../core/errors.ts';
import type { AnchorEntry, SkippedKey, UsableKey } from './anchor-entry.ts';
import type { Certificate } from './certificate.ts';
import { readCoseKeys } from './cose-key-set.ts';
import { keyIdOf } from './ec-key.ts';
import { readJsonWebKeys } from './json-web-key.ts';
import { isDer, readDerAnchor, readPemAnchor } from './pem-anchor.ts';

/** What a file of trusted keys says. */
export interface TrustAnchors {
  /** The services to trust, to be given as `services`; one at least, none twice. */
  readonly services: readonly (Certificate | KeyObject)[];
  /** The keys that are of a kind which is not verified here, such as RSA or ML-DSA. */
  readonly skipped: readonly SkippedKey[];
}

/** Largest file of trusted keys that is read, in bytes. */
export const anchorBytesMax = 1024 * 1024;

/**
 * Reads the keys of services to trust from the bytes of a file: a certificate or public key in PEM (with other line
 * ends, text or NUL bytes around it) or DER; a COSE_Key or COSE_KeySet; a JWK or JWK Set. A PEM file has one key, a set
 * may have several. Only P-256 and P-384 keys are trusted; a set's others are named in `skipped`.
 *
 * | first byte | form |
 * |---|---|
 * | 0x7b `{` | JWK or JWK Set (RFC 7517) |
 * | 0x80 … 0xbf, 0xd9d9f7 | COSE_KeySet or COSE_Key (RFC 9052 section 7) |
 * | 0x30 | DER: a certificate or SubjectPublicKeyInfo |
 * | other | PEM (RFC 7468) |
 *
 * @throws FormatError `TOO_LARGE`, `NO_KEY` when there is no key that can be trusted, `PRIVATE_KEY`, `SEVERAL_KEYS`,
 * `DUPLICATE_KID`, `BAD_KEY`, `BAD_CERTIFICATE`, `BAD_JSON`, `BAD_TEXT`, `BAD_BASE64`,
 * `TRAILING_BYTES` and the `CBOR_…` codes of malformed CBOR
 * @throws VerificationError `ALG_KEY_MISMATCH`, `KID_MISMATCH`
 */
export function readTrustAnchors(bytes: Uint8Array): TrustAnchors {
  if (bytes.length > anchorBytesMax) {
    const place = { actual: bytes.length, expected: anchorBytesMax };
    const message = `${bytes.length} bytes: a file of keys has at most ${anchorBytesMax}`;
    throw new FormatError('TOO_LARGE', message, place);
  }
  return collect(entriesOf(bytes));
}

/** What some tools write before a UTF-8 text. */
const byteOrderMark = [0xef, 0xbb, 0xbf];

function entriesOf(bytes: Uint8Array): readonly AnchorEntry[] {
  const isMarked = byteOrderMark.every((byte, index) => bytes[index] === byte);
  const text = isMarked ? bytes.subarray(byteOrderMark.length) : bytes;
  const first = text.find((byte) => !isSpace(byte)) ?? 0;
  if (first === 0x7b) return readJsonWebKeys(trimmed(text));
  if (isDer(bytes)) return [readDerAnchor(bytes)];
  if (isCborSet(bytes)) return readCoseKeys(bytes);
  return readPemAnchor(bytes);
}

/** JSON's white space, and NUL, which some writers leave at the end of a text. */
const isSpace = (byte: number): boolean => [0, 0x09, 0x0a, 0x0d, 0x20].includes(byte);

function trimmed(text: Uint8Array): Uint8Array {
  return text.subarray(
    text.findIndex((byte) => !isSpace(byte)),
    text.findLastIndex((byte) => !isSpace(byte)) + 1,
  );
}

/** An array, a map, or the tag that says "this is CBOR": no text begins so. */
function isCborSet([first = 0, second, third]: Uint8Array): boolean {
  return (first >= 0x80 && first < 0xc0) || (first === 0xd9 && second === 0xd9 && third === 0xf7);
}

function collect(entries: readonly AnchorEntry[]): TrustAnchors {
  const skipped = entries.filter((entry): entry is SkippedKey => 'reason' in entry);
  const usable = entries.filter((entry): entry is UsableKey => 'anchor' in entry);
  if (usable.length === 0) throw noKey(skipped);
  checkKids(usable);
  const byKeyId = new Map<string, Certificate | KeyObject>();
  for (const { anchor } of usable) {
    const keyId = keyIdOfAnchor(anchor);
    if (!byKeyId.has(keyId)) byKeyId.set(keyId, anchor);
  }
  return { services: [...byKeyId.values()], skipped };
}

const keyIdOfAnchor = (anchor: Certificate | KeyObject): string =>
  'x509' in anchor ? anchor.keyId : keyIdOf(anchor);

/** Most reasons that one message has. */
const reasonsMax = 3;

function noKey(skipped: readonly SkippedKey[]): FormatError {
  const reasons = skipped.slice(0, reasonsMax).map(({ place, reason }) => `${place} ${reason}`);
  const more = skipped.length > reasonsMax ? `; and ${skipped.length - reasonsMax} more` : '';
  const why = reasons.length === 0 ? 'it has none' : `${reasons.join('; ')}${more}`;
  const message = `no P-256 or P-384 public key or certificate: ${why}`;
  return new FormatError('NO_KEY', message, { actual: skipped.length, expected: 'one at least' });
}

/** One name for two keys: whoever trusts a key by that name cannot know which. */
function checkKids(usable: readonly UsableKey[]): void {
  const byKid = new Map<string, UsableKey>();
  for (const entry of usable) {
    if (entry.kid === undefined) continue;
    const other = byKid.get(entry.kid);
    byKid.set(entry.kid, entry);
    if (other === undefined || keyIdOfAnchor(other.anchor) === keyIdOfAnchor(entry.anchor))
      continue;
    const message = `${other.place} and ${entry.place} are two keys of one kid, ${JSON.stringify(entry.kid)}`;
    throw new FormatError('DUPLICATE_KID', message, {
      actual: entry.kid,
      expected: 'a kid for each key',
    });
  }
}
