import { describe, expect, test } from 'vitest';
import { evidence } from './alphabets.ts';
import { Scheduler } from './scheduler.ts';

// What becomes of a snapshot point, rule by rule, by the numbers of the pipeline's specification.

describe('commit', () => {
  test('SCH-41 SCH-48 EDGE-1 of two points that one commit reaches the newest is taken', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.sign(20);
    scheduler.commit(25);
    expect(scheduler.started).toEqual([20]);
    expect(scheduler.points).toEqual(['10 coalesced', '20 generated']);
  });

  test.each([
    [5, 'before the first snapshot'],
    [19, 'between two of them'],
  ])('SCH-42 SCH-43 a commit of %i that goes back, %s, is refused', (value) => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10);
    scheduler.sign(20);
    scheduler.commit(20);
    scheduler.commit(value);
    expect(scheduler.refused).toEqual([`commit.advanced ${value}`]);
    expect([scheduler.started, scheduler.context.committed]).toEqual([[10, 20], 20]);
  });

  test('SCH-42 a commit before a snapshot that the status tells of is refused', () => {
    const scheduler = new Scheduler();
    scheduler.commit(5);
    scheduler.status(14);
    scheduler.commit(13);
    scheduler.rollback(13);
    expect(scheduler.refused).toEqual(['commit.advanced 13', 'rollback.occurred 13']);
  });

  test('SCH-44 SCH-46 a commit beyond the point takes the point itself', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(19);
    expect(scheduler.started).toEqual([10]);
  });

  test('SCH-45 a backup starts nothing, and its baseline goes on all the same', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10, false);
    expect(scheduler.points).toEqual(['10 skipped not-primary']);
    expect([19, 20].map((value) => scheduler.sign(value))).toEqual([false, true]);
  });

  test('SCH-47 a commit below the point, or again of the point, does nothing', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(9);
    expect(scheduler.started).toEqual([]);
    scheduler.commit(10);
    scheduler.commit(10);
    expect(scheduler.started).toEqual([10]);
  });

  test('SCH-64 a disabled snapshotter starts nothing; what lives goes on', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10);
    scheduler.run.take({ type: 'snapshots.disabled' });
    scheduler.sign(20);
    scheduler.commit(20);
    expect(scheduler.points).toEqual(['10 generated', '20 skipped disabled']);
    scheduler.end(10);
    scheduler.run.take({ type: 'snapshots.enabled' });
    scheduler.sign(30);
    scheduler.commit(30);
    expect(scheduler.started).toEqual([10, 30]);
  });

  test('EDGE-5 a forced point that was committed as a backup is not taken by a later primary', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.sign(4);
    scheduler.commit(4, false);
    scheduler.commit(5);
    expect([scheduler.points, scheduler.started]).toEqual([['4 skipped not-primary'], []]);
  });

  test('EDGE-7 a forced point that is due as well is taken once', () => {
    const scheduler = new Scheduler();
    scheduler.force();
    scheduler.sign(10);
    for (const value of [10, 11, 12]) scheduler.commit(value);
    expect(scheduler.started).toEqual([10]);
  });

  test('EDGE-8 one seqno is never taken twice', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10);
    scheduler.force();
    expect(scheduler.sign(10)).toBe(false);
    scheduler.commit(10);
    expect(scheduler.started).toEqual([10]);
    expect(scheduler.refused).toEqual(['committable.recorded 10']);
  });
});

describe('the status of the service', () => {
  test('SCH-63 it moves the baseline and keeps the points after it', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.sign(20);
    scheduler.status(14, 70);
    expect(scheduler.context).toMatchObject({ baseline: 14, baselineMs: 70 });
    expect(scheduler.sign(26)).toBe(false);
    scheduler.commit(20);
    expect(scheduler.started).toEqual([20]);
  });

  test('SCH-63 EDGE-6 a point before it has become needless, unless it was forced', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.force();
    scheduler.sign(12);
    scheduler.status(30);
    expect(scheduler.points).toEqual(['10 coalesced']);
    scheduler.commit(31);
    expect(scheduler.started).toEqual([12]);
  });

  test('EDGE-6 a signature before it is not due', () => {
    const scheduler = new Scheduler({ timeIntervalMs: 1_000, minTxInterval: 0 });
    scheduler.status(30, 0);
    expect(scheduler.sign(12, 5_000)).toBe(false);
  });

  test('SCH-63 it never moves the baseline back, nor its time', () => {
    const scheduler = new Scheduler();
    scheduler.status(20, 90);
    for (const older of [19, 20, 0]) scheduler.status(older, 1);
    expect(scheduler.context).toMatchObject({ baseline: 20, baselineMs: 90 });
  });
});

