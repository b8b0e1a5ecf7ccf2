import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { toUtf8 } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import type { Secrets } from '../core/host-ports.ts';
import { type Seqno, seqno as toSeqno } from '../core/words.ts';
import { writeDurably } from '../files/durable-file.ts';
import type { NodePaths } from '../files/node-paths.ts';
import { readSmall } from '../files/small-file.ts';
import { chunkName, encodeChunk, parseChunkName } from '../formats/entries/ledger-chunk.ts';
import { decodeEndorsedCertificate, tables } from '../formats/entries/tables.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { keyIdOf } from '../formats/keys/ec-key.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { FileSystem } from '../io/file-system.ts';
import { type RecoveredLedger, recoverLedger } from '../recovery/recover.ts';
import type { RecoverOptions } from '../recovery/report.ts';
import { firstView, makeGenesis } from './genesis.ts';
import { makeNodeKeys, type NodeKeys, readNodeKeys } from './keys.ts';
import type { NodeOptions, NodeSettings } from './node-options.ts';
import type { NodePlace, OpenedService } from './node-place.ts';
import { setTailAside, setUnfinishedGenesisAside } from './unsigned.ts';
import { viewRecord } from './view-record.ts';

/**
 * Begins a new service where there is no ledger yet: keys, then the first chunk of the ledger, which comes
 * into being whole. So a start that breaks off leaves keys at most, which the next one uses.
 * @returns false when a ledger is there
 * @throws VerificationError `LEDGER_BEHIND_SNAPSHOT` where snapshots lie without a ledger
 * @throws AbortedError when `signal` aborts while keys are made
 */
export async function beginService(
  { paths, environment }: NodePlace,
  { members, recoveryThreshold }: NodeSettings,
  signal?: AbortSignal,
): Promise<boolean> {
  const { fileSystem, clock, randomness } = environment;
  await fileSystem.makeDirectory(paths.ledger);
  await fileSystem.makeDirectory(paths.snapshots);
  const names = await fileSystem.list(paths.ledger);
  const isThere = names.some(({ name }) => parseChunkName(name) !== undefined);
  if (isThere && !(await setUnfinishedGenesisAside({ paths, environment }))) return false;
  await checkNoSnapshots(fileSystem, paths);
  await makeNodeKeys(fileSystem, paths, { members, signal });
  const keys = await readNodeKeys(fileSystem, paths);
  const nowMs = clock.now();
  const entries = await makeGenesis({ keys, recoveryThreshold, nowMs, randomness });
  // Before the ledger: one without it is a node that has lost it.
  await viewRecord(fileSystem, paths).write(firstView);
  const file = join(paths.ledger, chunkName(toSeqno(1)));
  await writeDurably(fileSystem, file, encodeChunk(entries, { complete: false }));
  return true;
}

async function checkNoSnapshots(fileSystem: FileSystem, { snapshots, ledger }: NodePaths) {
  const found = (await fileSystem.list(snapshots)).find(({ name }) => name.endsWith('.committed'));
  if (found === undefined) return;
  throw new VerificationError(
    'LEDGER_BEHIND_SNAPSHOT',
    `${ledger} is empty, but ${found.name} is a snapshot of a ledger that was there`,
    { file: found.name },
  );
}

/**
 * Reads a service's keys and ledger and verifies that they belong together.
 * @throws StorageError, FormatError, VerificationError see `createNode`
 */
