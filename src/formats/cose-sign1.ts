import { type KeyObject, sign, verify } from 'node:crypto';
import { equalBytes } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { receiptBytesMax } from '../core/limits.ts';
import {
  type CborMap,
  CborTagged,
  type CborValue,
  cborArray,
  cborBytes,
  cborMap,
  decodeCbor,
  encodeCbor,
} from './cbor.ts';
import { type EcProfile, profileOfAlg, profileOfKey } from './ec-key.ts';

/** Header labels of COSE and CCF; IANA's "COSE Header Parameters" and CCF's own. */
export const coseLabel = {
  alg: 1,
  crit: 2,
  kid: 4,
  cwtClaims: 15,
  vds: 395,
  vdp: 396,
  ccf: 'ccf.v1',
} as const;

const sign1Tag = 18;

/** A COSE_Sign1 message that passed the gate; every byte string is a view of what was received. */
export interface CoseSign1 {
  /** The protected header as received: this, not its decoded form, is what was signed. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly profile: EcProfile;
  readonly kid: Uint8Array | undefined;
  /** `undefined` when detached. */
  readonly payload: Uint8Array | undefined;
  /** r and s, each as long as the curve's order. */
  readonly signature: Uint8Array;
}

/** Which payload form a message must have. */
export interface CoseSign1Options {
  readonly payload: 'detached' | 'attached' | 'either';
}

/**
 * The strict gate that every COSE_Sign1 message passes before anything is believed or verified.
 *
 * | bytes | item |
 * |---|---|
 * | d2 84 | tag 18, array of four |
 * | bstr | protected header, a map: `alg` (allow-listed), no `crit` |
 * | map | unprotected header: no `alg`, no `crit`, no label that is also protected |
 * | f6 or bstr | payload, detached or attached |
 * | bstr | signature, 64 (ES256) or 96 (ES384) bytes |
 *
 * Indefinite lengths and long forms are refused even where honestly signed: CCF never writes them.
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_*`, `ALG_MISSING`, `ALG_UNPROTECTED`, `SIG_LENGTH`
 * @throws VerificationError `ALG_NOT_ALLOWED`
 * @see RFC 9052 section 4.2
 */
export function decodeCoseSign1(bytes: Uint8Array, options: CoseSign1Options): CoseSign1 {
  const [protectedItem, unprotectedItem, payloadItem, signatureItem] = sign1Items(bytes);
  const protectedBytes = cborBytes(protectedItem, 'the protected header', 'COSE_STRUCTURE');
  const unprotectedHeader = cborMap(unprotectedItem, 'the unprotected header', 'COSE_STRUCTURE');
  const protectedHeader = decodeProtected(protectedBytes);
  checkLabels(protectedHeader, unprotectedHeader);
  const profile = allowedProfile(protectedHeader, unprotectedHeader);
  const signature = cborBytes(signatureItem, 'the signature', 'COSE_STRUCTURE');
  checkSignatureLength(signature, profile);
  const payload = payloadOf(payloadItem, options);
  const kid = kidOf(protectedHeader);
  return { protectedBytes, protectedHeader, unprotectedHeader, profile, kid, payload, signature };
}

function sign1Items(bytes: Uint8Array): readonly CborValue[] {
  if (bytes.length > receiptBytesMax) {
    const place = { actual: bytes.length, limit: receiptBytesMax };
    throw new FormatError('TOO_LARGE', `a COSE message of ${bytes.length} bytes`, place);
  }
  if (bytes[0] !== (0xc0 | sign1Tag)) {
    throw new FormatError('COSE_TAG', 'the message is not tagged 18 (COSE_Sign1)', { offset: 0 });
  }
  const tagged = decodeCbor(bytes, { tags: [sign1Tag] });
  const content = tagged instanceof CborTagged ? tagged.value : tagged;
  if (content instanceof CborTagged) throw new FormatError('COSE_TAG', 'tag 18 inside tag 18');
  const items = cborArray(content, 'the message', 'COSE_STRUCTURE');
  if (items.length === 4) return items;
  throw new FormatError('COSE_STRUCTURE', `the message has ${items.length} items, not 4`);
}

