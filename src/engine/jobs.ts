import { createHash } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { crossCheckSign1, prepareCrossCheck } from '../formats/cose-cross-check.ts';
import { decodeCoseReceipt, verifyCoseReceipt } from '../formats/cose-receipt.ts';
import { verifyCoseSign1 } from '../formats/cose-sign1.ts';
import { keyIdOfSpki, publicKeyOfSpki } from '../formats/ec-key.ts';
import { decodeJsonReceipt, verifyJsonReceipt } from '../formats/json-receipt.ts';
import { type MerklePath, MerkleTree } from '../formats/merkle-tree.ts';
import { type NodeSignature, verifyNodeSignature } from '../formats/node-signature.ts';
import { checkServiceKeyId, decodeRootSignature } from '../formats/root-signature.ts';
import { sha256 } from '../formats/sha256.ts';
import {
  encodeSnapshot,
  type ProducerProfile,
  snapshotPublicPieces,
} from '../formats/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';
import { type BuiltStore, buffersOf } from '../store/built-store.ts';
import { unpackState } from '../store/state-transfer.ts';
import type { JobFunctions } from '../tasks/job.ts';
import {
  type GatherJob,
  gatherIntoRing,
  type SerialiseSharedJob,
  SharedSerialiser,
  type SharedSerialiserOptions,
} from './serialise-shared.ts';
import { checkFileBytes, readSnapshotEnds } from './snapshot-ends.ts';
import {
  type LoadedSnapshot,
  type LoadSnapshotJob,
  loadSnapshot,
  type OpenSnapshotJob,
  openSnapshot,
} from './snapshot-loading.ts';
import { candidates, ownContent, type SnapshotState } from './snapshot-search.ts';
import { readVerifiable } from './verifiable-file.ts';

