import type { Clock } from '../../core/clock.ts';
import { timerDelayMsMax } from '../../core/limits.ts';
import { realClock } from '../../io/clock.ts';
import { check, checkSame } from './expectations.ts';
import {
  type Closable,
  type Contract,
  type ContractCase,
  type ContractOptions,
  registerContract,
  type TestFramework,
} from './framework.ts';

/** A clock under test, and how its time passes. */
export interface ClockDriver extends Closable {
  readonly clock: Clock;
  /** Lets at least `ms` milliseconds pass, and everything happen that is due by then. */
  pass(ms: number): Promise<void> | void;
}

/**
 * `exact`: time passes by {@link ClockDriver.pass} alone, to the millisecond. `wall`: the clock tells the
 * machine's time of day. A clock has one of the two.
 */
export type ClockCapability = 'exact' | 'wall';

/** The rules of a {@link Clock}. */
export const clockRules = {
  C1: 'now() is a finite number of milliseconds that goes on as time passes',
  C2: "a machine's clock tells the time since the Unix epoch",
  C3: 'a timer fires once, after its delay and not before',
  C4: 'a timer never fires inside the call that sets it, also without delay',
  C5: 'timers are independent of each other; the earlier one fires first, of one delay the one that was set first',
  C6: 'an infinite delay never fires',
  C7: 'a delay beyond the longest timer does not fire at once',
  C8: 'a cleared timer never fires, and no other one is cleared with it',
  C9: 'to clear a timer that has fired, or was cleared, or never fires, does nothing',
  C10: 'a timer may set and clear others when it fires, also those that are due with it',
} as const;

type ClockCase = ContractCase<ClockDriver, ClockCapability, keyof typeof clockRules>;

/** Short enough for a real clock, long enough to be told from no delay. */
const shortMs = 20;
const longMs = 60;

/** Node's timers may fire up to a millisecond early by the time of day. */
const earlyMsMax = 2;