describe('the limit', () => {
  test('GEN-3 EDGE-2 drop: a point beyond the limit is lost, and the baseline goes on', () => {
    const scheduler = new Scheduler({ capacity: 1, whenFull: 'drop' });
    for (const value of [10, 20]) {
      scheduler.sign(value);
      scheduler.commit(value);
    }
    expect(scheduler.points).toEqual(['10 generated', '20 skipped limit']);
    scheduler.end(10);
    scheduler.commit(21);
    expect(scheduler.started).toEqual([10]);
    expect([29, 30].map((value) => scheduler.sign(value))).toEqual([false, true]);
  });

  test('GEN-3 EDGE-2 keep: the newest point waits for a free slot (differs)', () => {
    const scheduler = new Scheduler({ capacity: 1, whenFull: 'keep' });
    for (const value of [10, 20, 30]) {
      scheduler.sign(value);
      scheduler.commit(value);
    }
    expect(scheduler.context.points.map((point) => point.seqno)).toEqual([30]);
    expect(scheduler.points).toEqual(['10 generated', '20 coalesced']);
    scheduler.end(10);
    expect(scheduler.started).toEqual([10, 30]);
    expect(scheduler.points).toEqual(['10 generated', '20 coalesced', '30 generated']);
  });

  test.each([
    ['a generation that broke off frees its slot', (it: Scheduler) => it.end(10, 'poisoned'), [20]],
    ['snapshots are disabled', (it: Scheduler) => it.disable(), []],
    ['another node leads', (it: Scheduler) => it.commit(21, false), []],
  ])('GEN-3 keep: a point that waits starts with the slot, unless: %s', (_, meanwhile, then) => {
    const scheduler = new Scheduler({ capacity: 1, whenFull: 'keep' });
    for (const value of [10, 20]) {
      scheduler.sign(value);
      scheduler.commit(value);
    }
    meanwhile(scheduler);
    if (scheduler.context.slots.some(({ seqno }) => seqno === 10)) scheduler.end(10);
    expect(scheduler.context.slots.map(({ seqno }) => seqno)).toEqual(then);
  });

  test('GEN-3 keep: a point that waits while snapshots are disabled starts once they are enabled', () => {
    const scheduler = new Scheduler({ capacity: 1, whenFull: 'keep' });
    for (const value of [10, 20]) {
      scheduler.sign(value);
      scheduler.commit(value);
    }
    scheduler.disable();
    scheduler.end(10);
    scheduler.enable();
    expect(scheduler.started).toEqual([10, 20]);
  });

  test('GEN-2 GEN-3 GEN-24 five generations may live at once, those that write included (differs)', () => {
    const scheduler = new Scheduler({ whenFull: 'drop' });
    for (let value = 10; value <= 60; value += 10) {
      scheduler.sign(value);
      scheduler.commit(value);
    }
    expect(scheduler.started).toEqual([10, 20, 30, 40, 50]);
  });

  test('EDGE-10 every refused evidence frees its slot', () => {
    const scheduler = new Scheduler({ capacity: 1, whenFull: 'drop' });
    for (let value = 10; value <= 60; value += 10) {
      scheduler.sign(value);
      scheduler.commit(value);
      scheduler.end(value, 'evidence-refused');
    }
    expect(scheduler.started).toEqual([10, 20, 30, 40, 50, 60]);
    expect(scheduler.context.slots).toEqual([]);
  });

  test('EDGE-17 every snapshotter counts its own generations (differs)', () => {
    const numbers = [new Scheduler(), new Scheduler()].map((scheduler) => {
      scheduler.sign(10);
      scheduler.commit(10);
      return scheduler.context.slots.map(({ generation }) => generation);
    });
    expect(numbers).toEqual([[1], [1]]);
  });
});

describe('rollback', () => {
  test('SCH-70 the points above it are gone, and their seqnos may come again', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.sign(20);
    scheduler.rollback(15);
    expect(scheduler.points).toEqual(['20 rolled-back']);
    expect(scheduler.sign(20)).toBe(true);
  });

  test('SCH-74 a rollback below what is committed is refused', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10);
    scheduler.rollback(9);
    expect(scheduler.refused).toEqual(['rollback.occurred 9']);
    expect(scheduler.run.children.filter(({ what }) => what === 'received')).toEqual([]);
  });
});

describe('evidence', () => {
  test.each([
    ['of a snapshot that nobody takes', 11],
    ['of a snapshot whose generation has ended', 10],
  ])('GEN-20 evidence %s is refused, and no generation hears of it', (_, version) => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.sign(20);
    scheduler.commit(10);
    scheduler.end(10);
    scheduler.commit(20);
    scheduler.run.take(evidence(22, version));
    expect(scheduler.refused).toEqual(['evidence.recorded 22']);
    expect(scheduler.run.children.filter(({ what }) => what === 'received')).toEqual([]);
  });

  test('GEN-20 evidence of a live generation reaches it', () => {
    const scheduler = new Scheduler();
    scheduler.sign(10);
    scheduler.commit(10);
    scheduler.run.take(evidence(12, 10));
    expect(scheduler.run.children.at(-1)).toMatchObject({ child: 'slot:0', what: 'received' });
  });
});
