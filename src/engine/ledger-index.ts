import type { KeyObject } from 'node:crypto';
import { equalBytes } from '../core/bytes.ts';
import {
  AbortedError,
  FormatError,
  LedgerSnapshotterError,
  VerificationError,
} from '../core/errors.ts';
import { type Digest, type Seqno, seqno as toSeqno } from '../core/words.ts';
import type { LedgerDirectory, LedgerEntry } from '../files/ledger-directory.ts';
import { decodeEnvelope } from '../formats/entry.ts';
import {
  decodeHistoricalSecret,
  type HistoricalSecret,
  LedgerSecrets,
  recoverLedgerSecrets,
  type Written,
  type WrittenShares,
} from '../formats/ledger-secrets.ts';
import { decodeNodeSignature } from '../formats/node-signature.ts';
import { decodeRecoveryShares } from '../formats/recovery-shares.ts';
import type { SnapshotMap } from '../formats/snapshot-body.ts';
import {
  decodeRecoveryThreshold,
  decodeServiceInfo,
  decodeSnapshotEvidence,
  tables,
} from '../formats/tables.ts';
import {
  decodePublicDomain,
  type EntryType,
  mapWrites,
  type PublicDomain,
  singletonKey,
  singletonValue,
} from '../formats/write-set.ts';

/** One snapshot that the ledger vouches for. */
export interface IndexedEvidence {
  /** Seqno of the evidence transaction. */
  readonly seqno: Seqno;
  /** Seqno of the snapshot. */
  readonly version: Seqno;
  readonly digest: Digest;
  readonly entryType: EntryType;
}

/** Which signatures a signature transaction carries. */
export interface IndexedSignature {
  readonly seqno: Seqno;
  /** A node signature with the node's certificate beside it, as a JSON receipt needs it. */
  readonly json: boolean;
  readonly cose: boolean;
}

/** What a first reading of a ledger tells, before anything is believed. */
export interface LedgerIndex {
  /** Seqno of the last entry that could be read. */
  readonly last: Seqno;
  /** Ascending. */
  readonly evidences: readonly IndexedEvidence[];
  /** Ascending. */
  readonly signatures: readonly IndexedSignature[];
  readonly secrets: LedgerSecrets;
}

export interface IndexOptions {
  readonly memberKeys: readonly KeyObject[];
  readonly signal?: AbortSignal | undefined;
  /** Called after each entry. */
  readonly onEntry?: ((seqno: Seqno) => void) | undefined;
  /** Public maps of the snapshot that the replay starts from, with its seqno. */
  readonly start?: { readonly seqno: Seqno; readonly maps: readonly SnapshotMap[] } | undefined;
}

/**
 * Reads a ledger once, in the clear, for what a replay must know in advance: the secrets, which are
 * shared late, and the digests to expect.
 *
 * Nothing here is verified and nothing malformed is an error: the replay itself comes upon it at its
 * place, where it can say what no longer holds.
 * @throws StorageError when a chunk cannot be read
 * @throws AbortedError when `signal` aborts
 */
export async function indexLedger(
  ledger: Pick<LedgerDirectory, 'entries'>,
  { memberKeys, start, signal, onEntry }: IndexOptions,
): Promise<LedgerIndex> {
  const indexer = new Indexer(start?.seqno ?? toSeqno(0));
  if (start) indexer.addSnapshot(start.maps);
  try {
    const from = start === undefined ? undefined : toSeqno(start.seqno + 1);
    for await (const entry of ledger.entries({ from })) {
      if (signal?.aborted) throw new AbortedError('the replay');
      indexer.addEntry(entry);
      onEntry?.(entry.seqno);
    }
  } catch (error) {
    const isOfBytes = error instanceof FormatError || error instanceof VerificationError;
    if (!isOfBytes) throw error;
  }
  return indexer.finish(memberKeys);
}

class Indexer {
  readonly #evidences: IndexedEvidence[] = [];
  readonly #signatures: IndexedSignature[] = [];
  readonly #shareRecords: WrittenShares[] = [];
  readonly #historicalRecords: Written<HistoricalSecret>[] = [];
  readonly #serviceStarts: Seqno[] = [];
  #threshold = 1;
  #serviceKeyId: string | undefined;
  #unsharedStart: Seqno | undefined;
  #last: Seqno;

  constructor(last: Seqno) {
    this.#last = last;
  }

