import type { KeyObject } from 'node:crypto';
import { compareBytes, toBase64, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { formatTxId } from '../../src/core/tx-id.ts';
import type { Digest, Seqno, TxId } from '../../src/core/words.ts';
import {
  encodeServiceInfo,
  encodeSnapshotEvidence,
  tables,
} from '../../src/formats/entries/tables.ts';
import {
  type KeyValue,
  type MapWrites,
  singletonKey,
} from '../../src/formats/entries/write-set.ts';
import type { Certificate } from '../../src/formats/keys/certificate.ts';
import { spkiOf } from '../../src/formats/keys/ec-key.ts';
import type { MadeMember } from './make-members.ts';

/** What one transaction does to a table; keys and text values become UTF-8. */
export function change(
  name: string,
  writes: Readonly<Record<string, string | Uint8Array>>,
  removes: readonly string[] = [],
): MapWrites {
  const encoded = Object.entries(writes).map(([key, value]) => ({
    key: toUtf8(key),
    value: typeof value === 'string' ? toUtf8(value) : value,
  }));
  return {
    name,
    writes: encoded.sort((a, b) => compareBytes(a.key, b.key)),
    removes: removes.map(toUtf8).sort(compareBytes),
  };
}

/** Writes the one value of a table that holds one. */
export function singleton(name: string, value: Uint8Array | string): MapWrites {
  const bytes = typeof value === 'string' ? toUtf8(value) : value;
  return { name, writes: [{ key: singletonKey, value: bytes }], removes: [] };
}

/** Joins what is said of one table in several places, as a transaction has each table once. */
export function joinChanges(changes: readonly MapWrites[]): readonly MapWrites[] {
  const joined = new Map<string, MapWrites>();
  for (const { name, writes, removes } of changes) {
    const before = joined.get(name) ?? { name, writes: [], removes: [] };
    joined.set(name, {
      name,
      writes: [...before.writes, ...writes],
      removes: [...before.removes, ...removes],
    });
  }
  return [...joined.values()];
}

export interface ServiceStatus {
  readonly certificate: Certificate;
  readonly status: 'Opening' | 'Open' | 'Recovering';
  /** Absent in CCF 1.x. */
  readonly createTxId: TxId | undefined;
}

export function serviceInfo({ certificate, status, createTxId }: ServiceStatus): MapWrites {
  const more = createTxId && { current_service_create_txid: formatTxId(createTxId) };
  const parts = { certificate: certificate.pem, status, ...(more && { more }) };
  return singleton(tables.serviceInfo, encodeServiceInfo(parts));
}

/** Keys of the rows of identities. */
export const identityKeys = {
  classical: new Uint8Array(8),
  pq: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0),
  later: Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0),
} as const;

/** A row of the table of signing identities. */
export function identityRow(key: Uint8Array, spki: Uint8Array, kind = 'X509_SPKI_DER'): KeyValue {
  return { key, value: toUtf8(JSON.stringify({ kind, value: toBase64(spki) })) };
}

export const classicalRow = ({ publicKey }: { readonly publicKey: KeyObject }): KeyValue =>
  identityRow(identityKeys.classical, spkiOf(publicKey));

export function signingIdentities(
  writes: readonly KeyValue[],
  removes: readonly Uint8Array[] = [],
): MapWrites {
  return { name: tables.signingIdentities, writes, removes };
}

export function serviceConfig(threshold: number): MapWrites {
  return singleton(tables.serviceConfig, JSON.stringify({ recovery_threshold: threshold }));
}

export function memberTables(members: readonly MadeMember[]): readonly MapWrites[] {
  const pem = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }));
  return [
    change(
      tables.memberEncryptionKeys,
      Object.fromEntries(members.map(({ id, publicKey }) => [id, pem(publicKey)])),
    ),
    change(
      'public:ccf.gov.members.info',
      Object.fromEntries(members.map(({ id }) => [id, '{"status":"Active"}'])),
    ),
  ];
}

/** A node that joins; CCF 1.x keeps its certificate in its record, later releases in a table beside it. */
export function nodeJoins(certificate: Certificate, isOldRelease: boolean): readonly MapWrites[] {
  const { keyId: node, pem } = certificate;
  if (isOldRelease) {
    return [change(tables.nodesInfo, { [node]: JSON.stringify({ cert: pem, status: 'Trusted' }) })];
  }
  return [
    change(tables.nodesInfo, { [node]: '{"status":"Trusted"}' }),
    change(tables.endorsedCertificates, { [node]: pem }),
  ];
}

/** A node that has left: retired in its record, its certificate gone. */
export function nodeRetires(certificate: Certificate, isOldRelease: boolean): readonly MapWrites[] {
  const { keyId: node, pem } = certificate;
  if (isOldRelease) {
    return [change(tables.nodesInfo, { [node]: JSON.stringify({ cert: pem, status: 'Retired' }) })];
  }
  return [
    change(tables.nodesInfo, { [node]: '{"status":"Retired"}' }),
    change(tables.endorsedCertificates, {}, [node]),
  ];
}

/** What a recovered service writes of the one before it. */
export function previousService(certificate: Certificate, root: Uint8Array): readonly MapWrites[] {
  return [
    singleton(
      'public:ccf.gov.service.previous_service_identity',
      JSON.stringify(toBase64(spkiOf(certificate.publicKey))),
    ),
    singleton(tables.previousServiceRoot, JSON.stringify(toHex(root))),
  ];
}

/** Evidence with the status that newer releases write beside it: a number that JSON.parse would round. */
export function snapshotEvidence(version: Seqno, hash: Digest): readonly MapWrites[] {
  const status = `{"timestamp":1795651200000000001,"version":${version}}`;
  return [
    singleton(tables.snapshotEvidence, encodeSnapshotEvidence({ hash, version })),
    singleton(tables.snapshotStatus, status),
  ];
}
