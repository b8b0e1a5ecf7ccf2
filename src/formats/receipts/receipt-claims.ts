import { toUtf8 } from '../../core/byte-strings.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { parseTxId } from '../../core/tx-id.ts';
import type { TxId } from '../../core/words.ts';
import type { MerklePath } from '../merkle/path-fold.ts';

/** What a receipt says about one transaction: the parts of its leaf, and the path from there to a root. */
export interface ReceiptProof {
  /** SHA-256 of the whole ledger entry, 32 bytes. */
  readonly writeSetDigest: Uint8Array;
  /** `ce:<view>.<seqno>:<64 hex>`. */
  readonly commitEvidence: string;
  /** 32 bytes; a snapshot's digest in a receipt for its evidence. */
  readonly claimsDigest: Uint8Array;
  readonly path: MerklePath;
}

/** Fields of CCF's JSON receipts. */
export const jsonReceiptFields: readonly string[] = [
  'cert',
  'is_signature_transaction',
  'leaf',
  'leaf_components',
  'node_id',
  'proof',
  'service_endorsements',
  'signature',
];

/** Longest commit evidence: the receipt profile's own limit; CCF's are below 110. */
const commitEvidenceBytesMax = 1024;

/** Refuses commit evidence of no or too many bytes. @throws FormatError `RECEIPT_FORMAT` */
export function checkCommitEvidenceLength(text: string): void {
  const size = toUtf8(text).length;
  if (size > 0 && size <= commitEvidenceBytesMax) return;
  const place = { actual: size, expected: commitEvidenceBytesMax };
  throw new FormatError('RECEIPT_FORMAT', `commit evidence of ${size} bytes`, place);
}

/**
 * The transaction that commit evidence names; the evidence is hashed into the leaf, so a verified
 * receipt proves it.
 * @throws FormatError `RECEIPT_FORMAT`, `NUMBER_TOO_LARGE`
 */
export function txIdOfCommitEvidence(text: string): TxId {
  const match = /^ce:([0-9.]+):[0-9a-f]{64}$/.exec(text);
  if (match === null) {
    throw new FormatError('RECEIPT_FORMAT', `not commit evidence: ${text.slice(0, 80)}`);
  }
  return parseTxId(match[1] ?? '', 'RECEIPT_FORMAT');
}

/**
 * Checks that a receipt is about the expected claim.
 * @throws VerificationError `CLAIMS_DIGEST_MISMATCH`
 */
export function checkClaimsDigest(actualHex: string, expectedHex: string): void {
  if (actualHex === expectedHex) return;
  const message = `the receipt claims ${actualHex}, expected ${expectedHex}`;
  const place = { actual: actualHex, expected: expectedHex };
  throw new VerificationError('CLAIMS_DIGEST_MISMATCH', message, place);
}
