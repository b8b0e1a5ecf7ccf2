import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../core/byte-strings.ts';
import { FormatError } from '../core/errors.ts';
import { cborBytes, cborMap, decodeCbor } from '../formats/encoding/cbor.ts';
import { foldPathWith, type MerklePath } from '../formats/merkle/path-fold.ts';
import { decodeProofPath, encodeProof } from '../formats/receipts/inclusion-proof.ts';

/** A consistency proof of CCF's trees. */
export interface CcfConsistency {
  /** Root of the last complete subtree of the older tree. */
  readonly anchor: Uint8Array;
  readonly path: MerklePath;
}

/** The two roots that a proof leads to. */
export interface TwoRoots {
  readonly older: Uint8Array;
  readonly newer: Uint8Array;
}

/**
 * Decodes `{1: anchor, 2: [+ [left, hash]]}`. The first sibling is on the right: it is what the newer tree has more
 * than the older one, and with none of those there would be no newer tree.
 * @throws FormatError `CBOR_*`, `VDP`, `MERKLE_PATH`
 * @see draft-ietf-scitt-receipts-ccf-profile-06 section 4
 */
export function decodeCcfConsistency(bytes: Uint8Array): CcfConsistency {
  const map = cborMap(decodeCbor(bytes), 'the consistency proof', 'VDP');
  const anchor = cborBytes(map.get(1), 'the anchor (1)', 'VDP');
  const path = decodeProofPath(map);
  if (anchor.length !== 32 || !equalBytes(encodeProof(anchor, path), bytes)) {
    throw new FormatError('VDP', 'the consistency proof is not in its one form');
  }
  if (path[0]?.left === false) return { anchor, path };
  throw new FormatError(
    'MERKLE_PATH',
    'the path of a consistency proof begins with a sibling on the left',
  );
}

/** All siblings lead to the newer root, those on the left alone to the older one. */
export function rootsOfConsistency({ anchor, path }: CcfConsistency): TwoRoots {
  const { root: newer } = foldPathWith(sha256, anchor, path);
  const shared = path.filter(({ left }) => left);
  return { older: foldPathWith(sha256, anchor, shared).root, newer };
}
