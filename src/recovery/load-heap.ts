import { assert } from '../core/errors.ts';
import type { NamedFile } from '../files/named-file.ts';
import type { SnapshotContent } from '../formats/snapshot/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';
import {
  type OpenedState,
  orForeign,
  type ReplayStart,
  startWith,
} from '../ledger/ledger-start.ts';
import { readMapsOf } from '../snapshots/kept-maps.ts';
import {
  type MapsReader,
  openPrivateMaps,
  type ScannedSnapshot,
  scanSnapshot,
} from '../snapshots/scan.ts';
import { scannedFile, type VerifiableFile } from '../snapshots/verifiable-file.ts';
import { HeapLoader } from '../store/heap/heap-loader.ts';
import { ReferenceStore, type StoreTable } from '../store/heap/reference-store.ts';

/**
 * A ledger from a snapshot on. The snapshot verifies by itself, under the identity that it names, and the
 * first signature after it must cover the tree that it stands for. Whether to trust that identity is for
 * `verify` to say: like the ledger's own, it is not pinned here.
 * @throws StorageError when it cannot be read
 * @throws FormatError, VerificationError when the snapshot does not verify, or holds no tree of its seqno
 * @throws AbortedError
 */
export async function startFromSnapshot(
  { path, fileSystem }: NamedFile,
  signal: AbortSignal | undefined,
): Promise<ReplayStart> {
  const read = await readOntoHeap(fileSystem, path, signal);
  const { fileName } = read.file;
  const verified = await read.file.verify({ fileName, trustedKeys: [] });
  const { content, digest, evidenceSeqno, serviceKeyId } = verified;
  const file = { file: fileName, digest, evidenceSeqno, serviceKeyId };
  return { ...read.startAfter(content), file };
}

/** A snapshot file that was read into this thread's heap; its {@link file} says whether it proves anything. */
export interface HeapSnapshot {
  readonly file: VerifiableFile;
  /** What is behind it, once it was verified. @throws as `startWith` */
  startAfter(content: SnapshotContent): ReplayStart;
}

type Tables = ReadonlyMap<string, StoreTable>;

/**
 * Reads a snapshot piece by piece, and builds its state on the heap.
 * @throws StorageError when it cannot be read; FormatError of `splitSnapshotFile`; AbortedError
 */
export async function readOntoHeap(
  fileSystem: FileSystem,
  path: string,
  signal: AbortSignal | undefined,
): Promise<HeapSnapshot> {
  const scanned = await scanSnapshot(fileSystem, path, { open: heapReader, signal });
  return {
    file: scannedFile(path, scanned, readMapsOf),
    startAfter: (content) =>
      startWith(content, (secret) =>
        orForeign(path, () => open(fileSystem, scanned, { path, secret, signal })),
      ),
  };
}

function heapReader(): MapsReader<Tables> {
  const loader = new HeapLoader();
  return {
    begin: (map) => loader.begin(map),
    take: (bytes) => loader.take(bytes),
    end: () => loader.end(),
    finish: () => loader.finish(),
  };
}

interface Opening {
  readonly path: string;
  readonly secret: Uint8Array | undefined;
  readonly signal: AbortSignal | undefined;
}

async function open(
  fileSystem: FileSystem,
  { part, bytes }: ScannedSnapshot<Tables>,
  { path, secret, signal }: Opening,
): Promise<OpenedState<ReferenceStore>> {
  assert(part !== undefined, 'only a snapshot without a flaw verifies');
  const { envelope, result: tables } = part;
  if (secret === undefined) {
    const unopened = envelope.privateBytes > 0 ? 1 : 0;
    return { store: ReferenceStore.fromTables(tables), unopened };
  }
  const sink = new HeapLoader(tables);
  await openPrivateMaps(fileSystem, { path, bytes, envelope, secret, sink, signal });
  return { store: ReferenceStore.fromTables(sink.finish()), unopened: 0 };
}
