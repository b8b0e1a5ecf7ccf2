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

/** Joins the chart of a recovery to what does its work, as `bindMachines` does for a snapshotter. */
export function bindRecovery(ports: RecoveryPorts): typeof recoveryMachine {
  return recoveryMachine.provide({
    actors: {
      listSources: later<void, RecoverySources>(() => ports.listSources()),
      checkCandidate: later<SnapshotCandidate, CandidateVerdict>((candidate) =>
        ports.checkCandidate(candidate),
      ),
      replayLedger: later<ReplayLedgerInput, ReplayedLedger>((input) => ports.replayLedger(input)),
    },
  });
}
