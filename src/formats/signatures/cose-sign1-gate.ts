import { equalBytes } from '../../core/byte-strings.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { receiptBytesMax } from '../../core/limits.ts';
import {
  type CborMap,
  CborTagged,
  type CborValue,
  cborArray,
  cborBytes,
  cborMap,
  decodeCbor,
  encodeCbor,
} from '../encoding/cbor.ts';

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

/** The tag of a COSE_Sign1 message. */
export const sign1Tag = 18;

/** What the gate needs to know of an algorithm. */
export interface SignatureProfile {
  /** COSE's number of the algorithm. */
  readonly alg: number;
  readonly name: string;
  /** Bytes of a raw signature. */
  readonly signatureBytes: number;
}

/** A COSE_Sign1 message that passed the gate; every byte string is a view of what was received. */
export interface GatedSign1<Profile extends SignatureProfile> {
  /** The protected header as received: this, not its decoded form, is what was signed. */
  readonly protectedBytes: Uint8Array;
  readonly protectedHeader: CborMap;
  readonly unprotectedHeader: CborMap;
  readonly profile: Profile;
  readonly kid: Uint8Array | undefined;
  /** `undefined` when detached. */
  readonly payload: Uint8Array | undefined;
  /** r and s, each as long as the curve's order. */
  readonly signature: Uint8Array;
}

/** Which payload form a message must have. */
export type PayloadForm = 'detached' | 'attached' | 'either';

/** What a gate lets through. */
export interface GateOptions<Profile extends SignatureProfile> {
  readonly payload: PayloadForm;
  /** The allow-list of algorithms. */
  readonly profiles: readonly Profile[];
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
 * | bstr | signature, as long as the algorithm's are: 64 bytes (ES256), 96 (ES384) or 132 (ES512) |
 *
 * Indefinite lengths and long forms are refused even where honestly signed: CCF never writes them.
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_*`, `ALG_MISSING`, `ALG_UNPROTECTED`, `SIG_LENGTH`
 * @throws VerificationError `ALG_NOT_ALLOWED`
 * @see RFC 9052 section 4.2
 */
export function openCoseSign1<Profile extends SignatureProfile>(
  bytes: Uint8Array,
  options: GateOptions<Profile>,
): GatedSign1<Profile> {
  const [protectedItem, unprotectedItem, payloadItem, signatureItem] = sign1Items(bytes);
  const protectedBytes = cborBytes(protectedItem, 'the protected header', 'COSE_STRUCTURE');
  const unprotectedHeader = cborMap(unprotectedItem, 'the unprotected header', 'COSE_STRUCTURE');
  const protectedHeader = decodeProtected(protectedBytes);
  checkLabels(protectedHeader, unprotectedHeader);
  const profile = allowedProfile(protectedHeader, unprotectedHeader, options.profiles);
  const signature = cborBytes(signatureItem, 'the signature', 'COSE_STRUCTURE');
  checkSignatureLength(signature, profile);
  const payload = payloadOf(payloadItem, options.payload);
  const kid = kidOf(protectedHeader);
  return { protectedBytes, protectedHeader, unprotectedHeader, profile, kid, payload, signature };
}

function sign1Items(bytes: Uint8Array): readonly CborValue[] {
  if (bytes.length > receiptBytesMax) {
    const place = { actual: bytes.length, expected: receiptBytesMax };
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

function allowedProfile<Profile extends SignatureProfile>(
  protectedHeader: CborMap,
  unprotectedHeader: CborMap,
  profiles: readonly Profile[],
): Profile {
  if (unprotectedHeader.has(coseLabel.alg)) {
    throw new FormatError('ALG_UNPROTECTED', 'alg is outside the protected header');
  }
  const alg = protectedHeader.get(coseLabel.alg);
  if (alg === undefined) throw new FormatError('ALG_MISSING', 'the protected header has no alg');
  const profile = profiles.find((candidate) => candidate.alg === alg);
  if (profile !== undefined) return profile;
  const allowed = profiles.map(({ name, alg: number }) => `${name} (${number})`).join(' nor ');
  throw new VerificationError('ALG_NOT_ALLOWED', `alg is neither ${allowed}`, {
    actual: typeof alg === 'number' || typeof alg === 'string' ? alg : typeof alg,
  });
}

function checkSignatureLength(signature: Uint8Array, profile: SignatureProfile): void {
  if (signature.length === profile.signatureBytes) return;
  const place = { actual: signature.length, expected: profile.signatureBytes };
  const message = `a signature of ${signature.length} bytes, not ${profile.signatureBytes}`;
  throw new FormatError('SIG_LENGTH', message, place);
}

function payloadOf(item: CborValue | undefined, wanted: PayloadForm): Uint8Array | undefined {
  if (item !== null && !(item instanceof Uint8Array)) {
    throw new FormatError('COSE_STRUCTURE', 'the payload is neither bytes nor nil');
  }
  const form = item === null ? 'detached' : 'attached';
  if (wanted === form || wanted === 'either') return item ?? undefined;
  throw new FormatError('COSE_PAYLOAD', `the payload is ${form}, not ${wanted}`);
}

function kidOf(header: CborMap): Uint8Array | undefined {
  const kid = header.get(coseLabel.kid);
  return kid === undefined ? undefined : cborBytes(kid, 'kid', 'COSE_STRUCTURE');
}

/**
 * The payload that a message signs: its own, or the detached one.
 * @throws FormatError `COSE_PAYLOAD` when there is none, or two that differ
 */
export function signedPayload(
  message: { readonly payload: Uint8Array | undefined },
  detached: Uint8Array | undefined,
): Uint8Array {
  const payload = message.payload ?? detached;
  if (payload === undefined) throw new FormatError('COSE_PAYLOAD', 'the payload is missing');
  if (detached === undefined || equalBytes(payload, detached)) return payload;
  throw new FormatError('COSE_PAYLOAD', 'the attached payload is not the expected one');
}

/** The Sig_structure with empty external data. @see RFC 9052 section 4.4 */
export function toBeSigned(protectedBytes: Uint8Array, payload: Uint8Array): Uint8Array {
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
