import type { AnyEventObject, AnyMachineSnapshot } from 'xstate';
import type { SnapshotterEmitted } from '../../machines/events.ts';
import type { SnapshotterContext } from '../../machines/snapshotter-setup.ts';
import { childFailed } from '../../src/testing/graph/alphabet.ts';
import type { Edge, Vertex } from '../../src/testing/graph/explore.ts';
import { canonical } from '../../src/testing/graph/identity.ts';
import type { Invariants, RunLaws } from '../../src/testing/graph/invariants.ts';
import type { Path } from '../../src/testing/graph/paths.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import type { ChildNote } from '../../src/testing/graph/stub.ts';
import { toldAfter } from './snapshotter-reference.ts';

const known = (state: AnyMachineSnapshot) => state.context as SnapshotterContext;
const slotsOf = (state: AnyMachineSnapshot) => known(state).slots.map(({ id }) => id);
const isAscending = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0));

const isOpen = ({ state }: Vertex) => state.matches('open');
const goesBack = ({ state }: Vertex, event: AnyEventObject) =>
  event['seqno'] < Math.max(known(state).committed, known(state).baseline);

/** What tells states apart: the numbers of generations go on for ever. */
const knownOf = ({ points, slots, ...rest }: ReturnType<typeof toldAfter>['known']) => {
  const { committed, baseline, baselineMs, forced } = rest;
  const taken = slots.map(({ id, seqno }) => [id, seqno]);
  return [points, taken, committed, baseline, baselineMs, forced];
};

const ledgerEvents = [
  'committable.recorded',
  'status.recorded',
  'freeze.taken',
  'freeze.failed',
  'evidence.recorded',
  'signature.recorded',
  'tree.recorded',
  'commit.advanced',
  'rollback.occurred',
];

/** CCF's rule of 1.2, told again. */
function isDue(context: SnapshotterContext, seqno: number, nowMs: number): boolean {
  const { points, committed, baseline, baselineMs, forced } = context;
  if (seqno <= Math.max(committed, ...points.map((point) => point.seqno))) return false;
  const last = points.findLast((point) => !point.forced);
  const transactions = seqno - (last?.seqno ?? baseline);
  const elapsedMs = nowMs - (last?.recordedMs ?? baselineMs);
  const isTime = context.timeIntervalMs > 0 && elapsedMs >= context.timeIntervalMs;
  const byTime = isTime && transactions >= context.minTxInterval + 1;
  return forced !== undefined || transactions >= context.txInterval || byTime;
}

type Mode = Parameters<typeof toldAfter>[0];

const modeOf = ({ value }: AnyMachineSnapshot): Mode =>
  (typeof value === 'string' ? value : value['open']) as Mode;

const toldOf = ({ source, event }: Edge) =>
  toldAfter(modeOf(source.state), known(source.state), event);

const toldIn = ({ states }: LiveRun, path: Path) =>
  path.flatMap(({ event }, index) =>
    states.slice(index, index + 1).map((state) => toldAfter(modeOf(state), known(state), event)),
  );

/** What the events that a snapshotter emits say, as the reference says it. */
const saidBy = (event: AnyEventObject): readonly string[] => {
  const { type, seqno, end, reason, outcome, generation } = event;
  if (type === 'event.refused') return [`refused ${event['event']} ${seqno}`];
  if (type === 'generation.started') return [`started ${generation} ${seqno}`];
  if (type === 'generation.ended') return [`ended ${seqno} ${outcome}`];
  return [`${seqno} ${end}${reason ? ` ${reason}` : ''}`];
};

const sentTo = ({ child, what, detail }: ChildNote): readonly string[] => {
  const { type, generation, seqno, receipt } = (detail ?? {}) as Record<string, unknown>;
  if (what === 'received') return [`${child} ${type}`];
  return what === 'started' ? [`${child} started ${generation} ${seqno} ${receipt}`] : [];
};

