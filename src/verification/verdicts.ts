import type { ErrorCode } from '../core/errors.ts';
import type { Digest, Seqno } from '../core/words.ts';

/** A snapshot that was passed over, and why. */
export interface RefusedSnapshot {
  readonly file: string;
  /** As the name has it. */
  readonly seqno: Seqno;
  readonly code: ErrorCode;
  readonly message: string;
}

/** The snapshot that a recovery began with. */
export interface RecoveredSnapshot {
  readonly file: string;
  readonly seqno: Seqno;
  readonly evidenceSeqno: Seqno;
  readonly digest: Digest;
  /** Whether a pinned identity vouches for it. */
  readonly trusted: boolean;
}
