import type { CandidateVerdict, RecoverySources } from '../../../machines/ports.ts';
import { type RecoveryEvent, recoveryMachine } from '../../../machines/recovery.ts';
import { seqno } from '../../core/words.ts';
import { childDone, childFailed } from '../graph/alphabet.ts';
import type { Subject } from '../graph/subject.ts';

const candidates = [30, 20].map((at) => ({
  file: `snapshot_${at}_${at + 1}.committed`,
  seqno: seqno(at),
}));

const found = (count: number, first: number | undefined) =>
  childDone('listSources', {
    candidates: candidates.slice(2 - count),
    first: first === undefined ? undefined : seqno(first),
  } satisfies RecoverySources);

const verdict = (output: CandidateVerdict) => childDone('checkCandidate', output);

const samples = {
  'two candidates, whole ledger': found(2, 1),
  'one candidate, later ledger': found(1, 12),
  'one candidate, no ledger': found(1, undefined),
  'no candidate, whole ledger': found(0, 1),
  'no candidate, later ledger': found(0, 12),
  'neither candidate nor ledger': found(0, undefined),
  'listing failed': childFailed('listSources', new Error('EIO')),
  usable: verdict({ verdict: 'usable' }),
  unusable: verdict({ verdict: 'refused', code: 'SIG_INVALID', reason: 'forged' }),
  'checking failed': childFailed('checkCandidate', new Error('BAD_OFFSET_TABLE')),
  replayed: childDone('replayLedger', { seqno: seqno(40), verifiedUntil: seqno(38) }),
  'replay failed': childFailed('replayLedger', new Error('TREE_MISMATCH')),
  cancel: { type: 'cancel.requested' },
} as const satisfies Record<string, RecoveryEvent>;

/** A recovery that finds up to two candidates, and a ledger that is whole, begins later or is not there. */
export const recoverySubject: Subject = { machine: recoveryMachine, samples };
