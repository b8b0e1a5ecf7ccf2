import type { KeyObject } from 'node:crypto';
import type { Seqno, TxId } from '../core/words.ts';
import type { EndorsementLink } from '../formats/signatures/identity-endorsement.ts';
import type { IntroducedIdentity } from './identity-history.ts';
import type { SignedLedger } from './signed-ledger.ts';
import { endorsementLinksOf, isEndOf, isTrusted } from './vouching.ts';

/** One service identity of a ledger, and whether the next one endorses it. */
export interface LedgerIdentity {
  readonly keyId: string;
  /** Of the entry that introduces it. */
  readonly seqno: Seqno;
  /** Whether the identity that follows it has endorsed it; `undefined` for the last one. */
  readonly endorsed: boolean | undefined;
}

/** Whose a ledger is. */
export interface LedgerIdentities {
  /** In the order of the ledger, as far as signatures cover them. */
  readonly identities: readonly LedgerIdentity[];
  /** Whether the last signature is of a pinned identity, or of one that endorsements lead to from there. */
  readonly trusted: boolean;
}

/** Those whose signing key is another than before: who renews the key of the certificate alone signs as before. */
export function signersIn(
  identities: readonly IntroducedIdentity[],
): readonly IntroducedIdentity[] {
  return identities.filter(({ signer }, i) => signer.keyId !== identities[i - 1]?.signer.keyId);
}

/** What a reading of a ledger says of its identities. */
export type SignedIdentities = Pick<
  SignedLedger,
  'identities' | 'endorsements' | 'signers' | 'end' | 'ends'
>;

/** Links a ledger's identities with each other, and with those that are pinned. */
export async function identitiesOf(
  source: SignedIdentities,
  pinned: readonly KeyObject[],
): Promise<LedgerIdentities> {
  const { identities, endorsements, signers, end } = source;
  const links = await endorsementLinksOf(endorsements);
  const signing = signersIn(identities);
  const named = signing.map(({ signer: { keyId }, seqno }, i) => {
    const next = signing[i + 1];
    const endorsed = next && links.some((link) => isLink(link, { keyId, next, source }));
    return { keyId, seqno, endorsed };
  });
  const trusted =
    signers !== undefined &&
    (await isTrusted({ signers, end }, { pinned, endorsements, starts: startsOf(identities) }));
  return { identities: named, trusted };
}

/** First transactions of identities by key id, as far as the ledger says them. */
export function startsOf(identities: readonly IntroducedIdentity[]): ReadonlyMap<string, TxId> {
  const starts = new Map<string, TxId>();
  for (const { signer, certificate, createTxId } of identities) {
    if (createTxId === undefined) continue;
    for (const { keyId } of [signer, certificate]) starts.set(keyId, createTxId);
  }
  return starts;
}

interface Succession {
  readonly keyId: string;
  readonly next: IntroducedIdentity;
  readonly source: Pick<SignedIdentities, 'ends'>;
}

/** Whether an identity has endorsed the one before it, for just the transactions that it has signed. */
function isLink(link: EndorsementLink, { keyId, next, source }: Succession): boolean {
  const isMeant = link.endorsingKeyId === next.signer.keyId && link.endorsedKeyId === keyId;
  return isMeant && isEndOf(link, source.ends.get(next.seqno));
}
