import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { attempt, attemptAsync } from '../core/attempt.ts';
import { FormatError, StorageError, VerificationError } from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import { seqno as toSeqno } from '../core/words.ts';
import { CrashedLedger } from '../files/ledger/crashed-ledger.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { quarantineChunk, quarantineEntries } from '../files/ledger/ledger-quarantine.ts';
import { decodeEnvelope } from '../formats/entries/entry.ts';
import { chunkName, parseChunkName } from '../formats/entries/ledger-chunk.ts';
import { decodeServiceInfo, tables } from '../formats/entries/tables.ts';
import { decodePublicDomain, mapWrites, singletonValue } from '../formats/entries/write-set.ts';
import { keyIdOf } from '../formats/keys/ec-key.ts';
import { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import { isSystemTable } from '../ledger/steering.ts';
import type { RecoveredLedger } from '../recovery/report.ts';
import { firstView } from './genesis.ts';
import { readNodeKeys } from './keys.ts';
import type { NodePlace } from './node-place.ts';
import { viewRecord } from './view-record.ts';

/**
 * Keeps a copy of entries that are not believed before the ledger's writer cuts them off.
 * @throws VerificationError `UNSIGNED_TAIL` when a caller may have been told of one of them, or they cannot be cut off;
 * nothing is changed then
 * @throws StorageError those of the file system
 */
export async function setTailAside(
  { unsigned, verifiedUntil }: Pick<RecoveredLedger, 'unsigned' | 'verifiedUntil'>,
  { paths, environment }: NodePlace,
  logger: Logger | undefined,
): Promise<void> {
  if (unsigned === undefined) return;
  const { seqno, last, steering, file, offset, acknowledged, isOpen } = unsigned;
  const what = `entry ${steering.seqno} in ${paths.ledger} writes ${steering.table}, and no signature covers it: entries ${seqno} to ${last} (${file} from offset ${offset} on) are not believed`;
  const place = { file, offset, seqno: steering.seqno, expected: verifiedUntil };
  if (acknowledged !== undefined) {
    const why = `entry ${acknowledged} among them may have been acknowledged to a caller, so they were not cut off`;
    throw new VerificationError('UNSIGNED_TAIL', `${what}; ${why}`, place);
  }
  if (!isOpen) {
    const why = 'they begin in a chunk that is complete, which is never cut';
    throw new VerificationError('UNSIGNED_TAIL', `${what}; ${why}`, place);
  }
  const copy = await quarantineEntries(environment.fileSystem, paths.quarantine, {
    path: join(paths.ledger, file),
    offset,
    first: seqno,
    last,
  });
  logger?.warn(
    { ...unsigned, copy, what },
    'entries that no signature covers were moved to quarantine',
  );
}

/**
 * Moves a genesis of this node's own aside that was never signed, so that it can be made again: its service has
 * committed nothing. It is only that where nothing of an application follows, no snapshot was taken and no later view
 * was begun.
 * @returns whether there was one
 * @throws StorageError, FormatError those of reading keys, view and chunk
 */
export async function setUnfinishedGenesisAside({
  paths,
  environment,
}: NodePlace): Promise<boolean> {
  const { fileSystem } = environment;
  const file = chunkName(toSeqno(1));
  const chunks = (await fileSystem.list(paths.ledger)).filter(({ name }) => parseChunkName(name));
  if (chunks.length !== 1 || chunks[0]?.name !== file || chunks[0].kind !== 'file') return false;
  if (!(await isUnsignedGenesis(paths, environment))) return false;
  const snapshots = await fileSystem.list(paths.snapshots);
  if (snapshots.some(({ name }) => name.endsWith('.committed'))) return false;
  const view = await orMissing(() => viewRecord(fileSystem, paths).read());
  if (view !== undefined && view > firstView) return false;
  await quarantineChunk(fileSystem, paths.quarantine, { path: join(paths.ledger, file), file });
  return true;
}

async function isUnsignedGenesis(
  paths: NodePlace['paths'],
  { fileSystem }: NodePlace['environment'],
): Promise<boolean> {
  const keys = await orMissing(() => readNodeKeys(fileSystem, paths));
  const ownKeyId = keys && keyIdOf(createPublicKey(keys.service));
  const ledger = await CrashedLedger.open(fileSystem, paths.ledger);
  try {
    for await (const entry of ledger.entries()) {
      if (!isOfGenesis(entry, ownKeyId)) return false;
    }
  } catch (error) {
    // Not even a chunk's header: a crash left that of the very first write.
    return error instanceof FormatError && error.code === 'TRUNCATED_HEADER';
  }
  return endsOrIsCut(ledger);
}

/** Whether nothing lies behind the last whole entry but one that was cut: damage may hide what was signed. */
async function endsOrIsCut(ledger: CrashedLedger): Promise<boolean> {
  const flaw = await ledger.tailFlaw();
  if (flaw === undefined) return true;
  const judging = { verifiedUntil: flaw.seqno, secrets: new LedgerSecrets([]) };
  return (await attemptAsync(() => ledger.judge(flaw, judging))) !== undefined;
}

/** An entry as a genesis has it before its signature: the service's own tables in the clear, under our own key. */
function isOfGenesis({ bytes }: LedgerEntry, ownKeyId: string | undefined): boolean {
  const envelope = attempt(() => decodeEnvelope(bytes));
  const domain = envelope && attempt(() => decodePublicDomain(envelope.publicDomain));
  if (envelope === undefined || domain === undefined) return false;
  if (envelope.privateDomain.length > 0) return false;
  const isSigned = [tables.signatures, tables.coseSignatures].some((name) =>
    mapWrites(domain, name),
  );
  if (isSigned || domain.maps.some(({ name }) => !isSystemTable(name))) return false;
  const writes = mapWrites(domain, tables.serviceInfo);
  const value = writes && singletonValue(writes);
  if (value === undefined) return true;
  const service = attempt(() => decodeServiceInfo(value));
  return service !== undefined && service.certificate.keyId === ownKeyId;
}

async function orMissing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}
