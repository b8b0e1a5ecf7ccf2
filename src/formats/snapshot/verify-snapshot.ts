import type { KeyObject } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { receiptBytesMax } from '../../core/limits.ts';
import { type Digest, digest, type Seqno, type TxId } from '../../core/words.ts';
import { decodeCbor } from '../encoding/cbor.ts';
import { parseCommittedName } from '../encoding/file-name.ts';
import { sha256 } from '../encoding/sha256.ts';
import {
  identityInState,
  type ServiceKey,
  SigningIdentities,
} from '../entries/signing-identities.ts';
import { tables } from '../entries/tables.ts';
import { type Certificate, isEndorsedBy, verifyEndorsed } from '../keys/certificate.ts';
import { keyIdOf } from '../keys/ec-key.ts';
import {
  type CoseReceipt,
  decodeCoseReceipt,
  verifyCoseReceipt,
} from '../receipts/cose-receipt.ts';
import {
  decodeJsonReceipt,
  type JsonReceipt,
  verifyJsonReceipt,
} from '../receipts/json-receipt.ts';
import type { EndorsementLink } from '../signatures/identity-endorsement.ts';
import {
  checkInEpoch,
  checkSnapshotPlace,
  type Epoch,
  snapshotTxId,
} from '../signatures/proof-order.ts';
import {
  type DecodedSnapshot,
  decodeSnapshot,
  type SnapshotContent,
  splitSnapshotFile,
} from './snapshot-body.ts';

/** Whom to trust, and what the file should be. */
export interface VerifySnapshotOptions {
  /** The file's name, without directory. @default not checked */
  readonly fileName?: string;
  /**
   * The pinned service identities, public keys or certificates.
   * @default none: the snapshot is only checked against the identity that it names itself
   */
  readonly trustedKeys?: readonly (KeyObject | Certificate)[];
  /**
   * Older identities that a pinned one endorses, each for an epoch, from `verifyEndorsementChain`. Only for COSE
   * receipts: like CCF, an old JSON receipt must come from a pinned identity itself.
   * @default none
   */
  readonly endorsed?: readonly EndorsedIdentity[];
  /**
   * When pinned identities were in force, by key id, as far as that is known.
   * @default not known
   */
  readonly epochs?: ReadonlyMap<string, Epoch>;
}

/** An identity that another one endorses, for as long as it was in force. */
export type EndorsedIdentity = Pick<EndorsementLink, 'endorsedKey' | 'from' | 'to'>;

/** What a verified snapshot file is. */
export interface VerifiedSnapshot {
  readonly seqno: Seqno;
  /** Where the ledger holds the digest. */
  readonly evidenceSeqno: Seqno;
  /** The evidence transaction, as its commit evidence names it. */
  readonly evidence: TxId;
  /** Merkle leaf of the evidence transaction, which the receipt proves; 32 bytes. */
  readonly evidenceLeaf: Uint8Array;
  /** The signature transaction whose root proves the evidence; JSON receipts do not name it. */
  readonly signature: TxId | undefined;
  /** SHA-256 of the snapshot entry. */
  readonly digest: Digest;
  readonly receiptForm: 'cose' | 'json';
  /** Key that signed the root: the service's (COSE) or a node's (JSON). */
  readonly signerKeyId: string;
  /** The service identity that vouches: the signer itself (COSE), or who endorsed it (JSON). */
  readonly serviceKeyId: string;
  /** Whether that identity is pinned, or endorsed by a pinned one; false: the file only agrees with itself. */
  readonly trusted: boolean;
  /** The clear part; `privateMaps` is empty. Views on the file's bytes. */
  readonly content: SnapshotContent;
}

