import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import { type ReceiptForm, type Seqno, type TxId, seqno as toSeqno } from '../core/words.ts';
import type { LedgerDirectory } from '../files/ledger/ledger-directory.ts';
import type { IntroducedIdentity } from './identity-history.ts';
import { startsOf } from './ledger-identities.ts';
import { publicGenesis } from './ledger-start.ts';
import { unverifiedOf } from './other-signatures.ts';
import { readSignedLedger, type SignedLedger } from './signed-ledger.ts';

/** A ledger, as far as its identities and evidence are concerned; `first` is its first seqno. */
export interface IdentitySource extends Pick<LedgerDirectory, 'directory' | 'entries'> {
  readonly first: Seqno | undefined;
}

/** Forms of receipts that somebody has signed. */
export type KeyedForm = Exclude<ReceiptForm, 'none'>;

/** The keys where trust begins, by the form of the receipt. */
export type Anchors = Readonly<Record<KeyedForm, readonly KeyObject[]>>;

/** What a ledger says of its service's identities. */
export interface LedgerIdentities {
  readonly ledger: IdentitySource;
  /** The last one that a signature covers. */
  readonly current: Pick<IntroducedIdentity, 'signer' | 'certificate'> | undefined;
  /** First transaction of each identity, by key id, as far as signatures cover it; CCF 1.x does not say it. */
  readonly starts: ReadonlyMap<string, TxId>;
  /** Each proves itself. */
  readonly endorsements: SignedLedger['endorsements'];
  /** See `SnapshotVerification.unverified`. */
  readonly unverified: readonly string[];
}

/** Without a ledger. */
export const noIdentities: Pick<LedgerIdentities, 'starts' | 'endorsements'> = {
  starts: new Map(),
  endorsements: [],
};

/**
 * Collects the identities. What is malformed is skipped: to say where a ledger does not hold is replay's work. Of a
 * ledger without its beginning nothing can be verified here but the endorsements.
 * @throws AbortedError; StorageError, FormatError when a chunk cannot be read
 */
export async function collectIdentities(
  ledger: IdentitySource,
  pinned: readonly KeyObject[],
  signal: AbortSignal | undefined,
): Promise<LedgerIdentities> {
  const start = { ...publicGenesis(), seqno: toSeqno((ledger.first ?? 1) - 1) };
  const signed = await readSignedLedger(ledger, { start, pinned, signal });
  if (signed.unreadable !== undefined) throw signed.unreadable;
  const { identities, endorsements, trustedUntil } = signed;
  const starts = startsOf(identities.filter(({ seqno }) => seqno <= trustedUntil));
  const unverified = unverifiedOf(signed.otherSignatures);
  return { ledger, current: identities.at(-1), starts, endorsements, unverified };
}

/**
 * The keys of a ledger's own identity: COSE receipts are signed by its signer, JSON receipts by nodes of its certificate.
 * @throws VerificationError `SERVICE_UNKNOWN` when there is a ledger without an identity
 */
export function currentIdentity(identities: LedgerIdentities | undefined): Anchors {
  if (identities === undefined) return { cose: [], json: [] };
  const { current } = identities;
  if (current !== undefined) {
    return { cose: [current.signer.publicKey], json: [current.certificate.publicKey] };
  }
  const { directory } = identities.ledger;
  const message = `no signature in the ledger in ${directory} says whose it is: pin a service identity`;
  throw new VerificationError('SERVICE_UNKNOWN', message, { file: directory });
}
