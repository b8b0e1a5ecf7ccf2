import { FormatError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import { findSignature } from '../../formats/entries/ledger-tail.ts';
import type { LedgerSecrets } from '../../formats/keys/ledger-secrets.ts';

/** What a crash left behind the last entry, and was passed over. */
export interface TornTail {
  readonly file: string;
  readonly offset: number;
  /** To the end of the file. */
  readonly bytes: number;
  readonly reason: string;
}

/** The first thing in the last open chunk that is not an entry as it was written. */
export interface TailFlaw {
  /** Of the entry that should be there. */
  readonly seqno: Seqno;
  readonly offset: number;
  readonly error: FormatError | VerificationError;
}

/** What a flaw is judged by. */
export interface TailJudging {
  /** A flaw at or below this seqno is damage: the entry was there when that was signed. */
  readonly verifiedUntil: Seqno;
  readonly secrets: LedgerSecrets;
}

/** A last open chunk that does not end with a whole entry. */
export interface BrokenTail {
  readonly file: string;
  /** Of the whole file. */
  readonly bytes: Uint8Array;
  readonly flaw: TailFlaw;
}

/**
 * Tells a torn tail from damage. Our writer makes everything before a signature durable with it, so a
 * crash tears only what has no signature behind it.
 * @throws FormatError, VerificationError the flaw itself, with file and offset, when it is damage
 */
export function judgeTail(
  { file, bytes, flaw }: BrokenTail,
  { verifiedUntil, secrets }: TailJudging,
): TornTail {
  const after = toSeqno(flaw.seqno - 1);
  const signature = findSignature(bytes, { from: flaw.offset, after, secrets });
  if (signature !== undefined) {
    const { seqno, offset } = signature;
    const why = `the signature of seqno ${seqno} lies beyond it, at offset ${offset}`;
    throw damage(file, flaw, why);
  }
  if (flaw.seqno <= verifiedUntil && !isCut(flaw)) {
    throw damage(file, flaw, `the ledger was signed up to seqno ${verifiedUntil}`);
  }
  const { offset, error } = flaw;
  return { file, offset, bytes: bytes.length - offset, reason: error.message };
}

/** Cut short, as every crash may leave it: also below a snapshot that came from another node. */
function isCut({ error }: TailFlaw): boolean {
  return error.code === 'TRUNCATED_HEADER' || error.code === 'TRUNCATED_BODY';
}

/** The flaw as an error of its own class, saying where it is and why no crash can have left it. */
function damage(file: string, { seqno, offset, error }: TailFlaw, why: string): Error {
  const message = `${file} at offset ${offset}, seqno ${seqno}, is damaged, not torn: ${error.message}; ${why}`;
  const place = { file, offset, seqno, cause: error };
  return error instanceof FormatError
    ? new FormatError(error.code, message, place)
    : new VerificationError(error.code, message, place);
}
