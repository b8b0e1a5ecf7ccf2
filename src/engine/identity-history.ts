import { jsonBytesMax } from '../core/limits.ts';
import type { Seqno, TxId } from '../core/words.ts';
import type { Certificate } from '../formats/certificate.ts';
import type { WrittenEndorsement } from '../formats/identity-endorsement.ts';
import type { SnapshotMap } from '../formats/snapshot-body.ts';
import { liveSingleton } from '../formats/table-value.ts';
import { decodeServiceInfo, tables } from '../formats/tables.ts';
import { type PublicDomain, singletonIn } from '../formats/write-set.ts';
import { attempt } from './attempt.ts';

/** A service identity and the entry that introduces it. */
export interface IntroducedIdentity {
  /** Compare it by key: a renewed certificate is the same identity. */
  readonly certificate: Certificate;
  /** Of the first entry that names its key. */
  readonly seqno: Seqno;
  /** First transaction of the service, as the entry has it; absent in CCF 1.x. */
  readonly createTxId: TxId | undefined;
}

/** The service identities that a ledger names, in its order, and their endorsements of each other. */
export class IdentityHistory {
  readonly #identities: IntroducedIdentity[] = [];
  readonly #endorsements: WrittenEndorsement[] = [];

  add(seqno: Seqno, domain: PublicDomain): void {
    const endorsement = singletonIn(domain, tables.identityEndorsement);
    // A larger one is no JSON that is read, and must not be held.
    if (endorsement && endorsement.length <= jsonBytesMax)
      this.#endorsements.push({ seqno, value: endorsement.slice() });
    const value = singletonIn(domain, tables.serviceInfo);
    if (value) this.#introduce(seqno, value);
  }

  /** The identity in force in a snapshot. */
  addSnapshot(maps: readonly SnapshotMap[]): void {
    const written = liveSingleton(maps, tables.serviceInfo);
    if (written) this.#introduce(written.seqno, written.value);
  }

  #introduce(seqno: Seqno, value: Uint8Array): void {
    const service = attempt(() => decodeServiceInfo(value));
    if (service === undefined) return;
    const { certificate, createTxId } = service;
    if (this.#identities.at(-1)?.certificate.keyId === certificate.keyId) return;
    this.#identities.push({ certificate, seqno, createTxId });
  }

  get endorsements(): readonly WrittenEndorsement[] {
    return this.#endorsements;
  }

  /** Those that entries up to a seqno introduce. */
  introduced(until: Seqno): readonly IntroducedIdentity[] {
    return this.#identities.filter(({ seqno }) => seqno <= until);
  }
}
