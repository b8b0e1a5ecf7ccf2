/**
 * Where the library takes time from. It has the shape of XState's `clock` option plus `now()`, so that one
 * object drives the machines and everything else, and a simulated one replaces both.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `delayMs` milliseconds; an infinite delay never fires. */
  setTimeout(fn: () => void, delayMs: number): unknown;
  /** Forgets a timer; what {@link Clock.setTimeout} gave, or a timer that has fired already. */
  clearTimeout(id: unknown): void;
}
