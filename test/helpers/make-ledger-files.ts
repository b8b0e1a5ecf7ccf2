import { join } from 'node:path';
import { assert } from '../../src/core/errors.ts';
import type { Seqno } from '../../src/core/words.ts';
import { chunkName, encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import type { MadeLedger } from './make-ledger.ts';
import type { MadeEntry } from './make-snapshots.ts';

/** Files by their names. */
export type Files = ReadonlyMap<string, Uint8Array>;

export interface LedgerLayout {
  /** Seqnos that end a chunk, but for the last one. @default every signature */
  readonly chunkEnds?: readonly number[];
  /**
   * How the last chunk lies there: growing, complete but not committed, or committed.
   * @default committed when it ends with a signature, else open
   */
  readonly last?: 'open' | 'complete' | 'committed';
}

/** The files of a ledger directory as a CCF node leaves them. */
export function ledgerFiles(
  { entries }: Pick<MadeLedger, 'entries'>,
  layout: LedgerLayout = {},
): Map<string, Uint8Array> {
  const signatures = entries.filter(({ isSignature }) => isSignature).map(({ seqno }) => seqno);
  const ends = new Set<number>(layout.chunkEnds ?? signatures);
  const files = new Map<string, Uint8Array>();
  let chunk: MadeEntry[] = [];
  for (const entry of entries) {
    chunk.push(entry);
    const isLast = entry.seqno === entries.length;
    if (!isLast && !ends.has(entry.seqno)) continue;
    const closed = entry.isSignature ? 'committed' : 'open';
    const how = isLast ? (layout.last ?? closed) : 'committed';
    files.set(nameOf(chunk, entry.seqno, how), encode(chunk, how));
    chunk = [];
  }
  return files;
}

type Closing = 'open' | 'complete' | 'committed';

function nameOf(chunk: readonly MadeEntry[], last: Seqno, how: Closing): string {
  const first = chunk[0]?.seqno ?? last;
  return how === 'committed' ? chunkName(first, last, true) : chunkName(first);
}

function encode(chunk: readonly MadeEntry[], how: Closing): Uint8Array {
  return encodeChunk(
    chunk.map(({ bytes }) => bytes),
    { complete: how !== 'open' },
  );
}

/** Writes files into a directory of any file system, which is made. */
export async function writeFiles(
  fileSystem: FileSystem,
  directory: string,
  files: Files,
): Promise<void> {
  await fileSystem.makeDirectory(directory);
  for (const [name, bytes] of files) {
    const handle = await fileSystem.open(join(directory, name), { for: 'create' });
    await handle.write(bytes, 0);
    await handle.close();
  }
}

/** Reads every regular file of a directory. */
export async function readFiles(fileSystem: FileSystem, directory: string): Promise<Files> {
  const files = new Map<string, Uint8Array>();
  for (const { name, kind } of await fileSystem.list(directory)) {
    if (kind !== 'file') continue;
    const bytesMax = Number.MAX_SAFE_INTEGER;
    files.set(name, await fileSystem.readFile(join(directory, name), { bytesMax }));
  }
  return files;
}

/** The last file of a ledger directory, and the files without it. */
export function splitLast(files: Files): { name: string; bytes: Uint8Array; others: Files } {
  const [name, bytes] = [...files].at(-1) ?? ['', new Uint8Array()];
  return { name, bytes, others: new Map([...files].slice(0, -1)) };
}

/**
 * The entries of a ledger with one bit flipped in one of them, as a disk or a host may do it.
 * @param position of the byte in the entry; negative counts from its end
 */
export function flipBit(
  { entries }: Pick<MadeLedger, 'entries'>,
  seqno: Seqno,
  position: number,
): Pick<MadeLedger, 'entries'> {
  const flipped = entries.map((entry) => {
    if (entry.seqno !== seqno) return entry;
    const bytes = entry.bytes.slice();
    const at = position < 0 ? bytes.length + position : position;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return { ...entry, bytes };
  });
  return { entries: flipped };
}

/** Where a text begins in an entry. */
export function positionOf({ entries }: Pick<MadeLedger, 'entries'>, seqno: Seqno, text: string) {
  const at = Buffer.from(entries[seqno - 1]?.bytes ?? []).indexOf(text);
  assert(at >= 0, `${text} is in entry ${seqno}`);
  return at;
}