const cases: readonly ClockCase[] = [
  {
    rule: 'C1',
    title: 'now() advances by as much as has passed, in milliseconds',
    async run({ clock, pass }) {
      const before = clock.now();
      check(Number.isFinite(before) && before >= 0, `now() is ${before}`);
      await pass(longMs);
      const passed = clock.now() - before;
      // The bound above is for a busy machine; microseconds would be beyond it.
      check(passed >= longMs - earlyMsMax && passed < longMs * 500, `${passed} ms have passed`);
    },
  },
  {
    rule: 'C1',
    title: 'now() is the same to the millisecond while no time passes',
    needs: ['exact'],
    async run({ clock, pass }) {
      const before = clock.now();
      checkSame(clock.now(), before, 'now() at once');
      await pass(7);
      checkSame(clock.now() - before, 7, 'what has passed');
    },
  },
  {
    rule: 'C1',
    title: 'now() does not go back while time passes',
    async run({ clock, pass }) {
      let before = clock.now();
      for (let count = 0; count < 10; count++) {
        await pass(2);
        const now = clock.now();
        check(now >= before - earlyMsMax, `now() went back from ${before} to ${now}`);
        before = now;
      }
    },
  },
  {
    rule: 'C2',
    title: "now() is the machine's time",
    needs: ['wall'],
    run({ clock }) {
      const difference = Math.abs(clock.now() - realClock.now());
      check(difference < 60_000, `now() differs by ${difference} ms`);
    },
  },
  {
    rule: 'C3',
    title: 'a timer fires once',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      fired.after('once', shortMs);
      await pass(longMs);
      await pass(longMs);
      checkSame(fired.names, ['once'], 'what has fired');
    },
  },
  {
    rule: 'C3',
    title: 'a timer does not fire before its delay has passed',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      for (const delayMs of [longMs, shortMs, 1]) fired.after(`${delayMs}`, delayMs);
      await pass(longMs + shortMs);
      checkSame(fired.names.length, 3, 'the number of timers that fired');
      for (const { name, afterMs } of fired.firings) {
        const early = `the timer of ${name} ms fired after ${afterMs} ms`;
        check(afterMs >= Number(name) - earlyMsMax, early);
      }
    },
  },
  {
    rule: 'C3',
    title: 'a timer fires in its millisecond and not in the one before',
    needs: ['exact'],
    async run({ clock, pass }) {
      for (const delayMs of [1, 2, 10, 1000]) {
        const fired = recorder(clock);
        fired.after('due', delayMs);
        if (delayMs > 1) await pass(delayMs - 1);
        checkSame(fired.names, [], `what has fired 1 ms before ${delayMs} ms have passed`);
        await pass(1);
        checkSame(fired.names, ['due'], `what has fired after ${delayMs} ms`);
      }
    },
  },
  ...[0, 1].map(
    (delayMs): ClockCase => ({
      rule: 'C4',
      title: `a timer of ${delayMs} ms fires after the call that sets it, not within`,
      async run({ clock, pass }) {
        const fired = recorder(clock);
        fired.after('late', delayMs);
        checkSame(fired.names, [], 'what has fired within the call');
        await pass(shortMs);
        checkSame(fired.names, ['late'], 'what has fired later');
      },
    }),
  ),
  {
    rule: 'C5',
    title: 'timers fire in the order of their time, whatever the order they were set in',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      fired.after('last', longMs * 2);
      fired.after('first', shortMs);
      fired.after('second', longMs);
      await pass(longMs * 3);
      checkSame(fired.names, ['first', 'second', 'last'], 'the order of firing');
    },
  },
  {
    rule: 'C5',
    title: 'two timers of one delay both fire',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      const ids = [fired.after('one', shortMs), fired.after('other', shortMs)];
      check(ids[0] !== ids[1], `both timers have the id ${String(ids[0])}`);
      await pass(longMs);
      checkSame(fired.names.toSorted(), ['one', 'other'], 'what has fired');
    },
  },
  {
    rule: 'C5',
    title: 'timers of one delay fire in the order in which they were set',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      const names = Array.from({ length: 8 }, (_, index) => `number ${index}`);
      for (const name of names) fired.after(name, shortMs);
      await pass(longMs);
      checkSame(fired.names, names, 'the order of firing');
    },
  },
  {
    rule: 'C5',
    title: 'a timer that is set later counts from then',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      fired.after('early', longMs);
      await pass(shortMs);
      fired.after('late', longMs);
      await pass(longMs * 2);
      checkSame(fired.names, ['early', 'late'], 'the order of firing');
      const late = fired.firings.find(({ name }) => name === 'late');
      check((late?.afterMs ?? 0) >= longMs - earlyMsMax, `it fired after ${late?.afterMs} ms`);
    },
  },
  {
    rule: 'C6',
    title: 'an infinite delay sets no timer that fires',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      const id = fired.after('never', Number.POSITIVE_INFINITY);
      fired.after('soon', shortMs);
      await pass(longMs);
      checkSame(fired.names, ['soon'], 'what has fired');
      clock.clearTimeout(id);
    },
  },
  ...[timerDelayMsMax, timerDelayMsMax + 1, timerDelayMsMax * 3].map(
    (delayMs): ClockCase => ({
      rule: 'C7',
      title: `a delay of ${delayMs} ms does not fire at once`,
      async run({ clock, pass }) {
        const fired = recorder(clock);
        const id = fired.after('far', delayMs);
        await pass(longMs);
        clock.clearTimeout(id);
        checkSame(fired.names, [], 'what has fired');
      },
    }),
  ),
  {
    rule: 'C8',
    title: 'a timer that is cleared before its time never fires',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      clock.clearTimeout(fired.after('cleared', shortMs));
      await pass(longMs);
      checkSame(fired.names, [], 'what has fired');
    },
  },
  ...[0, 1, 2].map(
    (cleared): ClockCase => ({
      rule: 'C8',
      title: `of three timers of one delay the one that is cleared, number ${cleared + 1}, does not fire`,
      async run({ clock, pass }) {
        const fired = recorder(clock);
        const names = ['one', 'two', 'three'];
        const ids = names.map((name) => fired.after(name, shortMs));
        clock.clearTimeout(ids[cleared]);
        await pass(longMs);
        const left = names.filter((_, index) => index !== cleared);
        checkSame(fired.names.toSorted(), left.toSorted(), 'what has fired');
      },
    }),
  ),
  {
    rule: 'C9',
    title: 'clearing what has fired, twice what is cleared, and what never fires does nothing',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      const done = fired.after('done', shortMs);
      const never = fired.after('never', Number.POSITIVE_INFINITY);
      await pass(longMs);
      const later = fired.after('later', shortMs);
      const gone = fired.after('gone', shortMs);
      for (const id of [done, done, never, never, gone, gone]) clock.clearTimeout(id);
      check(later !== done, 'the id of a timer that has fired came again');
      await pass(longMs);
      checkSame(fired.names, ['done', 'later'], 'what has fired');
    },
  },
  {
    rule: 'C10',
    title: 'a timer that sets another one starts its delay then',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      clock.setTimeout(() => fired.after('second', longMs), shortMs);
      await pass(shortMs);
      await pass(longMs * 2);
      checkSame(fired.names, ['second'], 'what has fired');
      check(
        (fired.firings[0]?.afterMs ?? 0) >= longMs - earlyMsMax,
        'the second came before its time',
      );
    },
  },
  {
    rule: 'C10',
    title: 'a timer that clears a later one keeps it from firing',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      const later = fired.after('later', longMs);
      clock.setTimeout(() => clock.clearTimeout(later), shortMs);
      await pass(longMs * 2);
      checkSame(fired.names, [], 'what has fired');
    },
  },
  {
    rule: 'C10',
    title: 'a timer that clears one that is due with it keeps it from firing',
    async run({ clock, pass }) {
      const fired = recorder(clock);
      let cleared: unknown;
      clock.setTimeout(() => clock.clearTimeout(cleared), shortMs);
      cleared = fired.after('cleared', shortMs);
      fired.after('other', shortMs);
      await pass(longMs);
      checkSame(fired.names, ['other'], 'what has fired');
    },
  },
];

/** The contract as data, for a runner of one's own. */
export const clockContract: Contract<ClockDriver, ClockCapability, keyof typeof clockRules> = {
  name: 'clock',
  rules: clockRules,
  cases,
};

/**
 * Registers the tests of a clock, rule by rule as {@link clockRules} has them.
 *
 * A clock that runs by itself lacks `exact`; a simulated one lacks `wall`.
 */
export function registerClockContract(
  framework: TestFramework,
  options: ContractOptions<ClockDriver, ClockCapability>,
): void {
  registerContract(framework, clockContract, options);
}

interface Firing {
  readonly name: string;
  readonly afterMs: number;
}

/** Sets timers and notes which fired, and when by the clock itself. */
function recorder(clock: Clock) {
  const firings: Firing[] = [];
  return {
    firings,
    get names() {
      return firings.map(({ name }) => name);
    },
    after(name: string, delayMs: number): unknown {
      const setAt = clock.now();
      return clock.setTimeout(() => firings.push({ name, afterMs: clock.now() - setAt }), delayMs);
    },
  };
}
