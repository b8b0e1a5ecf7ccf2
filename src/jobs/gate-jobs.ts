import { equalBytes, fromHex, toHex } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { keyIdOfSpki, publicKeyOfSpki } from '../formats/keys/ec-key.ts';
import { type MerklePath, MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { decodeCoseReceipt, verifyCoseReceipt } from '../formats/receipts/cose-receipt.ts';
import { decodeJsonReceipt, verifyJsonReceipt } from '../formats/receipts/json-receipt.ts';
import { crossCheckSign1 } from '../formats/signatures/cose-cross-check.ts';
import { verifyCoseSign1 } from '../formats/signatures/cose-sign1.ts';
import { verifyNodeSignature } from '../formats/signatures/node-signature.ts';
import { checkServiceKeyId, decodeRootSignature } from '../formats/signatures/root-signature.ts';
import type { CoseRootSignature, NodeRootSignature } from '../ledger/ledger-signatures.ts';

// What the gate of a generation waits for, and the check of its receipt.

export interface VerifySignatureJob {
  readonly seqno: Seqno;
  /** The signature transaction's serialised tree: it has the root. */
  readonly tree: Uint8Array;
  readonly signature: CoseRootSignature | NodeRootSignature;
}

export interface ProveEvidenceJob {
  readonly signatureSeqno: Seqno;
  readonly tree: Uint8Array;
  readonly evidenceSeqno: Seqno;
  /** The evidence's leaf as its entry type defines it, 32 bytes. */
  readonly leaf: Uint8Array;
}

export interface CheckReceiptJob {
  readonly form: 'cose' | 'json';
  readonly receipt: Uint8Array;
  /** The snapshot's digest. */
  readonly digest: Digest;
  /** The service key, for a COSE receipt. */
  readonly spki: Uint8Array;
  /** Whether cose-js must accept a COSE receipt, too. */
  readonly crossCheck: boolean;
}

/** @returns the root that is signed @throws VerificationError when tree or signature does not hold */
export async function verifySignature({
  seqno,
  tree,
  signature,
}: VerifySignatureJob): Promise<Digest> {
  const merkle = treeOf(tree, seqno);
  const root = merkle.root();
  const key = publicKeyOfSpki(signature.spki, 'BAD_CERTIFICATE');
  if (signature.form === 'cose') {
    const decoded = decodeRootSignature(signature.message);
    if (decoded.txId.seqno !== seqno) throw wrongSeqno(seqno, decoded.txId.seqno);
    checkServiceKeyId(decoded, keyIdOfSpki(signature.spki));
    await verifyCoseSign1(decoded.message, key, root);
  } else {
    const { seqno: signed, signature: bytes } = signature.signature;
    if (signed !== seqno) throw wrongSeqno(seqno, signed);
    await verifyNodeSignature({ signature: bytes, preimage: merkle.rootPreimage(), key });
  }
  return digest(toHex(root));
}

function wrongSeqno(seqno: Seqno, signed: Seqno): VerificationError {
  return new VerificationError(
    'SEQNO_MISMATCH',
    `the signature at seqno ${seqno} says it is of seqno ${signed}`,
    { seqno, actual: signed, expected: seqno },
  );
}

/** The way from the evidence's leaf to the root. @throws FormatError, VerificationError */
export function proveEvidence(job: ProveEvidenceJob): { root: Digest; path: MerklePath } {
  const { signatureSeqno, evidenceSeqno, leaf } = job;
  const tree = treeOf(job.tree, signatureSeqno);
  if (evidenceSeqno < tree.firstLeaf || evidenceSeqno >= tree.leafCount) {
    throw new FormatError(
      'BAD_TREE',
      `the tree at seqno ${signatureSeqno} holds leaves ${tree.firstLeaf} … ${tree.leafCount - 1}, not ${evidenceSeqno}`,
      { seqno: signatureSeqno, actual: evidenceSeqno },
    );
  }
  if (!equalBytes(tree.leafAt(evidenceSeqno), leaf)) {
    throw new VerificationError(
      'LEAF_MISMATCH',
      `the tree at seqno ${signatureSeqno} has another leaf for seqno ${evidenceSeqno}`,
      { seqno: evidenceSeqno },
    );
  }
  return { root: digest(toHex(tree.root())), path: tree.path(evidenceSeqno) };
}

/**
 * Verifies a receipt as a stranger would. With `crossCheck`, cose-js must accept a COSE receipt too: it shares no code
 * with ours, so a bug would have to be in both.
 */
export async function checkReceipt(job: CheckReceiptJob): Promise<void> {
  const { form, receipt, digest, spki, crossCheck } = job;
  const claimsDigest = fromHex(digest);
  if (form === 'json') {
    await verifyJsonReceipt(decodeJsonReceipt(receipt), { claimsDigest });
    return;
  }
  const key = publicKeyOfSpki(spki, 'BAD_CERTIFICATE');
  const { root } = await verifyCoseReceipt(decodeCoseReceipt(receipt), key, claimsDigest);
  if (crossCheck) await crossCheckSign1(receipt, root, spki);
}

/** The tree of a signature transaction holds the leaves of every transaction before it, and no other. */
function treeOf(bytes: Uint8Array, signatureSeqno: Seqno): MerkleTree {
  const tree = MerkleTree.deserialise(bytes);
  if (tree.leafCount !== signatureSeqno) {
    throw new VerificationError(
      'TREE_MISMATCH',
      `the tree at seqno ${signatureSeqno} has ${tree.leafCount} leaves`,
      { seqno: signatureSeqno, actual: tree.leafCount, expected: signatureSeqno },
    );
  }
  return tree;
}
