import { expect, test } from 'vitest';
import { SerialQueue } from '../../src/node/serial-queue.ts';
import { turn } from '../helpers/node-host.ts';

const open = () => new SerialQueue(() => true);

/** Lets the microtasks run that are due. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

function deferred(): { readonly promise: Promise<void>; resolve(): void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

test('SerialQueue.pass() runs a step at once when nothing is in its way', () => {
  const seen: string[] = [];
  void open().pass(() => seen.push('step'));
  expect(seen).toEqual(['step']);
});

test('SerialQueue.pass() answers with what the step returns, and what a promise of its comes to', async () => {
  const queue = open();
  expect(await queue.pass(() => 7)).toBe(7);
  expect(await queue.pass(async () => 8)).toBe(8);
});

test('SerialQueue.pass() rejects with what the step throws, and lets the next one through', async () => {
  const queue = open();
  const failure = new Error('by the step');
  const failing = queue.pass(() => {
    throw failure;
  });
  await expect(failing).rejects.toBe(failure);
  expect(await queue.pass(() => 'next')).toBe('next');
});

test('SerialQueue.pass() keeps the order of the calls', async () => {
  const queue = open();
  const seen: number[] = [];
  await Promise.all(Array.from({ length: 200 }, (_, i) => queue.pass(() => seen.push(i))));
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test('SerialQueue.pass() from inside a step comes behind the steps that wait already', async () => {
  const queue = open();
  const seen: string[] = [];
  const inner: Promise<unknown>[] = [];
  await queue.pass(() => {
    inner.push(queue.pass(() => seen.push('second')));
    inner.push(queue.pass(() => seen.push('third')));
    seen.push('first');
  });
  await Promise.all(inner);
  expect(seen).toEqual(['first', 'second', 'third']);
});

test('SerialQueue.turn() from inside a step lets nothing through within it', async () => {
  const queue = open();
  const seen: string[] = [];
  await queue.pass(() => {
    void queue.pass(() => seen.push('inner'));
    queue.turn();
    seen.push('outer');
  });
  expect(seen).toEqual(['outer', 'inner']);
});

test('SerialQueue.hold() lets no step through until its operation has ended', async () => {
  const queue = open();
  const { promise, resolve } = deferred();
  const seen: string[] = [];
  const holding = queue.hold(async () => {
    await promise;
    seen.push('operation');
  });
  const step = queue.pass(() => seen.push('step'));
  await microtasks();
  expect(seen).toEqual([]);
  resolve();
  await Promise.all([holding, step]);
  expect(seen).toEqual(['operation', 'step']);
});

test('SerialQueue.hold() runs operations one at a time, in order, before the steps that wait', async () => {
  const queue = open();
  const seen: string[] = [];
  const operation = (name: string) =>
    queue.hold(async () => {
      seen.push(`${name} begins`);
      await turn();
      seen.push(`${name} ends`);
    });
  const first = operation('first');
  const step = queue.pass(() => seen.push('step'));
  await Promise.all([first, operation('second'), step]);
  expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'step']);
});

test('SerialQueue.hold() from inside a step holds the steps behind it', async () => {
  const queue = open();
  const seen: string[] = [];
  const holding: Promise<unknown>[] = [];
  void queue.pass(() => {
    holding.push(queue.hold(async () => seen.push('operation')));
    seen.push('step');
  });
  const next = queue.pass(() => seen.push('next'));
  expect(seen).toEqual(['step']);
  await Promise.all([...holding, next]);
  expect(seen).toEqual(['step', 'operation', 'next']);
});

test('SerialQueue.hold() rejects with what its operation throws, and lets the steps through', async () => {
  const queue = open();
  const failure = new Error('by the operation');
  await expect(queue.hold(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(await queue.pass(() => 'step')).toBe('step');
});

test('SerialQueue lets nothing through without room, and goes on at the turn after there is some', async () => {
  let hasRoom = false;
  const queue = new SerialQueue(() => hasRoom);
  const seen: number[] = [];
  const steps = [1, 2, 3].map((i) => queue.pass(() => seen.push(i)));
  await turn();
  expect(seen).toEqual([]);
  hasRoom = true;
  queue.turn();
  await Promise.all(steps);
  expect(seen).toEqual([1, 2, 3]);
});

test('SerialQueue asks for room before each step', async () => {
  let room = 2;
  const queue = new SerialQueue(() => room > 0);
  const seen: number[] = [];
  const steps = [1, 2, 3].map((i) =>
    queue.pass(() => {
      room--;
      seen.push(i);
    }),
  );
  await turn();
  expect(seen).toEqual([1, 2]);
  room = 1;
  queue.turn();
  await Promise.all(steps);
});

test('SerialQueue.close() refuses the steps that wait and those that come, with the first reason', async () => {
  const queue = new SerialQueue(() => false);
  const [first, second] = [new Error('first'), new Error('second')];
  const waiting = queue.pass(() => 'never');
  queue.close(first);
  queue.close(second);
  await expect(waiting).rejects.toBe(first);
  await expect(queue.pass(() => 'never')).rejects.toBe(first);
});

test('SerialQueue.close() still runs operations: what was let through is to be signed', async () => {
  const queue = open();
  queue.close(new Error('closed'));
  expect(await queue.hold(async () => 'operation')).toBe('operation');
});

test('SerialQueue.close() from inside a step refuses the steps behind it', async () => {
  const queue = open();
  const seen: string[] = [];
  const closed = new Error('closed');
  const outcomes: Promise<unknown>[] = [];
  await queue.pass(() => {
    outcomes.push(queue.pass(() => seen.push('behind')));
    queue.close(closed);
  });
  expect(await Promise.allSettled(outcomes)).toEqual([{ status: 'rejected', reason: closed }]);
  expect(seen).toEqual([]);
});

test('SerialQueue lets the event loop turn while it has many steps', async () => {
  let hasRoom = false;
  const queue = new SerialQueue(() => hasRoom);
  let passed = 0;
  const steps = Array.from({ length: 1000 }, () =>
    queue.pass(() => {
      passed++;
    }),
  );
  hasRoom = true;
  queue.turn();
  const passedByTurn: number[] = [];
  while (passed < 1000) {
    passedByTurn.push(passed);
    await turn();
  }
  await Promise.all(steps);
  expect(passedByTurn.length).toBeGreaterThan(10);
});
