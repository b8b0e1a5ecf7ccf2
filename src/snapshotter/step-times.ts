import type { GenerationRef } from '../../machines/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { Metrics } from '../core/host-ports.ts';
import type { SlowIo } from './slow-io.ts';

/** What a generation's time goes into, besides the wait for its evidence. */
export type TimedStep =
  | 'serialise'
  | 'submit-evidence'
  | 'verify-signature'
  | 'prove-evidence'
  | 'build-receipt'
  | 'open'
  | 'append'
  | 'fsync'
  | 'close'
  | 'publish'
  | 'fsync-directory'
  | 'discard';

/** Those that do nothing but wait for the file system. */
const fileSteps: ReadonlySet<TimedStep> = new Set([
  ...(['open', 'append', 'fsync', 'close', 'publish', 'fsync-directory', 'discard'] as const),
]);

/**
 * Measures how long the steps of generations take, failed ones too, and how long a serialised one waits until its
 * receipt can be built: `await_evidence`.
 */
export class StepTimes {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #slowIo: SlowIo;
  /** When the generations that wait were serialised. */
  readonly #serialisedMs = new Map<number, number>();

  constructor(clock: Clock, metrics: Metrics, slowIo: SlowIo) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#slowIo = slowIo;
  }

  async time<T>(step: TimedStep, ref: GenerationRef, run: () => Promise<T>): Promise<T> {
    const beganMs = this.#clock.now();
    if (step === 'build-receipt') this.#waited(ref, beganMs);
    try {
      return await run();
    } finally {
      const endedMs = this.#clock.now();
      const phase = step.replaceAll('-', '_');
      this.#observe(phase, endedMs - beganMs);
      if (fileSteps.has(step)) this.#slowIo.check(phase, endedMs - beganMs, nameOf(ref));
      if (step === 'serialise') this.#serialisedMs.set(ref.generation, endedMs);
    }
  }

  /** Forgets a generation that has ended. */
  forget({ generation }: GenerationRef): void {
    this.#serialisedMs.delete(generation);
  }

  #waited({ generation }: GenerationRef, nowMs: number): void {
    const sinceMs = this.#serialisedMs.get(generation);
    if (sinceMs === undefined) return;
    this.#serialisedMs.delete(generation);
    this.#observe('await_evidence', nowMs - sinceMs);
  }

  #observe(phase: string, elapsedMs: number): void {
    // A clock that was set back meanwhile has nothing to tell.
    const seconds = Math.max(elapsedMs, 0) / 1000;
    this.#metrics.observe('snapshot_phase_duration_seconds', seconds, { phase });
  }
}

/** A generation's name, without what else its step was given. */
const nameOf = ({ generation, seqno }: GenerationRef): GenerationRef => ({ generation, seqno });
