import { type KeyObject, randomBytes } from 'node:crypto';
import { concatBytes } from '../../src/core/bytes.ts';
import { parseTxId } from '../../src/core/tx-id.ts';
import { seqno, type TxId, view } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { encodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { entryLeafOf } from '../../src/formats/entries/write-set.ts';
import { commitEvidence, commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { encodeJsonReceipt } from '../../src/formats/receipts/json-receipt.ts';
import { signRoot } from '../../src/formats/signatures/node-signature.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import type { MadeService } from '../formats/make-snapshot-file.ts';
import { issuedAt } from './make-signatures.ts';
import { singleton } from './make-tables.ts';

/** What a forged proof says, part by part; transactions as `view.seqno`. */
export interface ForgedProof {
  /** Which transaction the snapshot is said to be of. */
  readonly snapshot: string;
  /** What the commit evidence says. */
  readonly evidence: string;
  /** What the signed header says; a JSON receipt has none. */
  readonly signature: string;
  /** Who signs: a service (COSE) or its node (JSON), whatever it is retired from. */
  readonly signer: MadeService;
  /** Whose certificate the snapshot carries. @default the signer's */
  readonly named?: MadeService;
  /** @default 'cose' */
  readonly form?: 'cose' | 'json';
  /** Where in the tree the evidence really lies. @default as the commit evidence says */
  readonly leafIndex?: number;
  /** How many leaves are signed. @default as the header says */
  readonly leafCount?: number;
  /** First seqno of each view of the snapshot. @default each began with seqno 1 */
  readonly viewHistory?: readonly number[];
  /** Whether a JSON receipt says that it is of a signature transaction. @default it says nothing */
  readonly isSignatureTransaction?: boolean;
  /** The claims digest. @default the snapshot's own, which is what makes it pass */
  readonly claims?: Uint8Array;
}

export interface ForgedSnapshot {
  readonly bytes: Uint8Array;
  /** A name that agrees with what entry and evidence say. */
  readonly fileName: string;
}

/**
 * A snapshot file with a receipt whose parts agree with one another only as far as they are told to: each is
 * well formed, the digest is claimed and the root signed.
 */
export async function forgeSnapshot(proof: ForgedProof): Promise<ForgedSnapshot> {
  const [snapshot, evidence] = [txIdOf(proof.snapshot), txIdOf(proof.evidence)];
  const entry = forgeEntry(snapshot, proof);
  const receipt = await forgeReceipt(proof.claims ?? sha256(entry), proof);
  return {
    bytes: concatBytes([entry, receipt]),
    fileName: `snapshot_${snapshot.seqno}_${evidence.seqno}.committed`,
  };
}

function forgeEntry({ seqno: at, view: last }: TxId, proof: ForgedProof): Uint8Array {
  const { serviceCertificate } = proof.named ?? proof.signer;
  const value = encodeServiceInfo({ certificate: serviceCertificate.pem, status: 'Open' });
  const [write] = singleton(tables.serviceInfo, value).writes;
  const records = write === undefined ? [] : [{ ...write, version: 1 }];
  const content = {
    seqno: at,
    maxConflictVersion: 0,
    leaf: new Uint8Array(32).fill(3),
    viewHistory: proof.viewHistory ?? Array.from({ length: last }, () => 1),
    publicMaps: [{ name: tables.serviceInfo, version: 1, records }],
    privateMaps: [],
  };
  return encodeSnapshot(content, new Uint8Array(randomBytes(32)));
}

/** The receipt alone, for a claim of any transaction. */
async function forgeReceipt(claimsDigest: Uint8Array, forged: ForgedProof): Promise<Uint8Array> {
  const [evidence, signature] = [txIdOf(forged.evidence), txIdOf(forged.signature)];
  const { leafIndex = evidence.seqno, leafCount = signature.seqno, signer } = forged;
  const text = commitEvidence(new Uint8Array(32).fill(9), evidence);
  const writeSetDigest = sha256(Uint8Array.of(12));
  const commitEvidenceDigestOf = commitEvidenceDigest(text);
  const leaf = { writeSetDigest, claimsDigest, commitEvidenceDigest: commitEvidenceDigestOf };
  const tree = MerkleTree.genesis();
  for (let i = 1; i < leafCount; i++) {
    tree.append(i === leafIndex ? entryLeafOf({ type: 4, ...leaf }) : sha256(Uint8Array.of(i)));
  }
  const components = { writeSetDigest, commitEvidence: text, claimsDigest };
  const path = tree.path(leafIndex);
  if (forged.form === 'json') {
    const { isSignatureTransaction } = forged;
    return encodeJsonReceipt({
      ...(isSignatureTransaction === undefined ? {} : { isSignatureTransaction }),
      certificate: signer.nodeCertificate.pem,
      leafComponents: components,
      nodeId: signer.nodeCertificate.keyId,
      path,
      signature: await signRoot(tree.rootPreimage(), signer.node.privateKey),
    });
  }
  const rootSignature = await signHeader(tree.root(), signature, signer.service.privateKey);
  return encodeCoseReceipt({ rootSignature, proof: { ...components, path } });
}

function signHeader(root: Uint8Array, txId: TxId, key: KeyObject): Promise<Uint8Array> {
  const claims = { iat: issuedAt, iss: 'service.example.com', sub: 'ledger.signature', txId };
  return signRootSignature(root, claims, key);
}

/** A transaction as tests write it. */
export function txIdOf(text: string): TxId {
  const { view: v, seqno: s } = parseTxId(text);
  return { view: view(v), seqno: seqno(s) };
}
