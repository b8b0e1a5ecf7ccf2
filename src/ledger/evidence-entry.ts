import { equalBytes } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope } from '../formats/entries/entry.ts';
import {
  decodeSnapshotEvidence,
  type SnapshotEvidence,
  tables,
} from '../formats/entries/tables.ts';
import { decodePublicDomain, mapWrites, singletonValue } from '../formats/entries/write-set.ts';
import type { VerifiedSnapshot } from '../formats/snapshot/verify-snapshot.ts';
import { leafOf } from './entry-leaf.ts';

/** A verified snapshot, as far as its evidence in a ledger is concerned. */
export type ProvenEvidence = Pick<
  VerifiedSnapshot,
  'seqno' | 'evidenceSeqno' | 'digest' | 'evidenceLeaf'
>;

/**
 * Looks up a snapshot's evidence in its ledger. A receipt proves that some transaction claims the digest, and an
 * application may claim what it likes: only the ledger tells whether that transaction wrote the service's evidence.
 * The receipt signs the entry's leaf, so that the entry need not be signed in this ledger.
 *
 * @param entry what the ledger has at the evidence's seqno
 * @throws VerificationError `LEAF_MISMATCH` when that is another transaction, `NOT_SNAPSHOT_EVIDENCE` when it does
 * not write this snapshot's evidence
 */
export function checkEvidenceEntry(
  file: string,
  { seqno, evidenceSeqno, digest, evidenceLeaf }: ProvenEvidence,
  entry: LedgerEntry,
): void {
  if (!isProvenEntry({ evidenceLeaf }, entry)) {
    const message = `${file} is not of this ledger: another transaction is at seqno ${evidenceSeqno} (${entry.file}), where its receipt has the evidence`;
    throw new VerificationError('LEAF_MISMATCH', message, { file, seqno: evidenceSeqno });
  }
  const evidence = evidenceIn(entry);
  if (evidence?.version === seqno && evidence.hash === digest) return;
  const found =
    evidence === undefined
      ? `writes no ${tables.snapshotEvidence}`
      : `is evidence of the snapshot of seqno ${evidence.version} with digest ${evidence.hash}`;
  const message = `${file}: the transaction of its receipt, seqno ${evidenceSeqno} (${entry.file}), ${found}: it claims the digest ${digest}, and claims alone are no evidence of a snapshot`;
  throw new VerificationError('NOT_SNAPSHOT_EVIDENCE', message, { file, seqno: evidenceSeqno });
}

/** Whether an entry is the one that a snapshot's receipt proves. */
export function isProvenEntry(
  { evidenceLeaf }: Pick<ProvenEvidence, 'evidenceLeaf'>,
  entry: LedgerEntry,
): boolean {
  const leaf = leafOf(entry);
  return leaf !== undefined && equalBytes(leaf, evidenceLeaf);
}

function evidenceIn({ bytes }: LedgerEntry): SnapshotEvidence | undefined {
  try {
    const domain = decodePublicDomain(decodeEnvelope(bytes).publicDomain);
    const writes = mapWrites(domain, tables.snapshotEvidence);
    const value = writes && singletonValue(writes);
    return value && decodeSnapshotEvidence(value);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
