import { sha256 } from '@noble/hashes/sha2.js';
import { toUtf8 } from '../core/byte-strings.ts';
import { FormatError } from '../core/errors.ts';
import { parseJson } from '../formats/encoding/json.ts';
import { type ApplicationClaim, digestHex, expectedDigest } from './claims.ts';
import { type CoseExpectation, verifyCoseForm } from './cose-receipt.ts';
import { verifyJsonForm } from './json-receipt.ts';
import { bytesOfHex } from './keys/encodings.ts';
import { checkAnchors, type TrustAnchor } from './keys/trust-anchor.ts';
import type { VerifiedReceipt, VerifiedStatement } from './result.ts';
import { kindOf, registeredStatement, sign1Items, verifyStatement } from './statement.ts';

/** What a receipt is verified against. */
export interface VerifyReceiptOptions {
  /**
   * Keys of the services that are trusted, see `readTrustAnchors`.
   * @default none: a receipt that brings its signer's certificate is verified, and said to be not trusted
   */
  readonly services?: readonly TrustAnchor[];
  /**
   * The digest that the receipt must claim: 32 bytes, or their hex.
   * @default any: the result says which it claims
   */
  readonly claimsDigest?: Uint8Array | string;
  /** The claims themselves; their SHA-256 is the digest. */
  readonly claims?: Uint8Array;
  /** The signed statement that the receipt must be of, with its receipts or without: as its service registered it. */
  readonly statement?: Uint8Array;
  /** The claims that an Azure Confidential Ledger's receipt is of. @default those that stand beside the receipt */
  readonly applicationClaims?: readonly ApplicationClaim[];
  /**
   * Roots that are trusted since an older receipt proved them, 32 bytes or hex: where consistency proofs begin.
   * @default none
   */
  readonly trustedRoots?: readonly (Uint8Array | string)[];
  /** PEM of the node that signed, for JSON receipts that do not bring it. */
  readonly nodeCertificate?: string;
  /**
   * Whether a COSE receipt may be of a tree of one leaf: CCF's own Python reader lets it through, the receipt profile
   * does not, and no service makes one.
   * @default false
   */
  readonly allowEmptyPath?: boolean;
}

/** Most roots that consistency proofs are compared with. */
const trustedRootsMax = 64;

/**
 * Verifies a receipt of CCF, or of a transparency service, from its bytes alone: nothing is fetched. The form is found
 * from the content.
 *
 * | form | what is verified |
 * |---|---|
 * | JSON, of CCF or Azure Confidential Ledger | leaf, path, node signature, node certificate and its endorsements |
 * | COSE, `vds` 2 (CCF) or 1 (RFC 9162) | every proof, and the service's signature over the one root they lead to |
 * | transparent statement | each of its receipts, and that it is of this very statement |
 *
 * Every check must hold, or an error is thrown; what a result leaves open it says in `trusted` and `remarks`. Of a
 * statement the receipts are verified, not the signature of its issuer. Dates of certificates are not looked at, as
 * CCF does not: a receipt outlives its node.
 *
 * Works in browsers, Node and any runtime with WebCrypto.
 *
 * @param receipt bytes, JSON text, or an object that was parsed from it
 * @throws FormatError for what is no receipt: `RECEIPT_MISSING`, `RECEIPT_FORMAT`, `TOO_LARGE`, `BAD_*`, `CBOR_*`,
 * `COSE_*`, `ALG_MISSING`, `ALG_UNPROTECTED`, `SIG_LENGTH`, `VDS`, `VDP`, `MERKLE_PATH`, `DUPLICATE_KEY`
 * @throws VerificationError for one that does not prove what it claims: `CLAIMS_DIGEST_MISMATCH`,
 * `CLAIMS_DIGEST_MISSING`, `MERKLE_ROOT_MISMATCH`, `SIG_INVALID`, `NODE_SIGNATURE_INVALID`, `NODE_UNKNOWN`,
 * `NODE_CERT_NOT_ENDORSED`, `KID_MISMATCH`, `SERVICE_UNKNOWN`, `ALG_NOT_ALLOWED`, `ALG_KEY_MISMATCH`,
 * `EVIDENCE_MISMATCH`
 * @throws TypeError for options that cannot be meant, and where WebCrypto is missing
 * @example
 * ```ts
 * import { readTrustAnchors, verifyReceipt } from 'ledger-snapshotter/receipts';
 *
 * declare const servicePem: string; // from a source that you trust
 * const answer = await fetch('https://ledger.example.com/app/receipt?transaction_id=2.18');
 * const services = readTrustAnchors(servicePem);
 * const result = await verifyReceipt(await answer.text(), { services });
 * if (result.form !== 'statement') console.log(result.txId, result.claimsDigest);
 * ```
 */
export async function verifyReceipt(
  receipt: Uint8Array | string | object,
  options: VerifyReceiptOptions = {},
): Promise<VerifiedReceipt | VerifiedStatement> {
  const { services = [] } = options;
  checkAnchors(services);
  const claims = claimsOf(options);
  const claimsDigest = expectedDigest({ ...options, claims });
  const bytes = bytesOf(receipt);
  if (isJson(bytes)) {
    const { nodeCertificate } = options;
    return verifyJsonForm(parseJson(bytes), { services, claimsDigest, nodeCertificate });
  }
  const items = sign1Items(bytes);
  const expected = coseExpectation({ ...options, claims }, services, claimsDigest);
  return kindOf(items) === 'statement'
    ? verifyStatement(items, expected)
    : verifyCoseForm(bytes, expected);
}

/** The claims are those of the statement, where there is one. */
type ClaimedOptions = Omit<VerifyReceiptOptions, 'claims'> & {
  readonly claims: Uint8Array | undefined;
};

function coseExpectation(
  options: ClaimedOptions,
  services: readonly TrustAnchor[],
  claimsDigest: string | undefined,
): CoseExpectation {
  const { claims, trustedRoots = [], allowEmptyPath = false } = options;
  if (trustedRoots.length > trustedRootsMax) {
    throw new TypeError(`${trustedRoots.length} trustedRoots: at most ${trustedRootsMax}`);
  }
  const digests = claimsDigest === undefined ? [] : [bytesOfHex(claimsDigest)];
  return {
    services,
    claimsDigest,
    entries: claims === undefined ? digests : [sha256(claims), claims],
    trustedRoots: trustedRoots.map((root) => digestHex(root, 'a root of trustedRoots')),
    mayPathBeEmpty: allowEmptyPath,
  };
}

/** What a service registers of a statement are its bytes without what was added later. */
function claimsOf({ claims, statement }: VerifyReceiptOptions): Uint8Array | undefined {
  if (statement === undefined) return claims;
  if (claims !== undefined) throw new TypeError('claims and statement: give one of them');
  return registeredStatement(sign1Items(plain(statement)));
}

function bytesOf(receipt: Uint8Array | string | object): Uint8Array {
  if (receipt instanceof Uint8Array) return plain(receipt);
  if (typeof receipt === 'string') return toUtf8(receipt);
  if (receipt instanceof ArrayBuffer) return new Uint8Array(receipt);
  return toUtf8(JSON.stringify(receipt));
}

/** A `Buffer` slices and compares differently from every other byte string here. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** @throws FormatError `EMPTY_FILE` */
function isJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== 0x20 && (byte < 0x09 || byte > 0x0d));
  if (first === undefined) throw new FormatError('EMPTY_FILE', 'the receipt is empty');
  return first === 0x7b;
}
