import { createHash } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { sha256 } from '../formats/encoding/sha256.ts';
import {
  encodeSnapshot,
  type ProducerProfile,
  snapshotPublicPieces,
} from '../formats/snapshot/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';
import { candidates, ownContent, type SnapshotState } from './release-candidates.ts';
import { unpackState } from './state-transfer.ts';

/** A copy of a frozen state; its pieces move to the worker. */
export interface CopiedState {
  readonly seqno: Seqno;
  readonly leaf: Uint8Array;
  readonly viewHistory: readonly number[];
  readonly pieces: readonly Uint8Array[];
}

/** What another node's snapshot must come out as. */
export interface ReleaseSearch {
  readonly digest: Digest;
  /** Tables that transactions before its evidence mention, see `candidates`. */
  readonly lateMaps: readonly string[];
}

export interface SerialiseJob {
  readonly state: CopiedState;
  /** Ledger secret in force at the snapshot's seqno, 32 bytes. */
  readonly secret: Uint8Array;
  /** Where the entry is written; the file exists already. */
  readonly spool: string;
  /** In replay only. */
  readonly search?: ReleaseSearch | undefined;
}

export interface FindReleaseJob extends Pick<SerialiseJob, 'state' | 'secret'> {
  readonly search: ReleaseSearch;
}

export interface SerialisedState {
  readonly digest: Digest;
  readonly bytes: number;
  readonly profile: ProducerProfile;
}

export interface ComparePublicJob {
  readonly state: CopiedState;
  readonly lateMaps: readonly string[];
  /** SHA-256 of an existing snapshot's public domain. */
  readonly publicDigest: Uint8Array;
}

/** Serialises a copied state into its spool. @throws VerificationError `SNAPSHOT_DIGEST_MISMATCH` where one is searched */
export async function serialiseCopy(
  fileSystem: FileSystem,
  job: SerialiseJob,
  signal: AbortSignal,
): Promise<SerialisedState> {
  const { entry, profile } = await entryOf(job, signal);
  await writeSpool(fileSystem, job.spool, entry);
  return { digest: digest(toHex(sha256(entry))), bytes: entry.length, profile };
}

/** As {@link serialiseCopy} searches, and writes nothing. @returns `undefined` when no release would write it */
export async function findRelease(
  { state, secret, search }: FindReleaseJob,
  signal: AbortSignal,
): Promise<ProducerProfile | undefined> {
  const { found } = await searchEntry(stateOf(state), { secret, search }, signal);
  return found?.profile;
}

/** The release whose public domain has this digest. */
export async function comparePublic(
  { state, lateMaps, publicDigest }: ComparePublicJob,
  signal: AbortSignal,
): Promise<ProducerProfile | undefined> {
  for (const { content, profile } of candidates(stateOf(state), lateMaps)) {
    await turn(signal);
    const hash = createHash('sha256');
    for (const piece of snapshotPublicPieces(content)) hash.update(piece);
    if (equalBytes(hash.digest(), publicDigest)) return profile;
  }
  return undefined;
}

function stateOf({ pieces, ...state }: CopiedState): SnapshotState {
  return { ...state, tables: unpackState(pieces) };
}

interface SerialisedEntry {
  readonly entry: Uint8Array;
  readonly profile: ProducerProfile;
}

async function entryOf(
  { state, secret, search }: SerialiseJob,
  signal: AbortSignal,
): Promise<SerialisedEntry> {
  const copied = stateOf(state);
  if (!search) return { entry: encodeSnapshot(ownContent(copied), secret), profile: '3+' };
  const { found, likeliest } = await searchEntry(copied, { secret, search }, signal);
  if (found !== undefined) return found;
  throw new VerificationError(
    'SNAPSHOT_DIGEST_MISMATCH',
    `no release of CCF would write this state of seqno ${state.seqno} with digest ${search.digest}`,
    { seqno: state.seqno, expected: search.digest, ...(likeliest && { actual: likeliest }) },
  );
}

/** The entry of the digest that is searched, or else the digest of the likeliest. */
async function searchEntry(
  state: SnapshotState,
  { secret, search }: Pick<FindReleaseJob, 'secret' | 'search'>,
  signal: AbortSignal,
): Promise<{ readonly found?: SerialisedEntry; readonly likeliest?: string | undefined }> {
  const expected = fromHex(search.digest);
  let likeliest: string | undefined;
  for (const { content, profile } of candidates(state, search.lateMaps)) {
    await turn(signal);
    const entry = encodeSnapshot(content, secret);
    const digested = sha256(entry);
    if (equalBytes(digested, expected)) return { found: { entry, profile } };
    likeliest ??= toHex(digested);
  }
  return { likeliest };
}

/** Lets a worker hear that the search is not wanted any more. */
async function turn(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}

async function writeSpool(fileSystem: FileSystem, spool: string, entry: Uint8Array): Promise<void> {
  const handle = await fileSystem.open(spool, { for: 'fill' });
  try {
    await handle.write(entry, 0);
  } finally {
    await handle.close();
  }
}
