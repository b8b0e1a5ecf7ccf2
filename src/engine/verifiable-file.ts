import { basename } from 'node:path';
import { assert } from '../core/errors.ts';
import { snapshotBytesMax } from '../core/limits.ts';
import { type SnapshotContent, splitSnapshotFile } from '../formats/snapshot-body.ts';
import {
  type VerifiedSnapshot,
  type VerifySnapshotOptions,
  verifySnapshotFile,
  verifySnapshotReceipt,
} from '../formats/verify-snapshot.ts';
import type { FileSystem } from '../io/file-system.ts';
import { decodeError } from '../tasks/error-transfer.ts';
import { type LoadedSnapshot, loadSnapshot } from './snapshot-loading.ts';

/** A snapshot file, wherever its bytes are. */
export interface VerifiableFile {
  readonly fileName: string;
  /** @throws FormatError when there is none */
  receipt(): Uint8Array;
  /** @throws as `verifySnapshotFile` */
  verify(options: VerifySnapshotOptions): Promise<VerifiedSnapshot>;
}

/** A file that is in memory. */
export function wholeFile(fileName: string, bytes: Uint8Array): VerifiableFile {
  return {
    fileName,
    receipt: () => splitSnapshotFile(bytes).receipt,
    verify: (options) => verifySnapshotFile(bytes, options),
  };
}

/**
 * A file that was read piece by piece: of its content there are the maps that a recovery reads. What is wrong with it
 * is told when the content is wanted, since the receipt is judged first.
 */
export function loadedFile(fileName: string, loaded: LoadedSnapshot): VerifiableFile {
  const { digest, bytes, receipt, flaw, state } = loaded;
  const content = (): SnapshotContent => {
    if (flaw !== undefined) throw decodeError(flaw);
    assert(state !== undefined, 'what has no flaw has a state');
    return { ...state.content, privateMaps: [] };
  };
  return {
    fileName,
    receipt: () => receipt,
    verify: (options) => verifySnapshotReceipt(receipt, { digest, bytes, content }, options),
  };
}

export interface ReadVerifiableOptions {
  readonly signal?: AbortSignal | undefined;
  /** A larger file is read piece by piece, as no buffer holds it. @default snapshotBytesMax */
  readonly wholeBytesMax?: number;
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
  { signal, wholeBytesMax = snapshotBytesMax }: ReadVerifiableOptions = {},
): Promise<VerifiableFile> {
  const { size = 0 } = (await fileSystem.stat(path)) ?? {};
  if (size <= wholeBytesMax) {
    const bytes = await fileSystem.readFile(path, { bytesMax: wholeBytesMax });
    return wholeFile(basename(path), bytes);
  }
  const job = { path, store: {}, spare: [] };
  const loaded = await loadSnapshot(fileSystem, job, signal ?? new AbortController().signal);
  return loadedFile(basename(path), loaded);
}
