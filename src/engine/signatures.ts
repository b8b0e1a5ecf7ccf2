import { equalBytes, fromUtf8, toHex } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno, type View } from '../core/words.ts';
import { type Certificate, readCertificate, verifyEndorsed } from '../formats/certificate.ts';
import { verifyCoseSign1 } from '../formats/cose-sign1.ts';
import { MerkleTree } from '../formats/merkle-tree.ts';
import {
  decodeNodeSignature,
  type NodeSignature,
  verifyNodeSignature,
} from '../formats/node-signature.ts';
import {
  checkServiceKeyId,
  decodeCoseSignatureValue,
  decodeRootSignature,
} from '../formats/root-signature.ts';
import type { SnapshotMap } from '../formats/snapshot-body.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodeServiceInfo,
  tables,
} from '../formats/tables.ts';
import { mapWrites, type PublicDomain, singletonValue } from '../formats/write-set.ts';
import type { CoseRootSignature, LedgerSignatures, NodeRootSignature } from './jobs.ts';

/** The signatures of one signature transaction, all verified, and its tree. */
export interface VerifiedSignatures extends LedgerSignatures {
  /** As the ledger has it. */
  readonly tree: Uint8Array;
}

/**
 * The identities that a ledger has introduced so far: the service's in force, and every node's, those
 * that have retired included, since their entries are removed long before their signatures are read.
 */
export class IdentityRegister {
  readonly #nodes = new Map<string, Certificate>();
  #service: Certificate | undefined;
  #renewed: Certificate | undefined;

  /** The identities in the state of a snapshot. */
  static fromSnapshot(maps: readonly SnapshotMap[]): IdentityRegister {
    const register = new IdentityRegister();
    const live = (name: string) =>
      (maps.find((map) => map.name === name)?.records ?? []).filter(({ version }) => version > 0);
    for (const { value } of live(tables.serviceInfo)) {
      register.#service = decodeServiceInfo(value).certificate;
    }
    for (const { key, value } of live(tables.nodesInfo)) {
      const { certificate } = decodeNodeInfo(value);
      if (certificate) register.#nodes.set(fromUtf8(key), certificate);
    }
    for (const { key, value } of live(tables.endorsedCertificates)) {
      register.#nodes.set(fromUtf8(key), decodeEndorsedCertificate(value));
    }
    return register;
  }

  get service(): Certificate | undefined {
    return this.#service;
  }

  /**
   * Takes in what one transaction says. A service's certificate counts before the nodes' of the same
   * transaction: a recovery writes both.
   * @throws VerificationError `NODE_CERT_NOT_ENDORSED`, `SERVICE_UNKNOWN`
   */
  apply(domain: PublicDomain): void {
    const service = mapWrites(domain, tables.serviceInfo);
    const info = service && singletonValue(service);
    if (info) this.#service = decodeServiceInfo(info).certificate;
    for (const { key, value } of mapWrites(domain, tables.nodesInfo)?.writes ?? []) {
      // CCF 1.x only; a node that retires is written again, under an identity that never endorsed it.
      const { certificate } = decodeNodeInfo(value);
      if (certificate && !this.#nodes.has(fromUtf8(key)))
        this.#introduce(fromUtf8(key), certificate);
    }
    for (const { key, value } of mapWrites(domain, tables.endorsedCertificates)?.writes ?? []) {
      this.#add(fromUtf8(key), decodeEndorsedCertificate(value));
    }
  }

  /** A node of CCF 1.x may join with a certificate of its own making: the ledger vouches for its key. */
  #introduce(node: string, certificate: Certificate): void {
    const isOwn = certificate.x509.issuer === certificate.x509.subject;
    if (isOwn) this.#nodes.set(node, certificate);
    else this.#add(node, certificate);
  }

