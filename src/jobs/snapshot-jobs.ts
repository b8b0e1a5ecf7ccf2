import type { Digest } from '../core/words.ts';
import { publicKeyOfSpki } from '../formats/keys/ec-key.ts';
import type { MerklePath } from '../formats/merkle/merkle-tree.ts';
import { prepareCrossCheck } from '../formats/signatures/cose-cross-check.ts';
import type { ProducerProfile } from '../formats/snapshot/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';
import {
  type ComparePublicJob,
  comparePublic,
  type FindReleaseJob,
  findRelease,
  type SerialisedState,
  type SerialiseJob,
  serialiseCopy,
} from '../serialising/copied.ts';
import {
  type GatherJobs,
  gatherIntoRing,
  type SerialiseSharedJob,
  SharedSerialiser,
  type SharedSerialiserOptions,
} from '../serialising/shared.ts';
import { checkFileBytes, readSnapshotEnds } from '../snapshots/ends.ts';
import {
  type LoadedSnapshot,
  type LoadSnapshotJob,
  loadSnapshot,
  type OpenSnapshotJob,
  openSnapshot,
} from '../snapshots/load-shared.ts';
import { readVerifiable } from '../snapshots/verifiable-file.ts';
import { type BuiltStore, buffersOf } from '../store/memory/built-store.ts';
import type { JobFunctions } from '../tasks/job.ts';
import {
  type CheckReceiptJob,
  checkReceipt,
  type ProveEvidenceJob,
  proveEvidence,
  type VerifySignatureJob,
  verifySignature,
} from './gate-jobs.ts';

export interface VerifyFileJob {
  readonly path: string;
  /** The pinned service keys, DER. */
  readonly services: readonly Uint8Array[];
}

/** Everything that is kept off the main thread. */
export interface SnapshotJobs extends GatherJobs {
  serialise: { input: SerialiseJob; output: SerialisedState };
  serialiseShared: { input: SerialiseSharedJob; output: SerialisedState };
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
    serialise: async (job, { signal }) => ({
      output: await serialiseCopy(fileSystem, job, signal),
    }),
    findRelease: async (job, { signal }) => ({ output: await findRelease(job, signal) }),
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
