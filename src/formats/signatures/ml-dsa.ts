import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromUtf8 } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { keyIdOfSpki } from '../keys/ec-key.ts';
import { type GatedSign1, openCoseSign1, signedPayload, toBeSigned } from './cose-sign1-gate.ts';

/** What one algorithm means; the table is closed, as that of the classical ones. @see RFC 9881; FIPS 204 */
const profiles = [
  { alg: -48, name: 'ml-dsa-44', signatureBytes: 2420 },
  { alg: -49, name: 'ml-dsa-65', signatureBytes: 3309 },
  { alg: -50, name: 'ml-dsa-87', signatureBytes: 4627 },
] as const;

type MlDsaProfile = (typeof profiles)[number];

/** An ML-DSA key that this Node.js can verify with. */
export interface MlDsaKey {
  readonly publicKey: KeyObject;
  readonly keyId: string;
  readonly profile: MlDsaProfile;
}

/**
 * Reads an ML-DSA public key from its SubjectPublicKeyInfo.
 * @returns `undefined` for a key of another algorithm, and for any where this Node.js knows none (before 24)
 */
export function mlDsaKey(spki: Uint8Array): MlDsaKey | undefined {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    const type: string | undefined = publicKey.asymmetricKeyType;
    const profile = profiles.find(({ name }) => name === type);
    return profile && { publicKey, keyId: keyIdOfSpki(spki), profile };
  } catch {
    return undefined;
  }
}

/**
 * Verifies a COSE_Sign1 message under ML-DSA. It passes the gate of the classical signatures, with `alg` of
 * this very key; and nothing may stand in the unprotected header.
 * @param detached what a detached message signs; an attached payload is signed itself
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_*`, `ALG_MISSING`, `SIG_LENGTH`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `KID_MISMATCH`, `SIG_INVALID`
 * @see RFC 9052 section 4.4
 */
export async function verifyMlDsaSign1(
  bytes: Uint8Array,
  key: MlDsaKey,
  detached?: Uint8Array,
): Promise<GatedSign1<MlDsaProfile>> {
  const payload = detached === undefined ? 'attached' : 'detached';
  const message = openCoseSign1(bytes, { payload, profiles: [key.profile] });
  if (message.unprotectedHeader.size !== 0) {
    throw new FormatError('COSE_UNKNOWN_UNPROTECTED', 'the unprotected header is not empty');
  }
  checkKid(message.kid, key);
  const input = toBeSigned(message.protectedBytes, signedPayload(message, detached));
  if (await isValid(input, key.publicKey, message.signature)) return message;
  const what = `the ${key.profile.name} signature does not verify under key ${key.keyId}`;
  throw new VerificationError('SIG_INVALID', what);
}

function checkKid(kid: Uint8Array | undefined, { keyId }: MlDsaKey): void {
  if (kid === undefined) return;
  const named = fromUtf8(kid, 'COSE_STRUCTURE');
  if (named === keyId) return;
  const message = `the message names key ${named.slice(0, 80)}, the identity is ${keyId}`;
  throw new VerificationError('KID_MISMATCH', message, { expected: keyId });
}

/** On the thread pool; nothing but true is a valid signature. */
function isValid(input: Uint8Array, key: KeyObject, signature: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    verify(null, input, key, signature, (_error, result) => resolve(result === true));
  });
}