/** A frozen state as it was drawn: the pieces move to the worker. */
export interface DrawnState {
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
  readonly state: DrawnState;
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

/** The service's COSE signature over a ledger root. */
export interface CoseRootSignature {
  readonly form: 'cose';
  readonly message: Uint8Array;
  /** The service's key, DER. */
  readonly spki: Uint8Array;
}

/** A node's signature over a ledger root, as old releases have it. */
export interface NodeRootSignature {
  readonly form: 'node';
  readonly signature: NodeSignature;
  /** The node's key, DER. */
  readonly spki: Uint8Array;
}

/** The signatures of one signature transaction: at least one of the two. */
export interface LedgerSignatures {
  readonly cose: CoseRootSignature | undefined;
  readonly node: NodeRootSignature | undefined;
}

export interface VerifySignatureJob {
  readonly seqno: Seqno;
  /** The signature transaction's serialised tree: it has the root. */
  readonly tree: Uint8Array;
  readonly signature: CoseRootSignature | NodeRootSignature;
}

export interface ProveEvidenceJob {
  readonly signatureSeqno: Seqno;
  readonly tree: Uint8Array;
  readonly evidenceSeqno: Seqno;
  /** The evidence's leaf as its entry type defines it, 32 bytes. */
  readonly leaf: Uint8Array;
}

export interface ComparePublicJob {
  readonly state: DrawnState;
  readonly lateMaps: readonly string[];
  /** SHA-256 of an existing snapshot's public domain. */
  readonly publicDigest: Uint8Array;
}

export interface CheckReceiptJob {
  readonly form: 'cose' | 'json';
  readonly receipt: Uint8Array;
  /** The snapshot's digest. */
  readonly digest: Digest;
  /** The service key, for a COSE receipt. */
  readonly spki: Uint8Array;
  /** Whether cose-js must accept a COSE receipt, too. */
  readonly crossCheck: boolean;
}

export interface VerifyFileJob {
  readonly path: string;
  /** The pinned service keys, DER. */
  readonly services: readonly Uint8Array[];
}

/** Everything that is kept off the main thread. */
export interface SnapshotJobs {
  serialise: { input: SerialiseJob; output: SerialisedState };
  serialiseShared: { input: SerialiseSharedJob; output: SerialisedState };
  /** Asked for by `serialiseShared`, of another thread. */
  gather: { input: GatherJob; output: undefined };
  /** As `serialise` searches, and writes nothing; `undefined` when no release would write it. */
  findRelease: { input: FindReleaseJob; output: ProducerProfile | undefined };
  comparePublic: { input: ComparePublicJob; output: ProducerProfile | undefined };
  verifySignature: { input: VerifySignatureJob; output: { readonly root: Digest } };
  proveEvidence: {
    input: ProveEvidenceJob;
    output: { readonly root: Digest; readonly path: MerklePath };
  };
  checkReceipt: { input: CheckReceiptJob; output: undefined };
  /** Reads a snapshot file and builds its state, as far as it is in the clear. */
  loadSnapshot: { input: LoadSnapshotJob; output: LoadedSnapshot };
  /** Proves a loaded state under its secret, and adds what is encrypted. */
  openSnapshot: { input: OpenSnapshotJob; output: BuiltStore };
  verifyFile: {
    input: VerifyFileJob;
    output: { readonly digest: Digest; readonly trusted: boolean };
  };
  /** Loads cose-js and tries it. */
  prepareCrossCheck: { input: undefined; output: undefined };
}

/** The jobs, over a file system: the real one in workers, any other inline. */
export function snapshotJobs(
  fileSystem: FileSystem,
  options: Pick<SharedSerialiserOptions, 'startGatherer'> = {},
): JobFunctions<SnapshotJobs> {
  const shared = new SharedSerialiser({ fileSystem, ...options });
  return {
    serialiseShared: async (job, { signal }) => ({ output: await shared.serialise(job, signal) }),
    gather: async (job) => {
      gatherIntoRing(job);
      return { output: undefined };
    },
    serialise: async (job, { signal }) => {
      const { entry, profile } = await serialise(job, signal);
      await writeSpool(fileSystem, job.spool, entry);
      return { output: { digest: digest(toHex(sha256(entry))), bytes: entry.length, profile } };
    },
    findRelease: async ({ state, secret, search }, { signal }) => {
      const { found } = await searchEntry(stateOf(state), { secret, search }, signal);
      return { output: found?.profile };
    },
    comparePublic: async (job, { signal }) => ({ output: await comparePublic(job, signal) }),
    verifySignature: async (job) => ({ output: { root: await verifySignature(job) } }),
    proveEvidence: async (job) => ({ output: proveEvidence(job) }),
    verifyFile: async (job, { signal }) => ({ output: await verifyFile(fileSystem, job, signal) }),
    prepareCrossCheck: async () => {
      await prepareCrossCheck();
      return { output: undefined };
    },
    loadSnapshot: async (job, { signal }) => {
      const output = await loadSnapshot(fileSystem, job, signal);
      return { output, transfer: output.state ? buffersOf(output.state.built) : [] };
    },
    openSnapshot: async (job, { signal }) => {
      const output = await openSnapshot(fileSystem, job, signal);
      return { output, transfer: buffersOf(output) };
    },
    checkReceipt: async (job) => {
      await checkReceipt(job);
      return { output: undefined };
    },
  };
}

function stateOf({ pieces, ...state }: DrawnState): SnapshotState {
  return { ...state, tables: unpackState(pieces) };
}

interface SerialisedEntry {
  readonly entry: Uint8Array;
  readonly profile: ProducerProfile;
}

async function serialise(
  { state, secret, search }: SerialiseJob,
  signal: AbortSignal,
): Promise<SerialisedEntry> {
  const drawn = stateOf(state);
  if (!search) return { entry: encodeSnapshot(ownContent(drawn), secret), profile: '3+' };
  const { found, likeliest } = await searchEntry(drawn, { secret, search }, signal);
  if (found !== undefined) return found;
  throw new VerificationError(
    'SNAPSHOT_DIGEST_MISMATCH',
    `no release of CCF would write this state of seqno ${state.seqno} with digest ${search.digest}`,
    { seqno: state.seqno, limit: search.digest, ...(likeliest && { actual: likeliest }) },
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

async function comparePublic(
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

/** The tree of a signature transaction holds the leaves of every transaction before it, and no other. */
function treeOf(bytes: Uint8Array, signatureSeqno: Seqno): MerkleTree {
  const tree = MerkleTree.deserialise(bytes);
  if (tree.leafCount !== signatureSeqno) {
    throw new VerificationError(
      'TREE_MISMATCH',
      `the tree at seqno ${signatureSeqno} has ${tree.leafCount} leaves`,
      { seqno: signatureSeqno, actual: tree.leafCount, limit: signatureSeqno },
    );
  }
  return tree;
}

async function verifySignature({ seqno, tree, signature }: VerifySignatureJob): Promise<Digest> {
  const merkle = treeOf(tree, seqno);
  const root = merkle.root();
  const key = publicKeyOfSpki(signature.spki, 'BAD_CERTIFICATE');
  if (signature.form === 'cose') {
    const decoded = decodeRootSignature(signature.message);
    if (decoded.txId.seqno !== seqno) throw wrongSeqno(seqno, decoded.txId.seqno);
    checkServiceKeyId(decoded, keyIdOfSpki(signature.spki));
    await verifyCoseSign1(decoded.message, key, root);
  } else {
    const { seqno: signed, signature: bytes } = signature.signature;
    if (signed !== seqno) throw wrongSeqno(seqno, signed);
    await verifyNodeSignature({ signature: bytes, preimage: merkle.rootPreimage(), key });
  }
  return digest(toHex(root));
}

function wrongSeqno(seqno: Seqno, signed: Seqno): VerificationError {
  return new VerificationError(
    'SEQNO_MISMATCH',
    `the signature at seqno ${seqno} says it is of seqno ${signed}`,
    { seqno, actual: signed, limit: seqno },
  );
}

function proveEvidence(job: ProveEvidenceJob): { root: Digest; path: MerklePath } {
  const { signatureSeqno, evidenceSeqno, leaf } = job;
  const tree = treeOf(job.tree, signatureSeqno);
  if (evidenceSeqno < tree.firstLeaf || evidenceSeqno >= tree.leafCount) {
    throw new FormatError(
      'BAD_TREE',
      `the tree at seqno ${signatureSeqno} holds leaves ${tree.firstLeaf} … ${tree.leafCount - 1}, not ${evidenceSeqno}`,
      { seqno: signatureSeqno, actual: evidenceSeqno },
    );
  }
  if (!equalBytes(tree.leafAt(evidenceSeqno), leaf)) {
    throw new VerificationError(
      'LEAF_MISMATCH',
      `the tree at seqno ${signatureSeqno} has another leaf for seqno ${evidenceSeqno}`,
      { seqno: evidenceSeqno },
    );
  }
  return { root: digest(toHex(tree.root())), path: tree.path(evidenceSeqno) };
}

/**
 * Reads a receipt as any verifier will. Unless it is told not to, it asks cose-js about a COSE receipt as well: an
 * implementation of its own, so that no mistake of ours is in both.
 */
async function checkReceipt(job: CheckReceiptJob): Promise<void> {
  const { form, receipt, digest, spki, crossCheck } = job;
  const claimsDigest = fromHex(digest);
  if (form === 'json') {
    await verifyJsonReceipt(decodeJsonReceipt(receipt), { claimsDigest });
    return;
  }
  const key = publicKeyOfSpki(spki, 'BAD_CERTIFICATE');
  const { root } = await verifyCoseReceipt(decodeCoseReceipt(receipt), key, claimsDigest);
  if (crossCheck) await crossCheckSign1(receipt, root, spki);
}

/** Hashes and decodes a snapshot file: of a large one that takes seconds. */
async function verifyFile(
  fileSystem: FileSystem,
  { path, services }: VerifyFileJob,
  signal: AbortSignal,
) {
  const trustedKeys = services.map((spki) => publicKeyOfSpki(spki, 'BAD_CERTIFICATE'));
  const ends = await readSnapshotEnds(fileSystem, path);
  await ends.verify({ fileName: ends.fileName, trustedKeys });
  checkFileBytes(ends);
  const file = await readVerifiable(fileSystem, path, { signal });
  const { digest, trusted } = await file.verify({ fileName: file.fileName, trustedKeys });
  return { digest, trusted };
}
