import { sha256 } from '@noble/hashes/sha2.js';
import { equalBytes, toUtf8 } from '../core/byte-strings.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { formatTxId } from '../core/tx-id.ts';
import { hashLeaf } from '../formats/merkle/leaf.ts';
import { foldPathWith } from '../formats/merkle/path-fold.ts';
import type { ReceiptProof } from '../formats/receipts/receipt-claims.ts';
import { toBeSigned } from '../formats/signatures/cose-sign1-gate.ts';
import { rootsOfConsistency } from './ccf-consistency.ts';
import { checkClaims } from './claims.ts';
import { type CoseForm, decodeCoseForm, kidText } from './cose-form.ts';
import { decodeCertificate } from './keys/certificate.ts';
import { type EcPublicKey, isEcdsaValid } from './keys/ec-public-key.ts';
import { bytesOfHex, hexOf } from './keys/encodings.ts';
import type { TrustAnchor } from './keys/trust-anchor.ts';
import { placedTxId } from './place.ts';
import type {
  ReceiptRemark,
  VerifiedConsistency,
  VerifiedInclusion,
  VerifiedReceipt,
} from './result.ts';
import { leafHash9162, rootOfConsistency, rootOfInclusion } from './rfc9162.ts';

/** What a COSE receipt is verified against. */
export interface CoseExpectation {
  readonly services: readonly TrustAnchor[];
  /** Hex. */
  readonly claimsDigest: string | undefined;
  /** What a leaf by RFC 9162 may be of: the claims digest, or the claims themselves. */
  readonly entries: readonly Uint8Array[];
  /** Roots that older receipts have proved, hex. */
  readonly trustedRoots: readonly string[];
  readonly mayPathBeEmpty: boolean;
}

/** Where the proofs of a receipt lead to, if they are of the entry that is meant. */
interface Folded {
  readonly root: Uint8Array;
  readonly inclusions: readonly VerifiedInclusion[];
  readonly consistencies: readonly VerifiedConsistency[];
}

/**
 * Verifies a COSE receipt: that it is of the expected claims, that all of its proofs lead to one root, that a trusted
 * service signed that root, and that consistency proofs begin at a trusted one.
 * @throws FormatError, VerificationError as `verifyReceipt`
 */
export async function verifyCoseForm(
  bytes: Uint8Array,
  expected: CoseExpectation,
): Promise<VerifiedReceipt> {
  const form = decodeCoseForm(bytes, expected.mayPathBeEmpty);
  const candidates = fittingPayload(form, foldedOf(form, expected));
  const { key, isTrusted, folded } = await signerOf(form, candidates, expected.services);
  const claims = new Set(folded.inclusions.map(({ claimsDigest }) => claimsDigest));
  const [claimsDigest] = claims.size === 1 ? claims : [];
  return {
    form: 'cose',
    tree: form.proofs.tree,
    trusted: isTrusted,
    serviceKeyId: isTrusted ? key.keyId : undefined,
    signerKeyId: key.keyId,
    root: hexOf(folded.root),
    claimsDigest,
    txId: folded.inclusions[0]?.txId,
    signatureTxId: form.signatureTxId && formatTxId(form.signatureTxId),
    issuer: form.issuer,
    subject: form.subject,
    issuedAt: form.issuedAt,
    inclusions: folded.inclusions,
    consistencies: folded.consistencies,
    ignored: form.ignored,
    remarks: remarksOf(form, folded, isTrusted),
  };
}

/** Several only where a proof does not say which entry it is of: the signature tells then. */
function foldedOf(form: CoseForm, expected: CoseExpectation): readonly Folded[] {
  return form.proofs.tree === 'CCF_LEDGER_SHA256'
    ? [foldCcf(form, expected)]
    : foldRfc9162(form, expected);
}

/** A payload that is attached must be a root that the proofs lead to. @throws FormatError `COSE_PAYLOAD` */
function fittingPayload({ message }: CoseForm, candidates: readonly Folded[]): readonly Folded[] {
  const { payload } = message;
  if (payload === undefined) return candidates;
  const fitting = candidates.filter(({ root }) => equalBytes(root, payload));
  if (fitting.length > 0) return fitting;
  throw new FormatError(
    'COSE_PAYLOAD',
    'the attached payload is not the root that the proofs lead to',
  );
}

