import type { Clock } from '../../../src/core/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

/** What every wall clock shows at its start: some time in 2023. */
export const wallStartMs = 1_700_000_000_000;

/** Time that passes when a test says so; its wall clock can jump without any time passing. */
export class SimulatedClock implements Clock {
  #elapsedMs = 0;
  #wallMs = wallStartMs;
  readonly #timers = new Map<number, Timer>();
  #nextId = 1;

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#wallMs;
  }

  setTimeout(fire: () => void, delayMs: number): number {
    const id = this.#nextId++;
    this.#timers.set(id, { dueMs: this.#elapsedMs + delayMs, fire });
    return id;
  }

  clearTimeout(id: unknown): void {
    if (typeof id === 'number') this.#timers.delete(id);
  }

  /** Time passes; what is due fires. */
  pass(ms: number): void {
    this.#elapsedMs += ms;
    this.#wallMs += ms;
    for (const [id, { dueMs, fire }] of [...this.#timers]) {
      if (dueMs > this.#elapsedMs || !this.#timers.delete(id)) continue;
      fire();
    }
  }

  /** The wall clock is set. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }
}
