import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../core/bytes.ts';
import { type FormatCode, FormatError, VerificationError } from '../core/errors.ts';

/** A COSE algorithm that CCF signs with: -7 is ES256, -35 is ES384. */
export type EcAlg = -7 | -35;

/** What one COSE algorithm means; the table is closed, so that no header can choose a weaker one. */
export interface EcProfile {
  readonly alg: EcAlg;
  /** OpenSSL's name of the one curve the algorithm may be used with. */
  readonly curve: string;
  readonly hash: 'sha256' | 'sha384';
  /** Bytes of a raw signature, r and s. */
  readonly signatureBytes: number;
}

const profiles: readonly EcProfile[] = [
  { alg: -7, curve: 'prime256v1', hash: 'sha256', signatureBytes: 64 },
  { alg: -35, curve: 'secp384r1', hash: 'sha384', signatureBytes: 96 },
];

/** The profile of a COSE algorithm, or `undefined` when it is not allowed. */
export function profileOfAlg(alg: unknown): EcProfile | undefined {
  return profiles.find((profile) => profile.alg === alg);
}

/**
 * The profile of a key by its curve.
 * @throws VerificationError `ALG_KEY_MISMATCH` for any key but P-256 and P-384
 */
export function profileOfKey(key: KeyObject): EcProfile {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const profile = profiles.find((candidate) => candidate.curve === curve);
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
  if (!profiles.some((profile) => profile.curve === curve) || !equalBytes(spkiOf(key), spki)) {
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