function foldCcf(form: CoseForm, expected: CoseExpectation): Folded {
  const { proofs, signatureTxId } = form;
  if (proofs.tree !== 'CCF_LEDGER_SHA256') throw new TypeError('another tree');
  const roots: Uint8Array[] = [];
  const inclusions = proofs.inclusions.map((proof) => {
    checkClaims(proof.claimsDigest, expected.claimsDigest);
    const leaf = leafOf(proof);
    roots.push(foldPathWith(sha256, leaf, proof.path).root);
    return {
      leaf: hexOf(leaf),
      claimsDigest: hexOf(proof.claimsDigest),
      writeSetDigest: hexOf(proof.writeSetDigest),
      commitEvidence: proof.commitEvidence,
      txId: placedTxId(proof.commitEvidence, proof.path, signatureTxId),
    };
  });
  if (inclusions.length === 0) checkClaims(undefined, expected.claimsDigest);
  const olderRoots = proofs.consistencies.map((proof) => {
    const { older, newer } = rootsOfConsistency(proof);
    roots.push(newer);
    return hexOf(older);
  });
  const consistencies = trustedOf(olderRoots, expected.trustedRoots, inclusions.length === 0);
  return { root: oneRoot(roots), inclusions, consistencies };
}

function leafOf({ writeSetDigest, commitEvidence, claimsDigest }: ReceiptProof): Uint8Array {
  const commitEvidenceDigest = sha256(toUtf8(commitEvidence));
  return hashLeaf(sha256, { writeSetDigest, commitEvidenceDigest, claimsDigest });
}

/** A receipt has one signature, and so one root, whatever number of proofs. @throws VerificationError */
function oneRoot(roots: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array(), ...others] = roots;
  const other = others.find((root) => !equalBytes(root, first));
  if (other === undefined) return first;
  const message = 'the proofs of the receipt lead to different roots';
  const place = { actual: hexOf(other), expected: hexOf(first) };
  throw new VerificationError('MERKLE_ROOT_MISMATCH', message, place);
}

/**
 * A consistency proof says nothing by itself: each older root must be one that the caller knows.
 * @throws VerificationError `MERKLE_ROOT_MISMATCH`
 */
function trustedOf(
  olderRoots: readonly string[],
  trustedRoots: readonly string[],
  isAlone: boolean,
): readonly VerifiedConsistency[] {
  const found = olderRoots.map((olderRoot) => ({
    olderRoot,
    isTrusted: trustedRoots.includes(olderRoot),
  }));
  const stranger = found.find(({ isTrusted }) => !isTrusted);
  if (stranger === undefined) return found;
  if (trustedRoots.length === 0 && !isAlone) return found;
  const message =
    trustedRoots.length === 0
      ? 'consistency proofs need a root that is already trusted: give it as trustedRoots'
      : 'a consistency proof of the receipt begins at a root that is not trusted';
  const place = { actual: stranger.olderRoot, expected: trustedRoots[0] ?? '' };
  throw new VerificationError('MERKLE_ROOT_MISMATCH', message, place);
}

/** Proofs by RFC 9162 hold neither leaf nor older root; both come from the caller. */
function foldRfc9162(form: CoseForm, expected: CoseExpectation): readonly Folded[] {
  const { proofs } = form;
  if (proofs.tree !== 'RFC9162_SHA256') throw new TypeError('another tree');
  if (proofs.inclusions.length > 0 && expected.entries.length === 0) {
    const message =
      'a receipt with vds 1 does not say what it proves: give the claims, or their digest, to compare';
    throw new VerificationError('CLAIMS_DIGEST_MISSING', message);
  }
  const newer = foldConsistencies(form, expected.trustedRoots);
  const entries = proofs.inclusions.length === 0 ? [undefined] : expected.entries;
  return entries.map((entry) => {
    const leaf = entry && leafHash9162(entry);
    const roots = leaf ? proofs.inclusions.map((proof) => rootOfInclusion(proof, leaf)) : [];
    const inclusions = proofs.inclusions.map(({ treeSize, leafIndex }) => ({
      leaf: leaf ? hexOf(leaf) : '',
      claimsDigest: expected.claimsDigest,
      writeSetDigest: undefined,
      commitEvidence: undefined,
      txId: undefined,
      treeSize,
      leafIndex,
    }));
    const root = oneRoot([...roots, ...newer.roots]);
    return { root, inclusions, consistencies: newer.consistencies };
  });
}

function foldConsistencies(
  { proofs }: CoseForm,
  trustedRoots: readonly string[],
): { roots: readonly Uint8Array[]; consistencies: readonly VerifiedConsistency[] } {
  if (proofs.tree !== 'RFC9162_SHA256') throw new TypeError('another tree');
  const roots: Uint8Array[] = [];
  const consistencies = proofs.consistencies.map((proof) => {
    for (const olderRoot of trustedRoots) {
      const root = rootOfConsistency(proof, bytesOfHex(olderRoot));
      if (root === undefined) continue;
      roots.push(root);
      return { olderRoot, isTrusted: true };
    }
    const message = 'a consistency proof of the receipt begins at none of the trusted roots';
    const place = { expected: trustedRoots[0] ?? '' };
    throw new VerificationError('MERKLE_ROOT_MISMATCH', message, place);
  });
  return { roots, consistencies };
}