  #add(node: string, certificate: Certificate): void {
    if (this.#service === undefined) throw noService();
    verifyEndorsed(certificate, this.#service);
    this.#nodes.set(node, certificate);
  }

  /** @throws VerificationError `NODE_UNKNOWN`, `KID_MISMATCH` */
  nodeOf({ node, certificate }: NodeSignature): Certificate {
    const known = this.#nodes.get(node);
    if (known === undefined) {
      throw new VerificationError('NODE_UNKNOWN', `no node ${node} was introduced`, {
        actual: node,
      });
    }
    // Renewed certificates differ in text; the key is the identity.
    const isKnown = certificate === undefined || certificate === known.pem;
    const named = isKnown ? known : this.#read(certificate);
    if (named.keyId !== known.keyId || known.keyId !== node) {
      const message = `the certificate beside the signature is not of node ${node}`;
      throw new VerificationError('KID_MISMATCH', message, { actual: named.keyId, limit: node });
    }
    return known;
  }

  /** A renewed certificate stands beside every signature of its node: it is read once. */
  #read(pem: string): Certificate {
    const read = this.#renewed?.pem === pem ? this.#renewed : readCertificate(pem);
    this.#renewed = read;
    return read;
  }

  /** @throws VerificationError `SERVICE_UNKNOWN` */
  serviceInForce(): Certificate {
    if (this.#service === undefined) throw noService();
    return this.#service;
  }
}

function noService(): VerificationError {
  return new VerificationError('SERVICE_UNKNOWN', 'no service identity was introduced yet');
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
  const nodeValue = written(domain, tables.signatures);
  const coseValue = written(domain, tables.coseSignatures);
  if (nodeValue === undefined && coseValue === undefined) return undefined;
  const treeValue = checkTree(domain, before.tree);
  const context = { ...before, domain, isProven: before.isProven() };
  const [node, cose] = await Promise.all([
    nodeValue === undefined ? undefined : verifyNode(nodeValue, context),
    coseValue === undefined ? undefined : verifyCose(coseValue, context),
  ]);
  return { node, cose, tree: treeValue };
}

function written(domain: PublicDomain, table: string): Uint8Array | undefined {
  const writes = mapWrites(domain, table);
  return writes && singletonValue(writes);
}

/** The tree that the transaction carries is ours, byte for byte. */
function checkTree(domain: PublicDomain, tree: MerkleTree): Uint8Array {
  const value = written(domain, tables.tree);
  if (value === undefined) {
    throw new VerificationError('TREE_MISMATCH', 'the signature transaction carries no tree');
  }
  const carried = MerkleTree.deserialise(value);
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
  { tree, register, isProven }: SignatureContext,
): Promise<NodeRootSignature> {
  const signature = decodeNodeSignature(value);
  checkSeqno(signature.seqno, toSeqno(tree.leafCount));
  const root = tree.root();
  if (!equalBytes(signature.root, root)) {
    throw new VerificationError(
      'MERKLE_ROOT_MISMATCH',
      `the signed root is ${toHex(signature.root)}, the ledger's ${toHex(root)}`,
      { actual: toHex(signature.root), limit: toHex(root) },
    );
  }
  const { publicKey, spki } = register.nodeOf(signature);
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
  const message = decodeCoseSignatureValue(value);
  const decoded = decodeRootSignature(message);
  checkSeqno(decoded.txId.seqno, domain.seqno);
  checkView(decoded.txId.view, view);
  const { publicKey, spki, keyId } = register.serviceInForce();
  checkServiceKeyId(decoded, keyId);
  if (!isProven) await verifyCoseSign1(decoded.message, publicKey, tree.root());
  return { form: 'cose', message, spki };
}

function checkView(signed: View, view: View): void {
  if (signed === view) return;
  const message = `the signature says it is of view ${signed}, its entry is of view ${view}`;
  throw new VerificationError('VIEW_MISMATCH', message, { actual: signed, limit: view });
}

function checkSeqno(signed: Seqno, seqno: Seqno): void {
  if (signed === seqno) return;
  throw new VerificationError(
    'SEQNO_MISMATCH',
    `the signature says it is of seqno ${signed}, it lies at ${seqno}`,
    { actual: signed, limit: seqno },
  );
}
