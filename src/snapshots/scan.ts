import { createHash } from 'node:crypto';
import { AbortedError, FormatError, LedgerSnapshotterError } from '../core/errors.ts';
import { DomainOpener, entryHeaderBytes, type ReadEnvelopeHead } from '../formats/entries/entry.ts';
import { type EntrySink, EntryStream } from '../formats/entries/entry-stream.ts';
import { DomainStream, type MapSink } from '../formats/snapshot/domain-stream.ts';
import { type RecordSink, RecordStream } from '../formats/snapshot/record-stream.ts';
import { checkIv, snapshotEntryBytes } from '../formats/snapshot/snapshot-body.ts';
import type { SnapshotHead } from '../formats/snapshot/snapshot-layout.ts';
import type { FileSystem } from '../io/file-system.ts';
import { readPieces } from '../io/read-pieces.ts';
import { changedError } from '../io/storage-error.ts';

/** A snapshot file that was read from its beginning to its end; nothing of it is proven by itself. */
export interface ReadFile {
  /** SHA-256 of the entry. */
  readonly digest: Uint8Array;
  /** Length of the entry. */
  readonly bytes: number;
  readonly fileBytes: number;
  readonly receipt: Uint8Array;
}

export interface ReadFileOptions {
  /** Looks at an entry of so many bytes as they come; a piece is good until the next one. */
  readonly begin: (bytes: number) => { take(piece: Uint8Array): void };
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a snapshot file once, piece by piece, and digests its entry.
 * @throws StorageError when it cannot be read, `CHANGED_WHILE_READING`
 * @throws FormatError as `splitSnapshotFile`, without its bound on the size; and whatever looks at the entry throws
 * @throws AbortedError
 */
export async function readSnapshotFile(
  fileSystem: FileSystem,
  path: string,
  { begin, signal }: ReadFileOptions,
): Promise<ReadFile> {
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const fileBytes = await handle.size();
    const bytes = snapshotEntryBytes(await handle.read(0, entryHeaderBytes), fileBytes, {
      bytesMax: Number.MAX_SAFE_INTEGER,
    });
    const hash = createHash('sha256');
    const entry = begin(bytes);
    for await (const piece of readPieces(handle, { from: 0, to: bytes, path })) {
      checkAborted(signal, path);
      hash.update(piece);
      entry.take(piece);
    }
    const receipt = await handle.read(bytes, fileBytes - bytes);
    if ((await handle.size()) !== fileBytes) throw changedError(path);
    return { digest: new Uint8Array(hash.digest()), bytes, fileBytes, receipt };
  } finally {
    await handle.close();
  }
}

/** @throws AbortedError; what the signal's own reason is, where that is an error of ours */
export function checkAborted(signal: AbortSignal | undefined, path: string): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  throw reason instanceof LedgerSnapshotterError ? reason : new AbortedError(`reading ${path}`);
}

/** Takes the public maps of a snapshot, and makes something of them. */
export interface MapsReader<Result> extends MapSink {
  /** All maps were taken. @throws as it may */
  finish(head: SnapshotHead): Result;
}

/** Takes the maps as records. */
export function recordsReader<Result>(
  sink: RecordSink,
  finish: (head: SnapshotHead) => Result,
): MapsReader<Result> {
  const stream = new RecordStream(sink);
  return {
    begin: (map) => stream.begin(map),
    take: (bytes) => stream.take(bytes),
    end: () => stream.end(),
    finish,
  };
}

/** What was made of a snapshot's clear part. */
export interface PublicPart<Result> {
  readonly envelope: ReadEnvelopeHead;
  readonly head: SnapshotHead;
  readonly result: Result;
}

/** A snapshot file that was read once, and taken apart meanwhile. */
export interface ScannedSnapshot<Result> extends ReadFile {
  /** What is wrong with the entry, or could not be taken in of it. */
  readonly flaw: LedgerSnapshotterError | undefined;
  /** There when nothing is wrong. */
  readonly part: PublicPart<Result> | undefined;
}

