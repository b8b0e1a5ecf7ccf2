/**
 * Where the library takes time from. It has the shape of XState's `clock` option plus `now()`, so that one
 * object drives the machines and everything else, and a simulated one replaces both.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Calls `fn` once after `delayMs` milliseconds; an infinite delay never fires. Timers of one delay fire in the
   * order in which they were set.
   */
  setTimeout(fn: () => void, delayMs: number): unknown;
  /**
   * Forgets a timer; what {@link Clock.setTimeout} gave, or a timer that has fired already. It does not fire any
   * more, also when it was due and waited for the one that clears it.
   */
  clearTimeout(id: unknown): void;
}
