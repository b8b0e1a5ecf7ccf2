import type { ClockDriver } from '../../../src/testing/contracts/clock-contract.ts';
import { TickClock } from '../../tasks/fixtures/tick-clock.ts';

/** Keeps timers on a stack: of those of one delay the last one fires first. */
export function openReversingClock(): ClockDriver {
  const clock = new TickClock();
  let fraction = 0;
  return {
    clock: {
      now: () => Math.round(clock.now()),
      setTimeout: (fn, delayMs) => {
        fraction += 1e-6;
        return clock.setTimeout(fn, delayMs - fraction);
      },
      clearTimeout: (timer) => clock.clearTimeout(timer),
    },
    pass: (ms) => clock.tick(ms),
  };
}
