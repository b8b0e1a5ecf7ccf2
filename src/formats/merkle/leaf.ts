import { concatBytes } from '../../core/byte-strings.ts';
import type { Sha256 } from './path-fold.ts';

/** The digests that a leaf is made of, 32 bytes each; which of them there are depends on the entry's type. */
export interface LeafDigests {
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidenceDigest: Uint8Array | undefined;
  readonly claimsDigest: Uint8Array | undefined;
}

/**
 * What a leaf is the hash of: write set ‖ commit evidence ‖ claims, each where there is one. With the write set alone
 * nothing is hashed again, and the leaf is that digest itself.
 * @see CCF src/node/rpc/claims.h
 */
export function leafPreimage(digests: LeafDigests): Uint8Array | undefined {
  const { writeSetDigest, commitEvidenceDigest, claimsDigest } = digests;
  if (commitEvidenceDigest === undefined && claimsDigest === undefined) return undefined;
  const present = [writeSetDigest];
  if (commitEvidenceDigest !== undefined) present.push(commitEvidenceDigest);
  if (claimsDigest !== undefined) present.push(claimsDigest);
  return concatBytes(present);
}

/** The leaf of {@link leafPreimage}. */
export function hashLeaf(hashOf: Sha256, digests: LeafDigests): Uint8Array {
  const preimage = leafPreimage(digests);
  return preimage === undefined ? digests.writeSetDigest : hashOf(preimage);
}
