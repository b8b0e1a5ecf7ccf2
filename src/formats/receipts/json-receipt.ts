import type { KeyObject } from 'node:crypto';
import { equalBytes, fromBase64, fromHex, toBase64, toHex } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { merklePathMax } from '../../core/limits.ts';
import type { TxId } from '../../core/words.ts';
import {
  checkJsonKeys,
  encodeJsonFields,
  type JsonObject,
  type JsonValue,
  jsonArray,
  jsonObject,
  jsonText,
  parseJson,
} from '../encoding/json.ts';
import { entryLeafOf } from '../entries/write-set.ts';
import { type Certificate, readReceiptCertificate, verifyEndorsed } from '../keys/certificate.ts';
import { commitEvidenceDigest } from '../merkle/commit-evidence.ts';
import type { MerklePath, PathStep } from '../merkle/merkle-path.ts';
import { verifyNodeSignature } from '../signatures/node-signature.ts';
import { checkEvidencePlace } from '../signatures/proof-order.ts';
import { jsonReceiptFields } from './receipt-claims.ts';
import {
  checkClaimsDigest,
  checkCommitEvidenceLength,
  foldReceiptProof,
  txIdOfCommitEvidence,
} from './receipt-proof.ts';

/** The parts of a leaf that a JSON receipt spells out; digests are 32 bytes. */
export interface JsonLeafComponents {
  readonly writeSetDigest: Uint8Array;
  /** Absent in receipts for entries of CCF 1.x. */
  readonly commitEvidence?: string;
  /** Absent in receipts for entries without claims. */
  readonly claimsDigest?: Uint8Array;
}

/** CCF's older receipt: a Merkle path and a node's signature over the root, in JSON. */
export interface JsonReceipt {
  /** The node's certificate: PEM, with a NUL behind it where CCF 2.0 wrote it; see `readReceiptCertificate`. */
  readonly certificate: string;
  /** Exactly one of `leafComponents` and `leaf` is there; snapshots have the components. */
  readonly leafComponents?: JsonLeafComponents;
  /** 32 bytes; only from the HTTP interface, for signature transactions. */
  readonly leaf?: Uint8Array;
  /** Hex SHA-256 of the node's SubjectPublicKeyInfo. */
  readonly nodeId: string;
  readonly path: MerklePath;
  /** ECDSA in DER over the root taken as a digest. */
  readonly signature: Uint8Array;
  /** Only from the HTTP interface. */
  readonly isSignatureTransaction?: boolean;
  /** PEM certificates; only from the HTTP interface. */
  readonly serviceEndorsements?: readonly string[];
}

/**
 * Encodes a receipt to CCF's bytes: keys sorted at every level, no white space.
 * @see CCF 4.0 src/node/historical_queries_adapter.cpp, src/node/snapshot_serdes.h
 */
export function encodeJsonReceipt(receipt: JsonReceipt): Uint8Array {
  const { leaf, leafComponents } = receipt;
  return encodeJsonFields({
    cert: receipt.certificate,
    is_signature_transaction: receipt.isSignatureTransaction,
    leaf: leaf === undefined ? undefined : toHex(leaf),
    leaf_components: leafComponents === undefined ? undefined : componentFields(leafComponents),
    node_id: receipt.nodeId,
    proof: receipt.path.map(({ left, hash }) => ({ [left ? 'left' : 'right']: toHex(hash) })),
    service_endorsements: receipt.serviceEndorsements,
    signature: toBase64(receipt.signature),
  });
}

function componentFields(components: JsonLeafComponents): Readonly<Record<string, unknown>> {
  const { claimsDigest, commitEvidence, writeSetDigest } = components;
  return {
    claims_digest: claimsDigest === undefined ? undefined : toHex(claimsDigest),
    commit_evidence: commitEvidence,
    write_set_digest: toHex(writeSetDigest),
  };
}

