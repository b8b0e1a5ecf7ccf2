/**
 * What a host with an entry format of its own needs to make ledgers that prove snapshots: published as
 * `ledger-snapshotter/formats`. For every transaction it makes commit evidence and a leaf, appends the leaf to a
 * tree, and now and then signs the tree's root.
 */

export { type EntryType, entryLeafOf, type LeafParts } from './formats/entries/write-set.ts';
export { commitEvidence, commitEvidenceDigest } from './formats/merkle/commit-evidence.ts';
export {
  foldPath,
  type MerklePath,
  MerkleTree,
  type SerialiseOptions,
} from './formats/merkle/merkle-tree.ts';
export {
  type RootSignatureClaims,
  signRootSignature,
  verifyRootSignature,
} from './formats/signatures/root-signature.ts';
