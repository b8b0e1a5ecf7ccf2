import { VerificationError } from '../core/errors.ts';

/**
 * Refuses what is older than a floor that somebody knows from elsewhere: whoever puts old files in the place of
 * new ones has files that verify.
 * @param what a file or a directory
 * @throws VerificationError `ROLLBACK_REFUSED`
 */
export function checkFloor(seqno: number, floor: number | undefined, what: string): void {
  if (floor === undefined || seqno >= floor) return;
  const message = `${what} leads to seqno ${seqno}, below the floor ${floor}: newer files were there, find them`;
  throw new VerificationError('ROLLBACK_REFUSED', message, { file: what, seqno, expected: floor });
}
