import { InclusionProof, SignatureProof } from '../src/core/proofs.ts';
import type { Digest, ReceiptForm, Seqno } from '../src/core/words.ts';

/** What a generation knows of its evidence, and of the signature transaction that follows it. */
export interface Collected {
  readonly seqno: Seqno;
  readonly receipt: ReceiptForm;
  readonly digest: Digest | undefined;
  readonly evidenceSeqno: Seqno | undefined;
  readonly signatureSeqno: Seqno | undefined;
}

/** The state was serialised before with this digest. */
export function digestAgrees(collected: Collected, digest: Digest): boolean {
  return collected.digest === digest;
}

/** The evidence speaks of this snapshot: its seqno and its digest. */
export function evidenceMatches(
  collected: Collected,
  evidence: { readonly seqno: Seqno; readonly snapshotSeqno: Seqno; readonly digest: Digest },
): boolean {
  return (
    evidence.snapshotSeqno === collected.seqno &&
    evidence.digest === collected.digest &&
    evidence.seqno > collected.seqno
  );
}

/** The signature transaction comes after the evidence, so that its root covers it. */
export function signatureCoversEvidence(collected: Collected, signatureSeqno: Seqno): boolean {
  return collected.evidenceSeqno !== undefined && signatureSeqno > collected.evidenceSeqno;
}

/** The tree is the one of the recorded signature's own transaction. */
export function treeOfSignature(collected: Collected, treeSeqno: Seqno): boolean {
  return treeSeqno === collected.signatureSeqno;
}

/** A verifier has checked the COSE signature of the recorded signature transaction. */
export function coseSignatureVerified(collected: Collected, proof: unknown): boolean {
  return collected.receipt === 'cose' && isProofOfSignature(collected, proof, 'cose');
}

/** A verifier has checked the node signature of the recorded signature transaction (old releases). */
export function nodeSignatureVerified(collected: Collected, proof: unknown): boolean {
  return collected.receipt !== 'cose' && isProofOfSignature(collected, proof, 'node');
}

function isProofOfSignature(
  collected: Collected,
  proof: unknown,
  form: SignatureProof['form'],
): boolean {
  return (
    SignatureProof.isOne(proof) && proof.form === form && proof.seqno === collected.signatureSeqno
  );
}

/** A verifier has found the evidence's leaf in the recorded signature transaction's tree. */
export function treeProvesEvidence(collected: Collected, proof: unknown): boolean {
  return (
    InclusionProof.isOne(proof) &&
    proof.evidenceSeqno === collected.evidenceSeqno &&
    proof.signatureSeqno === collected.signatureSeqno
  );
}

/** The signature transaction itself is committed, and with it the evidence under its root. */
export function commitPassedSignature(collected: Collected, committed: Seqno): boolean {
  return collected.signatureSeqno !== undefined && committed >= collected.signatureSeqno;
}

/** The words of anything that was thrown, without its stack. */
export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
