import { type KeyObject, sign, verify } from 'node:crypto';
import { VerificationError } from '../../core/errors.ts';
import { type CborMap, encodeCbor } from '../encoding/cbor.ts';
import { profileOfKey } from '../keys/ec-key.ts';
import { type EcProfile, ecProfiles } from '../keys/ec-profile.ts';
import {
  coseLabel,
  encodeCoseSign1,
  type GatedSign1,
  openCoseSign1,
  type PayloadForm,
  signedPayload,
  toBeSigned,
} from './cose-sign1-gate.ts';

export {
  coseLabel,
  encodeCoseSign1,
  signedPayload,
} from './cose-sign1-gate.ts';

/** A COSE_Sign1 message that passed the gate, of an algorithm that CCF signs with. */
export type CoseSign1 = GatedSign1<EcProfile>;

/** Which payload form a message must have. */
export interface CoseSign1Options {
  readonly payload: PayloadForm;
}

/**
 * Decodes a message through the gate, `openCoseSign1`, with the algorithms that CCF signs with.
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_*`, `ALG_MISSING`, `ALG_UNPROTECTED`, `SIG_LENGTH`
 * @throws VerificationError `ALG_NOT_ALLOWED`
 */
export function decodeCoseSign1(bytes: Uint8Array, { payload }: CoseSign1Options): CoseSign1 {
  return openCoseSign1(bytes, { payload, profiles: ecProfiles });
}

/**
 * Verifies on the thread pool, over the bytes as received, with the algorithm bound to the key's curve.
 * The twin signature (r, n-s) verifies as well: never use signature bytes as an identity.
 * @param detachedPayload what a detached message signs; with an attached payload it must be equal
 * @throws VerificationError `ALG_KEY_MISMATCH`, `SIG_INVALID`
 * @throws FormatError `COSE_PAYLOAD` when there is no payload, or two that differ
 */
export async function verifyCoseSign1(
  message: CoseSign1,
  key: KeyObject,
  detachedPayload?: Uint8Array,
): Promise<void> {
  const input = verifyInput(message, key, detachedPayload);
  const valid = await new Promise<boolean>((resolve) => {
    // With an error there is no result: nothing but true is a valid signature.
    verify(message.profile.hash, input, ieeeKey(key), message.signature, (_error, result) =>
      resolve(result === true),
    );
  });
  if (!valid) throw signatureInvalid();
}

/** {@link verifyCoseSign1} on the calling thread: 1 ms for P-384. */
export function verifyCoseSign1Sync(
  message: CoseSign1,
  key: KeyObject,
  detachedPayload?: Uint8Array,
): void {
  const input = verifyInput(message, key, detachedPayload);
  const valid = verify(message.profile.hash, input, ieeeKey(key), message.signature);
  if (!valid) throw signatureInvalid();
}

function signatureInvalid(): VerificationError {
  return new VerificationError('SIG_INVALID', 'the COSE signature does not verify under this key');
}

function ieeeKey(key: KeyObject): { key: KeyObject; dsaEncoding: 'ieee-p1363' } {
  return { key, dsaEncoding: 'ieee-p1363' };
}

function verifyInput(message: CoseSign1, key: KeyObject, detached?: Uint8Array): Uint8Array {
  const { alg, curve } = message.profile;
  if (profileOfKey(key).alg !== alg) {
    throw new VerificationError('ALG_KEY_MISMATCH', `alg ${alg} needs a key on ${curve}`);
  }
  return toBeSigned(message.protectedBytes, signedPayload(message, detached));
}

/** What {@link signCoseSign1} signs. */
export interface CoseSign1Draft {
  /** Written in its own order; its `alg` must fit the key. */
  readonly protectedHeader: CborMap;
  readonly payload: Uint8Array;
  /** Whether the message carries the payload. */
  readonly attached: boolean;
}

/**
 * Signs on the thread pool; the private key never leaves its KeyObject.
 * @throws VerificationError `ALG_KEY_MISMATCH`
 */
export async function signCoseSign1(draft: CoseSign1Draft, key: KeyObject): Promise<Uint8Array> {
  const profile = profileOfKey(key);
  if (draft.protectedHeader.get(coseLabel.alg) !== profile.alg) {
    throw new VerificationError('ALG_KEY_MISMATCH', `this key signs with alg ${profile.alg}`);
  }
  const protectedBytes = encodeCbor(draft.protectedHeader);
  const input = toBeSigned(protectedBytes, draft.payload);
  const signature = await new Promise<Uint8Array>((resolve, reject) => {
    sign(profile.hash, input, ieeeKey(key), (error, result) =>
      error === null ? resolve(new Uint8Array(result)) : reject(error),
    );
  });
  const payload = draft.attached ? draft.payload : undefined;
  return encodeCoseSign1({ protectedBytes, payload, signature });
}
