import { StorageError } from '../../core/errors.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { type LedgerChunk, listNames } from '../ledger-names.ts';
import { isGone } from './chunk-copies.ts';
import { type LedgerListing, removedError } from './ledger-listing.ts';

/** Times that the directories are listed anew for one chunk. */
const lookupsMax = 4;

/**
 * Finds chunks again that their node has renamed, or moved to a read-only directory, since they were listed: when they
 * were completed, or got their committed names.
 */
export class FoundChunks {
  readonly #fileSystem: FileSystem;
  readonly #listing: Pick<LedgerListing, 'directory' | 'readOnly'>;
  readonly #names = new Map<LedgerChunk, LedgerChunk>();

  constructor(fileSystem: FileSystem, listing: Pick<LedgerListing, 'directory' | 'readOnly'>) {
    this.#fileSystem = fileSystem;
    this.#listing = listing;
  }

  /**
   * Reads a chunk by the name that it has now.
   * @throws StorageError `CHANGED_WHILE_READING` when it is gone; and those of `read`
   */
  async read<T>(chunk: LedgerChunk, read: (place: LedgerChunk) => Promise<T>): Promise<T> {
    let place = this.#names.get(chunk) ?? chunk;
    for (let lookups = 0; ; lookups++) {
      try {
        return await read(place);
      } catch (error) {
        if (!(await this.#isRenamed(error, place)) || lookups === lookupsMax) throw error;
        place = await this.#findAgain(chunk);
        this.#names.set(chunk, place);
      }
    }
  }

  /** Whether a file could not be read because its name is gone. */
  async #isRenamed(error: unknown, { directory, file }: LedgerChunk): Promise<boolean> {
    if (isGone(error)) return true;
    if (!(error instanceof StorageError) || error.code !== 'CHANGED_WHILE_READING') return false;
    const names = await this.#fileSystem.list(directory);
    return names.every(({ name }) => name !== file);
  }

  async #findAgain(chunk: LedgerChunk): Promise<LedgerChunk> {
    const { directory, readOnly } = this.#listing;
    // A name that changes while a directory is listed may be missing from one listing, and not from two.
    for (let looks = 0; looks < 2; looks++) {
      const { chunks } = await listNames(this.#fileSystem, directory, readOnly);
      const found = chunks
        .filter((other) => holds(other, chunk))
        .sort((a, b) => Number(b.committed) - Number(a.committed));
      if (found[0] !== undefined) return found[0];
    }
    throw removedError(chunk);
  }
}

/** Whether a file is a chunk under a later name, or in another directory. */
function holds(other: LedgerChunk, { first, last, isPrefix }: LedgerChunk): boolean {
  if (other.first !== first || other.isPrefix !== isPrefix) return false;
  return last === undefined || other.last === last;
}
