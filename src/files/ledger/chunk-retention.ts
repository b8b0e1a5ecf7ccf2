import { join, resolve } from 'node:path';
import { StorageError } from '../../core/errors.ts';
import type { Seqno } from '../../core/words.ts';
import type { FileSystem } from '../../io/file-system.ts';
import type { DirectoryLock } from '../directory-lock.ts';
import { equalFiles } from '../equal-files.ts';
import { removeIfThere } from '../remove-if-there.ts';
import { checkKept, type FailedRemoval, makeDurable } from '../retention.ts';
import type { LedgerChunk, LedgerDirectory } from './ledger-directory.ts';

/** Which chunks of a ledger stay. */
export interface ChunkRetention {
  /** So many of the newest committed ones, at least 1. */
  readonly keepChunks: number;
  /** Seqno of the newest snapshot that verifies: a chunk that ends there or later stays. */
  readonly watermark: Seqno;
}

/**
 * The chunks that {@link ChunkRetention} lets go, oldest first. They are the ledger's beginning, without a gap: the
 * first chunk that must stay keeps all behind it. An uncommitted one and the last never go.
 * @throws RangeError for `keepChunks` below 1
 */
export function expiredChunks(
  { chunks }: Pick<LedgerDirectory, 'chunks'>,
  { keepChunks, watermark }: ChunkRetention,
): readonly LedgerChunk[] {
  checkKept('keepChunks', keepChunks);
  // One of the committed ones stays, so that the last chunk is never among so many.
  const count = chunks.filter((chunk) => chunk.committed).length - keepChunks;
  const mustStay = ({ committed, last }: LedgerChunk, i: number) =>
    i >= count || !committed || last === undefined || last >= watermark;
  return chunks.slice(0, chunks.findIndex(mustStay));
}

/** What became of a ledger's expired chunks. */
export interface PrunedChunks {
  /** Oldest first. */
  readonly removed: readonly LedgerChunk[];
  /** The chunk that stays with all behind it, and why: it has no copy, or would not go. */
  readonly stopped: FailedRemoval | undefined;
}

export interface PruneChunksOptions {
  readonly fileSystem: FileSystem;
  /** The held lock on the ledger's directory. */
  readonly lock: DirectoryLock;
  /** Directory of the copies; it is not written to. */
  readonly copies: string;
  /** As {@link expiredChunks} gives them. */
  readonly expired: readonly LedgerChunk[];
}

/**
 * Removes expired chunks, oldest first, each durably before the next and only while a copy of the same name and
 * bytes is durable elsewhere. It ends at the first one that must stay: a ledger with a gap cannot be replayed.
 * @throws RangeError when the copies are the ledger itself, by another path
 * @throws StorageError `LOCKED`, `CLOSED` without the lock; `SYNC_FAILED` of the ledger's directory
 */
export function pruneChunks(options: PruneChunksOptions): Promise<PrunedChunks> {
  const { fileSystem, lock, copies, expired } = options;
  return lock.exclusively(async () => {
    // By a link or a mount every chunk would be its own copy.
    checkElsewhere(lock.directory, (await lock.isIn(copies)) ? lock.directory : copies);
    const removed: LedgerChunk[] = [];
    for (const chunk of expired) {
      const error = await tryRemove(options, chunk.file);
      if (error !== undefined) return { removed, stopped: { file: chunk.file, error } };
      await fileSystem.syncDirectory(lock.directory);
      removed.push(chunk);
    }
    return { removed, stopped: undefined };
  });
}

async function tryRemove(
  { fileSystem, lock, copies }: PruneChunksOptions,
  file: string,
): Promise<StorageError | undefined> {
  try {
    // Another one may have been quicker.
    if ((await fileSystem.stat(join(lock.directory, file))) === undefined) return undefined;
    await checkCopy(fileSystem, { ledger: lock.directory, copies, file });
    await makeDurable(fileSystem, copies, file);
    await removeIfThere(fileSystem, join(lock.directory, file));
    return undefined;
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
}

/** A chunk's name in two directories. */
export interface CopiedChunk {
  readonly ledger: string;
  readonly copies: string;
  readonly file: string;
}

/**
 * Makes sure that a chunk has a copy, read from the first byte to the last.
 * @throws StorageError `NOT_FOUND`, `SYMLINK_REFUSED`, `NOT_A_REGULAR_FILE`, `READ_FAILED`; `COMMITTED_CONFLICT` for
 * one with other bytes
 */
export async function checkCopy(
  fileSystem: FileSystem,
  { ledger, copies, file }: CopiedChunk,
): Promise<void> {
  const copy = join(copies, file);
  if (await equalFiles(fileSystem, join(ledger, file), copy)) return;
  const message = `${copy} is no copy of ${join(ledger, file)}: it has other bytes`;
  throw new StorageError('COMMITTED_CONFLICT', message, { file: copy });
}

/** @throws RangeError for two paths that are one */
export function checkElsewhere(ledger: string, copies: string): void {
  if (resolve(ledger) !== resolve(copies)) return;
  throw new RangeError(`${copies} is the ledger itself: its copies must lie elsewhere`);
}
