import { equalBytes, toHex } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno, type View } from '../core/words.ts';
import { identityName, otherRowsIn } from '../formats/entries/signing-identities.ts';
import { keyText, readTableValue } from '../formats/entries/table-value.ts';
import { tables } from '../formats/entries/tables.ts';
import { type PublicDomain, singletonIn, singletonKey } from '../formats/entries/write-set.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { verifyCoseSign1 } from '../formats/signatures/cose-sign1.ts';
import { decodeNodeSignature, verifyNodeSignature } from '../formats/signatures/node-signature.ts';
import {
  checkServiceKeyId,
  decodeCoseSignatureValue,
  decodeRootSignature,
} from '../formats/signatures/root-signature.ts';
import type { IdentityRegister } from './identity-register.ts';
import type {
  CoseRootSignature,
  LedgerSignatures,
  NodeRootSignature,
} from './ledger-signatures.ts';

/** The signatures of one signature transaction, all verified, and its tree. */
export interface VerifiedSignatures extends LedgerSignatures {
  /** As the ledger has it. */
  readonly tree: Uint8Array;
}

/** What a signature transaction is verified against. */
export interface SignedBefore {
  /** Holds exactly the transactions before it. */
  readonly tree: MerkleTree;
  readonly register: IdentityRegister;
  /** Of its own entry. */
  readonly view: View;
  /** Whether the same signatures over the same root were verified before; asked of a signature transaction only. */
  readonly isProven: () => boolean;
}

/**
 * Verifies every signature that a transaction writes, over the root of all transactions before it.
 * @returns `undefined` when it is no signature transaction
 * @throws FormatError, VerificationError when a signature, its root or its tree does not hold
 */
export async function verifySignatures(
  domain: PublicDomain,
  before: SignedBefore,
): Promise<VerifiedSignatures | undefined> {
  const nodeValue = singletonIn(domain, tables.signatures);
  const coseValue = singletonIn(domain, tables.coseSignatures);
  if (coseValue === undefined) checkClassical(domain);
  if (nodeValue === undefined && coseValue === undefined) return undefined;
  const treeValue = checkTree(domain, before.tree);
  // A table that names no key to sign with, or one of another kind, is refused also where only nodes sign.
  before.register.signing.classical();
  const context = { ...before, domain, isProven: before.isProven() };
  const [node, cose] = await Promise.all([
    nodeValue === undefined ? undefined : verifyNode(nodeValue, context),
    coseValue === undefined ? undefined : verifyCose(coseValue, context),
  ]);
  return { node, cose, tree: treeValue };
}

/** A signature that only others than the classical identity have made decides nothing, so it must not look signed. */
function checkClassical(domain: PublicDomain): void {
  const rows = otherRowsIn(domain, tables.coseSignatures);
  if (rows.length === 0) return;
  const table = tables.coseSignatures;
  const found = rows.map(({ key }) => identityName(key)).join(', ');
  const message = `${table}, seqno ${domain.seqno}: it is signed by ${found}, and not by the CLASSICAL identity`;
  const [row] = rows;
  const key = row && keyText(row.key);
  throw new VerificationError('NO_SIGNATURE', message, { table, ...(key && { key }) });
}

/** Reads a value of a signature transaction. @throws FormatError naming table, key and seqno */
function read<T>({ seqno }: PublicDomain, table: string, decode: () => T): T {
  return readTableValue({ table, key: singletonKey, seqno }, decode);
}

/** The tree that the transaction carries is ours, byte for byte. */
function checkTree(domain: PublicDomain, tree: MerkleTree): Uint8Array {
  const value = singletonIn(domain, tables.tree);
  if (value === undefined) {
    throw new VerificationError('TREE_MISMATCH', 'the signature transaction carries no tree');
  }
  const carried = read(domain, tables.tree, () => MerkleTree.deserialise(value));
  if (carried.leafCount === tree.leafCount && sameTree(carried, tree, value)) return value;
  throw new VerificationError(
    'TREE_MISMATCH',
    `the tree that the signature transaction carries is not that of the ${tree.leafCount} leaves before it`,
  );
}

/** After a start from a snapshot older leaves are unknown to us: the root speaks for them. */
function sameTree(carried: MerkleTree, tree: MerkleTree, value: Uint8Array): boolean {
  const flushed = carried.firstLeaf;
  if (flushed < tree.firstLeaf) return equalBytes(carried.root(), tree.root());
  return equalBytes(tree.serialise({ flushed }), value);
}

async function verifyNode(
  value: Uint8Array,
  { domain, tree, register, view, isProven }: SignatureContext,
): Promise<NodeRootSignature> {
  const signature = read(domain, tables.signatures, () => decodeNodeSignature(value));
  checkSeqno(signature.seqno, toSeqno(tree.leafCount));
  checkView(signature.view, view);
  const root = tree.root();
  if (!equalBytes(signature.root, root)) {
    throw new VerificationError(
      'MERKLE_ROOT_MISMATCH',
      `the signed root is ${toHex(signature.root)}, the ledger's ${toHex(root)}`,
      { actual: toHex(signature.root), expected: toHex(root) },
    );
  }
  const { publicKey, spki } = read(domain, tables.signatures, () => register.nodeOf(signature));
  const preimage = tree.rootPreimage();
  const { signature: bytes } = signature;
  if (!isProven) await verifyNodeSignature({ signature: bytes, preimage, key: publicKey });
  return { form: 'node', signature, spki };
}

interface SignatureContext extends Pick<SignedBefore, 'tree' | 'register' | 'view'> {
  readonly domain: PublicDomain;
  readonly isProven: boolean;
}

async function verifyCose(
  value: Uint8Array,
  { domain, tree, register, view, isProven }: SignatureContext,
): Promise<CoseRootSignature> {
  const message = read(domain, tables.coseSignatures, () => decodeCoseSignatureValue(value));
  const decoded = read(domain, tables.coseSignatures, () => decodeRootSignature(message));
  checkSeqno(decoded.txId.seqno, domain.seqno);
  checkView(decoded.txId.view, view);
  const { publicKey, spki, keyId } = register.signer();
  checkServiceKeyId(decoded, keyId);
  if (!isProven) await verifyCoseSign1(decoded.message, publicKey, tree.root());
  return { form: 'cose', message, spki };
}

function checkView(signed: View, view: View): void {
  if (signed === view) return;
  const message = `the signature says it is of view ${signed}, its entry is of view ${view}`;
  throw new VerificationError('VIEW_MISMATCH', message, { actual: signed, expected: view });
}

function checkSeqno(signed: Seqno, seqno: Seqno): void {
  if (signed === seqno) return;
  throw new VerificationError(
    'SEQNO_MISMATCH',
    `the signature says it is of seqno ${signed}, it lies at ${seqno}`,
    { actual: signed, expected: seqno },
  );
}