/**
 * Decodes a receipt that is exactly what {@link encodeJsonReceipt} would write: a receipt has one text,
 * and no byte of a snapshot file can be changed without being noticed.
 * @throws FormatError `BAD_JSON`, `RECEIPT_FORMAT`, `MERKLE_PATH`, `BAD_HEX`, `BAD_BASE64`, `BAD_TEXT`,
 * `TRAILING_BYTES`, `TOO_LARGE`
 */
export function decodeJsonReceipt(bytes: Uint8Array): JsonReceipt {
  const object = jsonObject(parseJson(bytes), 'the receipt', 'RECEIPT_FORMAT');
  checkJsonKeys(object, jsonReceiptFields, 'RECEIPT_FORMAT');
  const receipt = {
    certificate: text(object, 'cert'),
    nodeId: toHex(digestOf(object.get('node_id'), 'node_id')),
    path: decodePath(object.get('proof')),
    signature: fromBase64(text(object, 'signature')),
    ...decodeLeaf(object),
    ...decodeExtras(object),
  };
  if (equalBytes(encodeJsonReceipt(receipt), bytes)) return receipt;
  throw new FormatError('RECEIPT_FORMAT', 'the receipt is not in the one form that CCF writes');
}

function text(object: JsonObject, name: string): string {
  return jsonText(object.get(name), name, 'RECEIPT_FORMAT');
}

function digestOf(value: JsonValue | undefined, what: string): Uint8Array {
  const bytes = fromHex(jsonText(value, what, 'RECEIPT_FORMAT'));
  if (bytes.length === 32) return bytes;
  throw new FormatError('RECEIPT_FORMAT', `${what} has ${bytes.length} bytes, not 32`);
}

function decodePath(value: JsonValue | undefined): MerklePath {
  const steps = jsonArray(value, 'proof', 'RECEIPT_FORMAT');
  if (steps.length <= merklePathMax) return steps.map(decodeStep);
  const place = { actual: steps.length, expected: merklePathMax };
  throw new FormatError('MERKLE_PATH', `a path of ${steps.length} steps`, place);
}

function decodeStep(value: JsonValue): PathStep {
  const step = jsonObject(value, 'a step of the proof', 'RECEIPT_FORMAT');
  checkJsonKeys(step, ['left', 'right'], 'RECEIPT_FORMAT');
  const left = step.has('left');
  if (step.size !== 1) throw new FormatError('RECEIPT_FORMAT', 'a step has not exactly one side');
  return { left, hash: digestOf(step.get(left ? 'left' : 'right'), 'a step of the proof') };
}

function decodeLeaf(object: JsonObject): Pick<JsonReceipt, 'leaf' | 'leafComponents'> {
  if (object.has('leaf') === object.has('leaf_components')) {
    throw new FormatError('RECEIPT_FORMAT', 'not exactly one of leaf and leaf_components');
  }
  if (object.has('leaf')) return { leaf: digestOf(object.get('leaf'), 'leaf') };
  const value = object.get('leaf_components');
  return {
    leafComponents: decodeComponents(jsonObject(value, 'leaf_components', 'RECEIPT_FORMAT')),
  };
}

function decodeComponents(object: JsonObject): JsonLeafComponents {
  checkJsonKeys(object, ['claims_digest', 'commit_evidence', 'write_set_digest'], 'RECEIPT_FORMAT');
  const claims = object.get('claims_digest');
  const writeSetDigest = digestOf(object.get('write_set_digest'), 'write_set_digest');
  return {
    writeSetDigest,
    ...(claims === undefined ? {} : { claimsDigest: digestOf(claims, 'claims_digest') }),
    ...(object.has('commit_evidence') ? { commitEvidence: decodeEvidence(object) } : {}),
  };
}

function decodeEvidence(object: JsonObject): string {
  const evidence = text(object, 'commit_evidence');
  checkCommitEvidenceLength(evidence);
  return evidence;
}

function decodeExtras(
  object: JsonObject,
): Pick<JsonReceipt, 'isSignatureTransaction' | 'serviceEndorsements'> {
  const flag = object.get('is_signature_transaction');
  if (flag !== undefined && typeof flag !== 'boolean') {
    throw new FormatError('RECEIPT_FORMAT', 'is_signature_transaction is not a boolean');
  }
  const list = object.get('service_endorsements');
  return {
    ...(flag === undefined ? {} : { isSignatureTransaction: flag }),
    ...(list === undefined ? {} : { serviceEndorsements: decodeTexts(list) }),
  };
}

