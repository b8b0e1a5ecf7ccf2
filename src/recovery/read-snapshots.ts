import { assert } from '../core/errors.ts';
import type { SnapshotContent } from '../formats/snapshot/snapshot-body.ts';
import type { Environment } from '../jobs/environment.ts';
import type { AdoptStore, StoreOptions } from '../jobs/open-stores.ts';
import { type SnapshotJobs, snapshotJobs } from '../jobs/snapshot-jobs.ts';
import { orForeign, type ReplayStart, startWith } from '../ledger/ledger-start.ts';
import type { LoadedSnapshot, UsedMemory } from '../snapshots/load-shared.ts';
import { loadedFile, type VerifiableFile } from '../snapshots/verifiable-file.ts';
import type { LedgerStore } from '../store/ledger-store.ts';
import { InlineExecutor } from '../tasks/inline-executor.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { readOntoHeap } from './load-heap.ts';

/** A snapshot file that was read; its {@link file} says whether it proves anything. */
export interface ReadSnapshot {
  readonly file: VerifiableFile;
  /** What is behind it, once it was verified. @throws as `startWith` */
  startAfter(content: SnapshotContent): ReplayStart<LedgerStore>;
}

/** Where a snapshot lies. */
export interface SnapshotPlace {
  readonly path: string;
  readonly fileName: string;
}

/** How the snapshots of a recovery are read. */
export interface SnapshotReaderOptions {
  readonly environment: Environment;
  readonly storeOptions: StoreOptions;
  readonly signal: AbortSignal | undefined;
}

/** Of a file that is loaded in less time than a thread takes to start. */
const inlineBytesMax = 1024 * 1024;

/**
 * Reads one snapshot after another, until one can be used: in a job that loads it into shared memory, where the
 * environment's stores are of that kind, else into this thread's heap. The job of a small one runs inline.
 */
export class SnapshotReader {
  readonly #options: SnapshotReaderOptions;
  readonly #inline: JobExecutor<SnapshotJobs>;
  #started: JobExecutor<SnapshotJobs> | undefined;
  /** Of the snapshot before, which was refused. */
  #spare: readonly UsedMemory[] = [];

  constructor(options: SnapshotReaderOptions) {
    this.#options = options;
    this.#inline = new InlineExecutor(snapshotJobs(options.environment.fileSystem));
  }

  /**
   * Reads the next file; the one before it must not be used any more.
   * @throws StorageError when it cannot be read, `WORKER_DIED`
   * @throws FormatError of `splitSnapshotFile`
   * @throws AbortedError
   */
  read(place: SnapshotPlace): Promise<ReadSnapshot> {
    const { adoptStore } = this.#options.environment;
    return adoptStore === undefined ? this.#readOntoHeap(place) : this.#load(place, adoptStore);
  }

  /** Ends what runs its jobs. */
  async close(): Promise<void> {
    await this.#started?.close();
  }

  async #readOntoHeap({ path }: SnapshotPlace): Promise<ReadSnapshot> {
    const { environment, storeOptions, signal } = this.#options;
    const read = await readOntoHeap(environment.fileSystem, path, signal);
    return {
      file: read.file,
      startAfter: (content) => {
        const start = read.startAfter(content);
        return {
          ...start,
          open: async (secrets) => {
            const opened = await start.open(secrets);
            const tables = opened.store.freeze();
            return { ...opened, store: environment.openStore(start.seqno, tables, storeOptions) };
          },
        };
      },
    };
  }

  async #load({ path, fileName }: SnapshotPlace, adopt: AdoptStore): Promise<ReadSnapshot> {
    const { environment, storeOptions, signal } = this.#options;
    const { size = 0 } = (await environment.fileSystem.stat(path)) ?? {};
    const executor = size > inlineBytesMax ? this.#startExecutor() : this.#inline;
    const job = { path, store: storeOptions, spare: this.#spare };
    this.#spare = [];
    const loaded = await executor.run('loadSnapshot', job, { signal });
    this.#spare = loaded.memories;
    return {
      file: loadedFile(fileName, loaded),
      startAfter: (content) =>
        startWith(content, (secret) => this.#open(loaded, { path, secret, adopt, executor })),
    };
  }

  async #open(
    { bytes, state }: LoadedSnapshot,
    { path, secret, adopt, executor }: Opening,
  ): Promise<{ readonly store: LedgerStore; readonly unopened: number }> {
    assert(state !== undefined, 'only a snapshot without a flaw verifies');
    const { storeOptions, signal } = this.#options;
    if (secret === undefined) {
      const unopened = state.envelope.privateBytes > 0 ? 1 : 0;
      return { store: adopt(state.built, storeOptions), unopened };
    }
    const job = { path, store: storeOptions, bytes, state, secret };
    const built = await orForeign(path, () => executor.run('openSnapshot', job, { signal }));
    return { store: adopt(built, storeOptions), unopened: 0 };
  }

  #startExecutor(): JobExecutor<SnapshotJobs> {
    this.#started ??= this.#options.environment.startExecutor();
    return this.#started;
  }
}

interface Opening {
  readonly path: string;
  readonly secret: Uint8Array | undefined;
  readonly adopt: AdoptStore;
  readonly executor: JobExecutor<SnapshotJobs>;
}
