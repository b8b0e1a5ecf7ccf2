import type { GenerationOutput, SlotId, SnapshotterEvent } from '../../../machines/events.ts';
import { snapshotterMachine } from '../../../machines/snapshotter.ts';
import type { SnapshotterContext, SnapshotterInput } from '../../../machines/snapshotter-setup.ts';
import { type Outcome, seqno } from '../../core/words.ts';
import { childDone, childFailed } from '../graph/alphabet.ts';
import type { Samples, Subject } from '../graph/subject.ts';
import { at, committed, evidence, fact } from './facts.ts';

/** A signature transaction. */
export const signing = (value: number, nowMs = 1_000) => ({
  ...fact('committable.recorded', value),
  nowMs,
});
/** Others replicate a snapshot of this seqno. */
export const status = (value: number, timestampMs = 500) => ({
  ...fact('status.recorded', value),
  timestampMs,
});

/** The generation in a slot has ended. */
export const slotEnded = (slot: SlotId, point: number, outcome: Outcome) =>
  childDone(slot, {
    generation: 1,
    seqno: seqno(point),
    outcome,
    reason: undefined,
    digest: undefined,
    evidenceSeqno: undefined,
    signatureSeqno: undefined,
    file: undefined,
    step: undefined,
    refusedEvidence: 0,
    leftover: false,
  } satisfies GenerationOutput);

const pointSamples = (point: number): Record<string, SnapshotterEvent> => ({
  [`point ${point}`]: signing(point),
  [`frozen ${point}`]: fact('freeze.taken', point),
  [`commit ${point}`]: committed(point),
});

const slotSamples = (slot: SlotId, points: readonly number[]): Record<string, SnapshotterEvent> =>
  Object.fromEntries(
    points.map((point) => [`${slot} committed ${point}`, slotEnded(slot, point, 'committed')]),
  );

const shutdown = { shutdown: { type: 'shutdown.requested' } } as const;

/** What turns a point away before it becomes a generation. */
const switches = {
  'not frozen 10': { ...fact('freeze.failed', 10), reason: 'EIO' },
  'commit 10 as backup': committed(10, false),
  enabled: { type: 'snapshots.enabled' },
  disabled: { type: 'snapshots.disabled' },
  'rollback to 5': fact('rollback.occurred', 5),
} as const satisfies Record<string, SnapshotterEvent>;

/** What else a snapshotter is told, and how else a generation ends. */
const moreOfSnapshotter = {
  forced: { type: 'snapshot.forced', receipt: 'json' },
  'point 15': signing(15),
  'frozen 15': fact('freeze.taken', 15),
  'commit 15': committed(15),
  'commit 15 as backup': committed(15, false),
  'rollback to 10': fact('rollback.occurred', 10),
  'status 12': status(12),
  'status 15': status(15, 1_500),
  // Told apart by seqno and order: a run is judged by all that it has said and sent, not step by step.
  'cancel 9': { type: 'generation.cancelled', generation: 9 },
  evidence: evidence(at.evidence, 10),
  'evidence of nobody': evidence(at.evidence + 1, 11),
  signature: fact('signature.recorded', at.signature),
  'late signature': fact('signature.recorded', 10),
  tree: fact('tree.recorded', at.signature),
  'cancel 1': { type: 'generation.cancelled', generation: 1 },
  'slot:0 failed 10': slotEnded('slot:0', 10, 'persist-failed'),
  'slot:0 failed 15': slotEnded('slot:0', 15, 'persist-failed'),
  'slot:0 committed 15': slotEnded('slot:0', 15, 'committed'),
  'slot:0 broke': childFailed('slot:0', new Error('the generation broke')),
} as const satisfies Record<string, SnapshotterEvent>;

/** Signatures of a service whose snapshots come by time, once a second: a point by count is far away. */
export const pointsByTime = {
  'signature 2 after a second': signing(2, 1_000),
  'signature 3 within a second': signing(3, 999),
  'signature 3 after a second': signing(3, 1_000),
  'frozen 3': fact('freeze.taken', 3),
  'commit 3': committed(3),
  'slot:0 committed 3': slotEnded('slot:0', 3, 'committed'),
  'signature 5 a second later': signing(5, 2_000),
  'signature 6 a second later': signing(6, 2_000),
  'signature 6, the clock set back': signing(6, 100),
  'signature 6 a second after that': signing(6, 1_100),
  'frozen 6': fact('freeze.taken', 6),
  'commit 6': committed(6),
  'slot:0 committed 6': slotEnded('slot:0', 6, 'committed'),
  'status 4': status(4, 1_500),
  ...shutdown,
} as const satisfies Record<string, SnapshotterEvent>;

/** The input that goes with {@link "pointsByTime"}. */
export const bySeconds = {
  capacity: 1,
  whenFull: 'keep',
  txInterval: 1_000,
  timeIntervalMs: 1_000,
  minTxInterval: 2,
} as const;

const pointsOf = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => (index + 1) * 10);

const slotIds = (capacity: number): readonly SlotId[] =>
  Array.from({ length: capacity }, (_, index): SlotId => `slot:${index}`);

const samplesOfPoints = (count: number, capacity: number): Samples => ({
  ...Object.assign({}, ...pointsOf(count).map(pointSamples)),
  ...Object.assign({}, ...slotIds(capacity).map((slot) => slotSamples(slot, pointsOf(count)))),
  ...shutdown,
});

/** One point, and everything that can become of it, of its generation and of the switches. */
export const oneLeanPoint: Samples = { ...samplesOfPoints(1, 1), ...switches };
/** The same, and what else a snapshotter is told. */
export const oneFullPoint = { ...oneLeanPoint, ...moreOfSnapshotter };

/** Points enough for one to find every slot taken. */
export const pointsPast = (capacity: number): Samples => ({
  ...samplesOfPoints(capacity + 1, capacity),
  ...(capacity > 1 ? { 'slot:1 broke': childFailed('slot:1', new Error('it broke')) } : {}),
});

/** A snapshotter with a point every 10 seqnos, of which two at most await commit. */
export function snapshotterSubject(
  samples: Samples,
  input: Pick<SnapshotterInput, 'capacity' | 'whenFull'> & Partial<SnapshotterInput>,
): Subject {
  return {
    machine: snapshotterMachine,
    input: {
      txInterval: 10,
      receipt: 'cose',
      attemptsMax: 3,
      evidenceTimeoutMs: 60_000,
      ...input,
    } satisfies SnapshotterInput,
    samples,
    offers: (event, { state }) => {
      const { points, slots } = state.context as SnapshotterContext;
      if (event.type === 'committable.recorded') return points.length < 2;
      if (event.type.startsWith('freeze.')) {
        return points.some((point) => point.seqno === event['seqno'] && !point.frozen);
      }
      if (!event.type.startsWith('xstate.done.actor.')) return true;
      return slots.some(
        ({ id, seqno: of }) => id === event['actorId'] && of === event['output'].seqno,
      );
    },
    identity: ({ value, context }) => {
      const { points, slots, committed: upTo, forced } = context as SnapshotterContext;
      const { baseline, baselineMs } = context as SnapshotterContext;
      return {
        value,
        points,
        known: [upTo, baseline, baselineMs, forced],
        slots: slots.map(({ id, seqno: of }) => `${id} ${of}`),
      };
    },
  };
}
