import type { Seqno } from '../core/words.ts';

/**
 * How much of a ledger is checked. `chunks`: the files, their names and tables, that each entry can be read, the order of
 * seqnos and views, and that copies are the same. `tree`: also every Merkle root, and every signature of which the key is
 * known; nothing private is opened, no state kept. `full`: also the state, and every snapshot that there is evidence of.
 */
export type ReplayLevel = 'chunks' | 'tree' | 'full';

/** The levels, the least first. */
export const replayLevels: readonly ReplayLevel[] = ['chunks', 'tree', 'full'];

/** From one seqno to another, both included. */
export interface SeqnoRange {
  readonly first: Seqno;
  readonly last: Seqno;
}

/** What was checked, in numbers. */
export interface Checked {
  /** Chunks that were read. */
  readonly files: number;
  readonly entries: number;
  /** Seqnos that were found in several files, and compared byte for byte; once for each further file. */
  readonly copies: number;
  /** Merkle roots that were computed again, one for each signature transaction. */
  readonly roots: number;
  /** Of nodes and of the service. */
  readonly signatures: number;
  /** Signatures whose keys are not known. */
  readonly notVerified: number;
}

/** Entries that follow one another, and what was checked of them. */
export interface CheckedRun extends SeqnoRange, Checked {
  /** Entries that no root covers which was computed again; at the level `chunks` all of them. */
  readonly uncovered: readonly SeqnoRange[];
}
