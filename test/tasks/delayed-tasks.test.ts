import { beforeEach, expect, test } from 'vitest';
import { timerDelayMsMax } from '../../src/core/limits.ts';
import { DelayedTasks, type TimedTask } from '../../src/tasks/delayed-tasks.ts';
import { isCollected } from './fixtures/collect-garbage.ts';
import { TickClock } from './fixtures/tick-clock.ts';

let clock: TickClock;
let errors: unknown[];
let tasks: DelayedTasks;
/** What ran, and at what time. */
let runs: string[];

beforeEach(() => {
  clock = new TickClock();
  errors = [];
  runs = [];
  tasks = new DelayedTasks(clock, (error) => errors.push(error));
});

const noting =
  (name: string): TimedTask =>
  () => {
    runs.push(`${name}@${clock.now()}`);
  };

/** A task that takes time: it notes its begin, and ends when it is told. */
function lasting() {
  const ends: ((error?: Error) => void)[] = [];
  const signals: AbortSignal[] = [];
  const task: TimedTask = ({ signal }) => {
    runs.push(`begin@${clock.now()}`);
    signals.push(signal);
    return new Promise((resolve, reject) => {
      ends.push((error) => (error ? reject(error) : resolve()));
    });
  };
  return { ends, signals, task };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('TSK-20 DelayedTasks.after() runs a task when the delay has passed on its clock, and once', () => {
  tasks.after(5, noting('a'));
  clock.tick(4);
  expect(runs).toEqual([]);
  clock.tick(1);
  clock.tick(100);
  expect(runs).toEqual(['a@5']);
});

test('TSK-20 DelayedTasks.after() counts from when the task is added', () => {
  clock.tick(10);
  tasks.after(5, noting('a'));
  clock.tick(4);
  clock.tick(4);
  expect(runs).toEqual(['a@18']);
});

test('TSK-21 DelayedTasks.every() runs each task at its own period', () => {
  tasks.every(5, noting('a'));
  tasks.every(8, noting('b'));
  for (let ms = 0; ms < 25; ms++) clock.tick(1);
  const expected = ['a@5', 'b@8', 'a@10', 'a@15', 'b@16', 'a@20', 'b@24', 'a@25'];
  expect(runs).toEqual(expected);
});

test('TSK-21 a periodic task does not catch up: its next run is a period after the late one', () => {
  tasks.every(5, noting('a'));
  clock.tick(12);
  clock.tick(4);
  expect(runs).toEqual(['a@12']);
  clock.tick(1);
  expect(runs).toEqual(['a@12', 'a@17']);
});

test('TSK-21 a periodic task runs once in a tick of a hundred periods', () => {
  tasks.every(1, noting('a'));
  clock.tick(100);
  expect(runs).toEqual(['a@100']);
});

test('TSK-21 tasks that become due in one tick run in order of time', () => {
  tasks.after(9, noting('late'));
  tasks.every(5, noting('periodic'));
  tasks.after(1, noting('early'));
  clock.tick(9);
  expect(runs).toEqual(['early@9', 'periodic@9', 'late@9']);
});

test('TSK-21 a task that is cancelled is dropped with its timer, and not repeated', () => {
  const once = tasks.after(5, noting('a'));
  const again = tasks.every(5, noting('b'));
  clock.tick(5);
  once.cancel();
  again.cancel();
  again.cancel();
  expect(clock.timers).toBe(0);
  clock.tick(100);
  expect(runs).toEqual(['a@5', 'b@5']);
});

test('TSK-2 a task can be cancelled until it runs, by one due in the same tick', () => {
  const later = () => handle.cancel();
  tasks.after(1, later);
  const handle = tasks.after(2, noting('a'));
  clock.tick(2);
  expect(runs).toEqual([]);
});

test('TSK-2 a periodic task can cancel itself', () => {
  const handle = tasks.every(5, () => {
    runs.push('ran');
    handle.cancel();
  });
  clock.tick(5);
  clock.tick(5);
  expect([runs, clock.timers]).toEqual([['ran'], 0]);
});

test('TSK-2 a task that is cancelled while it runs is asked to stop, not interrupted', async () => {
  const { ends, signals, task } = lasting();
  const handle = tasks.after(1, task);
  clock.tick(1);
  handle.cancel();
  expect(signals[0]?.reason).toMatchObject({ code: 'ABORTED' });
  ends[0]?.(signals[0]?.reason);
  await tasks.shutdown();
  expect(errors).toEqual([]);
});

test('TSK-3 the same task can be added twice, and runs for each', () => {
  const task = noting('a');
  tasks.every(5, task);
  tasks.every(5, task);
  clock.tick(5);
  expect(runs).toEqual(['a@5', 'a@5']);
});

test('TSK-22 a task that is added in a tick counts from the time after it', () => {
  tasks.after(1, () => {
    tasks.after(5, noting('a'));
  });
  clock.tick(100);
  clock.tick(4);
  expect(runs).toEqual([]);
  clock.tick(1);
  expect(runs).toEqual(['a@105']);
});

test('TSK-23 a periodic task gets the time since it was added, then since its last run', () => {
  const elapsed: number[] = [];
  tasks.every(5, ({ elapsedMs }) => {
    elapsed.push(elapsedMs);
  });
  clock.tick(5);
  clock.tick(7);
  expect(elapsed).toEqual([5, 7]);
});

test('TSK-23 a periodic run is skipped when the clock was set back, and the next one is not', () => {
  const elapsed: number[] = [];
  tasks.every(5, ({ elapsedMs }) => {
    elapsed.push(elapsedMs);
  });
  clock.set(-3_600_000);
  clock.tick(5);
  expect(elapsed).toEqual([]);
  clock.tick(5);
  expect(elapsed).toEqual([5]);
});

test('TSK-23 a periodic run is skipped when no time has passed', () => {
  tasks.every(5, noting('a'));
  clock.set(-5);
  clock.tick(5);
  expect(runs).toEqual([]);
});

test('TSK-23 a delayed task runs though the clock was set back: it has no other run', () => {
  tasks.after(5, noting('a'));
  clock.set(-100);
  clock.tick(5);
  expect(runs).toEqual(['a@-95']);
});

test('DelayedTasks.every() never runs a task while it runs, and runs it when it is next due', async () => {
  const { ends, task } = lasting();
  tasks.every(5, task);
  clock.tick(5);
  clock.tick(5);
  clock.tick(5);
  expect(runs).toEqual(['begin@5']);
  ends[0]?.();
  await settle();
  clock.tick(5);
  expect(runs).toEqual(['begin@5', 'begin@20']);
});

test('TSK-30 an error of a task is reported, and a periodic one goes on', () => {
  const error = new Error('boom');
  tasks.every(5, () => {
    runs.push(`a@${clock.now()}`);
    throw error;
  });
  clock.tick(5);
  clock.tick(5);
  expect([runs, errors]).toEqual([
    ['a@5', 'a@10'],
    [error, error],
  ]);
});

test('TSK-30 a rejection of a task is reported, and a periodic one goes on', async () => {
  const error = new Error('boom');
  const { ends, task } = lasting();
  tasks.every(5, task);
  clock.tick(5);
  ends[0]?.(error);
  await settle();
  clock.tick(5);
  expect([runs, errors]).toEqual([['begin@5', 'begin@10'], [error]]);
});

test('TSK-40 DelayedTasks.shutdown() leaves no timer, and nothing runs', async () => {
  tasks.after(1, noting('a'));
  tasks.every(1, noting('b'));
  await tasks.shutdown();
  expect(clock.timers).toBe(0);
  clock.tick(10);
  expect(runs).toEqual([]);
});

test('TSK-40 DelayedTasks.shutdown() reaches the tasks that run, and awaits them', async () => {
  const { ends, signals, task } = lasting();
  tasks.after(1, task);
  tasks.every(1, task);
  tasks.every(1, task).cancel();
  clock.tick(1);
  let isDown = false;
  const down = tasks.shutdown().then(() => {
    isDown = true;
  });
  expect(signals.map(({ reason }) => reason?.code)).toEqual(['CLOSED', 'CLOSED']);
  await settle();
  expect(isDown).toBe(false);
  ends[0]?.();
  ends[1]?.(signals[1]?.reason);
  await down;
  expect(errors).toEqual([]);
});

test('TSK-40 DelayedTasks.shutdown() awaits a task that was cancelled and still runs', async () => {
  const { ends, task } = lasting();
  const handle = tasks.every(1, task);
  clock.tick(1);
  handle.cancel();
  let isDown = false;
  const down = tasks.shutdown().then(() => {
    isDown = true;
  });
  await settle();
  expect(isDown).toBe(false);
  ends[0]?.();
  await down;
});

test('TSK-40 DelayedTasks.shutdown() can be called twice, and from inside a task', async () => {
  const down: Promise<void>[] = [];
  tasks.every(1, () => {
    down.push(tasks.shutdown());
  });
  clock.tick(1);
  await Promise.all([...down, tasks.shutdown()]);
  expect([down.length, clock.timers]).toEqual([1, 0]);
});

test('TSK-41 DelayedTasks refuses tasks at once after shutdown()', () => {
  void tasks.shutdown();
  const closed = expect.objectContaining({ name: 'StorageError', code: 'CLOSED' });
  expect(() => tasks.after(1, noting('a'))).toThrow(closed);
  expect(() => tasks.every(1, noting('b'))).toThrow(closed);
  expect(clock.timers).toBe(0);
});

test('TSK-41 DelayedTasks refuses a task that is added by one that hears of the shutdown', async () => {
  const refused: unknown[] = [];
  tasks.after(1, async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    try {
      tasks.after(1, noting('a'));
    } catch (error) {
      refused.push(error);
    }
  });
  clock.tick(1);
  await tasks.shutdown();
  expect(refused).toMatchObject([{ code: 'CLOSED' }]);
});

