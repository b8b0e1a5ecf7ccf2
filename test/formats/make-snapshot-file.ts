import { concatBytes, toHex } from '../../src/core/bytes.ts';
import { digest, seqno, view } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { encodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { entryLeafOf, singletonKey } from '../../src/formats/entries/write-set.ts';
import { type Certificate, createCertificate } from '../../src/formats/keys/certificate.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import { commitEvidence, commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { encodeJsonReceipt } from '../../src/formats/receipts/json-receipt.ts';
import type { ReceiptProof } from '../../src/formats/receipts/receipt-proof.ts';
import { signRoot } from '../../src/formats/signatures/node-signature.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import { type MadeKey, makeKey } from './make-keys.ts';

export interface MadeService {
  readonly service: MadeKey;
  /** What the service signs roots and endorsements with. @default `service`, its certificate's key */
  readonly signer?: MadeKey;
  readonly serviceCertificate: Certificate;
  readonly node: MadeKey;
  readonly nodeCertificate: Certificate;
}

const validity = { notBeforeMs: Date.UTC(2020, 0, 1), notAfterMs: Date.UTC(2020, 0, 2) };

/** A service with one node, P-256 where many signatures are verified; both certificates have long expired, as in real ledgers. */
export function makeService(name: string, crv: 'P-256' | 'P-384' = 'P-384'): MadeService {
  const service = makeKey(`${name} service`, crv);
  const node = makeKey(`${name} node`, crv);
  const serial = (text: string) => sha256(new TextEncoder().encode(name + text)).subarray(0, 16);
  const issuer = { subject: 'CCF Network', key: service.privateKey };
  const common = { ...validity, ca: false };
  return {
    service,
    node,
    serviceCertificate: createCertificate(
      {
        ...common,
        ca: true,
        subject: 'CCF Network',
        publicKey: service.publicKey,
        serial: serial('s'),
      },
      issuer,
    ),
    nodeCertificate: createCertificate(
      {
        ...common,
        subject: 'CCF Node',
        publicKey: node.publicKey,
        serial: serial('n'),
        ipAddress: Uint8Array.of(127, 0, 0, 1),
      },
      issuer,
    ),
  };
}

const secret = new Uint8Array(32).fill(7);
const evidenceTxId = { view: view(2), seqno: seqno(12) };
const signatureTxId = { view: view(2), seqno: seqno(15) };

/** A snapshot of seqno 10, its evidence at 12 and the signature of that at 15. */
function makeSnapshotEntry(made: MadeService): Uint8Array {
  const value = encodeServiceInfo({ certificate: made.serviceCertificate.pem, status: 'Open' });
  const record = { key: singletonKey, version: 1, value };
  return encodeSnapshot(
    {
      seqno: seqno(10),
      maxConflictVersion: 0,
      leaf: new Uint8Array(32).fill(3),
      viewHistory: [1, 1],
      publicMaps: [{ name: tables.serviceInfo, version: 1, records: [record] }],
      privateMaps: [],
    },
    secret,
  );
}

export interface MadeProof {
  readonly proof: ReceiptProof;
  readonly tree: MerkleTree;
  readonly root: Uint8Array;
  readonly preimage: Uint8Array;
}

/** Proves a claims digest at 12 in a tree of the leaves 0 … 14. */
export function makeProof(claimsDigest: Uint8Array): MadeProof {
  const text = commitEvidence(secret, evidenceTxId);
  const writeSetDigest = sha256(Uint8Array.of(12));
  const tree = MerkleTree.genesis();
  for (let i = 1; i < 15; i++) {
    const leaf = {
      type: 4,
      writeSetDigest,
      claimsDigest,
      commitEvidenceDigest: commitEvidenceDigest(text),
    } as const;
    tree.append(i === 12 ? entryLeafOf(leaf) : sha256(Uint8Array.of(i)));
  }
  const proof = { writeSetDigest, commitEvidence: text, claimsDigest, path: tree.path(12) };
  return { proof, tree, root: tree.root(), preimage: tree.rootPreimage() };
}

export async function makeCoseReceipt(
  made: MadeService,
  claimsDigest: Uint8Array,
): Promise<Uint8Array> {
  const { proof, root } = makeProof(claimsDigest);
  const claims = {
    iat: 1_600_000_000,
    iss: 'service.example.com',
    sub: 'ledger.signature',
    txId: signatureTxId,
  };
  const rootSignature = await signRootSignature(root, claims, made.service.privateKey);
  return encodeCoseReceipt({ rootSignature, proof });
}

export async function makeJsonReceipt(
  made: MadeService,
  claimsDigest: Uint8Array,
): Promise<Uint8Array> {
  const { proof, preimage } = makeProof(claimsDigest);
  const { path, ...leafComponents } = proof;
  return encodeJsonReceipt({
    certificate: made.nodeCertificate.pem,
    leafComponents,
    nodeId: keyIdOf(made.node.publicKey),
    path,
    signature: await signRoot(preimage, made.node.privateKey),
  });
}

export interface MadeSnapshotFile {
  readonly bytes: Uint8Array;
  readonly entry: Uint8Array;
  readonly receipt: Uint8Array;
  readonly digest: string;
}

/** A committed snapshot file, named snapshot_10_12.committed. */
export async function makeSnapshotFile(
  made: MadeService,
  form: 'cose' | 'json',
): Promise<MadeSnapshotFile> {
  const entry = makeSnapshotEntry(made);
  const claims = sha256(entry);
  const receipt = await (form === 'cose'
    ? makeCoseReceipt(made, claims)
    : makeJsonReceipt(made, claims));
  return { bytes: concatBytes([entry, receipt]), entry, receipt, digest: digest(toHex(claims)) };
}
