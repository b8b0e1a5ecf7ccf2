import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { type Certificate, verifyEndorsed } from '../formats/certificate.ts';
import { keyIdOf, keyIdOfSpki } from '../formats/ec-key.ts';
import {
  decodeIdentityEndorsement,
  type EndorsementLink,
  verifyIdentityEndorsement,
  type WrittenEndorsement,
} from '../formats/identity-endorsement.ts';
import { attempt, attemptAsync } from './attempt.ts';
import type { IdentityRegister } from './identity-register.ts';
import type { LedgerSignatures } from './jobs.ts';

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

function isEndorsedBy(certificate: Certificate, key: KeyObject): boolean {
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

/** The pinned keys, and all that endorsements lead to from them. */
export function endorsedKeys(
  pinned: readonly KeyObject[],
  links: readonly EndorsementLink[],
): readonly KeyObject[] {
  const known = new Map(pinned.map((key) => [keyIdOf(key), key]));
  for (let before = -1; before < known.size; ) {
    before = known.size;
    for (const { endorsingKeyId, endorsedKeyId, endorsedKey } of links) {
      if (known.has(endorsingKeyId)) known.set(endorsedKeyId, endorsedKey);
    }
  }
  return [...known.values()];
}
