import { fromHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { pemBytesMax } from '../../core/limits.ts';
import { parseTxId } from '../../core/tx-id.ts';
import { type Digest, digest, type Seqno, type TxId } from '../../core/words.ts';
import {
  encodeJsonFields,
  JsonNumber,
  type JsonObject,
  jsonCount,
  jsonField,
  jsonObject,
  jsonSeqno,
  jsonText,
  parseJson,
} from '../encoding/json.ts';
import { type Certificate, readTableCertificate } from '../keys/certificate.ts';

/** The tables of CCF that snapshots and their proofs depend on. */
export const tables = {
  serviceInfo: 'public:ccf.gov.service.info',
  serviceConfig: 'public:ccf.gov.service.config',
  signingIdentities: 'public:ccf.gov.service.signing_identities',
  nodesInfo: 'public:ccf.gov.nodes.info',
  endorsedCertificates: 'public:ccf.gov.nodes.endorsed_certificates',
  memberInfo: 'public:ccf.gov.members.info',
  memberCertificates: 'public:ccf.gov.members.certs',
  memberEncryptionKeys: 'public:ccf.gov.members.encryption_public_keys',
  signatures: 'public:ccf.internal.signatures',
  coseSignatures: 'public:ccf.internal.cose_signatures',
  tree: 'public:ccf.internal.tree',
  snapshotEvidence: 'public:ccf.internal.snapshot_evidence',
  snapshotStatus: 'public:ccf.internal.snapshot_status',
  recoveryShares: 'public:ccf.internal.recovery_shares',
  historicalSecrets: 'public:ccf.internal.historical_encrypted_ledger_secret',
  encryptedSecrets: 'public:ccf.internal.encrypted_ledger_secrets',
  identityEndorsement: 'public:ccf.internal.previous_service_identity_endorsement',
  previousServiceRoot: 'public:ccf.internal.previous_service_last_signed_root',
} as const;

/** The value of {@link tables.serviceInfo}: the identity in force. */
export interface ServiceInfo {
  /** Compare it by key: CCF may renew it with another text. */
  readonly certificate: Certificate;
  /** `Opening`, `Open`, `Recovering`, `WaitingForRecoveryShares`; nothing here depends on it. */
  readonly status?: string;
  /** First transaction of this identity; absent in CCF 1.x. */
  readonly createTxId?: TxId;
}

/**
 * Decodes the service's identity; other fields, such as the operator's own data, are ignored.
 * @throws FormatError `BAD_JSON`, `BAD_CERTIFICATE`, `TOO_LARGE`
 */
export function decodeServiceInfo(value: Uint8Array): ServiceInfo {
  const object = jsonObject(parseJson(value), 'service.info');
  const created = jsonField(object, 'current_service_create_txid');
  return {
    certificate: readTableCertificate(jsonText(object.get('cert'), 'cert')),
    ...statusIn(object),
    ...(created === undefined
      ? {}
      : { createTxId: parseTxId(jsonText(created, 'current_service_create_txid'), 'BAD_JSON') }),
  };
}

function statusIn(object: JsonObject): { readonly status?: string } {
  const status = object.get('status');
  return typeof status === 'string' ? { status } : {};
}

/** What {@link encodeServiceInfo} writes. */
export interface ServiceInfoParts {
  /** PEM. */
  readonly certificate: string;
  readonly status: 'Opening' | 'Open' | 'Recovering' | 'WaitingForRecoveryShares';
  /** Fields of later releases by their own names, such as `recovery_count`. @default none */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Encodes a service's identity to CCF's bytes. */
export function encodeServiceInfo({ certificate, status, more }: ServiceInfoParts): Uint8Array {
  return encodeJsonFields({ ...more, cert: certificate, status });
}

/** What a snapshot's proofs need of a value of {@link tables.nodesInfo}; its key is the hex node id. */
export interface NodeInfo {
  /** Only in CCF 1.x; later in {@link tables.endorsedCertificates}. */
  readonly certificate?: Certificate;
  /** `Pending`, `Trusted`, `Retired`, `Learner`; nothing here depends on it. */
  readonly status?: string;
}

/**
 * Decodes a node's record; all other fields are ignored.
 * @throws FormatError `BAD_JSON`, `BAD_CERTIFICATE`, `TOO_LARGE`
 */
export function decodeNodeInfo(value: Uint8Array): NodeInfo {
  const object = jsonObject(parseJson(value), 'nodes.info');
  const certificate = jsonField(object, 'cert');
  const status = statusIn(object);
  if (certificate === undefined) return status;
  return { ...status, certificate: readTableCertificate(jsonText(certificate, 'cert')) };
}

/**
 * Decodes a value of {@link tables.endorsedCertificates}: PEM itself, not a JSON string. Text around it may be in any
 * encoding.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function decodeEndorsedCertificate(value: Uint8Array): Certificate {
  const { buffer, byteOffset, length } = value.subarray(0, pemBytesMax + 1);
  return readTableCertificate(Buffer.from(buffer, byteOffset, length).toString('latin1'));
}

/** The value of {@link tables.snapshotEvidence}: which snapshot a transaction vouches for. */
export interface SnapshotEvidence {
  /** Digest of the snapshot entry. */
  readonly hash: Digest;
  /** Seqno of the snapshot. */
  readonly version: Seqno;
}

/**
 * Decodes a snapshot's evidence.
 * @throws FormatError `BAD_JSON`, `BAD_HEX`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeSnapshotEvidence(value: Uint8Array): SnapshotEvidence {
  const object = jsonObject(parseJson(value), 'the snapshot evidence');
  return {
    hash: digest(jsonText(object.get('hash'), 'hash')),
    version: jsonSeqno(object.get('version'), 'version'),
  };
}

/** Encodes a snapshot's evidence to CCF's bytes. */
export function encodeSnapshotEvidence({ hash, version }: SnapshotEvidence): Uint8Array {
  return encodeJsonFields({ hash, version });
}

/** The value of {@link tables.snapshotStatus}: the newest snapshot that the service has scheduled. */
export interface SnapshotStatus {
  /** Seqno of the snapshot. */
  readonly version: Seqno;
  /** When it was scheduled, in milliseconds since the Unix epoch; the table has nanoseconds. */
  readonly timestampMs: number;
}

/**
 * Decodes a snapshot's status.
 * @throws FormatError `BAD_JSON`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeSnapshotStatus(value: Uint8Array): SnapshotStatus {
  const object = jsonObject(parseJson(value), 'the snapshot status');
  const timestamp = object.get('timestamp');
  // Of the last 50 years every time in nanoseconds is more than a safe integer.
  const text = timestamp instanceof JsonNumber ? timestamp.text : JSON.stringify(timestamp);
  if (text === undefined || !/^[0-9]{1,20}$/.test(text)) {
    throw new FormatError(
      'BAD_JSON',
      `timestamp is no count of nanoseconds: ${text?.slice(0, 80)}`,
    );
  }
  return {
    version: jsonSeqno(object.get('version'), 'version'),
    timestampMs: Number(BigInt(text) / 1_000_000n),
  };
}

/**
 * Reads how many shares recover the service from a value of {@link tables.serviceConfig}.
 * @throws FormatError `BAD_JSON`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeRecoveryThreshold(value: Uint8Array): number {
  const object = jsonObject(parseJson(value), 'service.config');
  return jsonCount(object.get('recovery_threshold'), 'recovery_threshold');
}

/**
 * Decodes the value of {@link tables.previousServiceRoot}: a JSON string of hex.
 * @returns 32 bytes
 * @throws FormatError `BAD_JSON`, `BAD_HEX`, `TOO_LARGE`
 */
export function decodePreviousServiceRoot(value: Uint8Array): Uint8Array {
  const root = fromHex(jsonText(parseJson(value), 'the previous root'));
  if (root.length === 32) return root;
  throw new FormatError('BAD_HEX', `a root of ${root.length} bytes`);
}
