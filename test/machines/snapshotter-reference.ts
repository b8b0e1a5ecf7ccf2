import type { AnyEventObject } from 'xstate';
import type { SnapshotterContext } from '../../machines/snapshotter-setup.ts';
import type { Seqno } from '../../src/core/words.ts';

type Mode = 'enabled' | 'disabled' | 'closing' | 'closed';
type Known = Pick<
  SnapshotterContext,
  'points' | 'slots' | 'committed' | 'baseline' | 'baselineMs' | 'forced'
>;

/** How a snapshotter is after an event, and what it has said and sent. */
export interface Told {
  readonly mode: Mode;
  readonly known: Known;
  /** What it emits, in order. */
  readonly said: readonly string[];
  /** What it does with its generations, in order. */
  readonly sent: readonly string[];
}

/** What a snapshotter does with one event, told without a chart, as the specification tells it: a rule after another. */
export function toldAfter(mode: Mode, context: SnapshotterContext, event: AnyEventObject): Told {
  const teller = new Teller(mode, context);
  teller.take(event);
  return teller;
}

const published = ['committed', 'committed-not-durable', 'duplicate'];

class Teller implements Told {
  readonly said: string[] = [];
  readonly sent: string[] = [];
  mode: Mode;
  #context: SnapshotterContext;

  constructor(mode: Mode, context: SnapshotterContext) {
    this.mode = mode;
    this.#context = context;
  }

  get known(): Known {
    const { points, slots, committed, baseline, baselineMs, forced } = this.#context;
    return { points, slots, committed, baseline, baselineMs, forced };
  }

  take(event: AnyEventObject): void {
    const rules: Readonly<Record<string, () => void>> = {
      'snapshot.forced': () => this.#set({ forced: event['receipt'] ?? this.#context.receipt }),
      'committable.recorded': () => this.#sign(event['seqno'], event['nowMs']),
      'status.recorded': () => this.#adopt(event['seqno'], event['timestampMs']),
      'freeze.taken': () => this.#freeze(event['seqno']),
      'freeze.failed': () =>
        this.#end((seqno) => seqno === event['seqno'], 'skipped freeze-failed'),
      'evidence.recorded': () =>
        this.#proof(
          event,
          this.#context.slots.some(({ seqno }) => seqno === event['snapshotSeqno']),
        ),
      'signature.recorded': () => this.#proof(event, true),
      'tree.recorded': () => this.#proof(event, true),
      'commit.advanced': () => (this.#goesBack(event) ? this.#refuse(event) : this.#commit(event)),
      'rollback.occurred': () =>
        this.#goesBack(event) ? this.#refuse(event) : this.#rollback(event),
      'generation.cancelled': () =>
        this.#cancel(({ generation }) => generation === event['generation']),
      'snapshots.enabled': () => this.#become('enabled'),
      'snapshots.disabled': () => this.#become('disabled'),
      'shutdown.requested': () => this.#shutDown(),
    };
    if (event['actorId'] !== undefined) this.#settle(event);
    else if (this.#isOpen()) rules[event.type]?.();
    if (this.mode === 'enabled') this.#start();
  }

  #isOpen(): boolean {
    return this.mode === 'enabled' || this.mode === 'disabled';
  }