export async function openService(
  { paths, environment }: NodePlace,
  { onProgress, signal, logger, inspect, minSeqno, snapshotBytesMax, strict }: NodeOptions,
): Promise<OpenedService> {
  const { fileSystem } = environment;
  const keys = await readNodeKeys(fileSystem, paths);
  const recovered = await recoverOwn(keys, paths, {
    ledger: paths.ledger,
    snapshots: paths.snapshots,
    services: [createPublicKey(keys.service)],
    memberKeys: keys.members,
    ...{ minSeqno, snapshotBytesMax, strict },
    environment,
    ...(onProgress && { onProgress }),
    ...(signal && { signal }),
    ...(logger && { logger }),
    ...(inspect && { inspect }),
  });
  const certificate = checkServiceKey(recovered, keys, paths);
  checkLedgerEnd(recovered, paths);
  const secrets = checkSecrets(recovered, paths);
  await setTailAside(recovered, { paths, environment }, logger);
  const node = nodeCertificate(recovered, keys, paths);
  await keepCertificate(fileSystem, paths.serviceCertificate, certificate);
  await keepCertificate(fileSystem, paths.nodeCertificate, node);
  return { recovered, keys, secrets, certificate, node };
}

/** A node believes its own service alone: the last signature must be of the key that it holds. */
async function recoverOwn(
  keys: NodeKeys,
  paths: NodePaths,
  options: RecoverOptions,
): Promise<RecoveredLedger> {
  try {
    return await recoverLedger(options, {}, 'own');
  } catch (error) {
    const isOther = error instanceof VerificationError && error.code === 'UNTRUSTED_SERVICE';
    if (!isOther) throw error;
    throw otherServiceError(keys, paths, error.message);
  }
}

function checkServiceKey(
  { service }: RecoveredLedger,
  keys: NodeKeys,
  paths: NodePaths,
): Certificate {
  if (service?.keyId === keyIdOf(keys.service)) return service;
  throw otherServiceError(keys, paths, `it is of service ${service?.keyId}`);
}

function otherServiceError(
  { service }: NodeKeys,
  { keys: file, ledger }: NodePaths,
  why: string,
): VerificationError {
  const actual = keyIdOf(service);
  const message = `${file}: the service key is ${actual}, and the ledger in ${ledger} is not that service's: ${why}`;
  return new VerificationError('KID_MISMATCH', message, { file, actual });
}

/** To go on from a ledger that has lost entries would be a fork of what was committed. */
function checkLedgerEnd({ snapshot, seqno }: RecoveredLedger, { ledger }: NodePaths): void {
  if (snapshot === undefined || snapshot.evidenceSeqno <= seqno) return;
  throw new VerificationError(
    'LEDGER_BEHIND_SNAPSHOT',
    `${ledger} ends at seqno ${seqno}, before ${snapshot.evidenceSeqno}, the evidence of ${snapshot.file}`,
    { file: snapshot.file, seqno, expected: snapshot.evidenceSeqno },
  );
}

function checkSecrets({ secrets, seqno }: RecoveredLedger, { keys }: NodePaths): Secrets {
  checkSecret(secrets, toSeqno(seqno + 1), keys);
  return { at: (at) => checkSecret(secrets, at, keys) };
}

function checkSecret(secrets: LedgerSecrets, at: Seqno, file: string): Uint8Array {
  const secret = secrets.secretAt(at);
  if (secret !== undefined) return secret;
  throw new VerificationError(
    'SECRETS_MISSING',
    `the member keys in ${file} do not open the ledger secret in force at seqno ${at}`,
    { file, seqno: at },
  );
}

function nodeCertificate(
  { store }: RecoveredLedger,
  { node }: NodeKeys,
  { keys }: NodePaths,
): Certificate {
  const id = keyIdOf(node);
  const record = store.tables.get(tables.endorsedCertificates)?.live.get(toUtf8(id));
  if (record !== undefined) return decodeEndorsedCertificate(record.value);
  throw new VerificationError('NODE_UNKNOWN', `${keys}: the ledger knows no node ${id}`, {
    file: keys,
    actual: id,
  });
}

/** Certificates are in the ledger; the files beside it are for people and tools. */
async function keepCertificate(
  fileSystem: FileSystem,
  path: string,
  { pem }: Certificate,
): Promise<void> {
  if ((await readSmall(fileSystem, path)) !== pem)
    await writeDurably(fileSystem, path, toUtf8(pem));
}
