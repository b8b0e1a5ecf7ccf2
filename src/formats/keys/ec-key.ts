import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../../core/bytes.ts';
import { type FormatCode, FormatError, VerificationError } from '../../core/errors.ts';
import { type EcProfile, ecProfiles } from './ec-profile.ts';

export type { EcAlg, EcProfile } from './ec-profile.ts';

/**
 * The profile of a key by its curve.
 * @throws VerificationError `ALG_KEY_MISMATCH` for any key but P-256 and P-384
 */
export function profileOfKey(key: KeyObject): EcProfile {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const profile = ecProfiles.find((candidate) => candidate.curve === curve);
  if (key.asymmetricKeyType === 'ec' && profile !== undefined) return profile;
  throw new VerificationError(
    'ALG_KEY_MISMATCH',
    `CCF signs with P-256 or P-384, this key is ${curve ?? key.asymmetricKeyType ?? key.type}`,
  );
}

/** The SubjectPublicKeyInfo of a key (of its public half when it is private), DER. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
}

/** CCF's name of a key: hex SHA-256 of its SubjectPublicKeyInfo; node ids and COSE kids are made so. */
export function keyIdOf(key: KeyObject): string {
  return keyIdOfSpki(spkiOf(key));
}

/** `keyIdOf` for a key that is still DER. */
export function keyIdOfSpki(spki: Uint8Array): string {
  return toHex(createHash('sha256').update(spki).digest());
}

/** The key read last: a service has one, which stands beside each of its signatures. */
let lastRead: { readonly spki: Uint8Array; readonly key: KeyObject } | undefined;

/**
 * Reads a P-256 or P-384 public key from DER, which must be what we would write: two encodings of one
 * key would give it two ids.
 * @throws FormatError `code` when it is no such key
 */
export function publicKeyOfSpki(spki: Uint8Array, code: FormatCode): KeyObject {
  // Reading one proves that its point lies on the curve, which takes a third of what a signature takes.
  if (lastRead !== undefined && equalBytes(lastRead.spki, spki)) return lastRead.key;
  const key = readSpki(spki, code);
  lastRead = { spki: spki.slice(), key };
  return key;
}

function readSpki(spki: Uint8Array, code: FormatCode): KeyObject {
  const key = parseSpki(spki, code);
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (!ecProfiles.some((profile) => profile.curve === curve) || !equalBytes(spkiOf(key), spki)) {
    throw new FormatError(code, `not a P-256 or P-384 public key in canonical DER (${curve})`);
  }
  return key;
}

function parseSpki(spki: Uint8Array, code: FormatCode): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new FormatError(code, `not a public key (${spki.length} bytes)`, { cause });
  }
}
