import type { SnapshotterEmitted } from '../../machines/events.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import type { SnapshotterContext, SnapshotterInput } from '../../machines/snapshotter-setup.ts';
import type { Outcome, ReceiptForm } from '../../src/core/words.ts';
import { LiveRun } from '../../src/testing/graph/runner.ts';
import { StubbedMachine } from '../../src/testing/graph/stub.ts';
import { committed, fact } from './alphabets.ts';
import { signing, slotEnded, status } from './snapshotter-subject.ts';

const stubbed = new StubbedMachine(snapshotterMachine);

/** A snapshotter with an interval of ten transactions, driven as a ledger would. */
export class Scheduler {
  readonly run: LiveRun;

  constructor(input: Partial<SnapshotterInput> = {}) {
    const defaults = { capacity: 5, whenFull: 'keep', txInterval: 10, receipt: 'cose' } as const;
    const bounds = { attemptsMax: 3, evidenceTimeoutMs: 60_000 };
    const subject = {
      machine: snapshotterMachine,
      input: { ...defaults, ...bounds, ...input },
      samples: {},
    };
    this.run = new LiveRun({ subject, stubbed });
  }

  /** A signature at `value`: is it a point? Its state is frozen. */
  sign(value: number, nowMs = 0): boolean {
    this.run.take(signing(value, nowMs));
    const isPoint = this.context.points.at(-1)?.seqno === value;
    if (isPoint) this.run.take(fact('freeze.taken', value));
    return isPoint;
  }

  commit(value: number, primary = true): void {
    this.run.take(committed(value, primary));
  }

  force(receipt?: ReceiptForm): void {
    this.run.take({ type: 'snapshot.forced', receipt });
  }

  enable(): void {
    this.run.take({ type: 'snapshots.enabled' });
  }

  disable(): void {
    this.run.take({ type: 'snapshots.disabled' });
  }

  rollback(value: number): void {
    this.run.take(fact('rollback.occurred', value));
  }

  status(value: number, timestampMs = 0): void {
    this.run.take(status(value, timestampMs));
  }

  /** The generation of `value` ends. */
  end(value: number, outcome: Outcome = 'committed'): void {
    const slot = this.context.slots.find((candidate) => candidate.seqno === value);
    if (slot === undefined) throw new Error(`no generation of ${value} lives`);
    this.run.take(slotEnded(slot.id, value, outcome));
  }

  get context(): SnapshotterContext {
    return this.run.state.context;
  }

  /** Seqnos of the generations that have started. */
  get started(): readonly number[] {
    return this.#emitted('generation.started').map((event) => event.seqno);
  }

  /** How points have ended. */
  get points(): readonly string[] {
    return this.#emitted('point.ended').map((event) =>
      [event.seqno, event.end, event.reason].filter((word) => word !== undefined).join(' '),
    );
  }

  get refused(): readonly string[] {
    return this.#emitted('event.refused').map((event) => `${event.event} ${event.seqno}`);
  }

  #emitted<Type extends SnapshotterEmitted['type']>(type: Type) {
    return this.run.emitted.filter(
      (event): event is Extract<SnapshotterEmitted, { type: Type }> => event.type === type,
    );
  }
}
