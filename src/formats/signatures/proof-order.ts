import { VerificationError } from '../../core/errors.ts';
import { formatTxId } from '../../core/tx-id.ts';
import { type Seqno, type TxId, view as toView } from '../../core/words.ts';
import { leadsFrom, type MerklePath } from '../merkle/path-fold.ts';

/**
 * The transactions that a snapshot's proof speaks of. Each stands in another part of it: the snapshot's in the
 * entry, the evidence's in the receipt's leaf, the signature's in the signed header. A signature covers
 * each part by itself, and says nothing of how they belong together.
 */
export interface ProofPlaces {
  readonly snapshot: TxId;
  readonly evidence: TxId;
  /** Of the signature transaction; JSON receipts do not say it. */
  readonly signature: TxId | undefined;
}

/** While a key is the service's. */
export interface Epoch {
  /** First transaction; `undefined` where it is not known. */
  readonly from?: TxId | undefined;
  /** Last transaction; `undefined` while it lasts. */
  readonly to?: TxId | undefined;
}

/**
 * Checks that evidence could be signed where the receipt says: before the signature, in no later view, and at that
 * leaf of the tree to which the path leads. A signature at seqno n signs the n leaves before it.
 * @throws VerificationError `EVIDENCE_MISMATCH`
 */
export function checkEvidencePlace(
  { evidence, signature }: Omit<ProofPlaces, 'snapshot'>,
  path: MerklePath,
): void {
  checkSignedAfter(evidence, signature);
  if (leadsFrom(path, evidence.seqno, signature?.seqno)) return;
  const leaves = signature === undefined ? 'a tree' : `a tree of ${signature.seqno} leaves`;
  const message = `the receipt's path does not lead from leaf ${evidence.seqno} of ${leaves}, where its evidence ${formatTxId(evidence)} must be`;
  throw mismatch(message, evidence, signature);
}

/**
 * Checks that a signature lies behind the evidence that it covers, and in no earlier view.
 * @param signature `undefined` where the receipt does not say it
 * @throws VerificationError `EVIDENCE_MISMATCH`
 */
export function checkSignedAfter(evidence: TxId, signature: TxId | undefined): void {
  if (signature === undefined || isBefore(evidence, signature)) return;
  throw mismatch(
    `the receipt is of evidence ${formatTxId(evidence)} under a signature of ${formatTxId(signature)}, which must come after it`,
    evidence,
    signature,
  );
}

/**
 * Checks that a snapshot lies before its evidence, and in no later view.
 * @throws VerificationError `EVIDENCE_NOT_AFTER_SNAPSHOT`, `EVIDENCE_MISMATCH`
 */
export function checkSnapshotPlace({ snapshot, evidence }: Omit<ProofPlaces, 'signature'>): void {
  if (evidence.seqno <= snapshot.seqno) {
    const message = `evidence at ${evidence.seqno} cannot be of a snapshot at ${snapshot.seqno}`;
    const place = { seqno: snapshot.seqno, actual: evidence.seqno, expected: snapshot.seqno };
    throw new VerificationError('EVIDENCE_NOT_AFTER_SNAPSHOT', message, place);
  }
  if (snapshot.view <= evidence.view) return;
  const message = `evidence ${formatTxId(evidence)} cannot be of a snapshot in view ${snapshot.view}`;
  throw mismatch(message, evidence, snapshot);
}

/**
 * Checks that a key made a proof while it was the service's.
 * @param keyId the key, for the message
 * @param places all that must lie in the epoch, by seqno and view; under what each is called in the message
 * @throws VerificationError `CHAIN_BROKEN`
 */
export function checkInEpoch(
  keyId: string,
  { from, to }: Epoch,
  places: Readonly<Record<string, TxId | undefined>>,
): void {
  for (const [what, txId] of Object.entries(places)) {
    if (txId === undefined) continue;
    if (isInEpoch({ from, to }, txId)) continue;
    const epoch = `${textOf(from)} to ${textOf(to)}`;
    const message = `the service key ${keyId} was in force from ${epoch}: the ${what} at ${formatTxId(txId)} is not within that`;
    const place = { seqno: txId.seqno, actual: formatTxId(txId), expected: epoch };
    throw new VerificationError('CHAIN_BROKEN', message, place);
  }
}

/** Whether a transaction lies in an epoch, by seqno and view. */
export function isInEpoch({ from, to }: Epoch, txId: TxId): boolean {
  return (from === undefined || isWithin(from, txId)) && (to === undefined || isWithin(txId, to));
}

/** The last view of a snapshot's state: one without a history of views is in none. */
export function snapshotTxId(seqno: Seqno, viewHistory: readonly number[]): TxId {
  return { seqno, view: toView(viewHistory.length) };
}

function isBefore(a: TxId, b: TxId): boolean {
  return a.seqno < b.seqno && a.view <= b.view;
}

function isWithin(a: TxId, b: TxId): boolean {
  return a.seqno <= b.seqno && a.view <= b.view;
}

function textOf(txId: TxId | undefined): string {
  return txId === undefined ? '?' : formatTxId(txId);
}

function mismatch(message: string, evidence: TxId, other: TxId | undefined): VerificationError {
  return new VerificationError('EVIDENCE_MISMATCH', message, {
    seqno: evidence.seqno,
    actual: formatTxId(evidence),
    ...(other && { expected: formatTxId(other) }),
  });
}
