import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import type { View } from '../core/words.ts';
import { tables } from '../formats/entries/tables.ts';
import { type PublicDomain, singletonIn } from '../formats/entries/write-set.ts';
import { type Certificate, readTableCertificate } from '../formats/keys/certificate.ts';
import { keyIdOf } from '../formats/keys/ec-key.ts';
import type { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { verifyCoseSign1 } from '../formats/signatures/cose-sign1.ts';
import { decodeNodeSignature, verifyNodeSignature } from '../formats/signatures/node-signature.ts';
import {
  decodeCoseSignatureValue,
  decodeRootSignature,
} from '../formats/signatures/root-signature.ts';
import type { IdentityRegister } from '../ledger/identity-register.ts';
import { verifySignatures } from '../ledger/verify-signatures.ts';
import { isEndorsedBy, type Signers, signersOf } from '../ledger/vouching.ts';

/** What the signatures of one transaction came to. */
export interface JudgedSignatures {
  readonly node: boolean;
  readonly cose: boolean;
  /** Those whose keys are not known. */
  readonly notVerified: number;
  /** Of those that were verified. */
  readonly signers: Signers;
}

/** What a signature transaction in the middle of a ledger is verified against. */
export interface SignedMiddle {
  /** Holds exactly the transactions before it. */
  readonly tree: MerkleTree;
  readonly view: View;
  /** Of what was read. */
  readonly register: IdentityRegister;
  /** Of identities that are known otherwise. */
  readonly keys: readonly KeyObject[];
}

/** Codes that say that a key was not introduced by what was read. */
const unknownKey: ReadonlySet<string> = new Set([
  'SERVICE_UNKNOWN',
  'NODE_UNKNOWN',
  'KID_MISMATCH',
]);

/**
 * Verifies the signatures of a transaction whose ledger was not read from its beginning: under the identities that were
 * introduced, else under a known key that each names. Root, seqno and view are checked with or without a key.
 * @throws FormatError, VerificationError when a root, or a signature under a known key, does not hold
 */
export async function judgeSignatures(
  domain: PublicDomain,
  signed: SignedMiddle,
): Promise<JudgedSignatures> {
  try {
    const verified = await verifySignatures(domain, { ...signed, isProven: () => false });
    const { node, cose } = verified ?? {};
    const signers = signersOf({ node, cose }, signed.register);
    return { node: node !== undefined, cose: cose !== undefined, notVerified: 0, signers };
  } catch (error) {
    if (!(error instanceof VerificationError) || !unknownKey.has(error.code)) throw error;
  }
  const nodeValue = singletonIn(domain, tables.signatures);
  const coseValue = singletonIn(domain, tables.coseSignatures);
  const node = nodeValue && (await nodeSignerOf(nodeValue, signed));
  const serviceKeyId = coseValue && (await serviceSignerOf(coseValue, domain, signed));
  const unknown = [nodeValue && node === undefined, coseValue && serviceKeyId === undefined];
  return {
    node: node !== undefined,
    cose: serviceKeyId !== undefined,
    notVerified: unknown.filter((isUnknown) => isUnknown === true).length,
    signers: { node, serviceKeyId },
  };
}

/** The certificate beside a node's signature, where a known service has endorsed it. */
async function nodeSignerOf(
  value: Uint8Array,
  { tree, keys }: SignedMiddle,
): Promise<Certificate | undefined> {
  // `verifySignatures` compares seqno, view and root before it looks for the key, so what comes here agrees with them.
  const signature = decodeNodeSignature(value);
  const pem = signature.certificate;
  const certificate = pem === undefined ? undefined : readTableCertificate(pem);
  if (certificate === undefined || !keys.some((key) => isEndorsedBy(certificate, key))) {
    return undefined;
  }
  checkSame('KID_MISMATCH', certificate.keyId, signature.node);
  const { publicKey: key } = certificate;
  const preimage = tree.rootPreimage();
  await verifyNodeSignature({ signature: signature.signature, preimage, key });
  return certificate;
}

/** The key id of a service's signature, where the key is known. */
async function serviceSignerOf(
  value: Uint8Array,
  { seqno }: PublicDomain,
  { tree, keys, view, register }: SignedMiddle,
): Promise<string | undefined> {
  const { txId, serviceKeyId, message } = decodeRootSignature(decodeCoseSignatureValue(value));
  checkSame('SEQNO_MISMATCH', txId.seqno, seqno);
  checkSame('VIEW_MISMATCH', txId.view, view);
  // Where the signing identity was read, no other key signs; a certificate alone does not say that there is none.
  const identity = register.signing.classical();
  if (identity !== undefined) checkSame('KID_MISMATCH', serviceKeyId, identity.keyId);
  const known = identity === undefined ? keys : [identity.publicKey];
  const key = known.find((candidate) => keyIdOf(candidate) === serviceKeyId);
  if (key === undefined) return undefined;
  await verifyCoseSign1(message, key, tree.root());
  return serviceKeyId;
}

function checkSame(
  code: 'SEQNO_MISMATCH' | 'VIEW_MISMATCH' | 'KID_MISMATCH',
  actual: number | string,
  expected: number | string,
): void {
  if (actual === expected) return;
  throw new VerificationError(code, `the signature says ${actual}, expected is ${expected}`, {
    actual,
    expected,
  });
}