export const snapshotterInvariants: Invariants = {
  states: {
    'an open snapshotter hears of all that the ledger and its owner say': (state) =>
      !state.matches('open') ||
      [...ledgerEvents, 'snapshot.forced', 'generation.cancelled', 'shutdown.requested'].every(
        (type) => state.can({ type, seqno: 1_000, nowMs: 0, timestampMs: 0, snapshotSeqno: 1_000 }),
      ),
    'an open snapshotter can be switched': (state) =>
      !state.matches('open') ||
      state.can({
        type: state.matches({ open: 'enabled' }) ? 'snapshots.disabled' : 'snapshots.enabled',
      }),
    'generations are awaited, however they end': (state) =>
      state.status !== 'active' ||
      slotsOf(state).every((slot) => state.can(childFailed(slot, new Error('it broke')))),
    'no more slots are taken than there are': (state) =>
      known(state).slots.length <= known(state).capacity,
    'every slot has its own child, and every child its slot': (state) =>
      state.status !== 'active' ||
      Object.keys(state.children).sort().join() === [...slotsOf(state)].sort().join(),
    'at most one generation of a seqno lives': (state) =>
      new Set(known(state).slots.map(({ seqno }) => seqno)).size === known(state).slots.length,
    'points are ascending': (state) => isAscending(known(state).points.map(({ seqno }) => seqno)),
    'no point waits that a free slot could take': (state) =>
      !state.matches({ open: 'enabled' }) ||
      known(state).slots.length === known(state).capacity ||
      !known(state).points.some(({ seqno, frozen }) => frozen && seqno <= known(state).committed),
    'a closed snapshotter has no slot taken and no point waiting': (state) =>
      !state.matches('closed') || known(state).slots.length + known(state).points.length === 0,
    'a closing snapshotter awaits a generation, and no point': (state) =>
      !state.matches('closing') ||
      (known(state).slots.length > 0 && known(state).points.length === 0),
  },
  steps: {
    'it is where the reference is, and knows what that knows': (edge) => {
      const { mode, known: expected } = toldOf(edge);
      const { state } = edge.target;
      return (
        modeOf(state) === mode && canonical(knownOf(known(state))) === canonical(knownOf(expected))
      );
    },
    'commit never goes back': ({ source, target }) =>
      known(target.state).committed >= known(source.state).committed,
    'the interval is never counted from further back': ({ source, target }) =>
      known(target.state).baseline >= known(source.state).baseline,
    'the time that the interval is counted from goes back with the clock alone': (edge) => {
      const { source, target, event } = edge;
      const [before, after] = [known(source.state), known(target.state)];
      return (
        after.baselineMs >= before.baselineMs ||
        after.baselineMs === event['nowMs'] ||
        after.baseline > before.baseline
      );
    },
    'a signature is a point exactly when one is due': ({ source, target, event }) => {
      if (event.type !== 'committable.recorded' || !source.state.matches('open')) return true;
      const isPoint =
        canonical(known(target.state).points) !== canonical(known(source.state).points);
      return isPoint === isDue(known(source.state), event['seqno'], event['nowMs']);
    },
    'what a commit reaches it starts or keeps on a primary that is enabled, and nowhere else': (
      edge,
    ) => {
      const { source, target, event } = edge;
      const isTaken =
        event.type === 'commit.advanced' && isOpen(source) && !goesBack(source, event);
      const mayStay = event['primary'] === true && source.state.matches({ open: 'enabled' });
      return (
        !isTaken ||
        mayStay ||
        !known(target.state).points.some(({ seqno }) => seqno <= event['seqno'])
      );
    },
    'a generation starts from a frozen point that a primary has committed': (edge) => {
      const { source, target, event } = edge;
      const [before, after] = [known(source.state), known(target.state)];
      const started = after.slots.filter(
        ({ seqno }) => !before.slots.some((slot) => slot.seqno === seqno),
      );
      const isFrozenNow = (seqno: number) =>
        event.type === 'freeze.taken' && event['seqno'] === seqno;
      return started.every(
        ({ seqno }) =>
          target.state.matches({ open: 'enabled' }) &&
          (event.type !== 'commit.advanced' || event['primary'] === true) &&
          after.committed >= seqno &&
          before.points.some((it) => it.seqno === seqno && (it.frozen || isFrozenNow(seqno))),
      );
    },
    'a slot is freed by the end of its own generation alone': ({ source, target, event }) =>
      slotsOf(source.state)
        .filter((id) => !slotsOf(target.state).includes(id))
        .every((id) => event['actorId'] === id),
    'closing is never left but to closed': ({ source, target }) =>
      !source.state.matches('closing') || !target.state.matches('open'),
  },
};

/** Seqnos of the points that were added on the way, one that was rolled back and came again twice. */
const added = ({ states }: LiveRun): readonly number[] =>
  states.flatMap((state, index) => {
    const before = states.slice(Math.max(index - 1, 0), index).flatMap((it) => known(it).points);
    return known(state).points.flatMap(({ seqno }) =>
      before.some((point) => point.seqno === seqno) ? [] : [seqno],
    );
  });

const emitted = (run: LiveRun, type: SnapshotterEmitted['type']): readonly number[] =>
  run.emitted.flatMap((event) => (event.type === type ? [Number(event['seqno'])] : []));

const sorted = (values: readonly number[]): string => [...values].sort((a, b) => a - b).join();

export const snapshotterRunLaws: RunLaws = {
  'it says what the reference says': (run, path) =>
    canonical(run.emitted.flatMap(saidBy)) ===
    canonical(toldIn(run, path).flatMap(({ said }) => said)),
  'its generations get what the reference sends': (run, path) =>
    canonical(run.children.flatMap(sentTo)) ===
    canonical(toldIn(run, path).flatMap(({ sent }) => sent)),
  'every point ends once, or still waits': (run) =>
    sorted(added(run)) ===
    sorted([...emitted(run, 'point.ended'), ...known(run.state).points.map(({ seqno }) => seqno)]),
  'every generation that started ends once, or still lives': (run) =>
    sorted(emitted(run, 'generation.started')) ===
    sorted([
      ...emitted(run, 'generation.ended'),
      ...known(run.state).slots.map(({ seqno }) => seqno),
    ]),
  'no generation is stopped before it has ended': (run) =>
    run.children.every(({ what }) => what !== 'stopped'),
  'a shutdown asks every generation to end': (run, path) =>
    path.every(
      ({ event, source }) =>
        event.type !== 'shutdown.requested' ||
        slotsOf(source.state).every((slot) =>
          run.children.some(
            ({ child, detail }) =>
              child === slot && (detail as { type?: string })?.type === 'cancel.requested',
          ),
        ),
    ),
};
