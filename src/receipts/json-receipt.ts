import { sha256 } from '@noble/hashes/sha2.js';
import { toUtf8 } from '../core/byte-strings.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { parseTxId } from '../core/tx-id.ts';
import type { JsonValue } from '../formats/encoding/json.ts';
import { leafPreimage } from '../formats/merkle/leaf.ts';
import { foldPathWith } from '../formats/merkle/path-fold.ts';
import { checkClaims, digestOfClaims } from './claims.ts';
import { decodeJsonForm, type JsonForm } from './json-form.ts';
import {
  checkKind,
  isIssuedBy,
  notEndorsed,
  type ReceiptCertificate,
  readReceiptCertificate,
} from './keys/certificate.ts';
import { isEcdsaOfDigestValid, isEcdsaValid, rawSignature } from './keys/ec-public-key.ts';
import { hexOf } from './keys/encodings.ts';
import type { TrustAnchor } from './keys/trust-anchor.ts';
import { placedTxId } from './place.ts';
import type { ReceiptRemark, VerifiedInclusion, VerifiedReceipt } from './result.ts';

/** What a JSON receipt is verified against. */
export interface JsonExpectation {
  readonly services: readonly TrustAnchor[];
  /** Hex. */
  readonly claimsDigest: string | undefined;
  /** PEM, for receipts without one. */
  readonly nodeCertificate: string | undefined;
}

/**
 * Verifies a receipt that a node signed: its claims, the path to the root, the node's signature, and the chain of
 * certificates from the node to a service that is trusted.
 * @throws FormatError, VerificationError as `verifyReceipt`
 */
export async function verifyJsonForm(
  value: JsonValue,
  expected: JsonExpectation,
): Promise<VerifiedReceipt> {
  const form = decodeJsonForm(value);
  const { claimsDigest } = form.components ?? {};
  checkClaims(claimsDigest, expected.claimsDigest);
  if (form.applicationClaims !== undefined) {
    checkClaims(claimsDigest, hexOf(digestOfClaims(form.applicationClaims)));
  }
  const { leaf, root, preimage } = foldForm(form);
  const node = nodeOf(form, expected.nodeCertificate);
  await checkNodeSignature(node, form.signature, { root, preimage });
  const serviceKeyId = await serviceBehind(node, form.endorsements, expected.services);
  const txId = placedTxId(form.components?.commitEvidence, form.path, undefined);
  checkTransactionId(form.transactionId, form.components?.commitEvidence);
  const inclusion = inclusionOf(form, leaf, txId);
  return {
    form: 'json',
    tree: 'CCF_LEDGER_SHA256',
    trusted: serviceKeyId !== undefined,
    serviceKeyId,
    signerKeyId: node.key.keyId,
    root: hexOf(root),
    claimsDigest: inclusion.claimsDigest,
    txId,
    signatureTxId: undefined,
    issuer: undefined,
    subject: undefined,
    issuedAt: undefined,
    inclusions: [inclusion],
    consistencies: [],
    ignored: form.ignored,
    remarks: remarksOf(form, txId, serviceKeyId),
  };
}

interface FoldedForm {
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  /** What the root is the hash of; `undefined` where the receipt gives the root alone. */
  readonly preimage: Uint8Array | undefined;
}

function foldForm(form: JsonForm): FoldedForm {
  const { components, leaf: given, path } = form;
  if (form.isSignatureTransaction === true && components !== undefined) {
    const message = 'a receipt of a signature transaction has no leaf with parts';
    throw new FormatError('RECEIPT_FORMAT', message);
  }
  const parts = components && {
    writeSetDigest: components.writeSetDigest,
    commitEvidenceDigest:
      components.commitEvidence === undefined
        ? undefined
        : sha256(toUtf8(components.commitEvidence)),
    claimsDigest: components.claimsDigest,
  };
  const ofLeaf = parts && leafPreimage(parts);
  const leaf = ofLeaf === undefined ? (parts?.writeSetDigest ?? given) : sha256(ofLeaf);
  if (leaf === undefined) throw new FormatError('RECEIPT_FORMAT', 'the receipt has no leaf');
  const { root, preimage } = foldPathWith(sha256, leaf, path);
  return { leaf, root, preimage: path.length === 0 ? ofLeaf : preimage };
}