interface Signer {
  readonly key: EcPublicKey;
  readonly isTrusted: boolean;
  readonly folded: Folded;
}

/**
 * Finds the key that signed: by its id where the signed header names one, else by trying those that are trusted.
 * @throws VerificationError `SERVICE_UNKNOWN`, `KID_MISMATCH`, `ALG_KEY_MISMATCH`, `SIG_INVALID`
 */
async function signerOf(
  form: CoseForm,
  candidates: readonly Folded[],
  services: readonly TrustAnchor[],
): Promise<Signer> {
  const { profile } = form.message;
  const isTrusted = services.length > 0;
  const keys = isTrusted ? namedKeys(form, services) : ownKey(form);
  const fitting = keys.filter(({ curve }) => curve === profile.curve);
  if (fitting.length === 0) {
    const message = `alg ${profile.name} needs a key on ${profile.curve}`;
    const place = { actual: keys[0]?.curve ?? '', expected: profile.curve };
    throw new VerificationError('ALG_KEY_MISMATCH', message, place);
  }
  for (const key of fitting) {
    for (const folded of candidates) {
      if (await isSignedBy(form, key, folded.root)) return { key, isTrusted, folded };
    }
  }
  const message = 'the COSE signature does not verify: another root was signed, or by another key';
  throw new VerificationError('SIG_INVALID', message, { actual: fitting[0]?.keyId ?? '' });
}

function isSignedBy({ message }: CoseForm, key: EcPublicKey, root: Uint8Array): Promise<boolean> {
  const { profile, signature, protectedBytes } = message;
  const signed = toBeSigned(protectedBytes, root);
  return isEcdsaValid({ key, hash: profile.hash, signature, message: signed });
}

/** @throws VerificationError `KID_MISMATCH` */
function namedKeys(
  { message }: CoseForm,
  services: readonly TrustAnchor[],
): readonly TrustAnchor[] {
  const { kid } = message;
  if (kid === undefined) return services;
  const named = services.filter((service) => isNamed(service, kid));
  if (named.length > 0) return named;
  const known = services.map(({ keyId }) => keyId).join(', ');
  const text = kidText(kid);
  const said = `the receipt names key ${JSON.stringify(text)}, which is none of the trusted: ${known}`;
  throw new VerificationError('KID_MISMATCH', said, { actual: text, expected: known });
}

/** CCF's kid is the key's id as text; a set may give another one, and some write the id as bytes. */
function isNamed(service: TrustAnchor, kid: Uint8Array): boolean {
  if (equalBytes(kid, toUtf8(service.keyId)) || hexOf(kid) === service.keyId) return true;
  return service.kid !== undefined && equalBytes(kid, service.kid);
}

/** Without a trust anchor: the key that the receipt brings, which proves nothing of who has it. */
function ownKey({ chain, message }: CoseForm): readonly EcPublicKey[] {
  const [certificate] = chain;
  if (certificate !== undefined) return [decodeCertificate(certificate).key];
  const text = message.kid === undefined ? 'an unnamed key' : `key ${kidText(message.kid)}`;
  const said = `the receipt is signed by ${text}, which it does not bring: give the service’s key`;
  throw new VerificationError('SERVICE_UNKNOWN', said, { actual: text });
}

function remarksOf(form: CoseForm, folded: Folded, isTrusted: boolean): readonly ReceiptRemark[] {
  const remarks: ReceiptRemark[] = [];
  if (!isTrusted) remarks.push('NO_TRUST_ANCHOR');
  const { proofs } = form;
  if (proofs.tree !== 'CCF_LEDGER_SHA256') return remarks;
  if (proofs.inclusions.some(({ path }) => path.length === 0)) remarks.push('EMPTY_PATH');
  if (folded.inclusions.some(({ txId }) => txId === undefined)) remarks.push('EVIDENCE_NOT_PLACED');
  return remarks;
}

/** Whether a receipt could not be judged because its service is none of the caller's. */
export function isOfUnknownService(error: unknown): error is VerificationError {
  if (!(error instanceof VerificationError)) return false;
  return error.code === 'SERVICE_UNKNOWN' || error.code === 'KID_MISMATCH';
}
