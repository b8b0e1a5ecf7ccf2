import { concatBytes, fromUtf8, toUtf8 } from '../../core/byte-strings.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { type CborMap, type CborValue, decodeCbor } from '../../formats/encoding/cbor.ts';
import {
  type JsonObject,
  type JsonValue,
  jsonObject,
  jsonText,
  parseJson,
} from '../../formats/encoding/json.ts';
import { decodeCertificate, isCertificateDer } from './certificate.ts';
import { DerReader, derTag } from './der-reader.ts';
import {
  type CurveName,
  coordinateBytes,
  type EcPublicKey,
  keyOfPoint,
  keyOfSpki,
} from './ec-public-key.ts';
import { bytesOfBase64Url, hexOf } from './encodings.ts';
import { type PemBlock, pemBlocks } from './pem.ts';

/** A key that the caller trusts to sign receipts: a service's. */
export interface TrustAnchor {
  readonly curve: 'P-256' | 'P-384' | 'P-521';
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Hex SHA-256 of `spki`: what CCF puts into a receipt's kid. */
  readonly keyId: string;
  /** The id that a COSE_Key or JWK gives the key; a receipt may name it by that as well. */
  readonly kid?: Uint8Array;
}

/** Most bytes that trust anchors are read from, and most keys in a set. */
const anchorBytesMax = 1024 * 1024;
/** Most keys that one verification takes. */
const anchorsMax = 64;

const code = 'BAD_KEY';

/**
 * Reads keys that are to be trusted, from whatever a service publishes them in. The form is found from the content:
 *
 * | form | what is read |
 * |---|---|
 * | PEM | one certificate, or one public key |
 * | DER | a certificate, or a SubjectPublicKeyInfo |
 * | JSON, or its parsed object | a JWK, or a JWKS |
 * | CBOR | a COSE_Key, or a COSE_KeySet |
 *
 * Of a set, keys of other kinds than elliptic curves are skipped, as RFC 7517 and RFC 9052 want it. Of a certificate
 * only the key counts: whoever names it as trusted answers for it.
 * @throws FormatError `BAD_KEY`, `BAD_CERTIFICATE`, `PRIVATE_KEY`, `TOO_LARGE`, `DUPLICATE_KID` for one kid of two keys,
 * and as the JSON and CBOR readers; VerificationError `ALG_KEY_MISMATCH`
 * @example
 * ```ts
 * import { readTrustAnchors, verifyReceipt } from 'ledger-snapshotter/receipts';
 *
 * declare const receipt: Uint8Array;
 * declare const keySet: Uint8Array; // of https://service.example.com/.well-known/scitt-keys
 * const services = readTrustAnchors(keySet);
 * const { trusted } = await verifyReceipt(receipt, { services });
 * ```
 */
export function readTrustAnchors(source: string | Uint8Array | object): readonly TrustAnchor[] {
  const anchors = anchorsOf(source);
  if (anchors.length === 0) {
    throw new FormatError(
      code,
      'no public key on P-256, P-384 or P-521 is among the trust anchors',
    );
  }
  checkAnchors(anchors);
  return anchors;
}

/**
 * Refuses more anchors than can be meant, and one id of two keys: which of them a receipt names would be a matter of
 * order.
 * @throws FormatError `TOO_LARGE`, `DUPLICATE_KID`
 */
export function checkAnchors(anchors: readonly TrustAnchor[]): void {
  if (anchors.length > anchorsMax) {
    const place = { actual: anchors.length, expected: anchorsMax };
    throw new FormatError('TOO_LARGE', `${anchors.length} trust anchors`, place);
  }
  const keyIds = new Map<string, string>();
  for (const { keyId, kid } of anchors) {
    const names = new Set([hexOf(toUtf8(keyId)), hexOf(kid ?? toUtf8(keyId))]);
    for (const name of names) {
      const known = keyIds.get(name) ?? keyId;
      if (known !== keyId) {
        const message = `two trust anchors have the id ${name} (hex) and different keys: ${known} and ${keyId}`;
        throw new FormatError('DUPLICATE_KID', message, { actual: name });
      }
      keyIds.set(name, keyId);
    }
  }
}

