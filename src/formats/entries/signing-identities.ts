import type { KeyObject } from 'node:crypto';
import { equalBytes, fromBase64, toHex } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { jsonObject, jsonText, parseJson } from '../encoding/json.ts';
import type { Certificate } from '../keys/certificate.ts';
import { keyIdOfSpki, publicKeyOfSpki } from '../keys/ec-key.ts';
import type { SnapshotMap } from './snapshot-map.ts';
import {
  keyText,
  liveIn,
  liveSingleton,
  readTableValue,
  type WrittenValue,
} from './table-value.ts';
import { decodeServiceInfo, tables } from './tables.ts';
import { type KeyValue, mapWrites, type PublicDomain, singletonKey } from './write-set.ts';

/** A key that a service signs with; a {@link Certificate} is one of its own key. */
export type ServiceKey = Pick<Certificate, 'publicKey' | 'spki' | 'keyId'>;

/** Key of the row of a second, post-quantum identity: 1 as a little-endian u64. */
const pqKey = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/**
 * The identity that a row is of, in {@link tables.signingIdentities}, {@link tables.coseSignatures} and
 * {@link tables.identityEndorsement}: `CLASSICAL` under the key of tables that hold one value, `PQ`, or the key itself.
 */
export function identityName(key: Uint8Array): string {
  if (equalBytes(key, singletonKey)) return 'CLASSICAL';
  return equalBytes(key, pqKey) ? 'PQ' : keyText(key);
}

/** What an entry writes to a table that has a row for each identity, but for the classical one. */
export function otherRowsIn(domain: PublicDomain, table: string): readonly KeyValue[] {
  const { writes = [] } = mapWrites(domain, table) ?? {};
  return writes.filter(({ key }) => !equalBytes(key, singletonKey));
}

/**
 * Decodes a row of {@link tables.signingIdentities}.
 * @returns SubjectPublicKeyInfo, DER; of what algorithm is not looked at
 * @throws FormatError `BAD_JSON`, `BAD_BASE64`, `BAD_KEY` when it is of another kind
 */
export function decodeSigningIdentity(value: Uint8Array): Uint8Array {
  const object = jsonObject(parseJson(value), 'the signing identity');
  const kind = jsonText(object.get('kind'), 'kind');
  if (kind === 'X509_SPKI_DER') return fromBase64(jsonText(object.get('value'), 'value'));
  const message = `a signing identity of kind ${JSON.stringify(kind.slice(0, 80))}, not X509_SPKI_DER`;
  throw new FormatError('BAD_KEY', message, {
    actual: kind.slice(0, 80),
    expected: 'X509_SPKI_DER',
  });
}

/**
 * The table {@link tables.signingIdentities} as it is in force: which key a service signs with. Like its certificate
 * it counts from the transaction on that writes it, that one included.
 * @see CCF 7.0 src/service/tables/signing_identities.h
 */
export class SigningIdentities {
  readonly #rows = new Map<string, WrittenValue>();
  /** Whether rows may be there that were not read; until the classical one is seen to go. */
  #isPartial: boolean;
  #classical: ServiceKey | undefined;

  /** @param options.isPartial whether there may be rows that were written before what is read */
  constructor({ isPartial = false }: { readonly isPartial?: boolean } = {}) {
    this.#isPartial = isPartial;
  }

  /** The table in the state of a snapshot. */
  static of(maps: readonly SnapshotMap[]): SigningIdentities {
    const identities = new SigningIdentities();
    for (const row of liveIn(maps, tables.signingIdentities)) identities.#set(row);
    return identities;
  }

  /** Takes in what one transaction does to the table; whether that is anything. */
  apply(domain: PublicDomain): boolean {
    const changes = mapWrites(domain, tables.signingIdentities);
    if (changes === undefined) return false;
    const { seqno } = domain;
    this.#classical = undefined;
    for (const key of changes.removes) {
      this.#rows.delete(toHex(key));
      if (equalBytes(key, singletonKey)) this.#isPartial = false;
    }
    for (const { key, value } of changes.writes) {
      // An entry's bytes may be a view of a chunk, which must not stay for a row of it.
      const own = { key: key.slice(), value: value.slice() };
      this.#set({ table: tables.signingIdentities, seqno, ...own });
    }
    return true;
  }

  #set(row: WrittenValue): void {
    this.#rows.set(toHex(row.key), row);
  }

  /**
   * The key that decides: of the classical identity.
   * @returns `undefined` while the table is empty: then it is that of the service's certificate; and where it is not
   * known, of a partial table
   * @throws VerificationError `SERVICE_UNKNOWN` when there are other rows only
   * @throws FormatError `BAD_KEY`, `BAD_JSON`, `BAD_BASE64` naming table, key and seqno
   */
  classical(): ServiceKey | undefined {
    const isUnknown = this.#isPartial && !this.#rows.has(toHex(singletonKey));
    if (this.#rows.size === 0 || isUnknown) return undefined;
    this.#classical ??= this.#readClassical();
    return this.#classical;
  }

  #readClassical(): ServiceKey {
    const row = this.#rows.get(toHex(singletonKey));
    if (row === undefined) throw this.#headless();
    return readTableValue(row, () => {
      const spki = decodeSigningIdentity(row.value);
      return { publicKey: publicKeyOfSpki(spki, 'BAD_KEY'), spki, keyId: keyIdOfSpki(spki) };
    });
  }

  #headless(): VerificationError {
    const table = tables.signingIdentities;
    const rows = [...this.#rows.values()].map(({ key }) => identityName(key)).join(', ');
    const message = `${table} has no row of the CLASSICAL identity, only ${rows}: nothing says which key the service signs with`;
    return new VerificationError('SERVICE_UNKNOWN', message, { table, actual: rows });
  }

  /** The row of an identity, by the key that its signatures have as well. */
  row(key: Uint8Array): WrittenValue | undefined {
    return this.#rows.get(toHex(key));
  }
}

/** Who a service is, as the state of a snapshot has it. */
export interface StateIdentity {
  /** It endorses nodes; of a host without certificates there is none. */
  readonly certificate: Certificate | undefined;
  /** Its COSE signatures verify under this. */
  readonly signer: ServiceKey | undefined;
}

/**
 * Reads who the service is from the state of a snapshot.
 * @throws FormatError, VerificationError as {@link SigningIdentities.classical}, and of the service's certificate
 */
export function identityInState(maps: readonly SnapshotMap[]): StateIdentity {
  const info = liveSingleton(maps, tables.serviceInfo);
  const certificate = info && readTableValue(info, () => decodeServiceInfo(info.value).certificate);
  return { certificate, signer: SigningIdentities.of(maps).classical() ?? certificate };
}

/** The keys of a {@link StateIdentity}, each once. */
export function keysOf({ certificate, signer }: StateIdentity): readonly KeyObject[] {
  const keys = [signer, certificate].filter((key) => key !== undefined);
  const isFirst = ({ keyId }: ServiceKey, i: number) =>
    keys.findIndex((key) => key.keyId === keyId) === i;
  return keys.filter(isFirst).map(({ publicKey }) => publicKey);
}
