import { equalBytes, toHex } from '../core/bytes.ts';
import { assert, FormatError, VerificationError } from '../core/errors.ts';
import { formatTxId } from '../core/tx-id.ts';
import { type Digest, digest, type Seqno, type TxId } from '../core/words.ts';
import type { EntrySource, LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope, writeSetDigest } from '../formats/entries/entry.ts';
import { tables } from '../formats/entries/tables.ts';
import {
  decodePublicDomain,
  entryLeafOf,
  type PublicDomain,
  singletonIn,
} from '../formats/entries/write-set.ts';
import { commitEvidence, commitEvidenceDigest } from '../formats/merkle/commit-evidence.ts';
import { foldPath, MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { encodeCoseReceipt } from '../formats/receipts/cose-receipt.ts';
import { encodeJsonReceipt, type JsonLeafComponents } from '../formats/receipts/json-receipt.ts';
import { decodeNodeSignature, type NodeSignature } from '../formats/signatures/node-signature.ts';
import { decodeCoseSignatureValue } from '../formats/signatures/root-signature.ts';

/** The two forms of CCF's receipts: signed by the service, or by a node that it endorses. */
export type ProofForm = 'cose' | 'json';

/** A receipt for one transaction. */
export interface MadeReceipt {
  readonly form: ProofForm;
  /** As CCF writes it: COSE_Sign1, or JSON without white space. */
  readonly bytes: Uint8Array;
  /** The transaction that it proves. */
  readonly txId: TxId;
  /** The signature transaction whose root it leads to. */
  readonly signatureTxId: TxId;
  /** Hex SHA-256 of what the transaction claims, 64 zeros when it claims nothing; `undefined` before CCF 2. */
  readonly claimsDigest: Digest | undefined;
}

/** Where and how a receipt is made. */
export interface ReceiptWanted {
  readonly seqno: Seqno;
  /** @default COSE where the entry and a signature allow it, else JSON */
  readonly form?: ProofForm | undefined;
  /** The last signature that counts. */
  readonly until: Seqno;
  /** The ledger secret in force at a seqno; commit evidence is made of it. */
  readonly secretAt: (seqno: Seqno) => Uint8Array | undefined;
  /** The certificate, PEM, of the node that made a signature; CCF 1.x does not write it beside the signature. */
  readonly certificateOf: (signature: NodeSignature) => string;
  /** Throws unless the signature transaction at a seqno was verified over this root. */
  readonly checkSigned: (signed: SignedRoot) => void | Promise<void>;
}

/** A signature transaction and what it signs. */
export interface SignedRoot {
  readonly seqno: Seqno;
  readonly root: Uint8Array;
  /** SHA-256 of its own entry. */
  readonly digest: Uint8Array;
  /** The COSE message, where it writes one. */
  readonly cose: Uint8Array | undefined;
}

/**
 * Makes a receipt for the transaction at a seqno, from its entry to the first signature after it that has the form
 * wanted. The path comes from the tree that the first signature carries, and from the leaves behind it.
 * @throws VerificationError `NO_SIGNATURE` when no such signature covers it, `SECRETS_MISSING`,
 * `COMMIT_EVIDENCE_MISMATCH`, `TREE_MISMATCH`, and what `checkSigned` throws
 * @throws FormatError `RECEIPT_FORMAT` when the entry is too old for that form; those of the ledger
 */
export async function makeReceipt(
  ledger: EntrySource,
  wanted: ReceiptWanted,
): Promise<MadeReceipt> {
  let subject: Subject | undefined;
  let tree: MerkleTree | undefined;
  for await (const entry of ledger.entries({ from: wanted.seqno })) {
    if (entry.seqno > wanted.until) break;
    const read = readEntry(entry);
    if (subject === undefined) {
      subject = subjectOf(read, wanted);
      continue;
    }
    const carried = singletonIn(read.domain, tables.tree);
    if (tree === undefined && carried !== undefined) tree = treeWith(carried, subject);
    if (tree === undefined) continue;
    const form = formOf(read.domain, subject, wanted.form);
    if (form !== undefined) {
      await wanted.checkSigned(signedRootOf(read, tree));
      return receiptUnder({ form, subject, read, tree, wanted });
    }
    tree.append(read.leaf);
  }
  throw uncovered(wanted);
}

/** An entry as far as it is in the clear. */
interface ReadEntry {
  readonly entry: LedgerEntry;
  readonly txId: TxId;
  readonly domain: PublicDomain;
  readonly digest: Uint8Array;
  readonly leaf: Uint8Array;
}

function readEntry(entry: LedgerEntry): ReadEntry {
  const { seqno, view, publicDomain } = decodeEnvelope(entry.bytes);
  const domain = decodePublicDomain(publicDomain);
  const digest = writeSetDigest(entry.bytes);
  const leaf = entryLeafOf({ ...domain, writeSetDigest: digest });
  return { entry, txId: { seqno, view }, domain, digest, leaf };
}

/** The transaction that is proven. */
interface Subject {
  readonly txId: TxId;
  readonly leaf: Uint8Array;
  readonly components: JsonLeafComponents;
}

function subjectOf({ txId, domain, digest, leaf }: ReadEntry, { secretAt }: ReceiptWanted) {
  const { claimsDigest, commitEvidenceDigest: recorded } = domain;
  const components = {
    writeSetDigest: digest,
    ...(claimsDigest && { claimsDigest }),
    ...(recorded && { commitEvidence: evidenceOf(txId, recorded, secretAt(txId.seqno)) }),
  };
  return { txId, leaf, components };
}

function evidenceOf(txId: TxId, recorded: Uint8Array, secret: Uint8Array | undefined): string {
  const place = { seqno: txId.seqno };
  if (secret === undefined) {
    const message = `a receipt for ${formatTxId(txId)} holds its commit evidence, which is made of the ledger secret in force there: no members' keys open it`;
    throw new VerificationError('SECRETS_MISSING', message, place);
  }
  const text = commitEvidence(secret, txId);
  if (equalBytes(commitEvidenceDigest(text), recorded)) return text;
  const message = `the commit evidence of ${formatTxId(txId)} is not the one recorded`;
  throw new VerificationError('COMMIT_EVIDENCE_MISMATCH', message, place);
}

/** @throws VerificationError `TREE_MISMATCH` when the first signature's tree does not hold the leaf */
function treeWith(carried: Uint8Array, { txId, leaf }: Subject): MerkleTree {
  const tree = MerkleTree.deserialise(carried);
  const { seqno } = txId;
  const isThere = tree.firstLeaf <= seqno && seqno < tree.leafCount;
  if (isThere && equalBytes(tree.leafAt(seqno), leaf)) return tree;
  const message = `the tree of leaves ${tree.firstLeaf} to ${tree.leafCount - 1}, which the signature after ${formatTxId(txId)} carries, does not hold its leaf`;
  throw new VerificationError('TREE_MISMATCH', message, { seqno });
}

/** The form that a signature transaction allows; `undefined` when it has none that is wanted. */
function formOf(
  domain: PublicDomain,
  { components, txId }: Subject,
  wanted: ProofForm | undefined,
): ProofForm | undefined {
  const isWhole = components.claimsDigest !== undefined && components.commitEvidence !== undefined;
  if (wanted === 'cose' && !isWhole) {
    const message = `the entry of ${formatTxId(txId)} is of a release without claims digests: its receipt is JSON`;
    throw new FormatError('RECEIPT_FORMAT', message, { seqno: txId.seqno });
  }
  const has = (table: string) => singletonIn(domain, table) !== undefined;
  if (wanted !== 'json' && isWhole && has(tables.coseSignatures)) return 'cose';
  return wanted !== 'cose' && has(tables.signatures) ? 'json' : undefined;
}

function signedRootOf({ txId, domain, digest }: ReadEntry, tree: MerkleTree): SignedRoot {
  const value = singletonIn(domain, tables.coseSignatures);
  const cose = value && decodeCoseSignatureValue(value);
  return { seqno: txId.seqno, root: tree.root(), digest, cose };
}

function receiptUnder(parts: {
  readonly form: ProofForm;
  readonly subject: Subject;
  readonly read: ReadEntry;
  readonly tree: MerkleTree;
  readonly wanted: ReceiptWanted;
}): MadeReceipt {
  const { form, subject, read, tree, wanted } = parts;
  const { txId, leaf, components } = subject;
  const path = tree.path(txId.seqno);
  assert(equalBytes(foldPath(leaf, path).root, tree.root()), 'a path leads to its own root');
  const { claimsDigest } = components;
  const made = {
    ...{ form, txId, signatureTxId: read.txId },
    claimsDigest: claimsDigest && digest(toHex(claimsDigest)),
  };
  if (form === 'json') {
    const value = singletonIn(read.domain, tables.signatures);
    assert(value !== undefined, 'the form was chosen by this table');
    const signature = decodeNodeSignature(value);
    const { node: nodeId, signature: bytes } = signature;
    const certificate = wanted.certificateOf(signature);
    const receipt = { certificate, leafComponents: components, nodeId, path, signature: bytes };
    return { ...made, bytes: encodeJsonReceipt(receipt) };
  }
  const { cose } = signedRootOf(read, tree);
  const { commitEvidence: evidence } = components;
  assert(
    cose !== undefined && claimsDigest !== undefined && evidence !== undefined,
    'the form was chosen by these',
  );
  const { writeSetDigest: ofEntry } = components;
  const proof = { writeSetDigest: ofEntry, commitEvidence: evidence, claimsDigest, path };
  return { ...made, bytes: encodeCoseReceipt({ rootSignature: cose, proof }) };
}

function uncovered({ seqno, form, until }: ReceiptWanted): VerificationError {
  const kind = form === undefined ? 'signature' : `signature for a ${form.toUpperCase()} receipt`;
  const others = seqno < until ? ', and none between them has that form' : '';
  const message = `no ${kind} covers seqno ${seqno}: the last signature that holds is at seqno ${until}${others}`;
  return new VerificationError('NO_SIGNATURE', message, { seqno, actual: until });
}
