import { createHash, type KeyObject } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import {
  type CborMap,
  CborTagged,
  type CborValue,
  cborBytes,
  cborMap,
  decodeCbor,
  encodeCbor,
} from '../encoding/cbor.ts';
import { type AnchorEntry, anchorKeysMax, privateKeyError } from './anchor-entry.ts';
import { keyIdOf } from './ec-key.ts';
import { checkAlg, checkKeyName, curveOf, isKeyName, publicKeyOfPoint } from './ec-point.ts';

/**
 * Labels of a COSE_Key.
 *
 * | label | value |
 * |---|---|
 * | 1 kty | 2 EC2; 1 OKP, 3 RSA, 4 Symmetric, 5 HSS-LMS, 7 AKP are skipped |
 * | 2 kid | bstr |
 * | 3 alg | -7 or -9 with P-256, -35 or -51 with P-384 |
 * | 4 key_ops | has 2 (verify), if it is there |
 * | -1 crv | 1 P-256, 2 P-384 |
 * | -2 x, -3 y | bstr of 32 or 48 bytes; y also as a bool, of a compressed point |
 * | -4 d | refused: a private key |
 *
 * @see RFC 9052 section 7, RFC 9053 section 7.1
 */
const label = { kty: 1, kid: 2, alg: 3, keyOps: 4, crv: -1, x: -2, y: -3 } as const;

/** "This is CBOR", which may stand before any CBOR. */
const selfDescribedTag = 55799;

const ec2 = 2;
const verifyOperation = 2;

/** Other types of keys: their names, and the labels of what is private in them. */
const otherTypes: ReadonlyMap<
  CborValue,
  { readonly name: string; readonly secret: readonly number[] }
> = new Map([
  [1, { name: 'an OKP key, such as Ed25519', secret: [-4] }],
  [3, { name: 'an RSA key', secret: [-3, -4, -5, -6, -7, -8, -9, -10, -11, -12] }],
  [4, { name: 'a symmetric key', secret: [-1] }],
  [5, { name: 'an HSS-LMS key', secret: [] }],
  [7, { name: 'an AKP key', secret: [-2] }],
]);

const mlDsa: ReadonlyMap<CborValue, string> = new Map([
  [-48, 'ML-DSA-44'],
  [-49, 'ML-DSA-65'],
  [-50, 'ML-DSA-87'],
]);

/**
 * Reads the keys of a COSE_Key or COSE_KeySet.
 * @throws FormatError `BAD_KEY`, `PRIVATE_KEY`, `TOO_LARGE`, and those of `decodeCbor`
 * @throws VerificationError `ALG_KEY_MISMATCH`, `KID_MISMATCH`
 */
export function readCoseKeys(bytes: Uint8Array): readonly AnchorEntry[] {
  const decoded = decodeCbor(bytes, { tags: [selfDescribedTag] });
  const value = decoded instanceof CborTagged ? decoded.value : decoded;
  if (!Array.isArray(value)) return [readKey(value, 'the COSE_Key')];
  const keys = value as readonly CborValue[]; // isArray forgets the element type
  if (keys.length > anchorKeysMax) {
    const place = { actual: keys.length, expected: anchorKeysMax };
    throw new FormatError('TOO_LARGE', `${keys.length} keys in one COSE_KeySet`, place);
  }
  return keys.map((key, index) => readKey(key, `key ${index}`));
}

function readKey(value: CborValue, where: string): AnchorEntry {
  const key = cborMap(value, where, 'BAD_KEY');
  const kid = kidOf(key, where);
  const place = kid === undefined ? where : `${where} (kid ${JSON.stringify(kid.shown)})`;
  const kty = key.get(label.kty);
  if (kty === undefined) throw badKey(place, 'has no kty (label 1)', 'EC2 (2)');
  if (kty === ec2 || kty === 'EC2') return readEcKey(key, { kid, place });
  const other = otherTypes.get(kty);
  if (other?.secret.some((secret) => key.has(secret))) throw privateKeyError(place);
  const name = mlDsa.get(key.get(label.alg) ?? null) ?? other?.name ?? `of key type ${shown(kty)}`;
  return { place, reason: `is ${name}, which is not verified here` };
}

interface NamedKey {
  readonly kid: KeyName | undefined;
  readonly place: string;
}

function readEcKey(key: CborMap, { kid, place }: NamedKey): AnchorEntry {
  if (key.has(-4)) throw privateKeyError(place);
  const crv = key.get(label.crv);
  if (crv === undefined) throw badKey(place, 'has no crv (label -1)', 'P-256 (1) or P-384 (2)');
  const curve = curveOf(crv);
  if (curve === undefined) {
    const name = crv === 3 || crv === 'P-521' ? 'P-521' : shown(crv);
    return { place, reason: `is of curve ${name}: services sign with P-256 or P-384` };
  }
  if (!mayVerify(key, place)) return { place, reason: 'is not for verifying, by its key_ops' };
  checkAlg(key.get(label.alg), curve, place);
  const x = cborBytes(key.get(label.x), `${place}: x`, 'BAD_KEY');
  const written = key.get(label.y);
  const y = typeof written === 'boolean' ? written : cborBytes(written, `${place}: y`, 'BAD_KEY');
  const anchor = publicKeyOfPoint({ curve, x, y }, place);
  if (kid?.digest !== undefined) {
    checkKeyName(kid.digest, [keyIdOf(anchor), thumbprintOf(anchor, curve.cose)], place);
  }
  return { place, anchor, kid: kid?.shown };
}

function mayVerify(key: CborMap, place: string): boolean {
  const operations = key.get(label.keyOps);
  if (operations === undefined) return true;
  if (!Array.isArray(operations)) throw badKey(place, 'has key_ops that are no array', 'an array');
  return operations.some((operation) => operation === verifyOperation || operation === 'verify');
}

interface KeyName {
  readonly shown: string;
  /** Hex, where it is a SHA-256. */
  readonly digest: string | undefined;
}

/** CCF writes 64 hex characters as bytes; others write digests as they are, or a text of their own. */
function kidOf(key: CborMap, where: string): KeyName | undefined {
  const kid = key.get(label.kid);
  if (kid === undefined) return undefined;
  const bytes =
    typeof kid === 'string' ? Buffer.from(kid) : cborBytes(kid, `${where}: kid`, 'BAD_KEY');
  const text = Buffer.from(bytes).toString('latin1');
  if (isKeyName(text)) return { shown: text, digest: text };
  const digest = bytes.length === 32 ? toHex(bytes) : undefined;
  return { shown: /^[\x20-\x7e]*$/.test(text) ? text : toHex(bytes), digest };
}

/** The other name that can only be made from the key. @see RFC 9679 section 3 */
function thumbprintOf(key: KeyObject, crv: number): string {
  const { x = '', y = '' } = key.export({ format: 'jwk' });
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64url'));
  const required = new Map<number, CborValue>([
    [label.kty, ec2],
    [label.crv, crv],
    [label.x, bytes(x)],
    [label.y, bytes(y)],
  ]);
  return toHex(createHash('sha256').update(encodeCbor(required)).digest());
}

const shown = (value: CborValue): string =>
  typeof value === 'number' || typeof value === 'string' ? JSON.stringify(value) : 'of no name';

function badKey(place: string, what: string, expected: string): FormatError {
  return new FormatError('BAD_KEY', `${place} ${what}: ${expected} is expected`, { expected });
}
