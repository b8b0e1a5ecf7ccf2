import { StorageError } from '../../core/errors.ts';
import { decodeEnvelope } from '../../formats/entries/entry.ts';
import { type ChunkEntry, chunkHeaderBytes } from '../../formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../io/file-system.ts';
import {
  beginOf,
  type ChunkIgnored,
  type IgnoredFile,
  ignore,
  type LedgerChunk,
  type LedgerNames,
  listNames,
  pathOf,
} from '../ledger-names.ts';
import { readGrowing } from './chunk-bytes.ts';
import { isGone, readCopy } from './chunk-copies.ts';
import { type ChunkLook, type Cover, coverOf } from './ledger-cover.ts';

/**
 * How a ledger's directories are read. `own`: a node's own, which nobody else writes, and where no seqno is in two
 * files. `single`: another's, which its node may be writing, and where no seqno is in two files. `any`: as people have
 * them, with chunks of several nodes.
 */
export type LedgerAccess = 'own' | 'single' | 'any';

/** Which files of a ledger's directories are read; `chunks` by their first seqno. */
export interface LedgerListing {
  /** Not a read-only one. */
  readonly directory: string;
  readonly readOnly: readonly string[];
  readonly access: LedgerAccess;
  readonly chunks: readonly LedgerChunk[];
  /** Not read, and compared with those that are. */
  readonly others: readonly LedgerChunk[];
  readonly ignored: readonly IgnoredFile[];
}

/** Times that directories are listed anew, since a node may be renaming its chunks. */
const listingsMax = 4;

/**
 * Looks at the names, and at the content only where files overlap; whether they follow one another is for
 * `LedgerDirectory` to see.
 * @throws StorageError as {@link listNames}; `CHANGED_WHILE_READING` when chunks vanish at each look
 */
export async function listLedger(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[] = [],
  access: LedgerAccess = 'any',
): Promise<LedgerListing> {
  const list = () => listOnce(fileSystem, directory, readOnly, access);
  if (access === 'own') return list();
  let before: string | undefined;
  for (let tries = 1; ; tries++) {
    const listing = await list().catch((error: unknown) => {
      if (!isGone(error) || tries === listingsMax) throw error;
      return undefined;
    });
    // A chunk that is renamed meanwhile may be missing from one listing, and not from two.
    const seen = listing?.chunks.map(({ file }) => file).join('\n');
    const isSame = seen !== undefined && seen === before;
    if (listing && (isSame || tries >= listingsMax || !hasGap(listing))) return listing;
    before = seen ?? '';
  }
}

function hasGap({ chunks }: Pick<LedgerListing, 'chunks'>): boolean {
  return chunks.some((chunk, i) => {
    const next = chunks[i + 1];
    return next !== undefined && chunk.last !== undefined && beginOf(next) > chunk.last + 1;
  });
}

async function listOnce(
  fileSystem: FileSystem,
  directory: string,
  readOnly: readonly string[],
  access: LedgerAccess,
): Promise<LedgerListing> {
  const names = await listNames(fileSystem, directory, readOnly);
  const place = { directory, readOnly, access };
  if (access !== 'any') return { ...place, ...withoutOverlaps(names) };
  const cover = await coverOf(names.chunks, new FileLook(fileSystem));
  const others = cover.others.toSorted(preferredFirst);
  const ignored = [...names.ignored, ...others.map((chunk) => leftOut(chunk, cover))];
  return { ...place, chunks: cover.chunks, others, ignored };
}

function leftOut(chunk: LedgerChunk, { chunks, cut }: Cover): IgnoredFile {
  return ignore(chunk, whyLeftOut(chunk, chunks, cut));
}

function whyLeftOut(
  chunk: LedgerChunk,
  chosen: readonly LedgerChunk[],
  cut: ReadonlySet<LedgerChunk>,
): ChunkIgnored {
  if (cut.has(chunk)) return 'TRUNCATED';
  const rival = chosen.find(({ first }) => first === chunk.first);
  if (rival === undefined) return 'OVERLAP';
  return rival.file === chunk.file ? 'COPY' : 'SUPERSEDED';
}

