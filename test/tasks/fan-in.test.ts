import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FanIn } from '../../src/tasks/fan-in.ts';
import { isCollected } from './fixtures/collect-garbage.ts';

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A task that ends when it is told. */
function lasting<T>() {
  let end = (_value: T) => {};
  const signals: AbortSignal[] = [];
  const task = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<T>((resolve) => {
      end = resolve;
    });
  };
  return { task, signals, end: (value: T) => end(value) };
}

test('TSK-33 FanIn.run() runs tasks in the order of their indices from 0, in whatever order they come', async () => {
  const orders = fc.integer({ min: 1, max: 100 }).chain((count) => {
    const indices = Array.from({ length: count }, (_, index) => index);
    return fc.shuffledSubarray(indices, { minLength: count });
  });
  await fc.assert(
    fc.asyncProperty(orders, async (indices) => {
      const fanIn = new FanIn();
      const ran: number[] = [];
      await Promise.all(indices.map((index) => fanIn.run(index, () => ran.push(index))));
      expect(ran).toEqual(indices.toSorted((a, b) => a - b));
    }),
  );
});

test('TSK-33 FanIn.run() lets tasks wait behind a gap', async () => {
  const fanIn = new FanIn();
  const ran: number[] = [];
  const waiting = [2, 1].map((index) => fanIn.run(index, () => ran.push(index)));
  await settle();
  expect(ran).toEqual([]);
  await Promise.all([fanIn.run(0, () => ran.push(0)), ...waiting]);
  expect(ran).toEqual([0, 1, 2]);
});

test('TSK-33 FanIn.run() runs one task at a time', async () => {
  const fanIn = new FanIn();
  const first = lasting<string>();
  const ran: string[] = [];
  const running = fanIn.run(0, first.task);
  const next = fanIn.run(1, () => ran.push('next'));
  await settle();
  expect(ran).toEqual([]);
  first.end('first');
  expect(await running).toBe('first');
  await next;
  expect(ran).toEqual(['next']);
});

test('TSK-33 FanIn.run() goes on with a task that came while the one before it ran, even from inside it', async () => {
  const fanIn = new FanIn();
  const ran: string[] = [];
  const inner: Promise<unknown>[] = [];
  await fanIn.run(0, async () => {
    inner.push(fanIn.run(1, () => ran.push('second')));
    await settle();
    ran.push('first');
  });
  await Promise.all(inner);
  expect(ran).toEqual(['first', 'second']);
});

test('TSK-33 FanIn.run() refuses an index that has passed', async () => {
  const fanIn = new FanIn();
  await fanIn.run(0, () => {});
  await expect(fanIn.run(0, () => {})).rejects.toThrow(RangeError);
});

test('TSK-33 FanIn.run() refuses an index that runs', async () => {
  const fanIn = new FanIn();
  const first = lasting<void>();
  const running = fanIn.run(0, first.task);
  await expect(fanIn.run(0, () => {})).rejects.toThrow('task 0 was there before');
  first.end();
  await running;
});

test('TSK-33 FanIn.run() refuses an index that waits, and runs the task that was there first', async () => {
  const fanIn = new FanIn();
  const first = fanIn.run(1, () => 'first');
  await expect(fanIn.run(1, () => 'second')).rejects.toThrow('task 1 was there before');
  await fanIn.run(0, () => {});
  expect(await first).toBe('first');
});

test.each([[-1], [0.5], [Number.NaN]])('TSK-33 FanIn.run() refuses the index %d', async (index) => {
  await expect(new FanIn().run(index, () => {})).rejects.toThrow(RangeError);
});

test('TSK-30 FanIn.run() fails with what its task throws, and the tasks behind it run', async () => {
  const fanIn = new FanIn();
  const failing = fanIn.run(0, () => {
    throw new Error('boom');
  });
  const next = fanIn.run(1, () => 'next');
  await expect(failing).rejects.toThrow('boom');
  expect(await next).toBe('next');
});

test('FanIn.run() refuses one task more than may wait, but never the one they wait for', async () => {
  const fanIn = new FanIn({ waitingMax: 2 });
  const waiting = [1, 2].map((index) => fanIn.run(index, () => index));
  const full = { name: 'StorageError', code: 'QUEUE_FULL', expected: 2 };
  await expect(fanIn.run(3, () => 3)).rejects.toMatchObject(full);
  expect(await fanIn.run(0, () => 0)).toBe(0);
  expect(await Promise.all(waiting)).toEqual([1, 2]);
  expect(await fanIn.run(3, () => 3)).toBe(3);
});

test.each([[0], [1.5]])('FanIn refuses waitingMax %d', (waitingMax) => {
  expect(() => new FanIn({ waitingMax })).toThrow(RangeError);
});

test('TSK-40 FanIn.shutdown() refuses what waits, asks what runs to stop and awaits it; twice is once', async () => {
  const fanIn = new FanIn();
  const first = lasting<string>();
  const ended: string[] = [];
  const running = fanIn.run(0, first.task).then((value) => ended.push(value));
  const waiting = [1, 5].map((index) => fanIn.run(index, () => ended.push('waiting')));
  const refused = Promise.allSettled(waiting);
  const down = Promise.all([fanIn.shutdown(), fanIn.shutdown()]).then(() => ended.push('down'));
  expect(first.signals[0]?.reason).toMatchObject({ code: 'CLOSED' });
  first.end('first');
  await Promise.all([running, down]);
  const closed = { status: 'rejected', reason: { name: 'StorageError', code: 'CLOSED' } };
  expect(await refused).toMatchObject([closed, closed]);
  expect(ended).toEqual(['first', 'down']);
});

test('TSK-41 FanIn.run() refuses tasks at once after shutdown()', async () => {
  const fanIn = new FanIn();
  await fanIn.shutdown();
  const refused = fanIn.run(0, () => {});
  await expect(refused).rejects.toMatchObject({ name: 'StorageError', code: 'CLOSED' });
});

/** An owner held by a task that ran and one that waits. */
async function makeOwner(fanIn: FanIn) {
  const owner = { runs: 0 };
  await fanIn.run(0, () => owner.runs++);
  fanIn.run(2, () => owner.runs++).catch(() => {});
  return new WeakRef(owner);
}

test('TSK-43 FanIn.shutdown() leaves no reference to a task', async () => {
  const fanIn = new FanIn();
  const owner = await makeOwner(fanIn);
  await fanIn.shutdown();
  expect(await isCollected(owner)).toBe(true);
});
