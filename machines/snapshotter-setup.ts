import { assign, type DoneActorEvent, type ErrorActorEvent, enqueueActions, setup } from 'xstate';
import {
  type Outcome,
  type PointEnd,
  type ReceiptForm,
  type Seqno,
  seqno as toSeqno,
} from '../src/core/words.ts';
import type {
  GenerationOutput,
  LedgerEvent,
  SkipReason,
  SlotId,
  SnapshotterEmitted,
  SnapshotterEvent,
} from './events.ts';
import { generationMachine } from './generation.ts';
import { brokenOff } from './generation-setup.ts';
import type { GenerationRef } from './ports.ts';

/** What a snapshotter is begun with: its intervals and bounds, and where the ledger stands. */
export interface SnapshotterInput {
  /** Generations that may live at once, those that write included. */
  readonly capacity: number;
  /** A signature this many transactions after the last point is a point. */
  readonly txInterval: number;
  /** So is one this long after it, in milliseconds, unless that is 0. @default 0 */
  readonly timeIntervalMs?: number;
  /** A point by time is more than so many transactions after the last one. @default 2 */
  readonly minTxInterval?: number;
  /** A point that finds no free slot: dropped as CCF does, or kept until one is free. */
  readonly whenFull: 'drop' | 'keep';
  readonly receipt: ReceiptForm;
  readonly attemptsMax: number;
  readonly evidenceTimeoutMs: number;
  /** What is committed when the snapshotter starts. @default 0, an empty ledger */
  readonly committed?: Seqno;
  /** Seqno of the newest snapshot when the snapshotter starts. @default 0, none */
  readonly baseline?: Seqno;
  /** When that snapshot was scheduled, in milliseconds since the Unix epoch. @default 0 */
  readonly baselineMs?: number;
}

/** A signature transaction at which a snapshot is due. */
export interface Point {
  readonly seqno: Seqno;
  readonly forced: boolean;
  readonly receipt: ReceiptForm;
  readonly frozen: boolean;
  /** When it was recorded. */
  readonly recordedMs: number;
}

/** A place for a generation, and the one that has it. */
export interface Slot extends GenerationRef {
  readonly id: SlotId;
  /** When its point was recorded. */
  readonly recordedMs: number;
}

/** A snapshot, or one that is under way, and its time: what the intervals are counted from. */
export interface Baseline {
  readonly baseline: Seqno;
  readonly baselineMs: number;
}

/** What the snapshotter knows: points, slots and positions, never bytes. */
export interface SnapshotterContext extends Required<SnapshotterInput>, Baseline {
  readonly nextGeneration: number;
  /** The receipt form that the next, forced, point will carry. */
  readonly forced: ReceiptForm | undefined;
  /** Points not yet committed, ascending. */
  readonly points: readonly Point[];
  /** Live generations; each in a slot of its own. */
  readonly slots: readonly Slot[];
}

/** A fact of the ledger: something is so at this seqno. */
export type Fact = { readonly seqno: Seqno };
/** A fact with the time at which it came. */
export type TimedFact = Fact & { readonly nowMs: number };
/** A fact about the newest snapshot of the service, and when that was scheduled. */
export type StatusFact = Fact & { readonly timestampMs: number };
/** A fact of commit, and whether this node is primary. */
export type CommitFact = Fact & { readonly primary: boolean };
/** A generation that has ended, by its slot. */
export interface Ended {
  readonly slot: SlotId;
  /** What the generation said at its end; nothing when it broke off. */
  readonly ended?: GenerationOutput;
  readonly error?: unknown;
}

/** Points that wait for commit at once, at most: the oldest are the likeliest to survive a rollback. */
const pointsMax = 8;

/** Where a table says "none yet". */
const none = toSeqno(0);

/** The baseline never goes back: of two it is the later. */
function later({ baseline, baselineMs }: Baseline, seqno: Seqno, ms: number): Baseline {
  return seqno > baseline ? { baseline: seqno, baselineMs: ms } : { baseline, baselineMs };
}

/** The newest frozen point that commit has reached. */
function reachedPoint({ points, committed }: SnapshotterContext): Point | undefined {
  return points.filter((point) => point.frozen && point.seqno <= committed).at(-1);
}