export interface ScanOptions<Result> {
  /** Called once the file is known to hold a whole entry. */
  readonly open: () => MapsReader<Result>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a snapshot file once, digests its entry, and takes the clear part of it apart. What is wrong with that is kept,
 * since a receipt is judged first.
 * @throws as {@link readSnapshotFile}
 */
export async function scanSnapshot<Result>(
  fileSystem: FileSystem,
  path: string,
  { open, signal }: ScanOptions<Result>,
): Promise<ScannedSnapshot<Result>> {
  let reading: PublicReading<Result> | undefined;
  const begin = (bytes: number) => {
    reading = new PublicReading(bytes, open());
    return reading;
  };
  const read = await readSnapshotFile(fileSystem, path, { begin, signal });
  const part = reading?.finish();
  return { ...read, flaw: reading?.flaw, part };
}

class PublicReading<Result> implements EntrySink {
  readonly #entry: EntryStream;
  readonly #reader: MapsReader<Result>;
  #stream: DomainStream | undefined;
  #envelope: ReadEnvelopeHead | undefined;
  flaw: LedgerSnapshotterError | undefined;

  constructor(bytes: number, reader: MapsReader<Result>) {
    this.#entry = new EntryStream(bytes, this);
    this.#reader = reader;
  }

  take(bytes: Uint8Array): void {
    this.#attempt(() => this.#entry.take(bytes));
  }

  begin(head: ReadEnvelopeHead): void {
    if (head.flags !== 0) throw new FormatError('BAD_FLAGS', 'a snapshot has no entry flags');
    this.#envelope = head;
    const domain = { domain: 'public', bytes: head.publicBytes, sink: this.#reader } as const;
    this.#stream = new DomainStream(domain);
  }

  publicDomain(bytes: Uint8Array): void {
    this.#stream?.take(bytes);
  }

  /** Not before there is a secret for it. */
  privateDomain(): void {}

  finish(): PublicPart<Result> | undefined {
    return this.#attempt(() => this.#finish());
  }

  #finish(): PublicPart<Result> | undefined {
    const [envelope, head] = [this.#envelope, this.#stream?.head];
    if (envelope === undefined || head === undefined) return undefined;
    checkIv(envelope, head.seqno);
    return { envelope, head, result: this.#reader.finish(head) };
  }

  #attempt<T>(work: () => T): T | undefined {
    if (this.flaw !== undefined) return undefined;
    try {
      return work();
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      this.flaw = error;
      return undefined;
    }
  }
}

/** A snapshot that was scanned before. */
export interface OpenPrivateOptions {
  readonly path: string;
  /** Length of the entry. */
  readonly bytes: number;
  readonly envelope: ReadEnvelopeHead;
  /** Ledger secret in force at the snapshot's seqno, 32 bytes. */
  readonly secret: Uint8Array;
  /** Takes the private maps: not to be believed before this has ended. */
  readonly sink: MapSink;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a snapshot file again, under its secret: what was made of it before, and of its private maps now, is the
 * entry's whose tag was digested. No other bytes have that tag.
 * @throws StorageError when the file cannot be read, `CHANGED_WHILE_READING`
 * @throws VerificationError `GCM_TAG_MISMATCH`
 * @throws FormatError as `decodeSnapshot`, of private maps
 * @throws AbortedError
 */
export async function openPrivateMaps(
  fileSystem: FileSystem,
  options: OpenPrivateOptions,
): Promise<void> {
  const { path, bytes, signal } = options;
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const reading = new PrivateReading(options);
    const entry = new EntryStream(bytes, reading);
    for await (const piece of readPieces(handle, { from: 0, to: bytes, path })) {
      checkAborted(signal, path);
      entry.take(piece);
    }
    reading.finish();
  } finally {
    await handle.close();
  }
}

/** Takes the private maps in, and proves the whole entry. */
class PrivateReading implements EntrySink {
  readonly #publicBytes: number;
  readonly #path: string;
  readonly #opener: DomainOpener;
  readonly #stream: DomainStream;
  /** What is wrong with the private maps: of bytes that don't authenticate nothing is said. */
  #flaw: LedgerSnapshotterError | undefined;

  constructor({ path, envelope, secret, sink }: OpenPrivateOptions) {
    this.#publicBytes = envelope.publicBytes;
    this.#path = path;
    this.#opener = new DomainOpener(envelope, secret);
    this.#stream = new DomainStream({ domain: 'private', bytes: envelope.privateBytes, sink });
  }

  /** The file may be another one by now; where its domains divide as they did, the tag tells. */
  begin({ publicBytes }: ReadEnvelopeHead): void {
    if (publicBytes !== this.#publicBytes) throw changedError(this.#path);
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

  finish(): void {
    this.#opener.finish();
    if (this.#flaw !== undefined) throw this.#flaw;
  }
}
