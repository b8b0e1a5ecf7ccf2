import { equalBytes } from '../../core/byte-strings.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { merklePathMax } from '../../core/limits.ts';
import {
  type CborKey,
  type CborMap,
  type CborValue,
  cborArray,
  cborBytes,
  cborMap,
  cborText,
  decodeCbor,
  encodeCbor,
} from '../encoding/cbor.ts';
import type { MerklePath, PathStep } from '../merkle/path-fold.ts';
import { checkCommitEvidenceLength, type ReceiptProof } from './receipt-claims.ts';

/** Labels of the kinds of proofs in a receipt's vdp map. @see RFC 9942 section 5 */
export const proofLabel = { inclusion: -1, consistency: -2 } as const;

/**
 * Encodes an inclusion proof as CCF does.
 *
 * | label | value |
 * |---|---|
 * | 1 | leaf: write-set digest (bstr 32), commit evidence (tstr), claims digest (bstr 32) |
 * | 2 | path: pairs of a side (true: left) and a sibling (bstr 32), leaf to root |
 *
 * @see draft-ietf-scitt-receipts-ccf-profile section 3
 */
export function encodeInclusionProof(proof: ReceiptProof): Uint8Array {
  const leaf = [proof.writeSetDigest, proof.commitEvidence, proof.claimsDigest];
  return encodeProof(leaf, proof.path);
}

/** Encodes a proof of any kind: what it begins with (label 1), and the path from there (label 2). */
export function encodeProof(begin: CborValue, path: MerklePath): Uint8Array {
  const map = new Map<CborKey, CborValue>([
    [1, begin],
    [2, path.map(({ left, hash }) => [left, hash])],
  ]);
  return encodeCbor(map);
}

/**
 * Decodes an inclusion proof: its leaf and its path, in CCF's own bytes and with nothing beside them.
 * @param mayPathBeEmpty whether a tree of one leaf is let through. @default false: CCF's leaf 0 is no transaction
 * @throws FormatError `CBOR_*`, `VDP`, `MERKLE_PATH`, `RECEIPT_FORMAT`
 * @throws VerificationError `CLAIMS_DIGEST_MISSING`
 */
export function decodeInclusionProof(bytes: Uint8Array, mayPathBeEmpty = false): ReceiptProof {
  const map = cborMap(decodeCbor(bytes), 'the inclusion proof', 'VDP');
  const proof = { ...decodeLeaf(map), path: decodeProofPath(map, mayPathBeEmpty) };
  if (equalBytes(encodeInclusionProof(proof), bytes)) return proof;
  throw new FormatError('VDP', 'the inclusion proof is not in the one form that CCF writes');
}

function decodeLeaf(map: CborMap): Omit<ReceiptProof, 'path'> {
  const leaf = cborArray(map.get(1), 'the leaf (1)', 'VDP');
  const writeSetDigest = cborBytes(leaf[0], 'the write-set digest', 'VDP');
  const commitEvidence = cborText(leaf[1], 'the commit evidence', 'VDP');
  if (leaf[2] === undefined) {
    throw new VerificationError('CLAIMS_DIGEST_MISSING', 'the receipt does not claim a digest');
  }
  const claimsDigest = cborBytes(leaf[2], 'the claims digest', 'VDP');
  if (writeSetDigest.length !== 32 || claimsDigest.length !== 32) {
    throw new FormatError('VDP', 'a digest in the leaf is not of 32 bytes');
  }
  checkCommitEvidenceLength(commitEvidence);
  return { writeSetDigest, commitEvidence, claimsDigest };
}

/**
 * Decodes the path of a proof (label 2): pairs of a side and a sibling.
 * @throws FormatError `VDP`, `MERKLE_PATH`; for an empty path too, unless it may be
 */
export function decodeProofPath(map: CborMap, mayBeEmpty = false): MerklePath {
  const steps = cborArray(map.get(2), 'the path (2)', 'VDP');
  const isBounded = steps.length > 0 || mayBeEmpty;
  if (isBounded && steps.length <= merklePathMax) return steps.map(decodeStep);
  const place = { actual: steps.length, expected: merklePathMax };
  const message = `a path of ${steps.length} steps: 1 to ${merklePathMax} are expected`;
  throw new FormatError('MERKLE_PATH', message, place);
}

function decodeStep(value: CborValue): PathStep {
  const [left, item] = cborArray(value, 'a step of the path', 'MERKLE_PATH');
  if (typeof left !== 'boolean') throw new FormatError('MERKLE_PATH', 'a step has no side');
  const hash = cborBytes(item, 'the hash of a step', 'MERKLE_PATH');
  if (hash.length === 32) return { left, hash };
  throw new FormatError('MERKLE_PATH', `a hash of ${hash.length} bytes`, { actual: hash.length });
}
