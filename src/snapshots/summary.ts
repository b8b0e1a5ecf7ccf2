import { basename } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { FormatError, LedgerSnapshotterError } from '../core/errors.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { namedFile } from '../files/named-file.ts';
import { parseSnapshotName } from '../formats/encoding/file-name.ts';
import { decodeEnvelopeHead, envelopeHeadBytes } from '../formats/entries/entry.ts';
import type { SnapshotRecord } from '../formats/entries/snapshot-map.ts';
import type { MapHeader } from '../formats/snapshot/domain-stream.ts';
import { RecordStream } from '../formats/snapshot/record-stream.ts';
import type { SnapshotHead } from '../formats/snapshot/snapshot-layout.ts';
import type { VerifiedSnapshot } from '../formats/snapshot/verify-snapshot.ts';
import type { FileHandle, FileSystem } from '../io/file-system.ts';
import { readPieces } from '../io/read-pieces.ts';
import { changedError } from '../io/storage-error.ts';
import { type World, worldOf } from '../io/world.ts';
import {
  checkAborted,
  type PublicPart,
  recordsReader,
  type ScannedSnapshot,
  scanSnapshot,
} from './scan.ts';
import { TableSizes, type TableSummary } from './table-sizes.ts';
import { scannedFile } from './verifiable-file.ts';

/** What a snapshot file of any size holds, whether or not anyone vouches for it. */
export interface SnapshotSummary extends SnapshotHead {
  /** Name, without directory. */
  readonly file: string;
  /** Size of the file. */
  readonly bytes: number;
  /** As the receipt proves it, else as the name claims it. */
  readonly evidenceSeqno: Seqno | undefined;
  /** SHA-256 of the entry, without the receipt. */
  readonly digest: Digest;
  /** The public tables, in the order of the file. */
  readonly tables: readonly TableSummary[];
  /** Size of the private domain, which is encrypted. */
  readonly privateBytes: number;
  /**
   * What the receipt proves about the file alone: no identity is pinned here. `undefined` without a
   * receipt, and where {@link SnapshotSummary.problem} says why it proves nothing.
   */
  readonly verified: Omit<VerifiedSnapshot, 'content'> | undefined;
  /** Why the receipt, or the name, does not fit the file. */
  readonly problem: LedgerSnapshotterError | undefined;
  /**
   * Reads the file again for the records of a public table, in the order of the file; a negative version is a removed
   * key's. None when there is no such table.
   * @throws StorageError when it cannot be read, `CHANGED_WHILE_READING` when it is another file by now
   * @throws FormatError `TOO_LARGE` for a record of more than 64 MiB
   * @throws AbortedError
   */
  records(table: string): AsyncGenerator<SnapshotRecord, void, undefined>;
}

/** How a snapshot is looked through. */
export interface SummariseOptions {
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<World>;
}

/**
 * Looks through a snapshot file of any size, and checks it as far as it is in the clear; in memory is never more than a
 * few pieces of it.
 * @throws StorageError when it cannot be read
 * @throws FormatError when it is no snapshot; `TOO_LARGE` where names of tables take 256 MiB; a receipt that does not
 * verify is a `problem` instead
 * @throws AbortedError
 */
export async function summariseSnapshot(
  name: string,
  { signal, environment }: SummariseOptions = {},
): Promise<SnapshotSummary> {
  const { path, fileSystem } = await namedFile(worldOf(environment).fileSystem, name);
  const open = () => {
    const sizes = new TableSizes();
    return recordsReader(sizes, () => sizes);
  };
  const scanned = await scanSnapshot(fileSystem, path, { open, signal });
  const { part, flaw, fileBytes } = scanned;
  if (part === undefined) throw flaw ?? new FormatError('EMPTY_BODY', 'a snapshot of no content');
  const { verified, problem } = await check(path, scanned);
  const file = basename(path);
  return {
    ...part.head,
    file,
    bytes: fileBytes,
    evidenceSeqno: verified?.evidenceSeqno ?? parseSnapshotName(file)?.evidenceSeqno,
    digest: digest(toHex(scanned.digest)),
    tables: part.result.summaries(),
    privateBytes: part.envelope.privateBytes,
    verified,
    problem,
    records: (table) => recordsOf(fileSystem, path, { table, scanned: part, signal }),
  };
}

interface Checked {
  readonly verified?: Omit<VerifiedSnapshot, 'content'>;
  readonly problem?: LedgerSnapshotterError;
}

async function check(path: string, scanned: ScannedSnapshot<TableSizes>): Promise<Checked> {
  if (scanned.receipt.length === 0) return {};
  try {
    const file = scannedFile(path, scanned, ({ named }) => named);
    const { content: _, ...verified } = await file.verify({ fileName: file.fileName });
    return { verified };
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return { problem: error };
    throw error;
  }
}

interface RecordsOptions {
  readonly table: string;
  readonly scanned: PublicPart<TableSizes>;
  readonly signal: AbortSignal | undefined;
}

async function* recordsOf(
  fileSystem: FileSystem,
  path: string,
  { table, scanned, signal }: RecordsOptions,
): AsyncGenerator<SnapshotRecord, void, undefined> {
  const map = scanned.result.find(table);
  if (map === undefined) return;
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    await checkSame(handle, path, scanned);
    const from = envelopeHeadBytes + map.offset;
    const reading = new TableReading(map, path);
    for await (const piece of readPieces(handle, { from, to: from + map.bodyBytes, path })) {
      checkAborted(signal, path);
      // Whoever takes a record may keep it.
      yield* reading.take(piece.slice());
    }
  } finally {
    await handle.close();
  }
}

/** The tag stands for the whole entry: another snapshot has another. @throws StorageError `CHANGED_WHILE_READING` */
async function checkSame(
  handle: FileHandle,
  path: string,
  { envelope }: PublicPart<TableSizes>,
): Promise<void> {
  const { publicBytes, privateBytes, tag } = envelope;
  const bytes = envelopeHeadBytes + publicBytes + privateBytes;
  const head = await handle.read(0, envelopeHeadBytes);
  const now = head.length < envelopeHeadBytes ? undefined : tryDecode(head, bytes);
  if (now === undefined || toHex(now.tag) !== toHex(tag) || now.publicBytes !== publicBytes) {
    throw changedError(path);
  }
}

function tryDecode(head: Uint8Array, bytes: number) {
  try {
    return decodeEnvelopeHead(head, bytes);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Takes records out of a table's bytes, which were found to be in order before. */
class TableReading {
  readonly #path: string;
  readonly #stream: RecordStream;
  #records: SnapshotRecord[] = [];

  constructor(map: MapHeader, path: string) {
    this.#path = path;
    this.#stream = new RecordStream({
      begin: () => 'records',
      record: (record) => this.#records.push(record),
    });
    this.#stream.begin(map);
  }

  /** The records that end with these bytes. @throws StorageError `CHANGED_WHILE_READING`; FormatError `TOO_LARGE` */
  take(bytes: Uint8Array): readonly SnapshotRecord[] {
    this.#records = [];
    try {
      this.#stream.take(bytes);
    } catch (error) {
      if (!(error instanceof FormatError) || error.code === 'TOO_LARGE') throw error;
      throw changedError(this.#path);
    }
    return this.#records;
  }
}