function decodeProtected(bytes: Uint8Array): CborMap {
  if (bytes.length === 0) return new Map();
  return cborMap(decodeCbor(bytes), 'the protected header', 'COSE_STRUCTURE');
}

function checkLabels(protectedHeader: CborMap, unprotectedHeader: CborMap): void {
  if (protectedHeader.has(coseLabel.crit) || unprotectedHeader.has(coseLabel.crit)) {
    throw new FormatError('COSE_CRIT', 'no critical extension is understood here');
  }
  for (const label of unprotectedHeader.keys()) {
    if (protectedHeader.has(label)) {
      throw new FormatError('COSE_LABEL_IN_BOTH', `label ${label} is in both headers`);
    }
  }
}

function allowedProfile(protectedHeader: CborMap, unprotectedHeader: CborMap): EcProfile {
  if (unprotectedHeader.has(coseLabel.alg)) {
    throw new FormatError('ALG_UNPROTECTED', 'alg is outside the protected header');
  }
  const alg = protectedHeader.get(coseLabel.alg);
  if (alg === undefined) throw new FormatError('ALG_MISSING', 'the protected header has no alg');
  const profile = profileOfAlg(alg);
  if (profile !== undefined) return profile;
  throw new VerificationError('ALG_NOT_ALLOWED', 'alg is neither ES256 (-7) nor ES384 (-35)', {
    actual: typeof alg === 'number' || typeof alg === 'string' ? alg : typeof alg,
  });
}

function checkSignatureLength(signature: Uint8Array, profile: EcProfile): void {
  if (signature.length === profile.signatureBytes) return;
  const place = { actual: signature.length, limit: profile.signatureBytes };
  const message = `a signature of ${signature.length} bytes, not ${profile.signatureBytes}`;
  throw new FormatError('SIG_LENGTH', message, place);
}

function payloadOf(item: CborValue | undefined, options: CoseSign1Options): Uint8Array | undefined {
  if (item !== null && !(item instanceof Uint8Array)) {
    throw new FormatError('COSE_STRUCTURE', 'the payload is neither bytes nor nil');
  }
  const form = item === null ? 'detached' : 'attached';
  if (options.payload === form || options.payload === 'either') return item ?? undefined;
  throw new FormatError('COSE_PAYLOAD', `the payload is ${form}, not ${options.payload}`);
}

function kidOf(header: CborMap): Uint8Array | undefined {
  const kid = header.get(coseLabel.kid);
  return kid === undefined ? undefined : cborBytes(kid, 'kid', 'COSE_STRUCTURE');
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

/**
 * The payload that a message signs: its own, or the detached one.
 * @throws FormatError `COSE_PAYLOAD` when there is none, or two that differ
 */
export function signedPayload(message: CoseSign1, detached: Uint8Array | undefined): Uint8Array {
  const payload = message.payload ?? detached;
  if (payload === undefined) throw new FormatError('COSE_PAYLOAD', 'the payload is missing');
  if (detached === undefined || equalBytes(payload, detached)) return payload;
  throw new FormatError('COSE_PAYLOAD', 'the attached payload is not the expected one');
}

/** The Sig_structure with empty external data. @see RFC 9052 section 4.4 */
function toBeSigned(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]);
}

/** The four items of a message. */
export interface CoseSign1Parts {
  readonly protectedBytes: Uint8Array;
  /** @default empty */
  readonly unprotectedHeader?: CborMap;
  /** `undefined` for detached. */
  readonly payload: Uint8Array | undefined;
  readonly signature: Uint8Array;
}

/** Encodes a tagged COSE_Sign1 message. */
export function encodeCoseSign1(parts: CoseSign1Parts): Uint8Array {
  const { protectedBytes, unprotectedHeader, payload, signature } = parts;
  const items = [protectedBytes, unprotectedHeader ?? new Map(), payload ?? null, signature];
  return encodeCbor(new CborTagged(sign1Tag, items));
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
