import type { TxId } from '../core/words.ts';

/** A signature transaction, and what it signs. */
export interface SignedEnd {
  readonly txId: TxId;
  /** Hex. */
  readonly root: string;
}
