import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, toUtf8 } from '../core/byte-strings.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import {
  type JsonValue,
  jsonArray,
  jsonObject,
  jsonText,
  parseJson,
} from '../formats/encoding/json.ts';
import { checkClaimsDigest } from '../formats/receipts/receipt-claims.ts';
import { bytesOfBase64, bytesOfHex, hexOf } from './keys/encodings.ts';

/** An application claim of Azure Confidential Ledger, as its service returns it beside a receipt. */
export type ApplicationClaim =
  | {
      readonly kind: 'LedgerEntry';
      readonly ledgerEntry: {
        readonly protocol: 'LedgerEntryV1';
        readonly collectionId: string;
        readonly contents: string;
        /** Base64. */
        readonly secretKey: string;
      };
    }
  | {
      readonly kind: 'ClaimDigest';
      readonly digest: {
        readonly protocol: string;
        /** Hex. */
        readonly value: string;
      };
    };

const code = 'RECEIPT_FORMAT';
/** Most claims of one receipt; the service makes one. */
const claimsMax = 1024;

/**
 * The claims digest that application claims have: SHA-256 of their number (u32, little-endian) and the digest of each,
 * which is SHA-256 of its protocol's name and its value. The value of a ledger entry is SHA-256 of two HMACs under its
 * secret key, of the collection's id and of the contents.
 * @returns hex
 * @throws FormatError `RECEIPT_FORMAT` for an unknown kind or protocol, `BAD_BASE64`, `BAD_HEX`
 * @see Azure Confidential Ledger, "Verify write transaction receipts"
 * @example
 * ```ts
 * import { applicationClaimsDigest } from 'ledger-snapshotter/receipts';
 *
 * const digest = applicationClaimsDigest([
 *   { kind: 'ClaimDigest', digest: { protocol: 'LedgerEntryV1', value: '00'.repeat(32) } },
 * ]);
 * ```
 */
export function applicationClaimsDigest(claims: readonly ApplicationClaim[]): string {
  return hexOf(digestOfClaims(parseJson(toUtf8(JSON.stringify(claims)))));
}

/** {@link applicationClaimsDigest} of claims as they were read. */
export function digestOfClaims(value: JsonValue): Uint8Array {
  const claims = jsonArray(value, 'applicationClaims', code);
  if (claims.length === 0 || claims.length > claimsMax) {
    const place = { actual: claims.length, expected: claimsMax };
    throw new FormatError(code, `${claims.length} application claims`, place);
  }
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, claims.length, true);
  return sha256(concatBytes([count, ...claims.map(digestOfClaim)]));
}

function digestOfClaim(value: JsonValue): Uint8Array {
  const claim = jsonObject(value, 'an application claim', code);
  const kind = jsonText(claim.get('kind'), 'kind of an application claim', code);
  if (kind === 'LedgerEntry') return digestOfEntry(claim.get('ledgerEntry'));
  if (kind !== 'ClaimDigest') {
    throw new FormatError(code, `an application claim of the unknown kind ${JSON.stringify(kind)}`);
  }
  const digest = jsonObject(claim.get('digest'), 'digest of an application claim', code);
  const protocol = jsonText(digest.get('protocol'), 'protocol of an application claim', code);
  return named(protocol, bytesOfHex(jsonText(digest.get('value'), 'value of a digest', code)));
}

function digestOfEntry(value: JsonValue | undefined): Uint8Array {
  const entry = jsonObject(value, 'ledgerEntry of an application claim', code);
  const text = (name: string) => jsonText(entry.get(name), `${name} of a ledger entry`, code);
  const protocol = text('protocol');
  if (protocol !== 'LedgerEntryV1') {
    const message = `a ledger entry of the unknown protocol ${JSON.stringify(protocol)}`;
    throw new FormatError(code, message, { actual: protocol, expected: 'LedgerEntryV1' });
  }
  const secret = bytesOfBase64(text('secretKey'));
  const parts = [text('collectionId'), text('contents')];
  return named(
    protocol,
    sha256(concatBytes(parts.map((part) => hmac(sha256, secret, toUtf8(part))))),
  );
}

function named(protocol: string, value: Uint8Array): Uint8Array {
  return sha256(concatBytes([toUtf8(protocol), value]));
}

/** What a caller says that a receipt must be about. */
export interface ExpectedClaims {
  /** 32 bytes or their hex. */
  readonly claimsDigest?: Uint8Array | string | undefined;
  /** The claims themselves; their SHA-256 is the digest. */
  readonly claims?: Uint8Array | undefined;
  readonly applicationClaims?: readonly ApplicationClaim[] | undefined;
}

/**
 * The claims digest that a caller expects, hex; all that are given must be of one.
 * @throws TypeError for a digest that is not 32 bytes
 * @throws VerificationError `CLAIMS_DIGEST_MISMATCH` when they differ
 */
export function expectedDigest(expected: ExpectedClaims): string | undefined {
  const { claimsDigest, claims, applicationClaims } = expected;
  const digests: string[] = [];
  if (claimsDigest !== undefined) digests.push(digestHex(claimsDigest, 'claimsDigest'));
  if (claims !== undefined) digests.push(hexOf(sha256(claims)));
  if (applicationClaims !== undefined) digests.push(applicationClaimsDigest(applicationClaims));
  const [first] = digests;
  for (const digest of digests) checkClaimsDigest(digest, first ?? digest);
  return first;
}

/** A digest that a caller gives, as hex. @throws TypeError */
export function digestHex(digest: Uint8Array | string, name: string): string {
  const text = typeof digest === 'string' ? digest.toLowerCase() : hexOf(digest);
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new TypeError(`${name} must be 32 bytes, or 64 hex characters`);
}

/**
 * Checks a proof's claims digest against what is expected, if anything is.
 * @throws VerificationError `CLAIMS_DIGEST_MISSING`, `CLAIMS_DIGEST_MISMATCH`
 */
export function checkClaims(actual: Uint8Array | undefined, expected: string | undefined): void {
  if (expected === undefined) return;
  if (actual === undefined) {
    throw new VerificationError('CLAIMS_DIGEST_MISSING', 'the receipt does not claim a digest');
  }
  checkClaimsDigest(hexOf(actual), expected);
}