function nodeOf(form: JsonForm, given: string | undefined): ReceiptCertificate {
  const pem = form.certificate ?? given;
  if (pem === undefined) {
    const message =
      'the receipt has no certificate of the node that signed it: give it as nodeCertificate';
    throw new VerificationError('NODE_UNKNOWN', message, { actual: form.nodeId ?? '?' });
  }
  const node = readReceiptCertificate(pem);
  if (form.nodeId === undefined || form.nodeId === node.key.keyId) return node;
  const message = `the receipt names node ${form.nodeId}, its certificate is of ${node.key.keyId}`;
  throw new VerificationError('KID_MISMATCH', message, {
    actual: form.nodeId,
    expected: node.key.keyId,
  });
}

/** A node signs the root as if it were a SHA-256 digest already, whatever its curve. */
async function checkNodeSignature(
  { key }: ReceiptCertificate,
  der: Uint8Array,
  { root, preimage }: Pick<FoldedForm, 'root' | 'preimage'>,
): Promise<void> {
  const signature = rawSignature(key.curve, der, 'RECEIPT_FORMAT');
  const isValid =
    preimage === undefined
      ? isEcdsaOfDigestValid(key, signature, root)
      : await isEcdsaValid({ key, hash: 'SHA-256', signature, message: preimage });
  if (isValid) return;
  throw new VerificationError('NODE_SIGNATURE_INVALID', 'the node signature does not verify', {
    actual: key.keyId,
  });
}

/**
 * The trusted service behind a node: the one that signed its certificate, or a later one that is reached by the
 * endorsements, each of which is a certificate of the key that signed the one before.
 * @returns its key's id; `undefined` when nothing is trusted
 * @throws VerificationError `NODE_CERT_NOT_ENDORSED`
 */
async function serviceBehind(
  node: ReceiptCertificate,
  endorsements: readonly string[],
  services: readonly TrustAnchor[],
): Promise<string | undefined> {
  checkKind(node, false);
  let current = node;
  let trusted = await anchorOf(current, services);
  for (const pem of endorsements) {
    const endorsement = readReceiptCertificate(pem);
    checkKind(endorsement, true);
    if (!(await isIssuedBy(current, endorsement.key))) {
      throw notEndorsed(current, `its signature is not of the next endorsement’s key`);
    }
    current = endorsement;
    trusted ??= await anchorOf(current, services);
  }
  if (trusted !== undefined || services.length === 0) return trusted;
  throw notEndorsed(current, 'its signature verifies under none of the trusted services');
}

async function anchorOf(
  certificate: ReceiptCertificate,
  services: readonly TrustAnchor[],
): Promise<string | undefined> {
  for (const service of services) {
    if (await isIssuedBy(certificate, service)) return service.keyId;
  }
  return undefined;
}

/** Azure's object around a receipt names its transaction; what it names must be what is proved. */
function checkTransactionId(named: string | undefined, commitEvidence: string | undefined): void {
  if (named === undefined || commitEvidence === undefined) return;
  parseTxId(named, 'RECEIPT_FORMAT');
  if (commitEvidence.startsWith(`ce:${named}:`)) return;
  const proved = commitEvidence.slice(0, 80);
  const message = `the answer names transaction ${named}, its receipt is of ${proved}`;
  throw new VerificationError('EVIDENCE_MISMATCH', message, { actual: named, expected: proved });
}

function inclusionOf(
  form: JsonForm,
  leaf: Uint8Array,
  txId: string | undefined,
): VerifiedInclusion {
  const { claimsDigest, commitEvidence, writeSetDigest } = form.components ?? {};
  return {
    leaf: hexOf(leaf),
    claimsDigest: claimsDigest && hexOf(claimsDigest),
    writeSetDigest: writeSetDigest && hexOf(writeSetDigest),
    commitEvidence,
    txId,
  };
}

function remarksOf(
  form: JsonForm,
  txId: string | undefined,
  serviceKeyId: string | undefined,
): readonly ReceiptRemark[] {
  const remarks: ReceiptRemark[] = [];
  if (serviceKeyId === undefined) remarks.push('NO_TRUST_ANCHOR');
  if (form.leaf !== undefined) remarks.push('LEAF_NOT_REBUILT');
  if (form.path.length === 0) remarks.push('EMPTY_PATH');
  if (txId === undefined && form.leaf === undefined) remarks.push('EVIDENCE_NOT_PLACED');
  return remarks;
}
