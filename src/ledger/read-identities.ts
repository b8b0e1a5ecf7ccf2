import type { KeyObject } from 'node:crypto';
import type { FormatError, VerificationError } from '../core/errors.ts';
import { type Seqno, type TxId, seqno as toSeqno, view as toView } from '../core/words.ts';
import { openLedger } from '../files/ledger/ledger-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { type World, worldOf } from '../io/world.ts';
import { identitiesOf, signersIn } from './ledger-identities.ts';
import { publicGenesis, startOfLedger } from './ledger-start.ts';
import type { OtherSignatureCount } from './other-signatures.ts';
import type { SignedEnd } from './signed-end.ts';
import { readSignedLedger, type SignedLedger } from './signed-ledger.ts';
import { endorsementLinksOf, isEndOf, pinnedKeys, type WrittenLink } from './vouching.ts';

/** Which ledger's identities are read, and which of them the reader trusts. */
export interface ReadIdentitiesOptions {
  /** Directory of the ledger's chunks, from the first transaction on. */
  readonly ledger: string;
  /** Other directories of the same ledger, as CCF's `read_only_directories`: their committed chunks. @default none */
  readonly readOnlyLedgers?: readonly string[] | undefined;
  /** The pinned service identities. @default none: nothing is trusted */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Called after each entry; `last` is as the names of the chunks have it. */
  readonly onProgress?:
    | ((progress: { readonly seqno: Seqno; readonly last: Seqno }) => void)
    | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<World>;
}

/** An endorsement of one identity: by which key, for which transactions. */
export interface IdentityEndorser {
  /** Hex SHA-256 of the endorsing key; an identity endorses itself when its service first opens. */
  readonly keyId: string;
  /** Where the endorsement was written. */
  readonly seqno: Seqno;
  /** First transaction of the epoch that it is for. */
  readonly from: TxId;
  /** Last one; `undefined` in an endorsement of itself. */
  readonly to: TxId | undefined;
  /** Whether the identity has ended so in this ledger; real ledgers have endorsements that lead nowhere. */
  readonly fits: boolean;
}

/** One service identity of a ledger, and the transactions that are its own. */
export interface ServiceIdentity {
  /** Hex SHA-256 of its public key, as in a receipt's `kid`. */
  readonly keyId: string;
  /** The transaction that introduces it. */
  readonly first: TxId;
  /** The last before the next identity; of the last identity the last one that a signature covers. */
  readonly last: TxId;
  readonly endorsedBy: readonly IdentityEndorser[];
}

/** Who signed a ledger, and how the identities are linked. */
export interface IdentitiesReport {
  /** In the order of the ledger, as far as signatures cover them. */
  readonly identities: readonly ServiceIdentity[];
  /** Whether the last signature is of a pinned identity, or of one that endorsements lead to from there. */
  readonly trusted: boolean;
  /** The last signature that holds; everything behind it proves nothing. */
  readonly signedUntil: Seqno;
  /** Why the ledger does not hold, or cannot be read, behind that; `undefined` when it does. */
  readonly failure: FormatError | VerificationError | undefined;
  /** See `ReplayReport.otherSignatures`. */
  readonly otherSignatures: readonly OtherSignatureCount[];
}

/**
 * Reads a ledger's service identities, and verifies every signature that says so.
 * @example
 * const { identities } = await readIdentities({ ledger: 'ccf/ledger', services: [pinned] });
 * @throws FormatError `EMPTY_LEDGER`, `CHUNK_GAP`; StorageError when the ledger cannot be read; AbortedError
 */
export async function readIdentities(options: ReadIdentitiesOptions): Promise<IdentitiesReport> {
  const { services = [], signal, onProgress } = options;
  const { fileSystem } = worldOf(options.environment);
  const ledger = await openLedger(fileSystem, options.ledger, options.readOnlyLedgers);
  startOfLedger(ledger, () => nowhere);
  const pinned = pinnedKeys(services);
  const last = onProgress && (await ledger.expectedLast());
  const index = await readSignedLedger(ledger, {
    ...{ start: publicGenesis(), pinned, signal },
    onEntry: last && ((seqno) => onProgress({ seqno, last })),
  });
  const links = await endorsementLinksOf(index.endorsements);
  const { trusted } = await identitiesOf(index, pinned);
  const { signedUntil, failure, unreadable } = index;
  const identities = spansOf(index).map(({ keyId, first, last }) => ({
    ...{ keyId, first, last },
    endorsedBy: links
      .filter((link) => link.endorsedKeyId === keyId)
      .map((link) => endorserOf(link, endOf(index, keyId))),
  }));
  const { otherSignatures } = index;
  return {
    ...{ identities, trusted, signedUntil, otherSignatures },
    failure: failure?.error ?? unreadable,
  };
}

/** Identities need no state. */
const nowhere = { apply: () => {}, freeze: () => ({ values: () => [] }) };

type Span = Pick<ServiceIdentity, 'keyId' | 'first' | 'last'>;

function spansOf({ identities, signedUntil, viewHistory }: SignedLedger): readonly Span[] {
  const txIdAt = (seqno: Seqno) => ({
    view: toView(viewHistory.filter((start) => start <= seqno).length),
    seqno,
  });
  const signing = signersIn(identities);
  return signing.map(({ signer: { keyId }, seqno }, i) => {
    const next = signing[i + 1]?.seqno;
    const last = next === undefined ? signedUntil : toSeqno(next - 1);
    return { keyId, first: txIdAt(seqno), last: txIdAt(last) };
  });
}

/** The last signature of an identity. */
function endOf({ identities, ends, end }: SignedLedger, keyId: string): SignedEnd | undefined {
  const signing = signersIn(identities);
  const next = signing[signing.findIndex(({ signer }) => signer.keyId === keyId) + 1];
  return next === undefined ? end : ends.get(next.seqno);
}

function endorserOf(link: WrittenLink, end: SignedEnd | undefined): IdentityEndorser {
  const { endorsingKeyId: keyId, endorsedKeyId, seqno, from, to } = link;
  const fits = to === undefined ? keyId === endorsedKeyId : isEndOf(link, end);
  return { keyId, seqno, from, to, fits };
}
