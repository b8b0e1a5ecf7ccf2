import { attempt } from '../core/attempt.ts';
import { VerificationError } from '../core/errors.ts';
import { formatTxId } from '../core/tx-id.ts';
import type { Seqno, View } from '../core/words.ts';
import type { CborMap } from '../formats/encoding/cbor.ts';
import { cborMap, cborText } from '../formats/encoding/cbor.ts';
import {
  decodeSigningIdentity,
  identityName,
  otherRowsIn,
  type SigningIdentities,
} from '../formats/entries/signing-identities.ts';
import { atTable } from '../formats/entries/table-value.ts';
import { tables } from '../formats/entries/tables.ts';
import type { KeyValue, PublicDomain } from '../formats/entries/write-set.ts';
import { coseLabel } from '../formats/signatures/cose-sign1.ts';
import { decodeIdentityEndorsement } from '../formats/signatures/identity-endorsement.ts';
import { mlDsaKey, verifyMlDsaSign1 } from '../formats/signatures/ml-dsa.ts';
import { decodeCoseSignatureValue } from '../formats/signatures/root-signature.ts';

/** What a transaction says under identities beside the classical one, by their names. */
export interface OtherSignatures {
  /** Those that hold: `PQ`. */
  readonly verified: readonly string[];
  /** Those that nobody here can verify: `PQ` before Node.js 24, and identities of later releases. */
  readonly unverified: readonly string[];
}

/** How many rows there are of an identity that is not the classical one: root signatures and endorsements. */
export interface OtherSignatureCount {
  /** `PQ`, or the key of its rows. */
  readonly identity: string;
  readonly verified: number;
  readonly unverified: number;
}

/** Counts rows of other identities; with a bound, since keys are what the writer likes. */
export class OtherCounts {
  readonly #counts = new Map<string, { verified: number; unverified: number }>();

  add(found: OtherSignatures | undefined): void {
    if (found === undefined) return;
    for (const identity of found.verified) this.#of(identity).verified++;
    for (const identity of found.unverified) this.#of(identity).unverified++;
  }

  addAll(counts: readonly OtherSignatureCount[]): void {
    for (const { identity, verified, unverified } of counts) {
      const count = this.#of(identity);
      count.verified += verified;
      count.unverified += unverified;
    }
  }

  #of(identity: string): { verified: number; unverified: number } {
    const name =
      this.#counts.has(identity) || this.#counts.size < identitiesMax ? identity : 'others';
    const count = this.#counts.get(name) ?? { verified: 0, unverified: 0 };
    this.#counts.set(name, count);
    return count;
  }

  /** In the order in which the ledger has them. */
  list(): readonly OtherSignatureCount[] {
    return [...this.#counts].map(([identity, count]) => ({ identity, ...count }));
  }
}

const identitiesMax = 16;

/** What several counts come to. */
export function totalOfOthers(parts: readonly OtherCounts[]): readonly OtherSignatureCount[] {
  const total = new OtherCounts();
  for (const part of parts) total.addAll(part.list());
  return total.list();
}

/** Identities of which something could not be verified. */
export function unverifiedOf(counts: readonly OtherSignatureCount[]): readonly string[] {
  return counts.filter(({ unverified }) => unverified > 0).map(({ identity }) => identity);
}

/** What the rows of a transaction are verified against. */
export interface OtherSignaturesContext {
  readonly identities: SigningIdentities;
  /** Of its entry. */
  readonly view: View;
  /** Over all transactions before it. */
  readonly root: () => Uint8Array;
}

/**
 * Verifies what a transaction signs beside the classical identity, which alone decides: root signatures and endorsements
 * under ML-DSA, where this Node.js knows it. What cannot be verified is named, and never passed for verified.
 * @throws FormatError, VerificationError of one that does not hold, naming table, key and seqno
 */
export async function verifyOtherSignatures(
  domain: PublicDomain,
  context: OtherSignaturesContext,
): Promise<OtherSignatures | undefined> {
  const roots = otherRowsIn(domain, tables.coseSignatures);
  const endorsements = otherRowsIn(domain, tables.identityEndorsement);
  if (roots.length + endorsements.length === 0) return undefined;
  const verified: string[] = [];
  const unverified: string[] = [];
  const judge = async (table: string, row: KeyValue, verify: () => Promise<boolean>) => {
    try {
      ((await verify()) ? verified : unverified).push(identityName(row.key));
    } catch (error) {
      throw atTable(error, { table, key: row.key, seqno: domain.seqno });
    }
  };
  for (const row of roots) {
    await judge(tables.coseSignatures, row, () => verifyRoot(row, domain.seqno, context));
  }
  for (const row of endorsements) {
    await judge(tables.identityEndorsement, row, () => verifyEndorsement(row));
  }
  return { verified, unverified };
}

/** Whether a root signature could be verified. */
async function verifyRoot(
  { key, value }: KeyValue,
  seqno: Seqno,
  { identities, view, root }: OtherSignaturesContext,
): Promise<boolean> {
  const identity = identityName(key) === 'PQ' ? identities.row(key) : undefined;
  const spki = identity && attempt(() => decodeSigningIdentity(identity.value));
  const publicKey = spki && mlDsaKey(spki);
  if (publicKey === undefined) return false;
  const message = await verifyMlDsaSign1(decodeCoseSignatureValue(value), publicKey, root());
  checkTxId(message.protectedHeader, formatTxId({ view, seqno }));
  return true;
}

function checkTxId(protectedHeader: CborMap, own: string): void {
  const ccf = cborMap(protectedHeader.get(coseLabel.ccf), 'ccf.v1', 'COSE_STRUCTURE');
  const signed = cborText(ccf.get('txid'), 'txid', 'COSE_STRUCTURE');
  if (signed === own) return;
  const message = `the signature says it is of ${signed.slice(0, 80)}, it lies at ${own}`;
  throw new VerificationError('SEQNO_MISMATCH', message, { expected: own });
}

/** Whether an endorsement could be verified, under the key that it names itself. */
async function verifyEndorsement({ key, value }: KeyValue): Promise<boolean> {
  if (identityName(key) !== 'PQ') return false;
  // One that is malformed is skipped, as are those of the classical identity: it leads nowhere.
  const record = attempt(() => decodeIdentityEndorsement(value));
  if (record === undefined) return false;
  const publicKey = mlDsaKey(record.endorsingKey);
  if (publicKey === undefined) return false;
  await verifyMlDsaSign1(record.endorsement, publicKey);
  return true;
}
