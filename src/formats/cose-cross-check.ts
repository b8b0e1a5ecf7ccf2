import { createECDH } from 'node:crypto';
import { createRequire } from 'node:module';
import { concatBytes, equalBytes } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import { encodeCbor } from './cbor.ts';
import { decodeCoseSign1, encodeCoseSign1, signedPayload } from './cose-sign1.ts';
import { publicKeyOfSpki } from './ec-key.ts';

/** A signing or verifying key as cose-js takes it: big-endian coordinates or scalar. */
interface CoseJsKey {
  readonly x?: Buffer;
  readonly y?: Buffer;
  readonly d?: Buffer;
}

/** The part of cose-js 0.9.0 that is used here. */
export interface CoseJs {
  readonly sign: {
    /** Signs; the header's values are by name, `p` protected and `u` unprotected. */
    create(
      headers: { readonly p: Readonly<Record<string, unknown>>; readonly u?: object },
      payload: Buffer,
      signer: { readonly key: CoseJsKey },
    ): Promise<Buffer>;
    /** Returns the payload, or throws. */
    verifySync(message: Buffer, verifier: { readonly key: CoseJsKey }): Buffer;
  };
  readonly common: { readonly HeaderParameters: Record<string, number | string> };
}

/** The only elliptic whose ES256 and ES384 were compared with another implementation. */
const ellipticVersion = '6.6.1';

/**
 * Loads cose-js and makes CCF's labels known to its process-wide header table. Loading takes 150 ms and
 * a verification 24 ms of the calling thread: do both in a worker.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE` when it is not installed, or with another elliptic
 */
export async function loadCoseJs(): Promise<CoseJs> {
  checkEllipticVersion(ellipticOfCoseJs());
  // cose-js is CommonJS without correct types; CoseJs is what its 0.9.0 has.
  const { default: coseJs } = (await import('cose-js').catch(unavailable)) as { default: CoseJs };
  Object.assign(coseJs.common.HeaderParameters, { vds: 395, cwt: 15, 'ccf.v1': 'ccf.v1' });
  return coseJs;
}

/**
 * Refuses every elliptic but the one that was examined.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`, with what to do about it
 */
export function checkEllipticVersion(found: unknown): void {
  if (found === ellipticVersion) return;
  const message = `cose-js would use elliptic ${found}; install elliptic ${ellipticVersion}, for npm: "overrides": {"elliptic": "${ellipticVersion}"} in the application's package.json`;
  const place = { actual: String(found), limit: ellipticVersion };
  throw new VerificationError('CROSS_CHECK_UNAVAILABLE', message, place);
}

/** Resolves elliptic as cose-js itself does: a dependant's tree may hold several. */
function ellipticOfCoseJs(): unknown {
  try {
    const coseJsPath = createRequire(import.meta.url).resolve('cose-js');
    const manifest: unknown = createRequire(coseJsPath)('elliptic/package.json');
    return manifest instanceof Object && 'version' in manifest ? manifest.version : undefined;
  } catch (cause) {
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): never {
  const message = 'cose-js 0.9.0 and its elliptic cannot be loaded: install both';
  throw new VerificationError('CROSS_CHECK_UNAVAILABLE', message, { cause });
}

/**
 * Loads cose-js and has it look at one message under the curve's base point, which fills its tables for
 * P-384: the first verification takes eight times as long as the next. It refuses that message.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`
 */
export async function prepareCrossCheck(): Promise<void> {
  const one = Uint8Array.from({ length: 48 }, (_, index) => (index === 47 ? 1 : 0));
  const ecdh = createECDH('secp384r1');
  ecdh.setPrivateKey(one);
  const point = ecdh.getPublicKey();
  const key = { x: point.subarray(1, 49), y: point.subarray(49) };
  const message = encodeCoseSign1({
    protectedBytes: encodeCbor(new Map([[1, -35]])),
    payload: one,
    signature: concatBytes([one, one]),
  });
  const { sign } = await loadCoseJs();
  try {
    sign.verifySync(Buffer.from(message), { key });
  } catch {
    // As it should: nobody has signed this.
  }
}

/**
 * Has cose-js verify a COSE_Sign1 message as well: a second, independent implementation. It never
 * accepts what our own gate refuses, and it is given the message in the one form that it is sound for:
 * the payload attached, the unprotected header empty.
 * @param payload what the message signs; an attached payload must be equal
 * @param spki the signer's SubjectPublicKeyInfo, DER; P-256 or P-384 (ES512 is refused: CVE-2025-14505)
 * @throws VerificationError `CROSS_CHECK_DISAGREES`, `CROSS_CHECK_UNAVAILABLE`, `ALG_NOT_ALLOWED`
 * @throws FormatError as `decodeCoseSign1`
 */
export async function crossCheckSign1(
  bytes: Uint8Array,
  payload: Uint8Array,
  spki: Uint8Array,
): Promise<void> {
  const attached = attachPayload(bytes, payload);
  const key = coseJsKeyOf(spki);
  const { sign } = await loadCoseJs();
  let accepted: Uint8Array;
  try {
    accepted = sign.verifySync(Buffer.from(attached), { key });
  } catch (cause) {
    throw new VerificationError('CROSS_CHECK_DISAGREES', 'cose-js refuses the signature', {
      cause,
    });
  }
  if (equalBytes(accepted, payload)) return;
  throw new VerificationError('CROSS_CHECK_DISAGREES', 'cose-js read another payload');
}

function attachPayload(bytes: Uint8Array, payload: Uint8Array): Uint8Array {
  const message = decodeCoseSign1(bytes, { payload: 'either' });
  const { protectedBytes, signature } = message;
  return encodeCoseSign1({ protectedBytes, payload: signedPayload(message, payload), signature });
}

function coseJsKeyOf(spki: Uint8Array): CoseJsKey {
  const { x, y } = publicKeyOfSpki(spki, 'BAD_CERTIFICATE').export({ format: 'jwk' });
  return { x: Buffer.from(x ?? '', 'base64url'), y: Buffer.from(y ?? '', 'base64url') };
}
