import { join } from 'node:path';
import type { ViewRecord } from '../consensus/consensus.ts';
import { fromUtf8, toUtf8 } from '../core/bytes.ts';
import { FormatError, StorageError, VerificationError } from '../core/errors.ts';
import type { Secrets } from '../core/host-ports.ts';
import { type Seqno, seqno as toSeqno, view as toView, type View } from '../core/words.ts';
import { writeDurably } from '../files/durable-file.ts';
import type { Certificate } from '../formats/certificate.ts';
import { keyIdOf } from '../formats/ec-key.ts';
import { parseDecimal } from '../formats/file-name.ts';
import { chunkName, encodeChunk, parseChunkName } from '../formats/ledger-chunk.ts';
import type { LedgerSecrets } from '../formats/ledger-secrets.ts';
import { decodeEndorsedCertificate, tables } from '../formats/tables.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { Environment } from './environment.ts';
import type { NodeOptions, NodeSettings } from './node.ts';
import { firstView, makeGenesis } from './node-genesis.ts';
import { makeNodeKeys, type NodeKeys, type NodePaths, readNodeKeys } from './node-keys.ts';
import { type RecoveredLedger, recoverLedger } from './recover.ts';

/** A node's directory, and the world it is in. */
export interface NodePlace {
  readonly paths: NodePaths;
  readonly environment: Environment;
}

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
  if (names.some(({ name }) => parseChunkName(name) !== undefined)) return false;
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

/** A service whose ledger and keys have been read and fit together. */
export interface OpenedService {
  readonly recovered: RecoveredLedger;
  readonly keys: NodeKeys;
  readonly secrets: Secrets;
  /** The service's identity in force. */
  readonly certificate: Certificate;
  /** This node's certificate, which the service has endorsed. */
  readonly node: Certificate;
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
  const recovered = await recoverLedger({
    ledger: paths.ledger,
    snapshots: paths.snapshots,
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
  const node = nodeCertificate(recovered, keys, paths);
  await keepCertificate(fileSystem, paths.serviceCertificate, certificate);
  await keepCertificate(fileSystem, paths.nodeCertificate, node);
  return { recovered, keys, secrets, certificate, node };
}

function checkServiceKey(
  { service }: RecoveredLedger,
  keys: NodeKeys,
  paths: NodePaths,
): Certificate {
  const keyId = keyIdOf(keys.service);
  if (service?.keyId === keyId) return service;
  throw new VerificationError(
    'KID_MISMATCH',
    `${paths.keys}: the service key is ${keyId}, but the ledger in ${paths.ledger} is of service ${service?.keyId}`,
    { file: paths.keys, actual: keyId, ...(service && { limit: service.keyId }) },
  );
}

/** To go on from a ledger that has lost entries would be a fork of what was committed. */
function checkLedgerEnd({ snapshot, seqno }: RecoveredLedger, { ledger }: NodePaths): void {
  if (snapshot === undefined || snapshot.evidenceSeqno <= seqno) return;
  throw new VerificationError(
    'LEDGER_BEHIND_SNAPSHOT',
    `${ledger} ends at seqno ${seqno}, before ${snapshot.evidenceSeqno}, the evidence of ${snapshot.file}`,
    { file: snapshot.file, seqno, limit: snapshot.evidenceSeqno },
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

/** Files of this node's own, beside the ledger, are below this. */
const smallBytesMax = 64 * 1024;

async function readSmall(fileSystem: FileSystem, path: string): Promise<string | undefined> {
  try {
    return fromUtf8(await fileSystem.readFile(path, { bytesMax: smallBytesMax }));
  } catch (error) {
    if (error instanceof StorageError && error.code === 'NOT_FOUND') return undefined;
    throw error;
  }
}

/** The view that a node has used last, in a file of its own, which is there before the ledger is. */
export function viewRecord(fileSystem: FileSystem, { view: path }: NodePaths): ViewRecord {
  return {
    read: async () => {
      const text = await readSmall(fileSystem, path);
      if (text === undefined) throw lostView(path);
      return parseView(text, path);
    },
    write: (view) => writeDurably(fileSystem, path, toUtf8(`${view}\n`)),
  };
}

/** The ledger knows the views that have entries in it, not those of entries that a crash or a rollback took. */
function lostView(file: string): StorageError {
  const message = `${file} is missing: without it a view could be used twice, and what is encrypted in it be read`;
  return new StorageError('NOT_FOUND', message, { file });
}

function parseView(text: string, file: string): View {
  const value = parseDecimal(text.trimEnd());
  // The last view of all is none that a node has used: no other could follow it.
  if (value !== undefined && value < 0x7fff_ffff) return toView(value);
  throw new FormatError('BAD_TEXT', `${file} does not hold a view that another one follows`, {
    file,
  });
}
