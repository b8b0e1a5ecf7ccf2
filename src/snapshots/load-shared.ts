import type { SharedMemory } from '../core/host-ports.ts';
import type { ReadEnvelopeHead } from '../formats/entries/entry.ts';
import type { PublicSnapshotContent } from '../formats/snapshot/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { BuiltStore } from '../store/memory/built-store.ts';
import { createSharedMemory, type MemorySize } from '../store/memory/web-assembly.ts';
import { SharedStore, type SharedStoreOptions } from '../store/shared/shared-store.ts';
import { StoreLoader } from '../store/shared/store-loader.ts';
import { type EncodedError, encodeError } from '../tasks/error-transfer.ts';
import { readMapsOf } from './kept-maps.ts';
import { type MapsReader, openPrivateMaps, scanSnapshot } from './scan.ts';

/** How the state of a snapshot is kept; the store that takes it over is opened with the same. */
export type LoadedStoreOptions = Pick<
  SharedStoreOptions,
  'memoryBytesMax' | 'memoriesMax' | 'keepsTombstones'
>;

export interface LoadSnapshotJob {
  readonly path: string;
  readonly store: LoadedStoreOptions;
  /** Of an earlier attempt, to be filled again: memories can't be given back to the system one by one. */
  readonly spare: readonly UsedMemory[];
}

/** A memory, with the most pages that it may have. */
export interface UsedMemory {
  readonly maximum: number;
  readonly memory: SharedMemory;
}

/** What a snapshot file turned out to be; nothing of it is proven by itself. */
export interface LoadedSnapshot {
  /** SHA-256 of the entry. */
  readonly digest: Uint8Array;
  /** Length of the entry. */
  readonly bytes: number;
  readonly receipt: Uint8Array;
  /** What is wrong with the entry, or could not be taken in of it. */
  readonly flaw: EncodedError | undefined;
  /** There when nothing is wrong. */
  readonly state: LoadedState | undefined;
  /** All memories that there are for it, used or not. */
  readonly memories: readonly UsedMemory[];
}

/** A snapshot's state without what is encrypted. */
export interface LoadedState {
  readonly envelope: ReadEnvelopeHead;
  /** Of the maps those that a recovery reads. */
  readonly content: PublicSnapshotContent;
  readonly built: BuiltStore;
}

export interface OpenSnapshotJob extends Pick<LoadSnapshotJob, 'path' | 'store'> {
  /** Length of the entry. */
  readonly bytes: number;
  readonly state: LoadedState;
  /** Ledger secret in force at the snapshot's seqno, 32 bytes. */
  readonly secret: Uint8Array;
}

/** Hands out memories, those of earlier use first, and knows all that it has. */
class MemorySource {
  readonly all: UsedMemory[];
  readonly #spare: UsedMemory[];

  constructor(spare: readonly UsedMemory[]) {
    this.all = [...spare];
    this.#spare = [...spare];
  }

  readonly createMemory = (size: MemorySize): SharedMemory => {
    const index = this.#spare.findIndex(({ maximum }) => maximum === size.maximum);
    const [used] = index < 0 ? [] : this.#spare.splice(index, 1);
    if (used !== undefined) return used.memory;
    const memory = createSharedMemory(size);
    this.all.push({ maximum: size.maximum, memory });
    return memory;
  };
}

/**
 * Reads a snapshot file once: digests its entry, and builds the public part of its state meanwhile. Who asked for it
 * says whether the receipt is worth anything.
 * @throws StorageError when the file cannot be read, `CHANGED_WHILE_READING`
 * @throws FormatError as `splitSnapshotFile`, without its bound on the size
 * @throws AbortedError
 */
export async function loadSnapshot(
  fileSystem: FileSystem,
  { path, store, spare }: LoadSnapshotJob,
  signal: AbortSignal,
): Promise<LoadedSnapshot> {
  const memory = new MemorySource(spare);
  const options = { ...store, createMemory: memory.createMemory };
  const open = () => sharedReader(options);
  const { part, flaw, ...read } = await scanSnapshot(fileSystem, path, { open, signal });
  return {
    ...read,
    flaw: flaw && encodeError(flaw),
    state: part && { envelope: part.envelope, ...part.result },
    memories: memory.all,
  };
}

/** Builds a state in shared memory. */
function sharedReader(options: SharedStoreOptions): MapsReader<Omit<LoadedState, 'envelope'>> {
  const loader = new StoreLoader(options);
  return {
    begin: (map) => loader.begin(map),
    take: (bytes) => loader.take(bytes),
    end: () => loader.end(),
    finish: (head) => {
      const built = loader.finish(head.seqno);
      const publicMaps = readMapsOf(SharedStore.adopt(built, options).tables);
      return { content: { ...head, publicMaps }, built };
    },
  };
}

/**
 * Reads a snapshot file again, under its secret: see `openPrivateMaps`.
 * @returns the whole state
 * @throws StorageError as that, `OUT_OF_MEMORY`
 * @throws VerificationError, FormatError, AbortedError as that
 */
export async function openSnapshot(
  fileSystem: FileSystem,
  { path, bytes, store, state, secret }: OpenSnapshotJob,
  signal: AbortSignal,
): Promise<BuiltStore> {
  const { envelope, built } = state;
  const sink = new StoreLoader(store, built);
  await openPrivateMaps(fileSystem, { path, bytes, envelope, secret, sink, signal });
  return sink.finish(built.seqno);
}
