import { basename } from 'node:path';
import { assert } from '../core/errors.ts';
import type { SnapshotMap } from '../formats/entries/snapshot-map.ts';
import { type SnapshotContent, splitSnapshotFile } from '../formats/snapshot/snapshot-body.ts';
import {
  type SnapshotSubject,
  type VerifiedSnapshot,
  type VerifySnapshotOptions,
  verifySnapshotFile,
  verifySnapshotReceipt,
} from '../formats/snapshot/verify-snapshot.ts';
import type { FileSystem } from '../io/file-system.ts';
import { decodeError } from '../tasks/error-transfer.ts';
import { readMapsReader } from './kept-maps.ts';
import type { LoadedSnapshot } from './load-shared.ts';
import { type ScannedSnapshot, scanSnapshot } from './scan.ts';

/** A snapshot file, wherever its bytes are. */
export interface VerifiableFile {
  readonly fileName: string;
  /** @throws FormatError when there is none */
  receipt(): Uint8Array;
  /** @throws as `verifySnapshotFile` */
  verify(options: VerifySnapshotOptions): Promise<VerifiedSnapshot>;
}

/** A file that is in memory. */
function wholeFile(fileName: string, bytes: Uint8Array): VerifiableFile {
  return {
    fileName,
    receipt: () => splitSnapshotFile(bytes).receipt,
    verify: (options) => verifySnapshotFile(bytes, options),
  };
}

/**
 * A file that was loaded in a job: of its content there are the maps that a recovery reads. What is wrong with it is
 * told when the content is wanted, since the receipt is judged first.
 */
export function loadedFile(fileName: string, loaded: LoadedSnapshot): VerifiableFile {
  const { digest, bytes, receipt, flaw, state } = loaded;
  const content = (): SnapshotContent => {
    if (flaw !== undefined) throw decodeError(flaw);
    assert(state !== undefined, 'what has no flaw has a state');
    return { ...state.content, privateMaps: [] };
  };
  return fileInPieces(fileName, receipt, { digest, bytes, content });
}

/** As {@link loadedFile}, of one that was scanned on this thread: `mapsOf` tells which maps there are. */
export function scannedFile<Result>(
  path: string,
  { digest, bytes, receipt, flaw, part }: ScannedSnapshot<Result>,
  mapsOf: (result: Result) => readonly SnapshotMap[],
): VerifiableFile {
  const content = (): SnapshotContent => {
    if (flaw !== undefined) throw flaw;
    assert(part !== undefined, 'what has no flaw has a content');
    return { ...part.head, publicMaps: mapsOf(part.result), privateMaps: [] };
  };
  return fileInPieces(basename(path), receipt, { digest, bytes, content });
}

function fileInPieces(
  fileName: string,
  receipt: Uint8Array,
  subject: SnapshotSubject,
): VerifiableFile {
  return {
    fileName,
    receipt: () => receipt,
    verify: (options) => verifySnapshotReceipt(receipt, subject, options),
  };
}

export interface ReadVerifiableOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * A file up to this size is held whole, for the sake of its content: of any other there are only the maps that a
   * recovery reads.
   * @default 0
   */
  readonly wholeBytesMax?: number | undefined;
}

/**
 * Reads a file, to be verified on this thread.
 * @throws StorageError when it cannot be read
 * @throws FormatError of `splitSnapshotFile`, where it is read piece by piece
 * @throws AbortedError
 */
export async function readVerifiable(
  fileSystem: FileSystem,
  path: string,
  { signal, wholeBytesMax = 0 }: ReadVerifiableOptions = {},
): Promise<VerifiableFile> {
  if (wholeBytesMax > 0) {
    const { size = 0 } = (await fileSystem.stat(path)) ?? {};
    if (size <= wholeBytesMax) {
      const bytes = await fileSystem.readFile(path, { bytesMax: wholeBytesMax });
      return wholeFile(basename(path), bytes);
    }
  }
  const scanned = await scanSnapshot(fileSystem, path, { open: readMapsReader, signal });
  return scannedFile(path, scanned, (maps) => maps);
}
