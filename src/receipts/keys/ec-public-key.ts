import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, equalBytes } from '../../core/byte-strings.ts';
import { type FormatCode, FormatError } from '../../core/errors.ts';
import { derBitString, derOid, derSequence } from '../../formats/encoding/der.ts';
import { DerReader, derTag, wholeBits } from './der-reader.ts';
import { hexOf } from './encodings.ts';

/** The curves that services and nodes sign on. */
export type CurveName = 'P-256' | 'P-384' | 'P-521';

/** A hash function, as WebCrypto names it. */
export type HashName = 'SHA-256' | 'SHA-384' | 'SHA-512';

/** What a receipt's COSE algorithm means; the table is closed, so that no header can choose a weaker one. */
export interface ReceiptProfile {
  readonly alg: number;
  readonly name: string;
  /** The one curve that the algorithm may be used with. */
  readonly curve: CurveName;
  readonly hash: HashName;
  /** Bytes of a raw signature, r and s. */
  readonly signatureBytes: number;
}

/** The algorithms of receipts; a service of CCF uses the first two. */
export const receiptProfiles: readonly ReceiptProfile[] = [
  { alg: -7, name: 'ES256', curve: 'P-256', hash: 'SHA-256', signatureBytes: 64 },
  { alg: -35, name: 'ES384', curve: 'P-384', hash: 'SHA-384', signatureBytes: 96 },
  { alg: -36, name: 'ES512', curve: 'P-521', hash: 'SHA-512', signatureBytes: 132 },
];

/** A public key on one of the three curves, which lies on it. */
export interface EcPublicKey {
  readonly curve: CurveName;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Hex SHA-256 of `spki`: a node's id, and a service key's kid. */
  readonly keyId: string;
}

const ecPublicKeyOid = derOid('1.2.840.10045.2.1');
const curves = {
  'P-256': {
    point: p256.Point,
    verify: p256.verify,
    bytes: 32,
    oid: derOid('1.2.840.10045.3.1.7'),
  },
  'P-384': { point: p384.Point, verify: p384.verify, bytes: 48, oid: derOid('1.3.132.0.34') },
  'P-521': { point: p521.Point, verify: p521.verify, bytes: 66, oid: derOid('1.3.132.0.35') },
} as const;

const curveNames = Object.keys(curves) as readonly CurveName[]; // the keys of the constant above

/** Bytes of one coordinate. */
export function coordinateBytes(curve: CurveName): number {
  return curves[curve].bytes;
}

/**
 * Makes a key of its point, compressed or not.
 * @throws FormatError `code` for a point that is not on the curve
 */
export function keyOfPoint(curve: CurveName, point: Uint8Array, code: FormatCode): EcPublicKey {
  const { oid } = curves[curve];
  const full = fullPoint(curve, point, code);
  const spki = derSequence(derSequence(ecPublicKeyOid, oid), derBitString(full));
  return { curve, spki, keyId: hexOf(sha256(spki)) };
}

function fullPoint(curve: CurveName, point: Uint8Array, code: FormatCode): Uint8Array {
  try {
    return curves[curve].point.fromBytes(point).toBytes(false);
  } catch (cause) {
    throw new FormatError(code, `not a point of ${curve} (${point.length} bytes)`, { cause });
  }
}

/**
 * Reads a SubjectPublicKeyInfo in DER, which must be what we would write: two encodings of one key would give it two
 * ids.
 * @throws FormatError `code` for anything but a key on P-256, P-384 or P-521
 */
export function keyOfSpki(spki: Uint8Array, code: FormatCode): EcPublicKey {
  const outer = new DerReader(spki, code);
  const fields = outer.enter('a public key');
  outer.end('the public key');
  const algorithm = fields.enter('the algorithm of a public key');
  const kind = algorithm.next('the kind of a public key', derTag.oid).whole;
  if (!equalBytes(kind, ecPublicKeyOid)) {
    throw new FormatError(
      code,
      'a public key that is not on an elliptic curve: P-256, P-384 and P-521 are read',
    );
  }
  const oid = algorithm.next('the curve of a public key', derTag.oid).whole;
  const curve = curveNames.find((name) => equalBytes(curves[name].oid, oid));
  if (curve === undefined) {
    throw new FormatError(code, 'a public key on another curve than P-256, P-384 and P-521');
  }
  const key = keyOfPoint(
    curve,
    wholeBits(fields.next('a public point', derTag.bitString), code),
    code,
  );
  if (equalBytes(key.spki, spki)) return key;
  throw new FormatError(code, 'a public key that is not in its one DER form');
}

/** An ECDSA signature, and what it is over. */
export interface EcdsaCheck {
  readonly key: EcPublicKey;
  readonly hash: HashName;
  /** r and s, each as long as a coordinate. */
  readonly signature: Uint8Array;
  readonly message: Uint8Array;
}

/**
 * Verifies by WebCrypto.
 * @throws TypeError where there is none: browsers have it on pages from https and from the same machine
 */
export async function isEcdsaValid({
  key,
  hash,
  signature,
  message,
}: EcdsaCheck): Promise<boolean> {
  const { subtle } = globalThis.crypto ?? {};
  if (subtle === undefined) {
    throw new TypeError(
      'WebCrypto is missing: browsers have it on pages from https or localhost only',
    );
  }
  const algorithm = { name: 'ECDSA', namedCurve: key.curve };
  const imported = await subtle.importKey('spki', ownBuffer(key.spki), algorithm, false, [
    'verify',
  ]);
  const how = { name: 'ECDSA', hash };
  return subtle.verify(how, imported, ownBuffer(signature), ownBuffer(message));
}

/** A copy in memory that nothing shares, as WebCrypto wants it. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/**
 * Verifies a signature over a digest that is taken as it is. WebCrypto always hashes, so this is plain JavaScript:
 * only receipts that show a root without its two children need it.
 */
export function isEcdsaOfDigestValid(
  key: EcPublicKey,
  signature: Uint8Array,
  digest: Uint8Array,
): boolean {
  const { verify, bytes } = curves[key.curve];
  const point = key.spki.subarray(-(1 + 2 * bytes));
  return verify(signature, digest, point, { prehash: false, lowS: false, format: 'compact' });
}

/**
 * A signature in DER as r and s side by side.
 * @throws FormatError `code` unless it is in its one DER form
 */
export function rawSignature(curve: CurveName, der: Uint8Array, code: FormatCode): Uint8Array {
  const outer = new DerReader(der, code);
  const numbers = outer.enter('a signature');
  outer.end('the signature');
  const size = coordinateBytes(curve);
  const r = unsigned(numbers.next('r of a signature', derTag.integer).content, size, code);
  const s = unsigned(numbers.next('s of a signature', derTag.integer).content, size, code);
  numbers.end('the signature');
  return concatBytes([r, s]);
}

function unsigned(content: Uint8Array, size: number, code: FormatCode): Uint8Array {
  const [first = 0x80, second = 0] = content;
  const digits = first === 0 && content.length > 1 ? content.subarray(1) : content;
  const isShortest = first !== 0 || content.length === 1 || second >= 0x80;
  if (first >= 0x80 || !isShortest || digits.length > size) {
    throw new FormatError(
      code,
      'a number of a signature is negative, too long, or not in its shortest form',
    );
  }
  const padded = new Uint8Array(size);
  padded.set(digits, size - digits.length);
  return padded;
}