/**
 * Verifies a snapshot file: lengths, digest, receipt, claims digest, signature, trust, and only then
 * its content, its name, and that the transactions which all of these name follow one another. A receipt
 * proves that this digest was recorded in that ledger, not that there is no newer one. A forged signature is refused with and without pinned identities.
 * @throws FormatError of `splitSnapshotFile`, `decodeCoseReceipt`, `decodeJsonReceipt` and
 * `decodeSnapshot`, and `RECEIPT_MISSING`, `RECEIPT_TRUNCATED`, `RECEIPT_FORMAT`, `BAD_NAME`
 * @throws VerificationError `CLAIMS_DIGEST_MISMATCH`, `CLAIMS_DIGEST_MISSING`, `SIG_INVALID`,
 * `NODE_SIGNATURE_INVALID`, `KID_MISMATCH`, `ALG_NOT_ALLOWED`, `ALG_KEY_MISMATCH`,
 * `UNTRUSTED_SERVICE`, `NODE_CERT_NOT_ENDORSED`, `SERVICE_UNKNOWN`, `EVIDENCE_NOT_AFTER_SNAPSHOT`,
 * `EVIDENCE_MISMATCH`, `CHAIN_BROKEN`, `NAME_MISMATCH`, `NAME_EVIDENCE_MISMATCH`
 * @see CCF 7.0 src/node/snapshot_serdes.h
 */
export async function verifySnapshotFile(
  bytes: Uint8Array,
  options: VerifySnapshotOptions = {},
): Promise<VerifiedSnapshot> {
  const { entry, receipt } = splitSnapshotFile(bytes);
  return verifySnapshotReceipt(receipt, new Entry(entry), options);
}

/** A snapshot entry, as far as a receipt is about it: the whole of it need not be in memory. */
export interface SnapshotSubject {
  /** Its SHA-256. */
  readonly digest: Uint8Array;
  /** Its length. */
  readonly bytes: number;
  /** What it says in the clear, the identity of its service at least. @throws what is wrong with it */
  content(): SnapshotContent;
}

/** As {@link verifySnapshotFile}, of a file that was taken apart. @throws as {@link verifySnapshotFile} */
export async function verifySnapshotReceipt(
  receipt: Uint8Array,
  subject: SnapshotSubject,
  options: VerifySnapshotOptions = {},
): Promise<VerifiedSnapshot> {
  const decoded = decodeReceipt(receipt, subject.bytes);
  const proved =
    decoded.form === 'cose'
      ? await verifyCose(decoded.receipt, subject, options)
      : await verifyJson(decoded.receipt, subject, options);
  const content = subject.content();
  const { evidence } = proved.proof;
  if (decoded.form === 'cose') checkSigner(content, proved.proof);
  checkPlaces(content, proved);
  checkName(content.seqno, evidence.seqno, options.fileName);
  return {
    ...proved.proof,
    seqno: content.seqno,
    evidenceSeqno: evidence.seqno,
    digest: digest(toHex(subject.digest)),
    receiptForm: decoded.form,
    content,
  };
}

/** A snapshot entry in memory, decoded once and not before it is needed. */
class Entry implements SnapshotSubject {
  readonly digest: Uint8Array;
  readonly #entry: Uint8Array;
  #decoded: DecodedSnapshot | undefined;

  constructor(entry: Uint8Array) {
    this.#entry = entry;
    this.digest = sha256(entry);
  }

  get bytes(): number {
    return this.#entry.length;
  }

  content(): SnapshotContent {
    this.#decoded ??= decodeSnapshot(this.#entry);
    return this.#decoded.content;
  }
}

/**
 * The identity that the snapshot names itself. One of a host without certificates names none; a key that lies in
 * the receipt alone would prove nothing, so it must be pinned.
 * @throws VerificationError `SERVICE_UNKNOWN`
 */
function ownService(
  subject: SnapshotSubject,
  signer: string,
): { readonly certificate: Certificate; readonly signer: ServiceKey } {
  const identity = identityInState(subject.content().publicMaps);
  if (identity.certificate !== undefined && identity.signer !== undefined) {
    return { certificate: identity.certificate, signer: identity.signer };
  }
  const message = `the snapshot has no ${tables.serviceInfo}, and so names no service: pin the service's public key or certificate (its receipt names ${signer})`;
  throw new VerificationError('SERVICE_UNKNOWN', message, { actual: signer });
}

/** What a receipt proves, and when whoever signed it could. */
interface Proved {
  readonly proof: Pick<
    VerifiedSnapshot,
    'evidence' | 'evidenceLeaf' | 'signature' | 'signerKeyId' | 'serviceKeyId' | 'trusted'
  >;
  /** When the service's key was in force. */
  readonly epoch: Epoch;
  /** Whether the snapshot itself must lie in that epoch. */
  readonly isEndorsed: boolean;
}

