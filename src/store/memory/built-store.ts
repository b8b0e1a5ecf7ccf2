import type { Seqno } from '../../core/words.ts';
import type { ArenaState } from './arena.ts';

/** A state that was loaded into shared memory, as plain data that may be posted; who takes it over owns the memories. */
export interface BuiltStore {
  readonly seqno: Seqno;
  readonly arena: ArenaState;
  readonly names: readonly string[];
  /** As `tableNumbers` has them. */
  readonly numbers: Float64Array<ArrayBuffer>;
}

/** The buffers of its books, which need not be copied when it is posted. */
export function buffersOf({ arena, numbers }: BuiltStore): ArrayBuffer[] {
  const { partial, classes, live, carved, free, next, previous } = arena;
  const books = [partial, classes, live, carved, free, next, previous, numbers];
  return books.map(({ buffer }) => buffer);
}