function decodeTexts(list: JsonValue): readonly string[] {
  const items = jsonArray(list, 'service_endorsements', 'RECEIPT_FORMAT');
  return items.map((item) => jsonText(item, 'a service endorsement', 'RECEIPT_FORMAT'));
}

/** The 32-byte leaf that a receipt is about, rebuilt from its components where it has them. */
export function jsonReceiptLeaf(receipt: JsonReceipt): Uint8Array {
  const components = receipt.leafComponents;
  if (components === undefined) return receipt.leaf ?? new Uint8Array(32);
  const { writeSetDigest, commitEvidence, claimsDigest } = components;
  const evidence = commitEvidence === undefined ? undefined : commitEvidenceDigest(commitEvidence);
  const withClaims = claimsDigest !== undefined;
  const type = evidence === undefined ? (withClaims ? 2 : 0) : withClaims ? 4 : 3;
  return entryLeafOf({ type, writeSetDigest, commitEvidenceDigest: evidence, claimsDigest });
}

/** What {@link verifyJsonReceipt} checks a receipt against. */
export interface JsonReceiptExpectation {
  /** 32 bytes: a snapshot's digest. */
  readonly claimsDigest: Uint8Array;
  /**
   * The pinned service that must have endorsed the node.
   * @default not checked: only the named node's signature is proved
   */
  readonly service?: Certificate | KeyObject;
}

/** What a verified receipt proves. */
export interface VerifiedJsonReceipt {
  /** The transaction that carries the claim. */
  readonly evidence: TxId;
  /** Its leaf, 32 bytes. */
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  /** The node that signed the root. */
  readonly node: Certificate;
}

/**
 * Verifies a receipt of a transaction with claims: claims digest, path, node signature, and the node's
 * endorsement where a service is given.
 * @throws VerificationError `CLAIMS_DIGEST_MISSING`, `CLAIMS_DIGEST_MISMATCH`, `KID_MISMATCH`,
 * `NODE_SIGNATURE_INVALID`, `NODE_CERT_NOT_ENDORSED`, `EVIDENCE_MISMATCH`
 * @throws FormatError `MERKLE_PATH`, `RECEIPT_FORMAT`, `BAD_CERTIFICATE`, `NUMBER_TOO_LARGE`
 */
export async function verifyJsonReceipt(
  receipt: JsonReceipt,
  expected: JsonReceiptExpectation,
): Promise<VerifiedJsonReceipt> {
  const { writeSetDigest, commitEvidence, claimsDigest } = receipt.leafComponents ?? {};
  if (writeSetDigest === undefined || commitEvidence === undefined || claimsDigest === undefined) {
    throw new VerificationError('CLAIMS_DIGEST_MISSING', 'the receipt does not claim a digest');
  }
  checkClaimsDigest(toHex(claimsDigest), toHex(expected.claimsDigest));
  const evidence = txIdOfCommitEvidence(commitEvidence);
  const proof = { writeSetDigest, commitEvidence, claimsDigest, path: receipt.path };
  const { leaf, root, preimage } = foldReceiptProof(proof);
  const node = nodeOfReceipt(receipt);
  await verifyNodeSignature({ signature: receipt.signature, preimage, key: node.publicKey });
  checkEvidencePlace({ evidence, signature: undefined }, receipt.path);
  if (expected.service !== undefined) verifyEndorsed(node, expected.service);
  return { evidence, leaf, root, node };
}

function nodeOfReceipt(receipt: JsonReceipt): Certificate {
  const node = readReceiptCertificate(receipt.certificate);
  if (node.keyId === receipt.nodeId) return node;
  const message = `the receipt names node ${receipt.nodeId}, its certificate is of ${node.keyId}`;
  throw new VerificationError('KID_MISMATCH', message, {
    actual: receipt.nodeId,
    expected: node.keyId,
  });
}