/** A receipt of either form. */
export type DecodedReceipt =
  | { readonly form: 'cose'; readonly receipt: CoseReceipt }
  | { readonly form: 'json'; readonly receipt: JsonReceipt };

/**
 * Of COSE's messages, and of a CWT: a receipt under another of them is CBOR, with the wrong tag.
 * @see RFC 9052 section 2, RFC 8392 section 6
 */
const coseTags = [16, 17, 18, 61, 96, 97, 98];

/**
 * Decodes a receipt. The first byte tells the form: `{` is JSON, a CBOR array, map or tag (0xd2 is COSE's, 18) means
 * to be COSE.
 * @param offset where it lies in its file
 * @throws FormatError `RECEIPT_MISSING`, `RECEIPT_FORMAT`, `RECEIPT_TRUNCATED`, and as its form's decoder
 */
export function decodeReceipt(receipt: Uint8Array, offset: number): DecodedReceipt {
  const first = receipt[0];
  if (first === undefined) {
    throw new FormatError('RECEIPT_MISSING', 'the file ends after the snapshot entry', { offset });
  }
  const isJson = first === 0x7b;
  if (!isJson && (first < 0x80 || first >= 0xe0)) {
    const message = `a receipt of no known form, its first byte is ${first}`;
    throw new FormatError('RECEIPT_FORMAT', message, { offset, actual: first });
  }
  try {
    if (isJson) return { form: 'json', receipt: decodeJsonReceipt(receipt) };
    if (first !== 0xd2) decodeCbor(receipt, { tags: coseTags });
    return { form: 'cose', receipt: decodeCoseReceipt(receipt) };
  } catch (cause) {
    if (!(cause instanceof FormatError) || !endsTooEarly(cause, receipt)) throw cause;
    const message = `the receipt is cut off: ${cause.message}`;
    throw new FormatError('RECEIPT_TRUNCATED', message, { offset: offset + receipt.length, cause });
  }
}

/**
 * JSON is wrong where nothing more follows. CBOR declares more bytes than there are: those of the receipt as a whole,
 * not of a message inside it that is all there, and no more than a receipt can have. A length beyond that was never
 * written by anyone, so no end is missing.
 */
function endsTooEarly(error: FormatError, receipt: Uint8Array): boolean {
  if (receipt[0] === 0x7b) return error.offset === receipt.length;
  const { code, actual, expected } = error;
  const isOfWhole = code === 'CBOR_LENGTH' && actual === receipt.length;
  return isOfWhole && typeof expected === 'number' && expected <= receiptBytesMax;
}

async function verifyCose(
  receipt: CoseReceipt,
  subject: SnapshotSubject,
  options: VerifySnapshotOptions,
): Promise<Proved> {
  const keyId = receipt.signature.serviceKeyId;
  const { endorsed = [], epochs } = options;
  const pinned = trustedKeysOf(options);
  const known = pinned.find((key) => keyIdOf(key) === keyId);
  const link = known
    ? undefined
    : endorsed.find(({ endorsedKey }) => keyIdOf(endorsedKey) === keyId);
  const trustedKey = known ?? link?.endorsedKey;
  if (trustedKey === undefined && isPinned(options)) {
    throw untrusted(keyId, [...pinned, ...endorsed.map(({ endorsedKey }) => endorsedKey)]);
  }
  const key = trustedKey ?? ownService(subject, `key ${keyId}`).signer.publicKey;
  const { evidence, leaf, signature } = await verifyCoseReceipt(receipt, key, subject.digest);
  const ids = { signerKeyId: keyId, serviceKeyId: keyId };
  return {
    proof: { evidence, evidenceLeaf: leaf, signature, ...ids, trusted: trustedKey !== undefined },
    epoch: link ?? epochs?.get(keyId) ?? {},
    isEndorsed: link !== undefined,
  };
}