/** An owner with tasks that hold it: one ran, one was cancelled, one runs and two wait. */
function makeOwner() {
  const owner = { runs: 0 };
  const task = () => {
    owner.runs++;
  };
  const handles = [
    tasks.after(1, task),
    tasks.every(1, task),
    tasks.after(1, async () => {
      owner.runs++;
    }),
    tasks.after(100, task),
  ];
  handles.push(tasks.every(100, task));
  clock.tick(1);
  handles[1]?.cancel();
  return { owner: new WeakRef(owner), handles };
}

test('TSK-43 DelayedTasks.shutdown() leaves no reference to a task, though clock and handles live', async () => {
  const { owner, handles } = makeOwner();
  await tasks.shutdown();
  expect(await isCollected(owner)).toBe(true);
  expect([handles.length, clock.timers]).toEqual([5, 0]);
});

test.each([[-1], [Number.NaN], [Number.POSITIVE_INFINITY], [timerDelayMsMax + 1]])(
  'DelayedTasks refuses a delay and a period of %d ms',
  (ms) => {
    expect(() => tasks.after(ms, noting('a'))).toThrow(RangeError);
    expect(() => tasks.every(ms, noting('a'))).toThrow(RangeError);
  },
);

test('DelayedTasks.every() refuses a period of 0 ms', () => {
  expect(() => tasks.every(0, noting('a'))).toThrow(RangeError);
});
