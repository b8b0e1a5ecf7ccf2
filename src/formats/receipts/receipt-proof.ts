import { FormatError } from '../../core/errors.ts';
import { entryLeafOf } from '../entries/write-set.ts';
import { commitEvidenceDigest } from '../merkle/commit-evidence.ts';
import { type FoldedPath, foldPath } from '../merkle/merkle-path.ts';
import type { ReceiptProof } from './receipt-claims.ts';

export {
  checkClaimsDigest,
  checkCommitEvidenceLength,
  type ReceiptProof,
  txIdOfCommitEvidence,
} from './receipt-claims.ts';

/** Where a proof leads, and from which leaf. */
export interface FoldedProof extends FoldedPath {
  /** 32 bytes. */
  readonly leaf: Uint8Array;
}

/**
 * Computes the root that a proof leads to. The leaf is always rebuilt from its three parts, so that no
 * inner node can pass for a leaf.
 * @throws FormatError `MERKLE_PATH` for an empty path: leaf 0 is no transaction, so every path has a step
 */
export function foldReceiptProof(proof: ReceiptProof): FoldedProof {
  const { writeSetDigest, claimsDigest, commitEvidence, path } = proof;
  if (path.length === 0) throw new FormatError('MERKLE_PATH', 'the path has no steps');
  const evidence = commitEvidenceDigest(commitEvidence);
  const leaf = entryLeafOf({
    type: 4,
    writeSetDigest,
    claimsDigest,
    commitEvidenceDigest: evidence,
  });
  return { leaf, ...foldPath(leaf, path) };
}
