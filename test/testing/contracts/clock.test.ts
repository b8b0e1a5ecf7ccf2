import { setTimeout as sleep } from 'node:timers/promises';
import { describe } from 'vitest';
import { SimulatedClock } from 'xstate';
import type { Clock } from '../../../src/core/clock.ts';
import { realClock } from '../../../src/io/clock.ts';
import { registerClockContract } from '../../../src/testing/contracts/clock-contract.ts';
import { TickClock } from '../../tasks/fixtures/tick-clock.ts';
import { exemptFrom } from './exempt.ts';

const simulated = { wall: 'it tells no time of day' };

describe('realClock', () => {
  registerClockContract(exemptFrom('C1', 'C3'), {
    open: () => ({ clock: realClock, pass: (ms) => sleep(ms) }),
    lacks: { exact: 'it runs by itself' },
  });
});

describe("XState's SimulatedClock", () => {
  registerClockContract(exemptFrom('C2'), {
    open: () => {
      const clock = new SimulatedClock();
      // XState's own ids are numbers, and what Clock gives back is what it gave.
      return { clock: clock as SimulatedClock & Clock, pass: (ms) => clock.increment(ms) };
    },
    lacks: simulated,
  });
});

describe('TickClock', () => {
  registerClockContract(exemptFrom('C2'), {
    open: () => {
      const clock = new TickClock();
      return { clock, pass: (ms) => clock.tick(ms) };
    },
    lacks: simulated,
  });
});
