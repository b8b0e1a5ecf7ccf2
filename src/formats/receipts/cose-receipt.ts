import type { KeyObject } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import type { TxId } from '../../core/words.ts';
import { cborArray, cborBytes, cborMap } from '../encoding/cbor.ts';
import { keyIdOf } from '../keys/ec-key.ts';
import {
  type CoseSign1,
  coseLabel,
  decodeCoseSign1,
  encodeCoseSign1,
  verifyCoseSign1,
} from '../signatures/cose-sign1.ts';
import { checkEvidencePlace } from '../signatures/proof-order.ts';
import {
  checkServiceKeyId,
  decodeRootSignature,
  type RootSignature,
  readRootSignature,
} from '../signatures/root-signature.ts';
import { decodeInclusionProof, encodeInclusionProof, proofLabel } from './inclusion-proof.ts';
import {
  checkClaimsDigest,
  foldReceiptProof,
  type ReceiptProof,
  txIdOfCommitEvidence,
} from './receipt-proof.ts';

/** CCF's newer receipt: the service's root signature with a Merkle proof in its unprotected header. */
export interface CoseReceipt {
  readonly signature: RootSignature;
  readonly proof: ReceiptProof;
}

/** What {@link encodeCoseReceipt} puts together. */
export interface CoseReceiptParts {
  /** The COSE root signature as the ledger holds it. */
  readonly rootSignature: Uint8Array;
  readonly proof: ReceiptProof;
}

/**
 * Encodes a receipt: the ledger's message with its protected header and signature copied byte for byte
 * and its unprotected header replaced.
 *
 * | bytes | item |
 * |---|---|
 * | d2 84 | tag 18, array of four |
 * | bstr | protected header, copied |
 * | a1 19018c a1 20 81 bstr | {396: {-1: [proof]}} |
 * | f6 | detached payload: the root |
 * | bstr | signature, copied |
 *
 * The proof is `{1: [write-set digest, commit evidence, claims digest], 2: [[left, hash], …]}`.
 * @throws FormatError as `decodeRootSignature`
 * @see CCF 7.0 src/node/cose_common.h; RFC 9942; draft-ietf-scitt-receipts-ccf-profile
 */
export function encodeCoseReceipt(parts: CoseReceiptParts): Uint8Array {
  const { message } = decodeRootSignature(parts.rootSignature);
  const unprotectedHeader = new Map([
    [coseLabel.vdp, new Map([[proofLabel.inclusion, [encodeInclusionProof(parts.proof)]]])],
  ]);
  const { protectedBytes, signature } = message;
  return encodeCoseSign1({ protectedBytes, unprotectedHeader, payload: undefined, signature });
}

/**
 * Decodes a receipt. Its unprotected header must hold exactly one inclusion proof and nothing else, in
 * CCF's own bytes, so that no byte of the receipt can be changed without being noticed.
 * @throws FormatError as `decodeCoseSign1`, and `COSE_UNKNOWN_UNPROTECTED`, `VDS`, `VDP`, `MERKLE_PATH`,
 * `RECEIPT_FORMAT`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `CLAIMS_DIGEST_MISSING`
 */
export function decodeCoseReceipt(bytes: Uint8Array): CoseReceipt {
  const message = decodeCoseSign1(bytes, { payload: 'detached' });
  const proof = decodeInclusionProof(proofBytesOf(message));
  return { signature: readRootSignature(message), proof };
}

function proofBytesOf({ unprotectedHeader }: CoseSign1): Uint8Array {
  const vdp = cborMap(unprotectedHeader.get(coseLabel.vdp), 'vdp (396)', 'VDP');
  if (unprotectedHeader.size !== 1) {
    throw new FormatError('COSE_UNKNOWN_UNPROTECTED', 'vdp is not the only unprotected label');
  }
  const proofs = cborArray(vdp.get(proofLabel.inclusion), 'the inclusion proofs (-1)', 'VDP');
  if (vdp.size !== 1 || proofs.length !== 1) {
    throw new FormatError('VDP', 'vdp does not hold exactly one inclusion proof');
  }
  return cborBytes(proofs[0], 'the inclusion proof', 'VDP');
}

/** What a verified receipt proves. */
export interface VerifiedCoseReceipt {
  /** The transaction that carries the claim. */
  readonly evidence: TxId;
  /** Its leaf, 32 bytes. */
  readonly leaf: Uint8Array;
  /** The signature transaction, after the evidence. */
  readonly signature: TxId;
  readonly root: Uint8Array;
}

/**
 * Verifies a receipt: claims digest, the key's id, the signature over the root that the proof leads to, and that
 * the evidence could be signed there. A wrong path gives another root, so it shows as `SIG_INVALID`.
 * @param key the pinned service key; see `checkServiceKeyId` for finding it by id
 * @param claimsDigest 32 bytes: a snapshot's digest
 * @throws VerificationError `CLAIMS_DIGEST_MISMATCH`, `KID_MISMATCH`, `ALG_KEY_MISMATCH`, `SIG_INVALID`,
 * `EVIDENCE_MISMATCH`
 * @throws FormatError `RECEIPT_FORMAT`, `MERKLE_PATH`, `NUMBER_TOO_LARGE`
 */
export async function verifyCoseReceipt(
  receipt: CoseReceipt,
  key: KeyObject,
  claimsDigest: Uint8Array,
): Promise<VerifiedCoseReceipt> {
  const { proof, signature } = receipt;
  checkClaimsDigest(toHex(proof.claimsDigest), toHex(claimsDigest));
  const evidence = txIdOfCommitEvidence(proof.commitEvidence);
  checkServiceKeyId(signature, keyIdOf(key));
  const { leaf, root } = foldReceiptProof(proof);
  await verifyCoseSign1(signature.message, key, root);
  checkEvidencePlace({ evidence, signature: signature.txId }, proof.path);
  return { evidence, leaf, signature: signature.txId, root };
}
