import { join } from 'node:path';
import { toUtf8 } from '../../src/core/bytes.ts';
import { type Seqno, seqno as toSeqno, view as toView } from '../../src/core/words.ts';
import { openLedger } from '../../src/files/ledger/ledger-directory.ts';
import type { AppendedEntry, LedgerEnd } from '../../src/files/ledger/ledger-writer.ts';
import { sealEntry } from '../../src/formats/entries/entry.ts';
import { chunkName, encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import { encodePublicDomain } from '../../src/formats/entries/write-set.ts';
import type { FileSystem } from '../../src/io/file-system.ts';

/**
 * Entries with seqnos from 1 on, one a letter: `e` an entry, `s` a signature, `S` a signature that ends its chunk;
 * other letters are refused. Logs of different `mark` have other bytes at every seqno.
 */
export function makeLog(letters: string, mark = 'a'): readonly AppendedEntry[] {
  return [...letters.replaceAll(' ', '')].map((letter, i) => {
    if (!'esS'.includes(letter)) throw new Error(`no such letter: ${letter}`);
    const seqno = toSeqno(i + 1);
    const isSignature = letter !== 'e';
    return { seqno, bytes: makeEntry(seqno, mark), isSignature, endsChunk: letter === 'S' };
  });
}

/** A real envelope around a value that names seqno and mark, of a size that differs from its neighbours'. */
function makeEntry(seqno: Seqno, mark: string): Uint8Array {
  const value = toUtf8(`${mark}${seqno}`.repeat(1 + (seqno % 3)));
  const publicDomain = encodePublicDomain({
    type: 0,
    seqno,
    claimsDigest: undefined,
    commitEvidenceDigest: undefined,
    maxConflictVersion: 0,
    maps: [{ name: 'public:t', writes: [{ key: new Uint8Array(1), value }], removes: [] }],
  });
  const secret = new Uint8Array(32).fill(7);
  const privatePlain = new Uint8Array();
  return sealEntry({ secret, seqno, view: toView(2), publicDomain, privatePlain });
}

/** The files of a log: names with their bytes in hex; chunks up to `committed` have their final names. */
export function filesOfLog(log: readonly AppendedEntry[], committed = 0): Record<string, string> {
  const files: Record<string, string> = {};
  let chunk: AppendedEntry[] = [];
  for (const entry of log) {
    chunk.push(entry);
    if (entry.endsChunk || entry === log.at(-1)) {
      const { first, last, bytes } = encoded(chunk, entry.endsChunk);
      const isCommitted = entry.endsChunk && last <= committed;
      files[isCommitted ? chunkName(first, last, true) : chunkName(first)] = hex(bytes);
      chunk = [];
    }
  }
  return files;
}

function encoded(chunk: readonly AppendedEntry[], complete: boolean) {
  const entries = chunk.map(({ bytes }) => bytes);
  const first = chunk[0]?.seqno ?? toSeqno(0);
  const last = chunk.at(-1)?.seqno ?? first;
  return { first, last, bytes: encodeChunk(entries, { complete }) };
}

/** The files that are there, as {@link filesOfLog} writes them. */
export async function filesIn(
  fileSystem: FileSystem,
  directory: string,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const { name } of await fileSystem.list(directory)) {
    const bytes = await fileSystem.readFile(join(directory, name), { bytesMax: 1e9 });
    files[name] = hex(bytes);
  }
  return files;
}

/** Where an empty ledger ends. */
export const emptyEnd: LedgerEnd = { last: toSeqno(0), open: undefined, completed: [] };

/** Where the ledger in a directory ends, believing whatever decodes. */
export async function endOf(fileSystem: FileSystem, directory: string): Promise<LedgerEnd> {
  if ((await fileSystem.list(directory)).length === 0) return emptyEnd;
  const ledger = await openLedger(fileSystem, directory);
  let last = toSeqno(ledger.first - 1);
  let open: LedgerEnd['open'];
  const completed: LedgerEnd['completed'][number][] = [];
  for (const chunk of ledger.chunks) {
    const { file, first } = chunk;
    const { entries, complete } = await ledger.readChunk(chunk);
    last = entries.at(-1)?.seqno ?? last;
    const size = entries.reduce((sum, { bytes }) => sum + bytes.length, 8);
    if (!complete) open = { file, first, positions: entries.map(({ offset }) => offset), size };
    else if (!chunk.committed) completed.push({ file, first, last });
  }
  return { last, open, completed };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
