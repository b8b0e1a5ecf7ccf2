import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import { type Certificate, verifyEndorsed } from '../formats/certificate.ts';
import { keyIdOf, keyIdOfSpki } from '../formats/ec-key.ts';
import type { LedgerSignatures } from './jobs.ts';
import type { IdentityRegister } from './signatures.ts';

/** The keys of pinned identities. */
export function pinnedKeys(services: readonly (KeyObject | Certificate)[]): readonly KeyObject[] {
  return services.map((service) => ('x509' in service ? service.publicKey : service));
}

/**
 * Whether a pinned identity made one of these verified signatures, or endorsed the node that did.
 * That the ledger names the identity would prove nothing: its certificate is public.
 */
export function isVouchedFor(
  { cose, node }: LedgerSignatures,
  register: IdentityRegister,
  pinned: readonly KeyObject[],
): boolean {
  const signer = cose && keyIdOfSpki(cose.spki);
  if (pinned.some((key) => keyIdOf(key) === signer)) return true;
  const certificate = node && register.nodeOf(node.signature);
  return certificate !== undefined && pinned.some((key) => isEndorsedBy(certificate, key));
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