  /** Shares and secrets that were written before the snapshot are in its state. */
  addSnapshot(maps: readonly SnapshotMap[]): void {
    const singleton = (name: string) =>
      maps
        .find((map) => map.name === name)
        ?.records.find(({ key, version }) => version > 0 && equalBytes(key, singletonKey));
    const config = singleton(tables.serviceConfig);
    if (config) this.#addThreshold(config.value);
    const historical = singleton(tables.historicalSecrets);
    if (historical) this.#addHistorical(toSeqno(historical.version), historical.value);
    const shares = singleton(tables.recoveryShares);
    if (shares) this.#addShares(toSeqno(shares.version), shares.value);
    const service = singleton(tables.serviceInfo);
    if (service) this.#addService(toSeqno(service.version), service.value);
  }

  addEntry(entry: LedgerEntry): void {
    this.#last = entry.seqno;
    const domain = attempt(() => decodePublicDomain(decodeEnvelope(entry.bytes).publicDomain));
    if (domain === undefined) return;
    const write = (table: string, add: (value: Uint8Array) => void) => {
      const writes = mapWrites(domain, table);
      const value = writes && singletonValue(writes);
      if (value) add(value);
    };
    write(tables.serviceConfig, (value) => this.#addThreshold(value));
    write(tables.serviceInfo, (value) => this.#addService(entry.seqno, value));
    write(tables.historicalSecrets, (value) => this.#addHistorical(entry.seqno, value));
    write(tables.recoveryShares, (value) => this.#addShares(entry.seqno, value));
    write(tables.snapshotEvidence, (value) => this.#addEvidence(entry.seqno, domain, value));
    this.#addSignature(entry.seqno, domain);
  }

  finish(memberKeys: readonly KeyObject[]): LedgerIndex {
    if (this.#unsharedStart !== undefined) this.#serviceStarts.push(this.#unsharedStart);
    const secrets = attempt(() =>
      recoverLedgerSecrets({
        memberKeys,
        shareRecords: this.#shareRecords,
        historicalRecords: this.#historicalRecords,
        serviceStarts: this.#serviceStarts,
      }),
    );
    return {
      last: this.#last,
      evidences: this.#evidences,
      signatures: this.#signatures,
      secrets: secrets ?? new LedgerSecrets([]),
    };
  }

  #addThreshold(value: Uint8Array): void {
    this.#threshold = attempt(() => decodeRecoveryThreshold(value)) ?? this.#threshold;
  }

  /**
   * A new service has a new secret from its first transaction on. CCF 1.x does not say which that was:
   * there it is the one that brings the new key, and counts only while its shares are still to come.
   */
  #addService(seqno: Seqno, value: Uint8Array): void {
    const service = attempt(() => decodeServiceInfo(value));
    if (service === undefined) return;
    const { keyId } = service.certificate;
    if (service.createTxId) this.#serviceStarts.push(service.createTxId.seqno);
    else if (this.#serviceKeyId !== undefined && this.#serviceKeyId !== keyId) {
      this.#unsharedStart = seqno;
    }
    this.#serviceKeyId = keyId;
  }

  #addHistorical(seqno: Seqno, value: Uint8Array): void {
    const record = attempt(() => decodeHistoricalSecret(value));
    if (record) this.#historicalRecords.push({ seqno, value: record });
  }

  #addShares(seqno: Seqno, value: Uint8Array): void {
    const shares = attempt(() => decodeRecoveryShares(value));
    if (shares === undefined) return;
    this.#shareRecords.push({ seqno, value: shares, threshold: this.#threshold });
    this.#unsharedStart = undefined;
  }

  #addEvidence(seqno: Seqno, { type }: PublicDomain, value: Uint8Array): void {
    const evidence = attempt(() => decodeSnapshotEvidence(value));
    if (evidence === undefined || evidence.version >= seqno) return;
    const { version, hash } = evidence;
    this.#evidences.push({ seqno, version, digest: hash, entryType: type });
  }

  #addSignature(seqno: Seqno, domain: PublicDomain): void {
    const node = mapWrites(domain, tables.signatures);
    const nodeValue = node && singletonValue(node);
    const cose = mapWrites(domain, tables.coseSignatures);
    const hasCose = cose !== undefined && singletonValue(cose) !== undefined;
    if (!nodeValue && !hasCose) return;
    const json =
      nodeValue !== undefined &&
      attempt(() => decodeNodeSignature(nodeValue))?.certificate !== undefined;
    this.#signatures.push({ seqno, json, cose: hasCose });
  }
}

/** Reads what may be malformed; the replay reports it, not the index. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return undefined;
    throw error;
  }
}
