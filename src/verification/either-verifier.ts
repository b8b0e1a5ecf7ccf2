import { VerificationError } from '../core/errors.ts';
import type { SnapshotVerifier } from './verify.ts';

/** Who may verify a snapshot, in this order. */
export interface EitherVerifier {
  /** Under a pinned identity, or the one that the snapshot names itself. */
  direct(): Promise<SnapshotVerifier>;
  /** Through the endorsements of a ledger, which is only then read; `undefined` without one. */
  overLedger(): Promise<SnapshotVerifier> | undefined;
}

/** Does it directly if that will do; else through the ledger's endorsements. @throws as `work`, or as who opens a verifier */
export async function withEither<T>(
  { direct, overLedger }: EitherVerifier,
  work: (verifier: SnapshotVerifier) => Promise<T>,
): Promise<T> {
  const first = await direct();
  try {
    return await work(first);
  } catch (error) {
    const isUntrusted = error instanceof VerificationError && error.code === 'UNTRUSTED_SERVICE';
    const opening = isUntrusted ? overLedger() : undefined;
    if (opening === undefined) throw error;
    return work(await opening);
  }
}
