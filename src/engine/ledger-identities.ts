import type { KeyObject } from 'node:crypto';
import type { Seqno } from '../core/words.ts';
import type { IntroducedIdentity } from './identity-history.ts';
import type { SignedLedger } from './signed-ledger.ts';
import { endorsedKeys, endorsementLinksOf, isVouchedFor } from './vouching.ts';

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

/** Links a ledger's identities with each other, and with those that are pinned. */
export async function identitiesOf(
  {
    identities,
    endorsements,
    signers,
  }: Pick<SignedLedger, 'identities' | 'endorsements' | 'signers'>,
  pinned: readonly KeyObject[],
): Promise<LedgerIdentities> {
  const links = await endorsementLinksOf(endorsements);
  const isLinked = (newer: string, older: string) =>
    links.some((link) => link.endorsingKeyId === newer && link.endorsedKeyId === older);
  const signing = signersIn(identities);
  const named = signing.map(({ signer: { keyId }, seqno }, i) => {
    const next = signing[i + 1]?.signer.keyId;
    return { keyId, seqno, endorsed: next === undefined ? undefined : isLinked(next, keyId) };
  });
  const trusted = signers !== undefined && isVouchedFor(signers, endorsedKeys(pinned, links));
  return { identities: named, trusted };
}