/** Not committed yet, and after every point known. */
function isNew({ committed, points }: SnapshotterContext, seqno: Seqno): boolean {
  return seqno > committed && seqno > (points.at(-1)?.seqno ?? 0);
}

/** What is counted from: the newest point that an interval gave, else the baseline. */
function reference(context: SnapshotterContext): Baseline {
  return afterPoints(context, context.points);
}

/** The baseline once the intervals' points among these have become snapshots, or are given up for good. */
function afterPoints({ baseline, baselineMs }: Baseline, points: readonly Point[]): Baseline {
  const newest = points.filter((point) => !point.forced).at(-1);
  const known = { baseline, baselineMs };
  return newest ? later(known, newest.seqno, newest.recordedMs) : known;
}

/** Whether an interval has passed: so many transactions, or so much time and more than a few transactions. */
function intervalPassed(context: SnapshotterContext, { seqno, nowMs }: TimedFact): boolean {
  const { txInterval, timeIntervalMs, minTxInterval } = context;
  const { baseline, baselineMs } = reference(context);
  const transactions = seqno - baseline;
  const isDueByTime =
    timeIntervalMs > 0 && nowMs - baselineMs >= timeIntervalMs && transactions > minTxInterval;
  return transactions >= txInterval || isDueByTime;
}

/** A point that a snapshot of the ledger at or after it stands in for, unless someone asked for it. */
const isOutdated = (point: Point, snapshot: Seqno): boolean =>
  !point.forced && point.seqno <= snapshot;

function freeSlot({ slots, capacity }: SnapshotterContext): SlotId | undefined {
  const ids = Array.from({ length: capacity }, (_, index): SlotId => `slot:${index}`);
  return ids.find((id) => slots.every((slot) => slot.id !== id));
}

/** Outcomes with which the snapshot of that seqno is on disk. */
const published: readonly Outcome[] = ['committed', 'committed-not-durable', 'duplicate'];

function partition<Item>(
  items: readonly Item[],
  goes: (item: Item) => boolean,
): [gone: readonly Item[], stay: readonly Item[]] {
  return [items.filter(goes), items.filter((item) => !goes(item))];
}

function pointEnded(seqno: Seqno, end: PointEnd, reason?: SkipReason): SnapshotterEmitted {
  return { type: 'point.ended', seqno, end, reason };
}

/** Who has a slot. */
function ownerOfSlot({ slots }: SnapshotterContext, slot: SlotId): GenerationRef {
  return slots.find(({ id }) => id === slot) ?? { generation: 0, seqno: none };
}

