import { formatTxId } from '../core/tx-id.ts';
import type { TxId } from '../core/words.ts';
import { leadsFrom, type MerklePath } from '../formats/merkle/path-fold.ts';
import { txIdOfCommitEvidence } from '../formats/receipts/receipt-claims.ts';
import { checkSignedAfter } from '../formats/signatures/proof-order.ts';

/**
 * The transaction that commit evidence names, where it can be at the leaf that the path begins at; `undefined` where
 * it is in another form, or elsewhere. The profile lets readers pass over the evidence: without it the claims are
 * proved as well, only not of which transaction they are.
 * @throws VerificationError `EVIDENCE_MISMATCH` when the signature would come before what it covers
 */
export function placedTxId(
  commitEvidence: string | undefined,
  path: MerklePath,
  signature: TxId | undefined,
): string | undefined {
  const txId = commitEvidence === undefined ? undefined : readTxId(commitEvidence);
  if (txId === undefined || path.length === 0) return undefined;
  checkSignedAfter(txId, signature);
  return leadsFrom(path, txId.seqno, signature?.seqno) ? formatTxId(txId) : undefined;
}

function readTxId(commitEvidence: string): TxId | undefined {
  try {
    return txIdOfCommitEvidence(commitEvidence);
  } catch {
    return undefined;
  }
}
