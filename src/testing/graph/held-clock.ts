import type { AnyActor, AnyActorRef } from 'xstate';

type System = AnyActor['system'];
type Scheduled = ReturnType<System['getSnapshot']>['_scheduledEvents'][string];

/**
 * A clock in which nothing happens until a timer is named, whatever its delay: a graph knows that a
 * delay passes, not which of several passes first, so that a run must be able to take either.
 *
 * XState tells a clock how long to wait, not what for; what it has just scheduled tells the rest.
 */
export class HeldClock {
  readonly #timers = new Map<Scheduled, () => void>();
  readonly #systemOf: () => System;

  /** @param systemOf the system that runs by this clock; it is made after its clock. */
  constructor(systemOf: () => System) {
    this.#systemOf = systemOf;
  }

  setTimeout(fn: () => void): Scheduled | undefined {
    const scheduled = Object.values(this.#systemOf().getSnapshot()._scheduledEvents);
    const newest = scheduled.find((timer) => !this.#timers.has(timer));
    if (newest) this.#timers.set(newest, fn);
    return newest;
  }

  clearTimeout(timer: Scheduled | undefined): void {
    if (timer) this.#timers.delete(timer);
  }

  /**
   * Lets the delay pass after which `source` gets an event of this type.
   * @throws Error when no such timer runs.
   */
  pass(source: AnyActorRef, type: string): void {
    for (const [timer, fn] of this.#timers) {
      if (timer.source !== source || timer.event.type !== type) continue;
      this.#timers.delete(timer);
      fn();
      return;
    }
    throw new Error(`no timer ${type} runs`);
  }
}
