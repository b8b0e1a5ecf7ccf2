import type { FrozenTable } from '../core/host-ports.ts';
import { packState } from './state-transfer.ts';

/**
 * Copies a frozen state in small pieces, with a turn of the event loop after each, so that a large state does not block
 * the main thread.
 * @throws the signal's reason when it aborts
 */
export async function copyState(
  tables: Iterable<FrozenTable>,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for (const piece of packState(tables)) {
    if (pieces.length > 0) await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
    pieces.push(piece);
  }
  return pieces;
}
