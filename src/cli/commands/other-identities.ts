import { type OtherSignatureCount, unverifiedOf } from '../../ledger/other-signatures.ts';
import { count, groupDigits } from '../output/table.ts';

/** What a summary in JSON says of them; of a service with the classical identity alone nothing. */
export function jsonOfOthers(counts: readonly OtherSignatureCount[]): object {
  if (counts.length === 0) return {};
  return { ...jsonOfUnverified(unverifiedOf(counts)), otherSignatures: counts };
}

export const jsonOfUnverified = (unverified: readonly string[]): object =>
  unverified.length === 0 ? {} : { unverified };

/** A line for each identity beside the classical one. */
export function factsOfOthers(counts: readonly OtherSignatureCount[]): [string, string][] {
  return counts.map(({ identity, verified, unverified }) => {
    const missing = unverified === 0 ? [] : [`${groupDigits(unverified)} NOT VERIFIED`];
    const held = verified === 0 && unverified > 0 ? [] : [`${groupDigits(verified)} verified`];
    return [`${identity} signatures`, [...held, ...missing].join(', ')];
  });
}

/** Warnings about what was not verified beside the classical signatures. */
export function warningsOfOthers(counts: readonly OtherSignatureCount[]): readonly string[] {
  return counts
    .filter(({ unverified }) => unverified > 0)
    .map(({ identity, unverified }) => {
      const what = `${count(unverified, 'signature')} of the identity ${identity}`;
      return `${what} could not be verified; those of the CLASSICAL identity decide (Node.js 24 and later verify ML-DSA)`;
    });
}
