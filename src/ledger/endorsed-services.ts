import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import { formatTxId, parseTxId } from '../core/tx-id.ts';
import type { TxId } from '../core/words.ts';
import { openLedger } from '../files/ledger/ledger-directory.ts';
import { linksBelow } from '../formats/signatures/identity-endorsement.ts';
import { checkInEpoch } from '../formats/signatures/proof-order.ts';
import type { World } from '../io/world.ts';
import { collectIdentities } from './collected-identities.ts';

/** An earlier identity of a service, and the transactions that are its own. */
export interface EndorsedService {
  readonly key: KeyObject;
  /** Hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly keyId: string;
  readonly from: TxId;
  readonly to: TxId;
}

/** Which ledger is asked, and whom its reader trusts. */
export interface EndorsedServicesOptions {
  readonly ledger: string;
  readonly readOnlyLedgers: readonly string[];
  readonly services: readonly KeyObject[];
  readonly signal: AbortSignal;
  readonly environment: Pick<World, 'fileSystem'>;
}

/**
 * The earlier identities that a ledger's endorsements lead to from trusted ones. Each endorsement proves itself, so the
 * ledger need not be trusted.
 * @throws StorageError, FormatError when the ledger cannot be read; AbortedError
 */
export async function readEndorsedServices({
  ledger,
  readOnlyLedgers,
  services,
  signal,
  environment,
}: EndorsedServicesOptions): Promise<readonly EndorsedService[]> {
  const opened = await openLedger(environment.fileSystem, ledger, readOnlyLedgers);
  const { endorsements, starts } = await collectIdentities(opened, services, signal);
  const found = new Map<string, EndorsedService>();
  for (const pinned of services) {
    const links = await linksBelow(endorsements, pinned, starts);
    for (const { endorsedKey: key, endorsedKeyId: keyId, from, to } of links) {
      if (to !== undefined && !found.has(keyId)) found.set(keyId, { key, keyId, from, to });
    }
  }
  return [...found.values()];
}

/** Whose key signed a receipt, and where, as `verifyReceipt` answers it. */
export interface SignedBy {
  readonly serviceKeyId: string | undefined;
  /** Of each thing that the receipt proves to be in the ledger. */
  readonly inclusions: readonly { readonly txId: string | undefined }[];
  readonly signatureTxId: string | undefined;
}

/**
 * Checks that an earlier identity signed a receipt for transactions of its own.
 * @throws VerificationError `CHAIN_BROKEN`
 */
export function checkEpoch(
  { serviceKeyId, inclusions, signatureTxId }: SignedBy,
  earlier: readonly EndorsedService[],
): void {
  const service = earlier.find(({ keyId }) => keyId === serviceKeyId);
  if (service === undefined) return;
  const txIds = inclusions.map(({ txId }) => txId);
  if (signatureTxId === undefined && (txIds.length === 0 || txIds.includes(undefined))) {
    const message = `key ${service.keyId} was in force from ${formatTxId(service.from)} to ${formatTxId(service.to)}, and the receipt does not prove which transaction it is of`;
    throw new VerificationError('CHAIN_BROKEN', message, { actual: service.keyId });
  }
  const placeOf = (txId: string | undefined) => (txId === undefined ? undefined : parseTxId(txId));
  checkInEpoch(service.keyId, service, { signature: placeOf(signatureTxId) });
  for (const txId of txIds) {
    checkInEpoch(service.keyId, service, { transaction: placeOf(txId) });
  }
}
