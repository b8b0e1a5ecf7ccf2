import { join } from 'node:path';
import { StorageError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { type ChunkName, parseChunkName } from '../formats/entries/ledger-chunk.ts';
import type { DirectoryEntry, FileSystem } from '../io/file-system.ts';

/** One file of the ledger, as its name describes it. */
export interface LedgerChunk extends ChunkName {
  readonly file: string;
  readonly directory: string;
  /** From here on its entries are read; those before are read from other files. @default first */
  readonly from?: Seqno;
  /** How far its entries were seen to reach, where its name does not say it or it is cut off, and others go on there. */
  readonly reaches?: number;
}

/**
 * Why a file is not part of the ledger; `SUPERSEDED`: another of the same first seqno is preferred; `COPY`: one of
 * the same name was found in a directory before; `OVERLAP`: others hold what it holds; `TRUNCATED`: a committed chunk
 * that is cut short, whose entries others hold; `NOT_COMMITTED`: in a read-only directory. Those that share entries
 * with what is read are compared with it.
 */
export type ChunkIgnored =
  | 'BAD_NAME'
  | 'RECOVERY'
  | 'IGNORED'
  | 'SUPERSEDED'
  | 'COPY'
  | 'OVERLAP'
  | 'TRUNCATED'
  | 'NOT_COMMITTED';

/** A file in the ledger's directory that is not part of the ledger. */
export interface IgnoredFile {
  readonly file: string;
  readonly directory: string;
  readonly reason: ChunkIgnored;
}

/** The files of a ledger's directories, by their names alone. */
export interface LedgerNames {
  /** In the order of the directories. */
  readonly chunks: readonly LedgerChunk[];
  readonly ignored: readonly IgnoredFile[];
}

/**
 * Lists a ledger's directories.
 * @param readOnly of them committed chunks alone count
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED`; `SYMLINK_REFUSED`, `NOT_A_REGULAR_FILE` for
 * what bears a chunk's name and is no file, since to skip it would silently shorten the ledger
 */
export async function listNames(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[],
): Promise<LedgerNames> {
  const found = [await namesIn(fileSystem, directory)];
  for (const other of readOnly) found.push(committedOf(await namesIn(fileSystem, other)));
  return {
    chunks: found.flatMap(({ chunks }) => chunks),
    ignored: found.flatMap(({ ignored }) => ignored),
  };
}

async function namesIn(fileSystem: FileSystem, directory: string): Promise<LedgerNames> {
  const chunks: LedgerChunk[] = [];
  const ignored: IgnoredFile[] = [];
  for (const entry of await fileSystem.list(directory)) {
    const { name: file } = entry;
    const name = parseChunkName(file);
    if (name === undefined) ignored.push({ file, directory, reason: reasonOf(file) });
    else chunks.push({ ...name, file: regularFile(directory, entry), directory });
  }
  return { chunks, ignored };
}

/** A node renames a chunk before it moves it to a read-only directory: another is not for it to read. */
function committedOf({ chunks, ignored }: LedgerNames): LedgerNames {
  const others = chunks.filter((chunk) => !isCommitted(chunk));
  return {
    chunks: chunks.filter(isCommitted),
    ignored: [...ignored, ...others.map((chunk) => ignore(chunk, 'NOT_COMMITTED'))],
  };
}

/** Whether all that a file holds is said to be committed. */
export const isCommitted = ({ committed, isPrefix = false }: ChunkName): boolean =>
  committed || isPrefix;

/** Where a chunk lies. */
export const pathOf = ({ directory, file }: Pick<LedgerChunk, 'directory' | 'file'>): string =>
  join(directory, file);

/** The first seqno that is read from a chunk. */
export const beginOf = ({ first, from = first }: LedgerChunk): Seqno => from;

/** A chunk that is not part of the ledger. */
export const ignore = ({ file, directory }: LedgerChunk, reason: ChunkIgnored): IgnoredFile => ({
  file,
  directory,
  reason,
});

function reasonOf(name: string): ChunkIgnored {
  if (name.endsWith('.recovery')) return 'RECOVERY';
  return name.endsWith('.ignored') ? 'IGNORED' : 'BAD_NAME';
}

function regularFile(directory: string, { name, kind }: DirectoryEntry): string {
  if (kind === 'file') return name;
  const code = kind === 'symlink' ? 'SYMLINK_REFUSED' : 'NOT_A_REGULAR_FILE';
  const file = join(directory, name);
  throw new StorageError(code, `${file} has a chunk's name and is no regular file`, { file });
}
