import type { Clock } from '../core/clock.ts';
import { timerDelayMsMax } from '../core/limits.ts';

/**
 * The machine's own clock. A finite delay beyond Node's longest (24.8 days) is shortened to it, since Node
 * would otherwise fire at once.
 */
export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, delayMs) =>
    delayMs === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(fn, Math.min(delayMs, timerDelayMsMax)),
  // The id is opaque to callers and can only be what setTimeout above returned.
  clearTimeout: (id) => clearTimeout(id as ReturnType<typeof setTimeout> | undefined),
};
