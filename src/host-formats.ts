/**
 * What a host with an entry format of its own needs to make ledgers that prove snapshots: published as
 * `ledger-snapshotter/formats`. For every transaction it makes commit evidence and a leaf, appends the leaf to a
 * tree, and now and then signs the tree's root.
 */
export { commitEvidence, commitEvidenceDigest } from './formats/commit-evidence.ts';
export {
  foldPath,
  type MerklePath,
  MerkleTree,
  type SerialiseOptions,
} from './formats/merkle-tree.ts';
export {
  type RootSignatureClaims,
  signRootSignature,
  verifyRootSignature,
} from './formats/root-signature.ts';
export { type EntryType, entryLeafOf, type LeafParts } from './formats/write-set.ts';
