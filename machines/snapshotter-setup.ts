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
import { wordsOf } from './guards.ts';
import type { GenerationRef } from './ports.ts';

export interface SnapshotterInput {
  /** Generations that may live at once, those that write included. */
  readonly capacity: number;
  /** A signature this many transactions after the last point is a point. */
  readonly txInterval: number;
  /** A point that finds no free slot: dropped as CCF does, or kept for the next commit. */
  readonly whenFull: 'drop' | 'keep';
  readonly receipt: ReceiptForm;
  readonly attemptsMax: number;
  readonly evidenceTimeoutMs: number;
  /** What is committed when the snapshotter starts. @default 0, an empty ledger */
  readonly committed?: Seqno;
  /** Seqno of the newest snapshot when the snapshotter starts. @default 0, none */
  readonly baseline?: Seqno;
}

/** A signature transaction at which a snapshot is due. */
export interface Point {
  readonly seqno: Seqno;
  readonly forced: boolean;
  readonly receipt: ReceiptForm;
  readonly frozen: boolean;
}

export interface Slot extends GenerationRef {
  readonly id: SlotId;
}

export interface SnapshotterContext extends SnapshotterInput {
  readonly nextGeneration: number;
  readonly committed: Seqno;
  /** Seqno that the interval is counted from. */
  readonly baseline: Seqno;
  /** The receipt form that the next, forced, point will carry. */
  readonly forced: ReceiptForm | undefined;
  /** Points not yet committed, ascending. */
  readonly points: readonly Point[];
  /** Live generations; each in a slot of its own. */
  readonly slots: readonly Slot[];
}

export type Fact = { readonly seqno: Seqno };
export type CommitFact = Fact & { readonly primary: boolean };
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

const later = (a: Seqno, b: Seqno): Seqno => (a > b ? a : b);

/** The newest frozen point that commit has reached. */
function reachedPoint(
  context: SnapshotterContext,
  committed = context.committed,
): Point | undefined {
  return context.points.filter((point) => point.frozen && point.seqno <= committed).at(-1);
}

/** Not committed yet, and after every point known. */
function isNew({ committed, points }: SnapshotterContext, seqno: Seqno): boolean {
  return seqno > committed && seqno > (points.at(-1)?.seqno ?? 0);
}

/** What is counted from: the newest point that the interval gave, else the baseline. */
function reference({ points, baseline }: SnapshotterContext): Seqno {
  return points.filter((point) => !point.forced).at(-1)?.seqno ?? baseline;
}

function freeSlot({ slots, capacity }: SnapshotterContext): SlotId | undefined {
  const ids = Array.from({ length: capacity }, (_, index): SlotId => `slot:${index}`);
  return ids.find((id) => slots.every((slot) => slot.id !== id));
}

/** Outcomes with which the snapshot of that seqno is on disk. */
const published: readonly Outcome[] = ['committed', 'committed-not-durable', 'duplicate'];

function partition(
  points: readonly Point[],
  goes: (point: Point) => boolean,
): [gone: readonly Point[], stay: readonly Point[]] {
  return [points.filter(goes), points.filter((point) => !goes(point))];
}

function newestUnforced(points: readonly Point[]): Seqno {
  return points.filter((point) => !point.forced).at(-1)?.seqno ?? none;
}

function pointEnded(seqno: Seqno, end: PointEnd, reason?: SkipReason): SnapshotterEmitted {
  return { type: 'point.ended', seqno, end, reason };
}

