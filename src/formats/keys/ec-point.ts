import { createPublicKey, ECDH, type KeyObject } from 'node:crypto';
import { concatBytes } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';

/** What one curve is called where keys are written by their coordinates. */
export interface CurveNames {
  /** JOSE's name; COSE has `cose`. */
  readonly name: 'P-256' | 'P-384';
  readonly cose: number;
  /** OpenSSL's name. */
  readonly openssl: string;
  /** Bytes of a coordinate, leading zeros included. */
  readonly coordinateBytes: number;
  /** The algorithms that a key of it may be said to be for, as COSE numbers and as JOSE and COSE names. */
  readonly algs: readonly (number | string)[];
}

/** The curves that services sign with. @see RFC 9053 section 7.1, RFC 7518 section 6.2, RFC 9864 */
const curves: readonly CurveNames[] = [
  {
    name: 'P-256',
    cose: 1,
    openssl: 'prime256v1',
    coordinateBytes: 32,
    algs: [-7, -9, 'ES256', 'ESP256'],
  },
  {
    name: 'P-384',
    cose: 2,
    openssl: 'secp384r1',
    coordinateBytes: 48,
    algs: [-35, -51, 'ES384', 'ESP384'],
  },
];

/** The curve that COSE or JOSE calls so. */
export function curveOf(name: unknown): CurveNames | undefined {
  return curves.find((curve) => curve.name === name || curve.cose === name);
}

/** A point as a key's file has it. */
export interface WrittenPoint {
  readonly curve: CurveNames;
  readonly x: Uint8Array;
  /** Or whether it is odd, of a compressed point. */
  readonly y: Uint8Array | boolean;
}

/**
 * The public key of a point.
 * @param place which key of the file, for messages
 * @throws FormatError `BAD_KEY` when a coordinate has another length than the curve's, or the point is not on it
 */
export function publicKeyOfPoint({ curve, x, y }: WrittenPoint, place: string): KeyObject {
  checkLength('x', x, curve, place);
  if (typeof y !== 'boolean') checkLength('y', y, curve, place);
  try {
    const point = typeof y === 'boolean' ? decompressed(curve, x, y) : concatBytes([x, y]);
    return keyOfCoordinates(curve, point);
  } catch (cause) {
    const message = `${place} is no point of ${curve.name}`;
    throw new FormatError('BAD_KEY', message, { expected: `a point of ${curve.name}`, cause });
  }
}

function checkLength(name: string, coordinate: Uint8Array, curve: CurveNames, place: string): void {
  const { length } = coordinate;
  const limit = curve.coordinateBytes;
  if (length === limit) return;
  const message = `${place}: ${name} has ${length} bytes, of ${curve.name} it has ${limit}`;
  throw new FormatError('BAD_KEY', message, { actual: length, expected: limit });
}

function decompressed(curve: CurveNames, x: Uint8Array, isOdd: boolean): Uint8Array {
  const compressed = concatBytes([Uint8Array.of(isOdd ? 3 : 2), x]);
  const { openssl } = curve;
  const point = ECDH.convertKey(compressed, openssl, undefined, undefined, 'uncompressed');
  return new Uint8Array(point as Buffer).subarray(1); // a Buffer where no encoding is asked for
}

/** @param point x and y, one behind the other */
function keyOfCoordinates({ name, coordinateBytes }: CurveNames, point: Uint8Array): KeyObject {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const x = text(point.subarray(0, coordinateBytes));
  const y = text(point.subarray(coordinateBytes));
  return createPublicKey({ key: { kty: 'EC', crv: name, x, y }, format: 'jwk' });
}

/** The same key, written with a whole point: OpenSSL keeps a compressed one, and a key would have two ids. */
export function canonicalKey(key: KeyObject): KeyObject {
  return createPublicKey({ key: key.export({ format: 'jwk' }), format: 'jwk' });
}

/**
 * Whether what a key says of its algorithm goes with its curve.
 * @param alg as written; `undefined` where the key does not say it
 * @throws VerificationError `ALG_KEY_MISMATCH`
 */
export function checkAlg(alg: unknown, curve: CurveNames, place: string): void {
  if (alg === undefined || curve.algs.some((allowed) => allowed === alg)) return;
  const [cose, , jose] = curve.algs;
  const actual = String(alg);
  const limit = `${jose} (${cose})`;
  const message = `${place} is of ${curve.name} and says alg ${actual}: ${limit} goes with that curve`;
  throw new VerificationError('ALG_KEY_MISMATCH', message, { actual, expected: limit });
}

/**
 * Whether a name that can only be made from a key was made from this one.
 * @param kid what the file says, hex
 * @param ids the names that the key can have, hex
 * @throws VerificationError `KID_MISMATCH`
 */
export function checkKeyName(kid: string, ids: readonly string[], place: string): void {
  if (ids.includes(kid.toLowerCase())) return;
  const [limit = ''] = ids;
  const message = `${place}: its kid is the SHA-256 of another key, of this one it is ${limit}`;
  throw new VerificationError('KID_MISMATCH', message, { actual: kid, expected: limit });
}

/** CCF's form of a key's name: hex SHA-256. */
export const isKeyName = (kid: string): boolean => /^[0-9a-f]{64}$/i.test(kid);
