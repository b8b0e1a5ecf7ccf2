import type { FileHandle } from './file-system.ts';
import { changedError } from './storage-error.ts';

/** As much as stays in a core's cache while it is looked at more than once. */
const pieceBytes = 1024 * 1024;

/** Which part of which file is read. */
export interface ReadRange {
  readonly from: number;
  readonly to: number;
  /** For the words of errors. */
  readonly path: string;
}

/**
 * Reads a part of a file piece by piece, each while the one before it is worked on. A piece is good until the next one.
 * @throws StorageError `READ_FAILED`, and `CHANGED_WHILE_READING` when the file ends before
 */
export async function* readPieces(
  handle: FileHandle,
  { from, to, path }: ReadRange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffers = [0, 1].map(() => new Uint8Array(Math.min(pieceBytes, to - from)));
  const read = (at: number, turn: number): Promise<Uint8Array> =>
    at >= to
      ? Promise.resolve(nothing)
      : readPiece(handle, at, buffers[turn]?.subarray(0, to - at));
  let next = read(from, 0);
  try {
    for (let at = from, turn = 0; at < to; turn = 1 - turn) {
      const piece = await next;
      if (piece.length < Math.min(pieceBytes, to - at)) throw changedError(path);
      at += piece.length;
      next = read(at, 1 - turn);
      // Whoever waits for it hears of its failure; until then it is nobody's.
      next.catch(() => undefined);
      yield piece;
    }
  } finally {
    // The handle may be closed afterwards.
    await next.catch(() => undefined);
  }
}

const nothing = new Uint8Array(0);

async function readPiece(
  handle: FileHandle,
  at: number,
  target: Uint8Array = nothing,
): Promise<Uint8Array> {
  if (handle.readInto === undefined) return handle.read(at, target.length);
  return target.subarray(0, await handle.readInto(target, at));
}