/** How the generation in `slot` ended that broke off by a fault of ours. */
function brokenOff(context: SnapshotterContext, slot: SlotId, error: unknown): GenerationOutput {
  const { generation, seqno } = context.slots.find(({ id }) => id === slot) ?? {
    generation: 0,
    seqno: none,
  };
  return {
    generation,
    seqno,
    outcome: 'poisoned',
    reason: wordsOf(error),
    digest: undefined,
    evidenceSeqno: undefined,
    signatureSeqno: undefined,
    file: undefined,
    step: undefined,
    refusedEvidence: 0,
    leftover: true,
  };
}

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
    addPoint: enqueueActions(({ enqueue, context }, { seqno }: Fact) => {
      const givesWay = context.points.length < pointsMax ? undefined : context.points.at(-1);
      const point = {
        seqno,
        forced: seqno - reference(context) < context.txInterval,
        receipt: context.forced ?? context.receipt,
        frozen: false,
      };
      const stay = context.points.filter((candidate) => candidate !== givesWay);
      enqueue.assign({ forced: undefined, points: [...stay, point] });
      if (givesWay) enqueue.emit(pointEnded(givesWay.seqno, 'coalesced'));
    }),
    markFrozen: assign({
      points: ({ context }, { seqno }: Fact) =>
        context.points.map((point) => (point.seqno === seqno ? { ...point, frozen: true } : point)),
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
    cancelGenerations: enqueueActions(({ enqueue, context }) => {
      for (const slot of context.slots) enqueue.sendTo(slot.id, { type: 'cancel.requested' });
    }),
    /** Points that a newer one, reached by the same commit, stands in for. */
    coalesceOlder: enqueueActions(({ enqueue, context }) => {
      const newest = reachedPoint(context)?.seqno ?? 0;
      const [gone, points] = partition(context.points, ({ seqno }) => seqno < newest);
      enqueue.assign({ points });
      for (const { seqno } of gone) enqueue.emit(pointEnded(seqno, 'coalesced'));
    }),
    skipReached: enqueueActions(({ enqueue, context }, { reason }: { reason: SkipReason }) => {
      const [gone, points] = partition(context.points, ({ seqno }) => seqno <= context.committed);
      enqueue.assign({ points, baseline: later(context.baseline, newestUnforced(gone)) });
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
        slots: [...context.slots, { id, ...ref }],
        points: context.points.filter((candidate) => candidate !== point),
        baseline: point.forced ? context.baseline : later(context.baseline, point.seqno),
      });
      enqueue.emit(pointEnded(point.seqno, 'generated'));
      enqueue.emit({ type: 'generation.started', ...ref });
    }),
    /** Frees the slot of a generation that has ended, and says how it ended. */
    settle: enqueueActions(({ enqueue, context }, { slot, ended, error }: Ended) => {
      const output = ended ?? brokenOff(context, slot, error);
      enqueue.stopChild(slot);
      enqueue.assign({
        slots: context.slots.filter((candidate) => candidate.id !== slot),
        baseline: published.includes(output.outcome)
          ? later(context.baseline, output.seqno)
          : context.baseline,
      });
      enqueue.emit({ type: 'generation.ended', ...output });
    }),
  },
  guards: {
    isDue: ({ context }, { seqno }: Fact) =>
      isNew(context, seqno) &&
      (context.forced !== undefined || seqno - reference(context) >= context.txInterval),
    isNotNew: ({ context }, { seqno }: Fact) => !isNew(context, seqno),
    isCommitted: ({ context }, { seqno }: Fact) => seqno <= context.committed,
    goesBack: ({ context }, { seqno }: Fact) => seqno < context.committed,
    pointReached: ({ context }, { seqno }: Fact) => reachedPoint(context, seqno) !== undefined,
    pointFits: ({ context }, fact: CommitFact) =>
      fact.primary &&
      reachedPoint(context, fact.seqno) !== undefined &&
      freeSlot(context) !== undefined,
    pointWaits: ({ context }, fact: CommitFact) =>
      fact.primary &&
      context.whenFull === 'keep' &&
      reachedPoint(context, fact.seqno) !== undefined,
    pointDropped: ({ context }, fact: CommitFact) =>
      fact.primary && reachedPoint(context, fact.seqno) !== undefined,
    wasLastSlot: ({ context }) => context.slots.length <= 1,
    noneLive: ({ context }) => context.slots.length === 0,
  },
});

export const fact = <E extends Fact>({ event }: { event: E }): E => event;

export const tellGenerations = {
  type: 'tellGenerations',
  params: ({ event }: { event: LedgerEvent }) => ({ event }),
} as const;

export const refuse = {
  type: 'refuse',
  params: ({ event }: { event: Fact & { readonly type: string } }) => ({
    event: event.type,
    seqno: event.seqno,
  }),
} as const;

export const advance = [{ type: 'advance', params: fact }, tellGenerations] as const;

/** A proof of a committed transaction is too late: its generation waits for the next one. */
export const proofRecorded = [
  { guard: { type: 'isCommitted', params: fact }, actions: refuse },
  { actions: tellGenerations },
] as const;

export const settle = {
  type: 'settle',
  params: ({ event }: { event: DoneActorEvent<GenerationOutput, SlotId> }) => ({
    slot: event.actorId,
    ended: event.output,
  }),
} as const;

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
    ...input,
    nextGeneration: 1,
    committed: input.committed ?? none,
    baseline: input.baseline ?? none,
    forced: undefined,
    points: [],
    slots: [],
  };
}
