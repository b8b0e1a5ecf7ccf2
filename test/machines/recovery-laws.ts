import type { AnyMachineSnapshot } from 'xstate';
import type { SnapshotCandidate } from '../../machines/ports.ts';
import type { RecoveryOutput } from '../../machines/recovery.ts';
import { childFailed } from '../../src/testing/graph/alphabet.ts';
import type { Invariants, RunLaws } from '../../src/testing/graph/invariants.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import { known } from './recovery-subject.ts';

/** What a recovery that has ended says. */
export const outputOf = ({ output }: AnyMachineSnapshot): RecoveryOutput =>
  output as RecoveryOutput;

const ports = { listing: 'listSources', checking: 'checkCandidate', replaying: 'replayLedger' };

export const recoveryInvariants: Invariants = {
  states: {
    'a recovery that goes on has one thing under way, that of its state': (state) =>
      state.status !== 'active' ||
      Object.entries(ports).every(([name, port]) => state.matches(name) === port in state.children),
    'what is under way is awaited, however it ends, and can be cancelled': (state) =>
      state.status !== 'active' ||
      (state.can({ type: 'cancel.requested' }) &&
        Object.entries(ports).every(
          ([name, port]) => !state.matches(name) || state.can(childFailed(port, new Error('EIO'))),
        )),
    'a recovery without a start says what there is': (state) =>
      known(state).refusal !== 'no-start' ||
      known(state).reason?.includes(String(known(state).first ?? 'neither')) === true,
    'a candidate is checked only while one waits': (state) =>
      !state.matches('checking') || known(state).candidates.length > 0,
    'a replay begins at a snapshot, or at seqno 1 when no candidate is left': (state) =>
      !state.matches('replaying') ||
      (known(state).start === undefined
        ? known(state).fromGenesis && known(state).first === 1 && !known(state).candidates.length
        : !known(state).fromGenesis),
    'no start: nothing waits, nothing was usable, and the ledger is not whole': (state) =>
      known(state).refusal !== 'no-start' ||
      (known(state).candidates.length === 0 &&
        known(state).start === undefined &&
        known(state).first !== 1),
    'every refused candidate has a code and a reason': (state) =>
      known(state).refused.every(({ code, reason }) => code.length > 0 && reason.length > 0),
    'the state of the end is the status that is told': (state) =>
      state.status !== 'done' || state.matches(outputOf(state).status),
    'a refusal says why, and only a refusal': (state) =>
      state.status !== 'done' ||
      (outputOf(state).status === 'refused') === (outputOf(state).refusal !== undefined),
    'a recovered state, and no other, has a seqno': (state) =>
      state.status !== 'done' ||
      (outputOf(state).status === 'recovered') === (outputOf(state).seqno !== undefined),
  },
  steps: {
    'a candidate is decided on once: taken, or refused with the others kept': ({
      source,
      target,
    }) =>
      !source.state.matches('checking') ||
      target.state.matches('cancelled') ||
      known(target.state).refusal === 'checking-failed' ||
      known(target.state).candidates.length === known(source.state).candidates.length - 1,
    'a verdict leads to the replay, the next candidate, or the ledger alone': (edge) => {
      const { source, event, target } = edge;
      if (event.type !== 'xstate.done.actor.checkCandidate') return true;
      const { candidates, first } = known(target.state);
      const without = candidates.length > 0 ? 'checking' : first === 1 ? 'replaying' : 'refused';
      const isUsable = event['output'].verdict === 'usable';
      return (
        target.state.matches(isUsable ? 'replaying' : without) &&
        (known(target.state).start === known(source.state).candidates[0]) === isUsable
      );
    },
    'cancelling ends a recovery at once': ({ event, target }) =>
      event.type !== 'cancel.requested' || target.state.matches('cancelled'),
  },
};

const started = ({ children }: LiveRun, id: string) =>
  children.filter(({ child, what }) => child === id && what === 'started');

const ended = ({ children }: LiveRun, id: string) =>
  children.filter(({ child, what }) => child === id && what === 'ended');

export const recoveryRunLaws: RunLaws = {
  'candidates are checked newest first, none twice': (run) => {
    const seqnos = started(run, 'checkCandidate').map(
      ({ detail }) => (detail as SnapshotCandidate).seqno,
    );
    return seqnos.every((seqno, i) => i === 0 || seqno < (seqnos[i - 1] ?? 0));
  },
  'a ledger is replayed once at most, behind the candidate that was checked last': (run) => {
    const replays = started(run, 'replayLedger').map(
      ({ detail }) => (detail as { start: SnapshotCandidate | undefined }).start,
    );
    const last = started(run, 'checkCandidate').at(-1)?.detail;
    return replays.length <= 1 && replays.every((start) => start === undefined || start === last);
  },
  'every verdict against a candidate is remembered': (run) => {
    const against = ended(run, 'checkCandidate').filter(
      ({ detail }) => (detail as { verdict?: string }).verdict === 'refused',
    );
    return known(run.state).refused.length === against.length;
  },
  'nothing is cut short but by cancelling': (run, path) =>
    run.children.every(({ what }) => what !== 'stopped') ||
    path.at(-1)?.event.type === 'cancel.requested',
};
