import { createPublicKey, type KeyObject } from 'node:crypto';
import { toHex, toUtf8 } from '../core/bytes.ts';
import type { Randomness } from '../core/randomness.ts';
import { formatTxId } from '../core/tx-id.ts';
import { type TxId, seqno as toSeqno, view as toView } from '../core/words.ts';
import { sha256 } from '../formats/encoding/sha256.ts';
import { encodeServiceInfo, tables } from '../formats/entries/tables.ts';
import type { MapWrites } from '../formats/entries/write-set.ts';
import { type Certificate, createCertificate } from '../formats/keys/certificate.ts';
import { encodeHistoricalSecret } from '../formats/keys/ledger-secrets.ts';
import { encodeRecoveryShares, makeRecoveryShares } from '../formats/keys/recovery-shares.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { signIdentityEndorsement } from '../formats/signatures/identity-endorsement.ts';
import { VersionedStore } from '../store/heap/versioned-store.ts';
import type { NodeKeys } from './keys.ts';
import { NodeLedger } from './node-ledger.ts';
import { makeSignature } from './signing.ts';
import { jsonRecord, singleton, table, textRecord } from './system-tables.ts';

export interface GenesisOptions {
  readonly keys: NodeKeys;
  /** Shares that recover the ledger secret, 1 … members. */
  readonly recoveryThreshold: number;
  readonly nowMs: number;
  readonly randomness: Randomness;
}

/** CCF's own default validity; nobody judges it when a ledger or snapshot is verified. */
const validityMs = 365 * 24 * 3600 * 1000;

/** Services begin in view 2. */
export const firstView = toView(2);
const firstTxId: TxId = { view: firstView, seqno: toSeqno(1) };

/**
 * The first entries of a new service, as a CCF service begins: members, service and node are introduced,
 * the service opens with shares of its ledger secret, and a signature covers both.
 */
export async function makeGenesis(options: GenesisOptions): Promise<readonly Uint8Array[]> {
  const { keys, randomness, nowMs } = options;
  const { view } = firstTxId;
  const secret = randomness.bytes(32);
  const start = {
    store: new VersionedStore(toSeqno(0), new Map()),
    tree: MerkleTree.genesis(),
    viewHistory: [],
  };
  const log = new NodeLedger(start, { at: () => secret });
  const { service, node } = makeCertificates(options);
  const introduced = log.append(introductions(options, service, node), { view });
  const opened = log.append(await opening(options, service, secret), { view });
  const signature = await makeSignature(log, { keys, view, node, nowMs });
  const signed = log.append(signature.changes, { view });
  return [introduced.bytes, opened.bytes, signed.bytes];
}

function makeCertificates({ keys, randomness, nowMs }: GenesisOptions) {
  const issuer = { subject: 'CCF Service', key: keys.service };
  const dates = { notBeforeMs: nowMs, notAfterMs: nowMs + validityMs };
  const serial = () => randomness.bytes(16);
  const service = createCertificate(
    { ...dates, ...issuer, publicKey: createPublicKey(keys.service), serial: serial(), ca: true },
    issuer,
  );
  const node = createCertificate(
    {
      ...dates,
      subject: 'CCF Node',
      publicKey: createPublicKey(keys.node),
      serial: serial(),
      ca: false,
      ipAddress: Uint8Array.of(127, 0, 0, 1),
    },
    issuer,
  );
  return { service, node };
}

function introductions(
  { keys, recoveryThreshold }: GenesisOptions,
  service: Certificate,
  node: Certificate,
): readonly MapWrites[] {
  const members = keys.members.map((key) => ({ id: memberIdOf(key), pem: publicPemOf(key) }));
  return [
    table(tables.memberEncryptionKeys, ...members.map(({ id, pem }) => textRecord(id, pem))),
    table(tables.memberInfo, ...members.map(({ id }) => jsonRecord(id, { status: 'Active' }))),
    singleton(
      tables.serviceConfig,
      toUtf8(JSON.stringify({ recovery_threshold: recoveryThreshold })),
    ),
    serviceInfo(service, 'Opening'),
    table(tables.nodesInfo, jsonRecord(node.keyId, { status: 'Trusted' })),
    table(tables.endorsedCertificates, textRecord(node.keyId, node.pem)),
  ];
}

async function opening(
  { keys, recoveryThreshold: threshold, randomness, nowMs }: GenesisOptions,
  service: Certificate,
  secret: Uint8Array,
): Promise<readonly MapWrites[]> {
  const members = keys.members.map((key) => ({
    id: memberIdOf(key),
    publicKey: createPublicKey(key),
  }));
  const random = randomness.bytes(80 * threshold);
  const shares = makeRecoveryShares({ secret, members, threshold, random });
  const endorsement = await signIdentityEndorsement(
    { endorsedKey: service.publicKey, iat: Math.floor(nowMs / 1000), from: firstTxId },
    keys.service,
  );
  return [
    serviceInfo(service, 'Open'),
    singleton(tables.historicalSecrets, encodeHistoricalSecret({ nextVersion: firstTxId.seqno })),
    singleton(tables.recoveryShares, encodeRecoveryShares(shares)),
    singleton(tables.identityEndorsement, endorsement),
  ];
}

/** Members of such a service have no certificate: their name is the digest of their key. */
function memberIdOf(key: KeyObject): string {
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return toHex(sha256(new Uint8Array(spki)));
}

function publicPemOf(key: KeyObject): string {
  return String(createPublicKey(key).export({ type: 'spki', format: 'pem' }));
}

function serviceInfo({ pem }: Certificate, status: 'Opening' | 'Open'): MapWrites {
  const more = { current_service_create_txid: formatTxId(firstTxId), recovery_count: 0 };
  return singleton(tables.serviceInfo, encodeServiceInfo({ certificate: pem, status, more }));
}
