import type { SnapshotCandidate } from '../../machines/ports.ts';
import { type LedgerSnapshotterError, VerificationError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';

/** What was found out about files of one seqno before their turn came. */
export class SeqnoForks {
  readonly #forked = new Map<Seqno, VerificationError>();
  readonly #refused = new Map<string, LedgerSnapshotterError>();

  /** Why a candidate cannot be used, where that is known by now. */
  refusalOf({
    file,
    seqno,
  }: Pick<SnapshotCandidate, 'file' | 'seqno'>): LedgerSnapshotterError | undefined {
    return this.#forked.get(seqno) ?? this.#refused.get(file);
  }

  /** Remembers why a file cannot be used: it need not be read again. */
  refuse(file: string, refusal: LedgerSnapshotterError): void {
    this.#refused.set(file, refusal);
  }

  /** Remembers that no file of this seqno is to be used. */
  forked(fork: Fork): VerificationError {
    const error = forkError(fork);
    this.#forked.set(fork.seqno, error);
    return error;
  }
}

/** Two files of one seqno that both verify, and differ. */
export interface Fork {
  readonly seqno: Seqno;
  readonly files: readonly [string, string];
}

/** Nobody can say which of the two is the service's: neither is used. */
export function forkError({ seqno, files: [file, other] }: Fork): VerificationError {
  const message = `${file} and ${other} both verify and are two different snapshots of seqno ${seqno}: neither is used, both stay; find out which node wrote which`;
  return new VerificationError('FORK_DETECTED', message, { file, seqno, actual: other });
}
