import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { timerDelayMsMax } from '../../src/core/limits.ts';
import { realClock } from '../../src/io/clock.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('realClock.now() is the time in milliseconds since 1970', () => {
  expect(realClock.now()).toBe(1_700_000_000_000);
});

test('realClock.setTimeout() calls once after the delay', () => {
  const fn = vi.fn();
  realClock.setTimeout(fn, 50);
  vi.advanceTimersByTime(49);
  expect(fn).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(100);
  expect(fn).toHaveBeenCalledTimes(1);
});

test('realClock.setTimeout() shortens a delay beyond the longest timer', () => {
  const fn = vi.fn();
  realClock.setTimeout(fn, timerDelayMsMax * 2);
  vi.advanceTimersByTime(timerDelayMsMax - 1);
  expect(fn).toHaveBeenCalledTimes(0);
  vi.advanceTimersByTime(1);
  expect(fn).toHaveBeenCalledTimes(1);
});

test('realClock.setTimeout() sets no timer for an infinite delay', () => {
  const id = realClock.setTimeout(() => {}, Number.POSITIVE_INFINITY);
  expect(vi.getTimerCount()).toBe(0);
  realClock.clearTimeout(id);
});

test('realClock.clearTimeout() forgets a timer', () => {
  const id = realClock.setTimeout(() => {}, 10);
  realClock.clearTimeout(id);
  expect(vi.getTimerCount()).toBe(0);
});
