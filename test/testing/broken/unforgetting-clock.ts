import type { ClockDriver } from '../../../src/testing/contracts/clock-contract.ts';
import { TickClock } from '../../tasks/fixtures/tick-clock.ts';

/** Does not forget the timers that are cleared. */
export function openUnforgettingClock(): ClockDriver {
  const clock = new TickClock();
  return {
    clock: {
      now: () => clock.now(),
      setTimeout: (fn, delayMs) => clock.setTimeout(fn, delayMs),
      clearTimeout: () => {},
    },
    pass: (ms) => clock.tick(ms),
  };
}
