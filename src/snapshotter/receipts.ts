import type { ActionRequest } from '../../machines/ports.ts';
import { fromHex } from '../core/bytes.ts';
import { assert } from '../core/errors.ts';
import type { Digest, Seqno } from '../core/words.ts';
import { snapshotName } from '../formats/encoding/file-name.ts';
import { receiptCertificate } from '../formats/keys/certificate.ts';
import type { MerklePath } from '../formats/merkle/merkle-path.ts';
import { encodeCoseReceipt } from '../formats/receipts/cose-receipt.ts';
import { encodeJsonReceipt } from '../formats/receipts/json-receipt.ts';
import type { CoseRootSignature, NodeRootSignature } from '../ledger/ledger-signatures.ts';

/** What the ledger says of one evidence transaction. */
export interface EvidenceFact {
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
  /** SHA-256 of the whole ledger entry, 32 bytes. */
  readonly writeSetDigest: Uint8Array;
  /** `ce:<view>.<seqno>:<hex>`; none in CCF 1.x. */
  readonly commitEvidence: string | undefined;
  /** The transaction's Merkle leaf, as its entry type defines it. */
  readonly leaf: Uint8Array;
}

export type ReceiptRequest = Extract<ActionRequest, { kind: 'build-receipt' }>;

/** What a receipt is made of. */
export interface ReceiptParts {
  /** The snapshot's. */
  readonly digest: Digest;
  readonly evidence: EvidenceFact;
  /** From the evidence's leaf to the signed root. */
  readonly path: MerklePath;
  readonly signature: CoseRootSignature | NodeRootSignature;
}

/** Makes the receipt whose form its signature has. */
export function encodeReceipt({ digest, evidence, path, signature }: ReceiptParts): Uint8Array {
  const { writeSetDigest, commitEvidence } = evidence;
  assert(commitEvidence !== undefined, 'only CCF 1.x has evidence without commit evidence');
  const leafComponents = { writeSetDigest, commitEvidence, claimsDigest: fromHex(digest) };
  if (signature.form === 'cose') {
    const proof = { ...leafComponents, path };
    return encodeCoseReceipt({ rootSignature: signature.message, proof });
  }
  const { certificate, node: nodeId, signature: bytes } = signature.signature;
  assert(certificate !== undefined, 'a JSON receipt needs the certificate beside the signature');
  const node = { certificate: receiptCertificate(certificate), nodeId };
  return encodeJsonReceipt({ ...node, leafComponents, path, signature: bytes });
}

/** The name that the file is published under. */
export function fileNameOf(seqno: Seqno, request: ReceiptRequest): string {
  const { receipt, evidenceSeqno, signatureSeqno } = request;
  const name = { seqno, evidenceSeqno, committed: true };
  // CCF 1.x has no receipt: the name alone says which signature committed the evidence.
  return snapshotName(receipt === 'none' ? { ...name, commitSeqno: signatureSeqno } : name);
}
