import type { FrozenTable } from '../core/host-ports.ts';
import { packState } from './state-transfer.ts';

/**
 * Draws a frozen state in small pieces, giving the event loop a turn after each, so that the main
 * thread never stands still for long whatever the size of the state.
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