/** Of those that begin at one seqno a committed one is preferred, then the longer. */
function withoutOverlaps(names: LedgerNames): Pick<LedgerListing, 'chunks' | 'others' | 'ignored'> {
  const prefixes = names.chunks.filter(({ isPrefix = false }) => isPrefix);
  const ignored = [...names.ignored, ...prefixes.map((chunk) => ignore(chunk, 'BAD_NAME'))];
  const chunks: LedgerChunk[] = [];
  const found = names.chunks.filter(({ isPrefix = false }) => !isPrefix);
  // What is sorted as equal keeps its place: the directories stay in their order.
  for (const chunk of found.toSorted(preferredFirst)) {
    const preferred = chunks.at(-1);
    if (preferred?.first !== chunk.first) chunks.push(chunk);
    else ignored.push(ignore(chunk, preferred.file === chunk.file ? 'COPY' : 'SUPERSEDED'));
  }
  return { chunks, others: [], ignored };
}

function preferredFirst(a: LedgerChunk, b: LedgerChunk): number {
  if (a.first !== b.first) return a.first - b.first;
  if (a.committed !== b.committed) return a.committed ? -1 : 1;
  return (b.last ?? 0) - (a.last ?? 0);
}

/** Looks into the files where their names do not decide; one is in memory at a time, or two that are compared. */
class FileLook implements ChunkLook {
  readonly #fileSystem: FileSystem;

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
  }

  async isWhole(chunk: LedgerChunk): Promise<boolean> {
    const { first, last = first } = chunk;
    if (chunk.isPrefix) return (await this.#read(chunk)).defect === undefined;
    const handle = await this.#fileSystem.open(pathOf(chunk), { for: 'read' });
    try {
      const header = await handle.read(0, chunkHeaderBytes);
      if (header.length < chunkHeaderBytes) return false;
      const table = new DataView(header.buffer, header.byteOffset, 8).getBigUint64(0, true);
      return table + 4n * BigInt(last - first + 1) === BigInt(await handle.size());
    } finally {
      await handle.close();
    }
  }

  async extentOf(chunk: LedgerChunk): Promise<{ last: number; view: number }> {
    const { entries } = await this.#read(chunk);
    const last = entries.at(-1);
    return { last: chunk.first + entries.length - 1, view: last === undefined ? 0 : viewOf(last) };
  }

  async agree(a: LedgerChunk, b: LedgerChunk, at: number): Promise<boolean> {
    const one = await this.#entryOf(a, at);
    const other = await this.#entryOf(b, at);
    return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
  }

  async #entryOf(chunk: LedgerChunk, at: number): Promise<Uint8Array | undefined> {
    return (await this.#read(chunk)).entries[at - chunk.first]?.bytes;
  }

  async #read(chunk: LedgerChunk) {
    return readCopy(chunk, await readGrowing(this.#fileSystem, pathOf(chunk)));
  }
}

function viewOf({ bytes }: ChunkEntry): number {
  try {
    return decodeEnvelope(bytes).view;
  } catch {
    return 0;
  }
}

/** The parts of a listing in which chunks follow one another, each read by itself. */
export function runsOf(listing: LedgerListing): readonly LedgerListing[] {
  const runs: LedgerChunk[][] = [];
  let end = 0;
  for (const chunk of listing.chunks) {
    const run = runs.at(-1);
    if (run === undefined || beginOf(chunk) > end + 1) runs.push([chunk]);
    else run.push(chunk);
    end = chunk.last ?? chunk.reaches ?? Number.MAX_SAFE_INTEGER;
  }
  return runs.map((chunks) => ({ ...listing, chunks }));
}

/** The error for a chunk that is listed no more. */
export function removedError(chunk: LedgerChunk): StorageError {
  const path = pathOf(chunk);
  const message = `${path} was removed while the ledger was read, and no other file holds its entries`;
  return new StorageError('CHANGED_WHILE_READING', message, { file: path, seqno: chunk.first });
}
