import type { ClockDriver } from '../../../src/testing/contracts/clock-contract.ts';
import { TickClock } from '../../tasks/fixtures/tick-clock.ts';

/** Takes all timers that are due out at once, and fires them: to clear one of them then comes too late. */
export function openBatchingClock(): ClockDriver {
  const clock = new TickClock();
  let due: (() => void)[] = [];
  return {
    clock: {
      now: () => clock.now(),
      setTimeout: (fn, delayMs) => clock.setTimeout(() => due.push(fn), delayMs),
      clearTimeout: (timer) => clock.clearTimeout(timer),
    },
    pass: (ms) => {
      // Millisecond by millisecond, so that a timer that is due fires when it is.
      for (let passed = 0; passed < ms; passed++) {
        clock.tick(1);
        const batch = due;
        due = [];
        for (const fire of batch) fire();
      }
    },
  };
}