function anchorsOf(source: string | Uint8Array | object): readonly TrustAnchor[] {
  if (typeof source === 'string') return anchorsOfBytes(toUtf8(source));
  if (source instanceof Uint8Array) return anchorsOfBytes(source);
  return anchorsOfBytes(toUtf8(JSON.stringify(source)));
}

function anchorsOfBytes(bytes: Uint8Array): readonly TrustAnchor[] {
  if (bytes.length > anchorBytesMax) {
    const place = { actual: bytes.length, expected: anchorBytesMax };
    throw new FormatError('TOO_LARGE', `trust anchors of ${bytes.length} bytes`, place);
  }
  const first = bytes.find((byte) => !isSpace(byte)) ?? 0;
  if (first === 0x7b) return anchorsOfJson(jsonObject(parseJson(bytes), 'the trust anchors', code));
  if (isOneSequence(bytes)) return [anchorOfDer(bytes)];
  // The heads of arrays and maps in CBOR are no characters of ASCII.
  const head = bytes[0] ?? 0;
  if (head >= 0x80 && head < 0xc0) return anchorsOfCbor(decodeCbor(bytes));
  return [anchorOfPem(pemBlocks(fromUtf8(bytes, code)))];
}

/** Whether bytes are one SEQUENCE in DER, and nothing else. */
function isOneSequence(bytes: Uint8Array): boolean {
  try {
    const reader = new DerReader(bytes, code);
    reader.next('the trust anchor', derTag.sequence);
    return reader.isAtEnd;
  } catch {
    return false;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function anchorOfPem(blocks: readonly PemBlock[]): TrustAnchor {
  const [block] = blocks;
  if (block === undefined) {
    throw new FormatError(code, 'the trust anchor is neither PEM nor DER, JSON or CBOR');
  }
  if (blocks.length > 1) {
    const message = `${blocks.length} PEM blocks where one is expected: give each service in a text of its own`;
    throw new FormatError('BAD_CERTIFICATE', message, { actual: blocks.length, expected: 1 });
  }
  if (block.label === 'CERTIFICATE') return anchorOf(decodeCertificate(block.der).key);
  if (block.label === 'PUBLIC KEY') return anchorOf(keyOfSpki(block.der, code));
  if (block.label.endsWith('PRIVATE KEY')) throw privateKeyError('a PEM');
  const message = `PEM of ${JSON.stringify(block.label)}, not of a CERTIFICATE or PUBLIC KEY`;
  throw new FormatError(code, message, { actual: block.label });
}

function anchorOfDer(der: Uint8Array): TrustAnchor {
  return anchorOf(isCertificateDer(der) ? decodeCertificate(der).key : keyOfSpki(der, code));
}

function anchorOf({ curve, spki, keyId }: EcPublicKey, kid?: Uint8Array): TrustAnchor {
  return { curve, spki, keyId, ...(kid !== undefined && { kid }) };
}

function anchorsOfJson(object: JsonObject): readonly TrustAnchor[] {
  const keys = object.get('keys');
  if (keys === undefined) return anchorOfJwk(object);
  if (!Array.isArray(keys)) throw new FormatError(code, 'the keys of a JWKS are no array');
  const items = keys as readonly JsonValue[]; // isArray forgets the element type
  return items.flatMap((key) => anchorOfJwk(jsonObject(key, 'a JWK', code)));
}

const jwkCurves: readonly string[] = ['P-256', 'P-384', 'P-521'];

/** Members that only a private key has. @see RFC 7518 section 6 */
const privateMembers = ['d', 'p', 'q', 'k', 'priv'];

function privateKeyError(what: string): FormatError {
  const message = `${what} holds a private key: give the public key, and keep the private one secret`;
  return new FormatError('PRIVATE_KEY', message, { expected: 'a public key' });
}

function anchorOfJwk(jwk: JsonObject): readonly TrustAnchor[] {
  if (privateMembers.some((name) => jwk.has(name))) throw privateKeyError('a JWK');
  const crv = jwk.get('crv');
  if (jwk.get('kty') !== 'EC' || typeof crv !== 'string' || !jwkCurves.includes(crv)) return [];
  const curve = crv as CurveName; // one of the names in the list above
  const operations = jwk.get('key_ops');
  const isForOther =
    (jwk.get('use') ?? 'sig') !== 'sig' ||
    (Array.isArray(operations) && !operations.includes('verify'));
  if (isForOther) return [];
  checkAlg(jwk.get('alg'), curve);
  const x = bytesOfBase64Url(jsonText(jwk.get('x'), 'x of a JWK', code));
  const y = bytesOfBase64Url(jsonText(jwk.get('y'), 'y of a JWK', code));
  const kid = jwk.get('kid');
  if (kid === undefined) return [anchorOf(keyOfCoordinates(curve, x, y))];
  const id = toUtf8(jsonText(kid, 'kid of a JWK', code));
  return [anchorOf(keyOfCoordinates(curve, x, y), id)];
}

function anchorsOfCbor(value: CborValue): readonly TrustAnchor[] {
  const keys = Array.isArray(value) ? (value as readonly CborValue[]) : [value];
  return keys.flatMap((key) => {
    if (key instanceof Map) return anchorOfCoseKey(key);
    throw new FormatError(code, 'a COSE_Key is no map');
  });
}

const coseCurves: Readonly<Record<number, CurveName>> = { 1: 'P-256', 2: 'P-384', 3: 'P-521' };

/** Labels of RFC 9053 section 7.1: 1 kty (2 EC2), 2 kid, -1 crv, -2 x, -3 y, which may be the sign alone. */
function anchorOfCoseKey(key: CborMap): readonly TrustAnchor[] {
  if (key.has(-4)) throw privateKeyError('a COSE_Key');
  const crv = key.get(-1);
  const curve = typeof crv === 'number' ? coseCurves[crv] : undefined;
  if (key.get(1) !== 2 || curve === undefined) return [];
  const operations = key.get(4);
  if (Array.isArray(operations) && !operations.includes(2)) return [];
  checkAlg(key.get(3), curve);
  const [kid, x, y] = [key.get(2), key.get(-2), key.get(-3)];
  if (kid !== undefined && !(kid instanceof Uint8Array)) {
    throw new FormatError(code, 'kid of a COSE_Key is no byte string');
  }
  if (!(x instanceof Uint8Array) || (typeof y !== 'boolean' && !(y instanceof Uint8Array))) {
    throw new FormatError(code, 'x or y of a COSE_Key is missing');
  }
  if (typeof y !== 'boolean') return [anchorOf(keyOfCoordinates(curve, x, y), kid?.slice())];
  const point = concatBytes([Uint8Array.of(y ? 3 : 2), x]);
  return [anchorOf(keyOfPoint(curve, point, code), kid?.slice())];
}

/** What a key may be said to be for, by its curve. @see RFC 9864 */
const algs: Readonly<Record<CurveName, readonly unknown[]>> = {
  'P-256': [-7, -9, 'ES256', 'ESP256'],
  'P-384': [-35, -51, 'ES384', 'ESP384'],
  'P-521': [-36, -52, 'ES512', 'ESP512'],
};

function checkAlg(alg: unknown, curve: CurveName): void {
  if (alg === undefined || algs[curve].includes(alg)) return;
  const message = `a key on ${curve} that says alg ${String(alg)}`;
  const limit = algs[curve].join(', ');
  throw new VerificationError('ALG_KEY_MISMATCH', message, {
    actual: String(alg),
    expected: limit,
  });
}

function keyOfCoordinates(curve: CurveName, x: Uint8Array, y: Uint8Array): EcPublicKey {
  const size = coordinateBytes(curve);
  if (x.length === size && y.length === size) {
    return keyOfPoint(curve, concatBytes([Uint8Array.of(4), x, y]), code);
  }
  const message = `coordinates of ${x.length} and ${y.length} bytes on ${curve}, where each has ${size}`;
  throw new FormatError(code, message, { expected: size });
}
