import type { AnyActorRef, StateValue } from 'xstate';
import type { GenerationOutput } from '../../machines/events.ts';
import type { GenerationRef } from '../../machines/ports.ts';
import type { Metrics } from '../core/host-ports.ts';
import type { Phase } from '../core/words.ts';

/** `releasing`: it ends without a file, and gives back what it holds. */
export type LivePhase = Phase | 'releasing';

const phases = ['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed'] as const;

/** The public name of a live generation's state; one whose actor is gone is about to say how it ended. */
export function phaseOf(value: StateValue | undefined): LivePhase {
  const name = typeof value === 'object' ? Object.keys(value)[0] : value;
  return phases.find((phase) => phase === name) ?? 'releasing';
}

/** Counts how generations go from phase to phase, and from the last one to their outcomes. */
export class PhaseTransitions {
  readonly #metrics: Metrics;
  /** Of the generations that live, what was counted last. */
  readonly #phases = new Map<number, string>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Follows a generation that has begun; `undefined` is one that has ended since. */
  follow({ generation }: GenerationRef, actor: AnyActorRef | undefined): void {
    this.#phases.set(generation, 'scheduled');
    if (actor === undefined) return;
    const count = () => this.#move(generation, phaseOf(actor.getSnapshot().value));
    count();
    actor.subscribe({
      next: ({ status }: { readonly status: string }) => {
        // How it ended its output says; and a sink must not be called inside a step.
        if (status === 'active') this.#later(generation, phaseOf(actor.getSnapshot().value));
      },
      // One that broke off is told of as poisoned.
      error: () => {},
    });
  }

  ended({ generation, outcome }: GenerationOutput): void {
    this.#move(generation, outcome);
    this.#phases.delete(generation);
  }

  #later(generation: number, phase: LivePhase): void {
    queueMicrotask(() => this.#move(generation, phase));
  }

  #move(generation: number, to: string): void {
    const from = this.#phases.get(generation);
    if (from === undefined || from === to) return;
    this.#phases.set(generation, to);
    this.#metrics.increment('snapshot_transitions_total', { from, to });
  }
}
