import { describe, expect, test } from 'vitest';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { seqno } from '../../src/core/words.ts';
import { Scheduler } from './scheduler.ts';
import { snapshotterRules } from './snapshotter-rules.ts';

// When a signature is a snapshot point, rule by rule, by the numbers of the pipeline's specification.

describe('by count', () => {
  test('SCH-14 a signature is a point once the interval is reached, itself included', () => {
    const scheduler = new Scheduler();
    expect([9, 10].map((value) => scheduler.sign(value))).toEqual([false, true]);
  });

  test('SCH-13 the interval is counted from the latest point that an interval gave', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.force();
    expect([15, 19, 20].map((value) => scheduler.sign(value))).toEqual([true, false, true]);
  });

  test('SCH-11 EDGE-6 a signature that goes back is refused', () => {
    const scheduler = new Scheduler();
    scheduler.sign(20);
    expect([20, 12, 0].map((value) => scheduler.sign(value))).toEqual([true, false, false]);
    expect(scheduler.refused).toEqual([
      'committable.recorded 20',
      'committable.recorded 12',
      'committable.recorded 0',
    ]);
    expect(scheduler.context.points.map((point) => point.seqno)).toEqual([20]);
  });

  test('SCH-60 SCH-61 SCH-62 a snapshotter begins to count from the snapshot that it is told of', () => {
    const scheduler = new Scheduler({ committed: seqno(30), baseline: seqno(25), baselineMs: 7 });
    expect([34, 35].map((value) => scheduler.sign(value))).toEqual([false, true]);
  });
});

describe('by time', () => {
  const bySeconds = { txInterval: 1_000, timeIntervalMs: 1_000, minTxInterval: 2 };

  test('SCH-15 a second after the baseline, more than two transactions make a point', () => {
    const scheduler = new Scheduler(bySeconds);
    expect(scheduler.sign(2, 1_000)).toBe(false);
    expect(scheduler.sign(3, 1_000)).toBe(true);
  });

  test('SCH-15 a millisecond less than the interval is too little', () => {
    const scheduler = new Scheduler({ ...bySeconds, baselineMs: 500 });
    expect([1_499, 1_500].map((nowMs) => scheduler.sign(9, nowMs))).toEqual([false, true]);
  });

  test('SCH-15 an interval of 0 is none', () => {
    const scheduler = new Scheduler({ ...bySeconds, timeIntervalMs: 0 });
    expect(scheduler.sign(999, Number.MAX_SAFE_INTEGER)).toBe(false);
  });

  test('SCH-15 a point that waits for commit is counted from, with its time (differs)', () => {
    const scheduler = new Scheduler(bySeconds);
    scheduler.sign(3, 1_000);
    expect(scheduler.sign(6, 1_999)).toBe(false);
    expect(scheduler.sign(6, 2_000)).toBe(true);
  });

  test('SCH-15 SCH-63 time is counted from when the baseline was recorded, not committed', () => {
    const scheduler = new Scheduler(bySeconds);
    scheduler.sign(3, 1_000);
    scheduler.commit(3);
    scheduler.end(3);
    expect(scheduler.context).toMatchObject({ baseline: 3, baselineMs: 1_000 });
  });

  test('SCH-16 a point by time is unforced: the next count begins with it', () => {
    const scheduler = new Scheduler({ ...bySeconds, txInterval: 10 });
    scheduler.force();
    scheduler.sign(5, 1_000);
    expect(scheduler.context.points).toMatchObject([{ seqno: 5, forced: false }]);
    expect([14, 15].map((value) => scheduler.sign(value, 1_000))).toEqual([false, true]);
  });

  test('SCH-20 without a signature there is no point, however late', () => {
    const scheduler = new Scheduler(bySeconds);
    scheduler.commit(900);
    scheduler.status(800, 5);
    expect([scheduler.points, scheduler.started]).toEqual([[], []]);
  });

  test('EDGE-16 a clock that is set back neither fires at once nor blocks for ever', () => {
    const scheduler = new Scheduler({ ...bySeconds, baselineMs: 1_000_000 });
    expect([10, 1_009, 1_010].map((nowMs, index) => scheduler.sign(9 + index, nowMs))).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('EDGE-16 a snapshot under way from before the clock was set back does not block', () => {
    const scheduler = new Scheduler({ ...bySeconds, baselineMs: 0 });
    scheduler.sign(3, 1_000_000);
    scheduler.commit(3);
    scheduler.end(3);
    expect([50, 1_049, 1_050].map((nowMs, index) => scheduler.sign(9 + index, nowMs))).toEqual([
      false,
      false,
      true,
    ]);
  });

  test.each([
    [2, [true, false, true]],
    [1, [true, true, true]],
  ])(
    'EDGE-16 a floor of %i transactions, where evidence and signature are two',
    (minTxInterval, expected) => {
      const scheduler = new Scheduler({ ...bySeconds, minTxInterval });
      const points = [3, 5, 7].map((value, index) => {
        const isPoint = scheduler.sign(value, (index + 1) * 1_000);
        scheduler.commit(value);
        return isPoint;
      });
      expect(points).toEqual(expected);
    },
  );
});

describe('forced', () => {
  test('SCH-12 SCH-17 SCH-30 the next signature is a point, and the one after it is not', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    expect([3, 4].map((value) => scheduler.sign(value))).toEqual([true, false]);
  });

  test('SCH-16 a point that is due and forced counts as unforced', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.sign(10);
    expect(scheduler.context).toMatchObject({ points: [{ forced: false }], forced: undefined });
  });

  test('SCH-32 a rollback takes the request back', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.rollback(2);
    expect(scheduler.sign(3)).toBe(false);
  });

  test('SCH-33 two requests before one signature are one point', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.force('json');
    expect([3, 4].map((value) => scheduler.sign(value))).toEqual([true, false]);
  });

  test('SCH-73 GEN-25 a forced snapshot that is published is the new baseline', () => {
    const scheduler = new Scheduler();
    scheduler.sign(22);
    scheduler.force();
    scheduler.sign(24, 7);
    scheduler.commit(24);
    expect(scheduler.context.baseline).toBe(0);
    scheduler.end(24);
    scheduler.rollback(24);
    expect(scheduler.context).toMatchObject({ baseline: 24, baselineMs: 7 });
  });

  test('SCH-73 a forced snapshot that fails moves nothing', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.sign(4);
    scheduler.commit(4);
    scheduler.end(4, 'persist-failed');
    expect(scheduler.sign(10)).toBe(true);
  });
});

test.each(Object.entries(snapshotterRules))('%s', (_, rule) => {
  expect(() => rule(snapshotterMachine)).not.toThrow();
});
