import type { KeyObject } from 'node:crypto';
import { attempt, attemptAsync } from '../core/attempt.ts';
import { VerificationError } from '../core/errors.ts';
import type { Seqno, TxId } from '../core/words.ts';
import { type Certificate, verifyEndorsed } from '../formats/keys/certificate.ts';
import { keyIdOf, keyIdOfSpki } from '../formats/keys/ec-key.ts';
import {
  decodeIdentityEndorsement,
  type EndorsementLink,
  linksBelow,
  verifyIdentityEndorsement,
  type WrittenEndorsement,
} from '../formats/signatures/identity-endorsement.ts';
import { isInEpoch } from '../formats/signatures/proof-order.ts';
import type { IdentityRegister } from './identity-register.ts';
import type { LedgerSignatures } from './ledger-signatures.ts';
import type { SignedEnd } from './signed-end.ts';

/** The keys of pinned identities. */
export function pinnedKeys(services: readonly (KeyObject | Certificate)[]): readonly KeyObject[] {
  return services.map((service) => ('x509' in service ? service.publicKey : service));
}

/** Who made the signatures of one signature transaction. */
export interface Signers {
  /** Of the service's COSE signature. */
  readonly serviceKeyId: string | undefined;
  /** Of the node's signature. */
  readonly node: Certificate | undefined;
}

/** Who made verified signatures, as the ledger has it at their place. */
export function signersOf({ cose, node }: LedgerSignatures, register: IdentityRegister): Signers {
  return {
    serviceKeyId: cose && keyIdOfSpki(cose.spki),
    node: node && register.nodeOf(node.signature),
  };
}

/**
 * Whether a pinned identity made one of these verified signatures, or endorsed the node that did.
 * That the ledger names the identity would prove nothing: its certificate is public.
 */
export function isVouchedFor(
  { serviceKeyId, node }: Signers,
  pinned: readonly KeyObject[],
): boolean {
  if (pinned.some((key) => keyIdOf(key) === serviceKeyId)) return true;
  return node !== undefined && pinned.some((key) => isEndorsedBy(node, key));
}

/** Whether a key has signed a certificate. */
export function isEndorsedBy(certificate: Certificate, key: KeyObject): boolean {
  try {
    verifyEndorsed(certificate, key);
    return true;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}

/** An endorsement that verifies, and where it was written. */
export interface WrittenLink extends EndorsementLink {
  readonly seqno: Seqno;
}

/** The endorsements that verify, each under its own endorsing key; the others are skipped. */
export async function endorsementLinksOf(
  endorsements: readonly WrittenEndorsement[],
): Promise<readonly WrittenLink[]> {
  const links: WrittenLink[] = [];
  for (const { seqno, value } of endorsements) {
    const record = attempt(() => decodeIdentityEndorsement(value));
    const link = record && (await attemptAsync(() => verifyIdentityEndorsement(record)));
    if (link) links.push({ ...link, seqno });
  }
  return links;
}

/** A signature that holds: who made it, and over what. */
export interface Vouching {
  readonly signers: Signers;
  /** `undefined` where the signature transaction itself was not read. */
  readonly end: SignedEnd | undefined;
}

/** Where trust begins, and what identities say of each other. */
export interface TrustSource {
  readonly pinned: readonly KeyObject[];
  readonly endorsements: readonly WrittenEndorsement[];
  /** First transactions of identities, by key id, as in `linksBelow`. */
  readonly starts: ReadonlyMap<string, TxId>;
}

/**
 * Whether a ledger ends under a pinned identity; or just where an earlier one does, by an endorsement that leads there
 * from a pinned one: an identity that was followed by another must sign no more, and its key may be in other hands.
 * @param fits how an endorsement must fit the end; {@link isInTime} for a part of a ledger, which may end anywhere
 */
export async function isTrusted(
  { signers, end }: Vouching,
  { pinned, endorsements, starts }: TrustSource,
  fits: (link: EndorsementLink, end: SignedEnd | undefined) => boolean = isEndOf,
): Promise<boolean> {
  if (isVouchedFor(signers, pinned)) return true;
  for (const key of pinned) {
    const links = await linksBelow(endorsements, key, starts);
    const leads = links.some(
      (link) => isVouchedFor(signers, [link.endorsedKey]) && fits(link, end),
    );
    if (leads) return true;
  }
  return false;
}

/** Whether an endorsed identity ends with just this signature. */
export function isEndOf({ to, endRoot }: EndorsementLink, end: SignedEnd | undefined): boolean {
  const { seqno, view } = end?.txId ?? {};
  return to !== undefined && to.seqno === seqno && to.view === view && endRoot === end?.root;
}

/** Whether a signature is of an endorsed identity's time; at the end of that it must be its very last one. */
export function isInTime(link: EndorsementLink, end: SignedEnd | undefined): boolean {
  if (end === undefined || link.to === undefined) return false;
  return end.txId.seqno === link.to.seqno ? isEndOf(link, end) : isInEpoch(link, end.txId);
}
