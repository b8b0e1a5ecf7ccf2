import { VerificationError } from '../../core/errors.ts';
import type { TxId } from '../../core/words.ts';
import { parseCommittedName } from '../encoding/file-name.ts';
import { txIdOfCommitEvidence } from '../receipts/receipt-proof.ts';
import {
  type DecodedReceipt,
  decodeReceipt,
  type VerifySnapshotOptions,
  verifySnapshotReceipt,
} from './verify-snapshot.ts';

/** What a receipt says, as far as that can be judged without the snapshot that it lies behind. */
export interface ReceiptClaim {
  /** The digest that the snapshot must have, 32 bytes; `undefined` where the receipt claims none. */
  readonly claimsDigest: Uint8Array | undefined;
  /** The transaction that claims it. */
  readonly evidence: TxId;
}

/** The verification asked for the snapshot itself: all that there is to check before it holds. */
class BodyWanted extends Error {}

/**
 * Judges a receipt before a byte of its snapshot is read: its form, its numbers against the file's name, and under
 * pinned identities who signed it and whether the signature holds. A receipt holds the digest that it claims, so all of
 * that takes the same time whatever size the file says it has. Without a pinned identity a COSE receipt's
 * signature must wait: the key is in the snapshot.
 * @param entryBytes length of the entry before it
 * @throws FormatError, VerificationError as `verifySnapshotReceipt`, but for what is wrong with the entry
 */
export async function judgeReceipt(
  receipt: Uint8Array,
  entryBytes: number,
  options: VerifySnapshotOptions,
): Promise<ReceiptClaim> {
  const decoded = decodeReceipt(receipt, entryBytes);
  const claim = claimOf(decoded);
  checkNames(claim.evidence, options.fileName);
  const subject = {
    digest: claim.claimsDigest ?? new Uint8Array(32),
    bytes: entryBytes,
    content: () => {
      throw new BodyWanted();
    },
  };
  try {
    await verifySnapshotReceipt(receipt, subject, options);
  } catch (error) {
    if (!(error instanceof BodyWanted)) throw error;
  }
  return claim;
}

function claimOf({ form, receipt }: DecodedReceipt): ReceiptClaim {
  if (form === 'cose') {
    const { claimsDigest, commitEvidence } = receipt.proof;
    return { claimsDigest, evidence: txIdOfCommitEvidence(commitEvidence) };
  }
  const { claimsDigest, commitEvidence } = receipt.leafComponents ?? {};
  if (claimsDigest !== undefined && commitEvidence !== undefined) {
    return { claimsDigest, evidence: txIdOfCommitEvidence(commitEvidence) };
  }
  throw new VerificationError('CLAIMS_DIGEST_MISSING', 'the receipt does not claim a digest');
}

/** @throws FormatError `BAD_NAME`; VerificationError `NAME_EVIDENCE_MISMATCH` */
function checkNames(evidence: TxId, fileName: string | undefined): void {
  if (fileName === undefined) return;
  const { evidenceSeqno } = parseCommittedName(fileName);
  if (evidenceSeqno === evidence.seqno) return;
  const place = { file: fileName, actual: evidenceSeqno, expected: evidence.seqno };
  const message = `${fileName} has its evidence at ${evidence.seqno}`;
  throw new VerificationError('NAME_EVIDENCE_MISMATCH', message, place);
}
