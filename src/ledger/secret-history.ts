import type { KeyObject } from 'node:crypto';
import { attempt } from '../core/attempt.ts';
import { jsonBytesMax } from '../core/limits.ts';
import type { Seqno } from '../core/words.ts';
import type { SnapshotMap } from '../formats/entries/snapshot-map.ts';
import { liveSingleton } from '../formats/entries/table-value.ts';
import { decodeRecoveryThreshold, decodeServiceInfo, tables } from '../formats/entries/tables.ts';
import { type PublicDomain, singletonIn } from '../formats/entries/write-set.ts';
import {
  decodeHistoricalSecret,
  type HistoricalSecret,
  LedgerSecrets,
  recoverLedgerSecrets,
  type Written,
  type WrittenShares,
} from '../formats/keys/ledger-secrets.ts';
import { decodeRecoveryShares } from '../formats/keys/recovery-shares.ts';

/** A value of one of the tables that say which secrets there are. */
interface SecretRecord {
  readonly seqno: Seqno;
  readonly table: string;
  readonly value: Uint8Array;
}

const secretTables = [
  tables.serviceConfig,
  tables.serviceInfo,
  tables.historicalSecrets,
  tables.recoveryShares,
] as const;

/** Everything that a ledger says of its secrets, in its order; how much of that counts is said at the end. */
export class SecretHistory {
  readonly #records: SecretRecord[] = [];

  /** Shares and secrets that were written before the snapshot are in its state. */
  addSnapshot(maps: readonly SnapshotMap[]): void {
    for (const table of secretTables) {
      const written = liveSingleton(maps, table);
      if (written !== undefined) this.#records.push(written);
    }
  }

  add(seqno: Seqno, domain: PublicDomain): void {
    for (const table of secretTables) {
      const value = singletonIn(domain, table);
      // A larger one is no JSON that is read, and must not be held.
      if (value && value.length <= jsonBytesMax) {
        this.#records.push({ seqno, table, value: value.slice() });
      }
    }
  }

  /** The secrets that members' keys open, as of the records up to a seqno. */
  recover(until: Seqno, memberKeys: readonly KeyObject[]): LedgerSecrets {
    const collected = new CollectedSecrets();
    for (const record of this.#records) if (record.seqno <= until) collected.add(record);
    return collected.recover(memberKeys);
  }
}

class CollectedSecrets {
  readonly #shareRecords: WrittenShares[] = [];
  readonly #historicalRecords: Written<HistoricalSecret>[] = [];
  readonly #serviceStarts: Seqno[] = [];
  #threshold = 1;
  #serviceKeyId: string | undefined;
  #unsharedStart: Seqno | undefined;

  add({ seqno, table, value }: SecretRecord): void {
    if (table === tables.serviceConfig) this.#addThreshold(value);
    else if (table === tables.serviceInfo) this.#addService(seqno, value);
    else if (table === tables.historicalSecrets) this.#addHistorical(seqno, value);
    else this.#addShares(seqno, value);
  }

  recover(memberKeys: readonly KeyObject[]): LedgerSecrets {
    const serviceStarts =
      this.#unsharedStart === undefined
        ? this.#serviceStarts
        : [...this.#serviceStarts, this.#unsharedStart];
    const secrets = attempt(() =>
      recoverLedgerSecrets({
        memberKeys,
        shareRecords: this.#shareRecords,
        historicalRecords: this.#historicalRecords,
        serviceStarts,
      }),
    );
    return secrets ?? new LedgerSecrets([]);
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
}
