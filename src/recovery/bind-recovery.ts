import {
  type CandidateVerdict,
  later,
  type RecoverySources,
  type ReplayedLedger,
  type ReplayLedgerInput,
  type SnapshotCandidate,
} from '../../machines/ports.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import type { RecoveryPorts } from './recovery-ports.ts';

/** Gives the recovery's ports their effects, in the same order. */
export function bindRecovery(effects: RecoveryPorts): typeof recoveryMachine {
  return recoveryMachine.provide({
    actors: {
      listSources: later<void, RecoverySources>(() => effects.listSources()),
      checkCandidate: later<SnapshotCandidate, CandidateVerdict>((candidate) =>
        effects.checkCandidate(candidate),
      ),
      replayLedger: later<ReplayLedgerInput, ReplayedLedger>((input) =>
        effects.replayLedger(input),
      ),
    },
  });
}