async function verifyJson(
  receipt: JsonReceipt,
  subject: SnapshotSubject,
  options: VerifySnapshotOptions,
): Promise<Proved> {
  if (receipt.isSignatureTransaction === true) {
    const message = 'the receipt is of a signature transaction, which is no evidence of a snapshot';
    throw new VerificationError('NOT_SNAPSHOT_EVIDENCE', message);
  }
  const { evidence, leaf, node } = await verifyJsonReceipt(receipt, {
    claimsDigest: subject.digest,
  });
  const trusted = isPinned(options);
  const service = trusted ? pinnedIssuer(node, options) : ownIssuer(node, subject);
  const ids = { signerKeyId: node.keyId, serviceKeyId: keyIdOf(service) };
  const epoch = options.epochs?.get(ids.serviceKeyId) ?? {};
  const proof = { evidence, evidenceLeaf: leaf, signature: undefined, ...ids, trusted };
  return { proof, epoch, isEndorsed: false };
}

function isPinned({ trustedKeys = [], endorsed = [] }: VerifySnapshotOptions): boolean {
  return trustedKeys.length + endorsed.length > 0;
}

function pinnedIssuer(node: Certificate, options: VerifySnapshotOptions): KeyObject {
  const pinned = trustedKeysOf(options);
  const issuer = pinned.find((key) => isEndorsedBy(node, key));
  if (issuer === undefined) throw untrusted(`that endorsed node ${node.keyId}`, pinned);
  return issuer;
}

function ownIssuer(node: Certificate, subject: SnapshotSubject): KeyObject {
  const { certificate } = ownService(subject, `node ${node.keyId}`);
  verifyEndorsed(node, certificate);
  return certificate.publicKey;
}

function trustedKeysOf({ trustedKeys = [] }: VerifySnapshotOptions): readonly KeyObject[] {
  return trustedKeys.map((trusted) => ('x509' in trusted ? trusted.publicKey : trusted));
}

function untrusted(signer: string, pinned: readonly KeyObject[]): VerificationError {
  const ids = pinned.map(keyIdOf).join(', ') || 'none';
  const message = `the service key ${signer} is not among the pinned ones (${ids})`;
  return new VerificationError('UNTRUSTED_SERVICE', message, { actual: signer });
}

/**
 * A service that signs with a key of its own does not sign with its certificate's, even where that one is pinned. The
 * state may be of the service before, so that any other signer than these two is not judged here.
 * @throws VerificationError `KID_MISMATCH`, `SERVICE_UNKNOWN`; FormatError of the table
 */
function checkSigner(
  { publicMaps }: SnapshotContent,
  { signerKeyId }: Pick<VerifiedSnapshot, 'signerKeyId'>,
): void {
  const signer = SigningIdentities.of(publicMaps).classical();
  if (signer === undefined || signer.keyId === signerKeyId) return;
  if (identityInState(publicMaps).certificate?.keyId !== signerKeyId) return;
  const message = `the receipt is signed with the key of the service's certificate, ${signerKeyId}: ${tables.signingIdentities} in the snapshot names ${signer.keyId}`;
  const place = { table: tables.signingIdentities, actual: signerKeyId, expected: signer.keyId };
  throw new VerificationError('KID_MISMATCH', message, place);
}

/**
 * A service may take a snapshot of what it has inherited, so of a pinned one only evidence and signature must be
 * its own; an endorsement speaks for an epoch and for nothing before it.
 */
function checkPlaces(
  { seqno, viewHistory }: SnapshotContent,
  { proof: { evidence, signature, serviceKeyId }, epoch, isEndorsed }: Proved,
): void {
  const snapshot = snapshotTxId(seqno, viewHistory);
  checkSnapshotPlace({ snapshot, evidence });
  const own = { evidence, signature };
  checkInEpoch(serviceKeyId, epoch, isEndorsed ? { snapshot, ...own } : own);
}

function checkName(seqno: Seqno, evidenceSeqno: Seqno, fileName: string | undefined): void {
  if (fileName === undefined) return;
  const name = parseCommittedName(fileName);
  if (name.seqno !== seqno) {
    const place = { file: fileName, actual: name.seqno, expected: seqno };
    throw new VerificationError(
      'NAME_MISMATCH',
      `${fileName} holds the snapshot of ${seqno}`,
      place,
    );
  }
  if (name.evidenceSeqno !== evidenceSeqno) {
    const place = { file: fileName, actual: name.evidenceSeqno, expected: evidenceSeqno };
    const message = `${fileName} has its evidence at ${evidenceSeqno}`;
    throw new VerificationError('NAME_EVIDENCE_MISMATCH', message, place);
  }
}
