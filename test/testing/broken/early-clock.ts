import type { ClockDriver } from '../../../src/testing/contracts/clock-contract.ts';
import { TickClock } from '../../tasks/fixtures/tick-clock.ts';

/** Fires its timers a tenth too early. */
export function openEarlyClock(): ClockDriver {
  const clock = new TickClock();
  return {
    clock: {
      now: () => clock.now(),
      setTimeout: (fn, delayMs) => clock.setTimeout(fn, delayMs * 0.9),
      clearTimeout: (timer) => clock.clearTimeout(timer),
    },
    // Millisecond by millisecond, so that a timer that is due fires when it is.
    pass: (ms) => {
      for (let passed = 0; passed < ms; passed++) clock.tick(1);
    },
  };
}