/** The names that the chart of the snapshotter is written in. */
export const snapshotterSetup = setup({
  types: {
    context: {} as SnapshotterContext,
    input: {} as SnapshotterInput,
    events: {} as SnapshotterEvent,
    emitted: {} as SnapshotterEmitted,
    children: {} as Record<SlotId, 'generation'>,
  },
  actors: { generation: generationMachine },
  actions: {
    force: assign({
      forced: ({ context }, { receipt }: { receipt: ReceiptForm | undefined }) =>
        receipt ?? context.receipt,
    }),
    /** Each waiting point holds a frozen state: where too many wait, the newest gives way to this one. */
    addPoint: enqueueActions(({ enqueue, context }, fact: TimedFact) => {
      const givesWay = context.points.length < pointsMax ? undefined : context.points.at(-1);
      const point = {
        seqno: fact.seqno,
        forced: !intervalPassed(context, fact),
        receipt: context.forced ?? context.receipt,
        frozen: false,
        recordedMs: fact.nowMs,
      };
      const stay = context.points.filter((candidate) => candidate !== givesWay);
      enqueue.assign({ forced: undefined, points: [...stay, point] });
      if (givesWay) enqueue.emit(pointEnded(givesWay.seqno, 'coalesced'));
    }),
    markFrozen: assign({
      points: ({ context }, { seqno }: Fact) =>
        context.points.map((point) => (point.seqno === seqno ? { ...point, frozen: true } : point)),
    }),
    /** A clock that was set back must not hold up the next snapshot until it has caught up. */
    heedClock: assign({
      baselineMs: ({ context }, { nowMs }: TimedFact) => Math.min(context.baselineMs, nowMs),
    }),
    /** Points up to there have become needless; those after it stay. */
    adoptStatus: enqueueActions(({ enqueue, context }, { seqno, timestampMs }: StatusFact) => {
      const [gone, points] = partition(context.points, (point) => isOutdated(point, seqno));
      enqueue.assign({ points, baseline: seqno, baselineMs: timestampMs });
      for (const point of gone) enqueue.emit(pointEnded(point.seqno, 'coalesced'));
    }),
    advance: assign({ committed: (_, { seqno }: Fact) => seqno }),
    refuse: enqueueActions(({ enqueue }, { event, seqno }: { event: string; seqno: Seqno }) => {
      enqueue.emit({ type: 'event.refused', event, seqno });
    }),
    tellGenerations: enqueueActions(({ enqueue, context }, { event }: { event: LedgerEvent }) => {
      for (const slot of context.slots) enqueue.sendTo(slot.id, event);
    }),
    cancelGeneration: enqueueActions(
      ({ enqueue, context }, { generation }: { generation: number }) => {
        const slot = context.slots.find((candidate) => candidate.generation === generation);
        if (slot) enqueue.sendTo(slot.id, { type: 'cancel.requested' });
      },
    ),
    cancelGenerations: enqueueActions(
      ({ enqueue, context }, { reason }: { reason: string | undefined }) => {
        const request = { type: 'cancel.requested', reason } as const;
        for (const slot of context.slots) enqueue.sendTo(slot.id, request);
      },
    ),
    /** Points that a newer one, reached by the same commit, stands in for. */
    coalesceOlder: enqueueActions(({ enqueue, context }) => {
      const newest = reachedPoint(context)?.seqno ?? 0;
      const [gone, points] = partition(context.points, ({ seqno }) => seqno < newest);
      enqueue.assign({ points });
      for (const { seqno } of gone) enqueue.emit(pointEnded(seqno, 'coalesced'));
    }),
    skipReached: enqueueActions(({ enqueue, context }, { reason }: { reason: SkipReason }) => {
      const [gone, points] = partition(context.points, ({ seqno }) => seqno <= context.committed);
      enqueue.assign({ points, ...afterPoints(context, gone) });
      for (const { seqno } of gone) enqueue.emit(pointEnded(seqno, 'skipped', reason));
    }),
    skipUnfrozen: enqueueActions(({ enqueue, context }, fact: Fact) => {
      const [gone, points] = partition(context.points, ({ seqno }) => seqno === fact.seqno);
      enqueue.assign({ points });
      for (const { seqno } of gone) enqueue.emit(pointEnded(seqno, 'skipped', 'freeze-failed'));
    }),
    dropAbove: enqueueActions(({ enqueue, context }, fact: Fact) => {
      const [gone, points] = partition(context.points, ({ seqno }) => seqno > fact.seqno);
      enqueue.assign({ points, forced: undefined });
      for (const { seqno } of gone) enqueue.emit(pointEnded(seqno, 'rolled-back'));
    }),
    cancelPoints: enqueueActions(({ enqueue, context }) => {
      enqueue.assign({ points: [] });
      for (const { seqno } of context.points) enqueue.emit(pointEnded(seqno, 'cancelled'));
    }),
    /** The newest point that commit has reached becomes a generation in a slot of its own. */
    startGeneration: enqueueActions(({ enqueue, context }) => {
      const point = reachedPoint(context);
      const id = freeSlot(context);
      if (point === undefined || id === undefined) return;
      const ref = { generation: context.nextGeneration, seqno: point.seqno };
      const { attemptsMax, evidenceTimeoutMs } = context;
      enqueue.spawnChild('generation', {
        id,
        input: { ...ref, receipt: point.receipt, attemptsMax, evidenceTimeoutMs },
      });
      enqueue.assign({
        nextGeneration: context.nextGeneration + 1,
        slots: [...context.slots, { id, ...ref, recordedMs: point.recordedMs }],
        points: context.points.filter((candidate) => candidate !== point),
        ...afterPoints(context, [point]),
      });
      enqueue.emit(pointEnded(point.seqno, 'generated'));
      enqueue.emit({ type: 'generation.started', ...ref });
    }),
    /** Frees the slot of a generation that has ended, and says how it ended. */
    settle: enqueueActions(({ enqueue, context }, { slot, ended, error }: Ended) => {
      const output = ended ?? brokenOff(ownerOfSlot(context, slot), error);
      enqueue.stopChild(slot);
      const [freed, slots] = partition(context.slots, ({ id }) => id === slot);
      const recordedMs = freed[0]?.recordedMs ?? 0;
      enqueue.assign({
        slots,
        ...(published.includes(output.outcome) && later(context, output.seqno, recordedMs)),
      });
      enqueue.emit({ type: 'generation.ended', ...output });
    }),
  },
  guards: {
    isDue: ({ context }, fact: TimedFact) =>
      isNew(context, fact.seqno) && (context.forced !== undefined || intervalPassed(context, fact)),
    isNotNew: ({ context }, { seqno }: Fact) => !isNew(context, seqno),
    isCommitted: ({ context }, { seqno }: Fact) => seqno <= context.committed,
    /** What is committed stays so, and every snapshot known of is. */
    goesBack: ({ context }, { seqno }: Fact) =>
      seqno < context.committed || seqno < context.baseline,
    isOfLiveGeneration: ({ context }, { snapshotSeqno }: { snapshotSeqno: Seqno }) =>
      context.slots.some((slot) => slot.seqno === snapshotSeqno),
    statusIsNewer: ({ context }, { seqno }: Fact) => seqno > context.baseline,
    isBackup: (_, { primary }: CommitFact) => !primary,
    dropsWhenFull: ({ context }) => context.whenFull === 'drop' && freeSlot(context) === undefined,
    pointFits: ({ context }) =>
      reachedPoint(context) !== undefined && freeSlot(context) !== undefined,
    wasLastSlot: ({ context }) => context.slots.length <= 1,
    noneLive: ({ context }) => context.slots.length === 0,
  },
});

