import { createRequire } from 'node:module';
import { equalBytes, fromHex } from '../../core/bytes.ts';
import { VerificationError } from '../../core/errors.ts';
import { publicKeyOfSpki } from '../keys/ec-key.ts';
import { decodeCoseSign1, encodeCoseSign1, signedPayload } from './cose-sign1.ts';
import { signedRoot, signedVectors } from './cross-check-vectors.ts';

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
 * Loads cose-js, corrects the codec below it, and makes CCF's labels known to its header table. Both hold for the
 * thread that calls: loading takes 150 ms and a verification 24 ms, so that should be a worker.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE` when it is not installed, or with another elliptic
 */
export async function loadCoseJs(): Promise<CoseJs> {
  checkEllipticVersion(ellipticOfCoseJs());
  try {
    // cose-js is CommonJS without correct types; CoseJs is what its 0.9.0 has.
    const { default: coseJs } = (await import('cose-js')) as { default: CoseJs };
    correctCodec(coseJsRequire());
    Object.assign(coseJs.common.HeaderParameters, { vds: 395, cwt: 15, 'ccf.v1': 'ccf.v1' });
    return coseJs;
  } catch (cause) {
    return unavailable(cause);
  }
}

/** Resolves what cose-js depends on as it does itself: a dependant's tree may hold several versions. */
function coseJsRequire(): NodeJS.Require {
  return createRequire(createRequire(import.meta.url).resolve('cose-js'));
}

/** The part of nofilter that is corrected: a stream that is written and read at once. */
interface NoFilter {
  readonly readableLength: number;
  readonly readableObjectMode: boolean;
  read(size?: number): unknown;
}

const corrected = new WeakSet<NoFilter>();

/**
 * Makes `read()` without a size give all that is buffered, as nofilter documents it and as cbor's `encode` relies
 * on. It leaves that to Node's streams, which from Node 26 on give their first piece only: `encode(['a', 1, 2])` is
 * then `83`, the head of the array, and no signature verifies.
 */
function correctCodec(requireForCoseJs: NodeJS.Require): void {
  const requireForCbor = createRequire(requireForCoseJs.resolve('cbor'));
  const { prototype } = requireForCbor('nofilter') as { readonly prototype: NoFilter };
  if (corrected.has(prototype)) return;
  corrected.add(prototype);
  const { read } = prototype;
  prototype.read = function (this: NoFilter, size?: number) {
    const isForAll = size === undefined && !this.readableObjectMode && this.readableLength > 0;
    return read.call(this, isForAll ? this.readableLength : size);
  };
}

/**
 * Refuses every elliptic but the one that was examined.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`, with what to do about it
 */
export function checkEllipticVersion(found: unknown): void {
  if (found === ellipticVersion) return;
  const message = `cose-js would use elliptic ${found}; install elliptic ${ellipticVersion}, for npm: "overrides": {"elliptic": "${ellipticVersion}"} in the application's package.json`;
  const place = { actual: String(found), expected: ellipticVersion };
  throw new VerificationError('CROSS_CHECK_UNAVAILABLE', message, place);
}

/** The version of the elliptic that cose-js would use. */
function ellipticOfCoseJs(): unknown {
  try {
    const manifest: unknown = coseJsRequire()('elliptic/package.json');
    return manifest instanceof Object && 'version' in manifest ? manifest.version : undefined;
  } catch (cause) {
    return unavailable(cause);
  }
}

function unavailable(cause: unknown): never {
  const message = `cose-js 0.9.0 and elliptic ${ellipticVersion} cannot be loaded (${wordsOf(cause)}): install both; they are optional dependencies, which npm leaves out with --omit=optional`;
  throw new VerificationError('CROSS_CHECK_UNAVAILABLE', message, { cause });
}

/** The first line of what went wrong: a module that is not found brings a list of who asked for it. */
function wordsOf(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0] ?? '';
}

/**
 * Tries cose-js before anyone relies on it: it must accept messages that are known to be good, and refuse the same
 * ones once a bit of signature or payload is changed. That also fills its tables, without which the first verification
 * takes eight times as long as the next.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`: it cannot be loaded, or takes good for bad or bad for good
 */
export async function selfTestCoseJs({ sign }: CoseJs): Promise<void> {
  for (const { curve, spki, message } of signedVectors) {
    const key = coseJsKeyOf(fromHex(spki));
    const good = attachPayload(fromHex(message), signedRoot);
    const accepts = (bytes: Uint8Array) =>
      isAccepted(() => sign.verifySync(Buffer.from(bytes), { key }));
    if (!accepts(good)) throw selfTestFailed(`refuses a good ${curve} signature`);
    if (accepts(flipped(good, good.length - 1))) {
      throw selfTestFailed(`accepts a changed ${curve} signature`);
    }
    const payloadEnd = good.length - signatureHeadBytes - signatureBytes[curve] - 1;
    if (accepts(flipped(good, payloadEnd))) {
      throw selfTestFailed(`accepts a ${curve} signature of another payload`);
    }
  }
}

/** A byte string of 64 and of 96 bytes both begin with two bytes. */
const signatureHeadBytes = 2;
const signatureBytes = { 'P-256': 64, 'P-384': 96 } as const;

function isAccepted(verify: () => Uint8Array): boolean {
  try {
    return equalBytes(verify(), signedRoot);
  } catch {
    return false;
  }
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

function selfTestFailed(what: string): VerificationError {
  const message = `cose-js 0.9.0 failed its self-test on Node ${process.versions.node}: it ${what}; install cose-js, elliptic and cbor as this package names them`;
  return new VerificationError('CROSS_CHECK_UNAVAILABLE', message, { actual: what });
}

let prepared: Promise<CoseJs> | undefined;

/**
 * Loads and tries cose-js, once in each thread: what is wrong with it then stays so until the process is started anew.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`, with what to do about it
 */
export function prepareCrossCheck(): Promise<CoseJs> {
  prepared ??= loadCoseJs().then(async (coseJs) => {
    await selfTestCoseJs(coseJs);
    return coseJs;
  });
  return prepared;
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
  const { sign } = await prepareCrossCheck();
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
