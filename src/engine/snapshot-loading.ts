import { createHash, type Hash } from 'node:crypto';
import { FormatError, LedgerSnapshotterError } from '../core/errors.ts';
import type { SharedMemory } from '../core/host-ports.ts';
import { DomainStream } from '../formats/domain-stream.ts';
import { DomainOpener, entryHeaderBytes, type ReadEnvelopeHead } from '../formats/entry.ts';
import { type EntrySink, EntryStream } from '../formats/entry-stream.ts';
import {
  checkIv,
  type PublicSnapshotContent,
  type SnapshotMap,
  snapshotEntryBytes,
} from '../formats/snapshot-body.ts';
import { tables } from '../formats/tables.ts';
import type { FileSystem } from '../io/file-system.ts';
import { readPieces } from '../io/read-pieces.ts';
import { changedError } from '../io/storage-error.ts';
import type { BuiltStore } from '../store/built-store.ts';
import { SharedStore, type SharedStoreOptions } from '../store/shared-store.ts';
import { StoreLoader } from '../store/store-loader.ts';
import { createSharedMemory, type MemorySize } from '../store/web-assembly.ts';
import { type EncodedError, encodeError } from '../tasks/error-transfer.ts';

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

/** Who looks into a snapshot before its state is anyone's. */
const readMaps: readonly string[] = [
  tables.serviceInfo,
  tables.serviceConfig,
  tables.nodesInfo,
  tables.endorsedCertificates,
  tables.tree,
  tables.recoveryShares,
  tables.historicalSecrets,
];

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
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const size = await handle.size();
    const bytes = snapshotEntryBytes(await handle.read(0, entryHeaderBytes), size, {
      bytesMax: Number.MAX_SAFE_INTEGER,
    });
    const memory = new MemorySource(spare);
    const hash = createHash('sha256');
    const reading = new PublicReading(bytes, { ...store, createMemory: memory.createMemory });
    for await (const piece of readPieces(handle, { from: 0, to: bytes, path })) {
      signal.throwIfAborted();
      hash.update(piece);
      reading.take(piece);
    }
    const receipt = await handle.read(bytes, size - bytes);
    if ((await handle.size()) !== size) throw changedError(path);
    const state = reading.finish();
    const { flaw } = reading;
    return { digest: digestOf(hash), bytes, receipt, flaw, state, memories: memory.all };
  } finally {
    await handle.close();
  }
}

function digestOf(hash: Hash): Uint8Array {
  return new Uint8Array(hash.digest());
}

/** Builds the public part of a snapshot's state; what is wrong is kept, since the receipt is judged first. */
class PublicReading implements EntrySink {
  readonly #entry: EntryStream;
  readonly #options: SharedStoreOptions;
  readonly #loader: StoreLoader;
  #stream: DomainStream | undefined;
  #envelope: ReadEnvelopeHead | undefined;
  flaw: EncodedError | undefined;

  constructor(bytes: number, options: SharedStoreOptions) {
    this.#entry = new EntryStream(bytes, this);
    this.#options = options;
    this.#loader = new StoreLoader(options);
  }

  take(bytes: Uint8Array): void {
    this.#attempt(() => this.#entry.take(bytes));
  }

  begin(head: ReadEnvelopeHead): void {
    if (head.flags !== 0) throw new FormatError('BAD_FLAGS', 'a snapshot has no entry flags');
    this.#envelope = head;
    const domain = { domain: 'public', bytes: head.publicBytes, sink: this.#loader } as const;
    this.#stream = new DomainStream(domain);
  }

  publicDomain(bytes: Uint8Array): void {
    this.#stream?.take(bytes);
  }

  /** Not before there is a secret for it. */
  privateDomain(): void {}

  finish(): LoadedState | undefined {
    return this.#attempt(() => this.#finish());
  }

  #finish(): LoadedState | undefined {
    const [envelope, head] = [this.#envelope, this.#stream?.head];
    if (envelope === undefined || head === undefined) return undefined;
    checkIv(envelope, head.seqno);
    const built = this.#loader.finish(head.seqno);
    const publicMaps = mapsOf(SharedStore.adopt(built, this.#options));
    return { envelope, content: { ...head, publicMaps }, built };
  }

  #attempt<T>(work: () => T): T | undefined {
    if (this.flaw !== undefined) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      this.flaw = encodeError(error);
      return undefined;
    }
  }
}

function mapsOf({ tables: state }: SharedStore): SnapshotMap[] {
  return readMaps.flatMap((name) => {
    const table = state.get(name);
    if (table === undefined) return [];
    const records = [...table.live.records(), ...(table.tombstones?.records() ?? [])];
    return [{ name, version: table.version, records }];
  });
}

/**
 * Reads a snapshot file again, under its secret: what was built of it, and what is now added, is the entry's whose tag
 * was digested. No other bytes have that tag.
 * @returns the whole state
 * @throws StorageError when the file cannot be read, `CHANGED_WHILE_READING`, `OUT_OF_MEMORY`
 * @throws VerificationError `GCM_TAG_MISMATCH`
 * @throws FormatError as `decodeSnapshot`, of private maps
 * @throws AbortedError
 */
export async function openSnapshot(
  fileSystem: FileSystem,
  job: OpenSnapshotJob,
  signal: AbortSignal,
): Promise<BuiltStore> {
  const { path, bytes } = job;
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const reading = new PrivateReading(job);
    const entry = new EntryStream(bytes, reading);
    for await (const piece of readPieces(handle, { from: 0, to: bytes, path })) {
      signal.throwIfAborted();
      entry.take(piece);
    }
    return reading.finish();
  } finally {
    await handle.close();
  }
}

/** Adds the private part of a snapshot's state, and proves both. */
class PrivateReading implements EntrySink {
  readonly #state: LoadedState;
  readonly #path: string;
  readonly #opener: DomainOpener;
  readonly #loader: StoreLoader;
  readonly #stream: DomainStream;
  /** What is wrong with the private maps: of bytes that don't authenticate nothing is said. */
  #flaw: LedgerSnapshotterError | undefined;

  constructor({ path, store, state, secret }: OpenSnapshotJob) {
    const { envelope, built } = state;
    this.#state = state;
    this.#path = path;
    this.#opener = new DomainOpener(envelope, secret);
    this.#loader = new StoreLoader(store, built);
    const domain = { domain: 'private', bytes: envelope.privateBytes, sink: this.#loader } as const;
    this.#stream = new DomainStream(domain);
  }

  /** The file may be another one by now; where its domains divide as they did, the tag tells. */
  begin({ publicBytes }: ReadEnvelopeHead): void {
    if (publicBytes !== this.#state.envelope.publicBytes) throw changedError(this.#path);
  }

  publicDomain(bytes: Uint8Array): void {
    this.#opener.authenticate(bytes);
  }

  privateDomain(bytes: Uint8Array): void {
    const plain = this.#opener.decrypt(bytes);
    if (this.#flaw !== undefined) return;
    try {
      this.#stream.take(plain);
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      this.#flaw = error;
    }
  }

  finish(): BuiltStore {
    this.#opener.finish();
    if (this.#flaw !== undefined) throw this.#flaw;
    return this.#loader.finish(this.#state.built.seqno);
  }
}
