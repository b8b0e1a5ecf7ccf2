import { join } from 'node:path';
import { assert, FormatError, StorageError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { parseSnapshotName, spoolName } from '../formats/encoding/file-name.ts';
import type { FileHandle, FileSystem } from '../io/file-system.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { equalFiles } from './equal-files.ts';
import { Mutex } from './mutex.ts';
import { removeIfThere } from './remove-if-there.ts';

export interface SpoolOptions {
  readonly fileSystem: FileSystem;
  /** The held lock on the snapshots directory; the spool is written there. */
  readonly lock: DirectoryLock;
  /** Version of the snapshot. */
  readonly seqno: Seqno;
  /** Counts the tries to write this generation's file, from 0. */
  readonly attempt: number;
}

/**
 * `published`: the spool now bears the final name. `duplicate`: a file with these very bytes had it already.
 * `conflict`: another file has it, and is left alone. After the last two the spool is still there to discard.
 */
export type PublishResult = 'published' | 'duplicate' | 'conflict';

type SpoolState = 'new' | 'open' | 'synced' | 'closed' | 'published' | 'failed';

/**
 * The effects behind the `writer` machine: one snapshot's file, from its exclusive creation as
 * `spool_<seqno>_<attempt>.tmp` to its final name, or to nothing.
 *
 * **Order contract:** the steps are `open`, `append` as often as needed, `sync` once, `close`, `publish`,
 * `syncDirectory`; a step out of this order is a bug of ours and fails an assertion. Operations run one after
 * another, so {@link Spool.discard} waits for the one under way; those not yet begun fail with `CLOSED`. After a
 * failed step, which may have left anything on the disk, only `discard` is allowed.
 */
export class Spool {
  /** Name in the snapshots directory until it is published. */
  readonly file: string;
  readonly path: string;
  readonly #fileSystem: FileSystem;
  readonly #lock: DirectoryLock;
  readonly #queue = new Mutex();
  #state: SpoolState = 'new';
  /** Whether the file under the spool's name is ours: another's must not be removed, nor one that came later. */
  #isOnDisk = false;
  #handle: FileHandle | undefined;
  #isDiscarding = false;

  constructor({ fileSystem, lock, seqno, attempt }: SpoolOptions) {
    this.#fileSystem = fileSystem;
    this.#lock = lock;
    this.file = spoolName({ seqno, attempt });
    this.path = join(lock.directory, this.file);
  }

  /** Creates the file, mode 0600; this handle is kept to the end. @throws StorageError `ALREADY_EXISTS`, `WRITE_FAILED` */
  open(): Promise<void> {
    return this.#step('new', async () => {
      this.#handle = await this.#fileSystem.open(this.path, { for: 'create' });
      this.#isOnDisk = true;
      this.#state = 'open';
    });
  }

  /** Writes all of `bytes` at `position`. @throws StorageError `WRITE_FAILED` */
  append(bytes: Uint8Array, position: number): Promise<void> {
    return this.#step('open', () => this.#openHandle().write(bytes, position));
  }

  /**
   * Makes the content durable, whoever wrote it. Once only: after a failure a second sync would succeed and
   * mean nothing, so the spool must be discarded. @throws StorageError `SYNC_FAILED`
   */
  sync(): Promise<void> {
    return this.#step('open', async () => {
      await this.#openHandle().sync();
      this.#state = 'synced';
    });
  }

  /** Closes the file; its answer counts, as some file systems report a lost write only here. @throws StorageError `WRITE_FAILED` */
  close(): Promise<void> {
    return this.#step('synced', async () => {
      const handle = this.#openHandle();
      this.#handle = undefined;
      await handle.close();
      this.#state = 'closed';
    });
  }

  /**
   * Gives the spool its final name, under the directory's lock, and never replaces a file.
   * @param finalName of a committed snapshot
   * @throws FormatError `BAD_NAME`
   * @throws StorageError `LOCKED`, `CLOSED` when the lock is lost; `WRITE_FAILED` when the rename fails
   */
  publish(finalName: string): Promise<PublishResult> {
    return this.#step('closed', async () => {
      if (parseSnapshotName(finalName)?.committed !== true) {
        throw new FormatError('BAD_NAME', `not the name of a committed snapshot: ${finalName}`, {
          file: finalName,
        });
      }
      const finalPath = join(this.#lock.directory, finalName);
      return this.#lock.exclusively(() => this.#rename(finalPath));
    });
  }

  /** Makes the final name durable. @throws StorageError `SYNC_FAILED` */
  syncDirectory(): Promise<void> {
    return this.#step('published', () => this.#fileSystem.syncDirectory(this.#lock.directory));
  }

  /**
   * Closes and removes what is not published, after the operation under way. It may be called at any time
   * and again; when it fails, the file is left to the sweep. @throws StorageError `WRITE_FAILED`
   */
  discard(): Promise<void> {
    this.#isDiscarding = true;
    return this.#queue.run(async () => {
      // What a lost file's close has to say is of no use to anyone.
      await this.#handle?.close().catch(() => undefined);
      this.#handle = undefined;
      if (this.#isOnDisk) await removeIfThere(this.#fileSystem, this.path);
      this.#isOnDisk = false;
    });
  }

  #step<T>(from: SpoolState, operation: () => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      if (this.#isDiscarding) {
        throw new StorageError('CLOSED', `${this.file} is discarded`, { file: this.file });
      }
      assert(this.#state === from, `${this.file} is ${this.#state}, must be ${from}`);
      try {
        return await operation();
      } catch (error) {
        this.#state = 'failed';
        throw error;
      }
    });
  }

  async #rename(finalPath: string): Promise<PublishResult> {
    const found = await this.#fileSystem.stat(finalPath);
    if (found !== undefined) {
      const isSame =
        found.kind === 'file' && (await equalFiles(this.#fileSystem, this.path, finalPath));
      return isSame ? 'duplicate' : 'conflict';
    }
    await this.#fileSystem.rename(this.path, finalPath);
    this.#isOnDisk = false;
    this.#state = 'published';
    return 'published';
  }

  #openHandle(): FileHandle {
    assert(this.#handle !== undefined, `${this.file} has no handle`);
    return this.#handle;
  }
}
