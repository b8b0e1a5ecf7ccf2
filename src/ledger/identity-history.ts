import { attempt } from '../core/attempt.ts';
import { jsonBytesMax } from '../core/limits.ts';
import type { Seqno, TxId } from '../core/words.ts';
import { type ServiceKey, SigningIdentities } from '../formats/entries/signing-identities.ts';
import type { SnapshotMap } from '../formats/entries/snapshot-map.ts';
import { liveSingleton } from '../formats/entries/table-value.ts';
import { decodeServiceInfo, type ServiceInfo, tables } from '../formats/entries/tables.ts';
import { type PublicDomain, singletonIn } from '../formats/entries/write-set.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { WrittenEndorsement } from '../formats/signatures/identity-endorsement.ts';

/** A service identity and the entry that introduces it. */
export interface IntroducedIdentity {
  /** It signs the ledger: the classical signing identity, or the certificate's key. */
  readonly signer: ServiceKey;
  /** It endorses nodes. Compare it by key: a renewed certificate is the same identity. */
  readonly certificate: Certificate;
  /** Of the first entry that names these keys. */
  readonly seqno: Seqno;
  /** First transaction of the service, as the entry has it; absent in CCF 1.x, and where the signer alone changed. */
  readonly createTxId: TxId | undefined;
}

/** The service identities that a ledger names, in its order, and their endorsements of each other. */
export class IdentityHistory {
  readonly #identities: IntroducedIdentity[] = [];
  readonly #endorsements: WrittenEndorsement[] = [];
  #signing = new SigningIdentities();
  #service: ServiceInfo | undefined;

  /** @returns whether an identity is introduced */
  add(seqno: Seqno, domain: PublicDomain): boolean {
    const before = this.#identities.length;
    const endorsement = singletonIn(domain, tables.identityEndorsement);
    // A larger one is no JSON that is read, and must not be held.
    if (endorsement && endorsement.length <= jsonBytesMax)
      this.#endorsements.push({ seqno, value: endorsement.slice() });
    const value = singletonIn(domain, tables.serviceInfo);
    const signing = this.#signing.apply(domain);
    if (value !== undefined)
      this.#service = attempt(() => decodeServiceInfo(value)) ?? this.#service;
    if (value !== undefined || signing) this.#introduce(seqno);
    return this.#identities.length > before;
  }

  /** The identity in force in a snapshot. */
  addSnapshot(maps: readonly SnapshotMap[]): void {
    const written = liveSingleton(maps, tables.serviceInfo);
    this.#signing = SigningIdentities.of(maps);
    if (written === undefined) return;
    this.#service = attempt(() => decodeServiceInfo(written.value));
    this.#introduce(written.seqno);
  }

  #introduce(seqno: Seqno): void {
    const service = this.#service;
    const signer = service && attempt(() => this.#signing.classical() ?? service.certificate);
    if (service === undefined || signer === undefined) return;
    const { certificate, createTxId } = service;
    const last = this.#identities.at(-1);
    const isSameService = last?.certificate.keyId === certificate.keyId;
    if (isSameService && last.signer.keyId === signer.keyId) return;
    const start = isSameService ? undefined : createTxId;
    this.#identities.push({ signer, certificate, seqno, createTxId: start });
  }

  get endorsements(): readonly WrittenEndorsement[] {
    return this.#endorsements;
  }

  /** Those that entries up to a seqno introduce. */
  introduced(until: Seqno): readonly IntroducedIdentity[] {
    return this.#identities.filter(({ seqno }) => seqno <= until);
  }
}