/** The event itself, as parameters. */
export const fact = <E extends Fact>({ event }: { event: E }): E => event;

/** Passes a fact on to every generation that lives. */
export const tellGenerations = {
  type: 'tellGenerations',
  params: ({ event }: { event: LedgerEvent }) => ({ event }),
} as const;

/** Tells that an event came out of order. */
export const refuse = {
  type: 'refuse',
  params: ({ event }: { event: Fact & { readonly type: string } }) => ({
    event: event.type,
    seqno: event.seqno,
  }),
} as const;

/** Commit has come further, for the snapshotter and for its generations. */
export const advance = [{ type: 'advance', params: fact }, tellGenerations] as const;

/** A proof of a committed transaction is too late: its generation waits for the next one. */
export const proofRecorded = [
  { guard: { type: 'isCommitted', params: fact }, actions: refuse },
  { actions: tellGenerations },
] as const;

/** Evidence of a snapshot that is not ours, or not any more. */
export const evidenceRecorded = [
  { guard: { type: 'isCommitted', params: fact }, actions: refuse },
  {
    guard: {
      type: 'isOfLiveGeneration',
      params: ({ event }: { event: { readonly snapshotSeqno: Seqno } }) => event,
    },
    actions: tellGenerations,
  },
  { actions: refuse },
] as const;

/** Asks every generation to end, and says why if that is known. */
export const cancelGenerations = {
  type: 'cancelGenerations',
  params: ({ event }: { event: { readonly reason?: string } }) => ({ reason: event.reason }),
} as const;

/** Frees the slot of a generation that has ended by its chart. */
export const settle = {
  type: 'settle',
  params: ({ event }: { event: DoneActorEvent<GenerationOutput, SlotId> }) => ({
    slot: event.actorId,
    ended: event.output,
  }),
} as const;

/** Frees the slot of a generation that broke off. */
export const settleBroken = {
  type: 'settle',
  params: ({ event }: { event: ErrorActorEvent<unknown, SlotId> }) => ({
    slot: event.actorId,
    error: event.error,
  }),
} as const;

/** No point and no generation, in a ledger that may have begun long before. */
export function initialContext(input: SnapshotterInput): SnapshotterContext {
  return {
    timeIntervalMs: 0,
    minTxInterval: 2,
    committed: none,
    baseline: none,
    baselineMs: 0,
    ...input,
    nextGeneration: 1,
    forced: undefined,
    points: [],
    slots: [],
  };
}
