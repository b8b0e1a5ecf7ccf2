import { fromBase64 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { type JsonObject, type JsonValue, jsonObject, parseJson } from '../encoding/json.ts';
import { type AnchorEntry, anchorKeysMax, privateKeyError } from './anchor-entry.ts';
import { keyIdOf } from './ec-key.ts';
import { checkAlg, checkKeyName, curveOf, isKeyName, publicKeyOfPoint } from './ec-point.ts';

/** Members that only a private or secret key has. @see RFC 7518 section 6, RFC 8037 section 2 */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/**
 * Reads the keys of a JWK or JWK Set. Of a key count `kty` EC, `crv`, `x`, `y`, `alg`, `use`, `key_ops` and `kid`; its
 * certificates (`x5c`, `x5u`) do not.
 * @throws FormatError `BAD_KEY`, `PRIVATE_KEY`, `TOO_LARGE`, and those of `parseJson`
 * @throws VerificationError `ALG_KEY_MISMATCH`, `KID_MISMATCH`
 * @see RFC 7517, RFC 7518 section 6.2
 */
export function readJsonWebKeys(bytes: Uint8Array): readonly AnchorEntry[] {
  const object = jsonObject(parseJson(bytes), 'a JWK or JWK Set');
  const keys = object.get('keys');
  if (keys === undefined) return [readKey(object, 'the JWK')];
  if (!Array.isArray(keys)) throw badKey('the JWK Set', 'has keys that are no array', 'an array');
  if (keys.length > anchorKeysMax) {
    const place = { actual: keys.length, expected: anchorKeysMax };
    throw new FormatError('TOO_LARGE', `${keys.length} keys in one JWK Set`, place);
  }
  return (keys as readonly JsonValue[]).map((key, index) => readKey(key, `key ${index}`)); // isArray forgets it
}

function readKey(value: JsonValue, where: string): AnchorEntry {
  if (!(value instanceof Map)) throw badKey(where, 'is no object', 'a JWK');
  const key = value as JsonObject; // a Map is the one member of the union that is one
  const kid = textOf(key, 'kid', where);
  const place = kid === undefined ? where : `${where} (kid ${JSON.stringify(kid)})`;
  const kty = textOf(key, 'kty', place);
  if (kty === undefined) throw badKey(place, 'has no kty', '"EC"');
  if (privateMembers.some((name) => key.has(name))) throw privateKeyError(place);
  if (kty === 'EC') return readEcKey(key, { kid, place });
  const alg = textOf(key, 'alg', place);
  const name = alg === undefined ? kty : `${kty} (${alg})`;
  return { place, reason: `is of type ${name}, which is not verified here` };
}

interface NamedKey {
  readonly kid: string | undefined;
  readonly place: string;
}

function readEcKey(key: JsonObject, { kid, place }: NamedKey): AnchorEntry {
  const crv = textOf(key, 'crv', place);
  if (crv === undefined) throw badKey(place, 'has no crv', '"P-256" or "P-384"');
  const curve = curveOf(crv);
  if (curve === undefined) {
    return { place, reason: `is of curve ${crv}: services sign with P-256 or P-384` };
  }
  const otherUse = otherUseOf(key, place);
  if (otherUse !== undefined) return { place, reason: otherUse };
  checkAlg(textOf(key, 'alg', place), curve, place);
  const x = coordinateOf(key, 'x', place);
  const anchor = publicKeyOfPoint({ curve, x, y: coordinateOf(key, 'y', place) }, place);
  if (kid !== undefined && isKeyName(kid)) checkKeyName(kid, [keyIdOf(anchor)], place);
  return { place, anchor, kid };
}

/** Why a key is for something else than to verify signatures; `undefined` when it is for that. */
function otherUseOf(key: JsonObject, place: string): string | undefined {
  const use = textOf(key, 'use', place);
  if (use !== undefined && use !== 'sig') return `is not for verifying: its use is "${use}"`;
  const operations = key.get('key_ops');
  if (operations !== undefined) {
    if (!Array.isArray(operations))
      throw badKey(place, 'has key_ops that are no array', 'an array');
    if (!operations.includes('verify')) return 'is not for verifying, by its key_ops';
  }
  const alg = textOf(key, 'alg', place);
  return alg?.startsWith('ECDH-') ? `is not for verifying: its alg is ${alg}` : undefined;
}

function textOf(key: JsonObject, name: string, place: string): string | undefined {
  const value = key.get(name);
  if (value === undefined || typeof value === 'string') return value;
  throw badKey(place, `has a ${name} that is no text`, 'a text');
}

function coordinateOf(key: JsonObject, name: 'x' | 'y', place: string): Uint8Array {
  const text = textOf(key, name, place);
  if (text === undefined) throw badKey(place, `has no ${name}`, 'base64url of a coordinate');
  if (/^[A-Za-z0-9_-]*$/.test(text)) {
    const standard = text.replaceAll('-', '+').replaceAll('_', '/');
    try {
      return fromBase64(standard.padEnd(Math.ceil(text.length / 4) * 4, '='));
    } catch {
      // It is told below.
    }
  }
  throw badKey(place, `has an ${name} that is no base64url`, 'base64url without padding');
}

function badKey(place: string, what: string, expected: string): FormatError {
  return new FormatError('BAD_KEY', `${place} ${what}: ${expected} is expected`, { expected });
}