  #become(mode: Mode): void {
    this.mode = mode;
  }

  #set(changed: Partial<SnapshotterContext>): void {
    this.#context = { ...this.#context, ...changed };
  }

  #refuse({ type, seqno }: AnyEventObject & { seqno?: number }): void {
    this.said.push(`refused ${type} ${seqno}`);
  }

  #tell(type: string): void {
    for (const { id } of this.#context.slots) this.sent.push(`${id} ${type}`);
  }

  /** Points that are not wanted any more; an interval's own are counted from when they are given up for good. */
  #end(goes: (seqno: number, forced: boolean) => boolean, how: string, isForGood = false): void {
    const { points } = this.#context;
    const gone = points.filter(({ seqno, forced }) => goes(seqno, forced));
    this.#set({ points: points.filter((point) => !gone.includes(point)) });
    for (const { seqno, forced, recordedMs } of gone) {
      this.said.push(`${seqno} ${how}`);
      if (isForGood && !forced) this.#count(seqno, recordedMs);
    }
  }

  #count(seqno: Seqno, baselineMs: number): void {
    if (seqno > this.#context.baseline) this.#set({ baseline: seqno, baselineMs });
  }

  #sign(seqno: Seqno, nowMs: number): void {
    const { points, committed, forced, receipt, baselineMs } = this.#context;
    if (Math.max(committed, ...points.map((point) => point.seqno)) >= seqno) {
      this.#refuse({ type: 'committable.recorded', seqno });
      return;
    }
    const isDue = this.#isDue(seqno, nowMs);
    if (isDue || forced !== undefined) {
      const point = {
        ...{ seqno, forced: !isDue, receipt: forced ?? receipt },
        ...{ frozen: false, recordedMs: nowMs },
      };
      if (points.length >= 8) this.#end((other) => other === points.at(-1)?.seqno, 'coalesced');
      this.#set({ points: [...this.#context.points, point], forced: undefined });
    }
    this.#set({ baselineMs: Math.min(baselineMs, nowMs) });
  }

  #isDue(seqno: number, nowMs: number): boolean {
    const { points, baseline, baselineMs, txInterval, timeIntervalMs, minTxInterval } =
      this.#context;
    const last = points.findLast(({ forced, seqno: at }) => !forced && at > baseline);
    const transactions = seqno - (last?.seqno ?? baseline);
    const elapsedMs = nowMs - (last?.recordedMs ?? baselineMs);
    if (transactions >= txInterval) return true;
    return timeIntervalMs !== 0 && elapsedMs >= timeIntervalMs && transactions >= minTxInterval + 1;
  }

  #adopt(seqno: Seqno, timestampMs: number): void {
    if (seqno <= this.#context.baseline) return;
    this.#set({ baseline: seqno, baselineMs: timestampMs });
    this.#end((at, forced) => !forced && at <= seqno, 'coalesced');
  }

  #freeze(seqno: number): void {
    const { points } = this.#context;
    this.#set({
      points: points.map((point) => ({ ...point, frozen: point.frozen || point.seqno === seqno })),
    });
  }

  #proof(event: AnyEventObject, isOurs: boolean): void {
    if (isOurs && event['seqno'] > this.#context.committed) this.#tell(event.type);
    else this.#refuse(event);
  }

  #goesBack({ seqno }: AnyEventObject & { seqno?: number }): boolean {
    const { committed, baseline } = this.#context;
    return (seqno ?? 0) < Math.max(committed, baseline);
  }

  #commit(event: AnyEventObject): void {
    this.#set({ committed: event['seqno'] });
    this.#tell(event.type);
    const isReached = (seqno: number) => seqno <= event['seqno'];
    if (!this.#context.points.some(({ seqno }) => isReached(seqno))) return;
    const lost = this.#lossOf(event);
    if (lost === undefined || lost === 'limit') {
      const newest = this.#reached()?.seqno ?? 0;
      this.#end((seqno) => seqno < newest, 'coalesced');
    }
    if (lost) this.#end(isReached, `skipped ${lost}`, true);
  }

  /** Why a point that commit has reached is not taken; none when it is, or waits for a slot. */
  #lossOf({ primary }: AnyEventObject & { primary?: boolean }): string | undefined {
    if (this.mode === 'disabled') return 'disabled';
    if (!primary) return 'not-primary';
    const isFull = this.#freeSlot() === undefined;
    return isFull && this.#context.whenFull === 'drop' ? 'limit' : undefined;
  }

  #reached() {
    const { points, committed } = this.#context;
    return points.findLast(({ seqno, frozen }) => frozen && seqno <= committed);
  }

  #freeSlot() {
    const taken = this.#context.slots.map(({ id }) => id);
    const ids = [...Array(this.#context.capacity).keys()].map((index) => `slot:${index}` as const);
    return ids.find((id) => !taken.includes(id));
  }

  #rollback(event: AnyEventObject): void {
    this.#tell(event.type);
    this.#set({ forced: undefined });
    this.#end((seqno) => seqno > event['seqno'], 'rolled-back');
  }

  #cancel(is: (slot: SnapshotterContext['slots'][number]) => boolean): void {
    for (const { id } of this.#context.slots.filter(is)) this.sent.push(`${id} cancel.requested`);
  }

  #shutDown(): void {
    this.#cancel(() => true);
    this.#end(() => true, 'cancelled');
    this.#become(this.#context.slots.length > 0 ? 'closing' : 'closed');
  }

  #settle({ actorId, output }: AnyEventObject): void {
    const slot = this.#context.slots.find(({ id }) => id === actorId);
    this.#set({ slots: this.#context.slots.filter((other) => other !== slot) });
    const outcome = output?.outcome ?? 'poisoned';
    this.said.push(`ended ${output?.seqno ?? slot?.seqno} ${outcome}`);
    if (slot && published.includes(outcome)) this.#count(output.seqno, slot.recordedMs);
    if (this.mode === 'closing' && this.#context.slots.length === 0) this.#become('closed');
  }

  /** A point that commit has reached starts as soon as a slot is free, the newest first. */
  #start(): void {
    const { nextGeneration, slots, points } = this.#context;
    const point = this.#reached();
    const id = this.#freeSlot();
    if (point === undefined || id === undefined) return;
    const { seqno, recordedMs, receipt, forced } = point;
    this.sent.push(`${id} started ${nextGeneration} ${seqno} ${receipt}`);
    this.said.push(`${seqno} generated`, `started ${nextGeneration} ${seqno}`);
    this.#set({
      nextGeneration: nextGeneration + 1,
      slots: [...slots, { id, generation: nextGeneration, seqno, recordedMs }],
      points: points.filter((other) => other !== point),
    });
    if (!forced) this.#count(seqno, recordedMs);
    this.#start();
  }
}
