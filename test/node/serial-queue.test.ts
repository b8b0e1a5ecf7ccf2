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

test('Turnstile.pass() runs a step at once when nothing is in its way', () => {
  const seen: string[] = [];
  void open().pass(() => seen.push('step'));
  expect(seen).toEqual(['step']);
});

test('Turnstile.pass() answers with what the step returns, and what a promise of its comes to', async () => {
  const turnstile = open();
  expect(await turnstile.pass(() => 7)).toBe(7);
  expect(await turnstile.pass(async () => 8)).toBe(8);
});

test('Turnstile.pass() rejects with what the step throws, and lets the next one through', async () => {
  const turnstile = open();
  const failure = new Error('by the step');
  const failing = turnstile.pass(() => {
    throw failure;
  });
  await expect(failing).rejects.toBe(failure);
  expect(await turnstile.pass(() => 'next')).toBe('next');
});

test('Turnstile.pass() keeps the order of the calls', async () => {
  const turnstile = open();
  const seen: number[] = [];
  await Promise.all(Array.from({ length: 200 }, (_, i) => turnstile.pass(() => seen.push(i))));
  expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
});

test('Turnstile.pass() from inside a step comes behind the steps that wait already', async () => {
  const turnstile = open();
  const seen: string[] = [];
  const inner: Promise<unknown>[] = [];
  await turnstile.pass(() => {
    inner.push(turnstile.pass(() => seen.push('second')));
    inner.push(turnstile.pass(() => seen.push('third')));
    seen.push('first');
  });
  await Promise.all(inner);
  expect(seen).toEqual(['first', 'second', 'third']);
});

test('Turnstile.turn() from inside a step lets nothing through within it', async () => {
  const turnstile = open();
  const seen: string[] = [];
  await turnstile.pass(() => {
    void turnstile.pass(() => seen.push('inner'));
    turnstile.turn();
    seen.push('outer');
  });
  expect(seen).toEqual(['outer', 'inner']);
});

test('Turnstile.hold() lets no step through until its operation has ended', async () => {
  const turnstile = open();
  const { promise, resolve } = deferred();
  const seen: string[] = [];
  const holding = turnstile.hold(async () => {
    await promise;
    seen.push('operation');
  });
  const step = turnstile.pass(() => seen.push('step'));
  await microtasks();
  expect(seen).toEqual([]);
  resolve();
  await Promise.all([holding, step]);
  expect(seen).toEqual(['operation', 'step']);
});

test('Turnstile.hold() runs operations one at a time, in order, before the steps that wait', async () => {
  const turnstile = open();
  const seen: string[] = [];
  const operation = (name: string) =>
    turnstile.hold(async () => {
      seen.push(`${name} begins`);
      await turn();
      seen.push(`${name} ends`);
    });
  const first = operation('first');
  const step = turnstile.pass(() => seen.push('step'));
  await Promise.all([first, operation('second'), step]);
  expect(seen).toEqual(['first begins', 'first ends', 'second begins', 'second ends', 'step']);
});

test('Turnstile.hold() from inside a step holds the steps behind it', async () => {
  const turnstile = open();
  const seen: string[] = [];
  const holding: Promise<unknown>[] = [];
  void turnstile.pass(() => {
    holding.push(turnstile.hold(async () => seen.push('operation')));
    seen.push('step');
  });
  const next = turnstile.pass(() => seen.push('next'));
  expect(seen).toEqual(['step']);
  await Promise.all([...holding, next]);
  expect(seen).toEqual(['step', 'operation', 'next']);
});

test('Turnstile.hold() rejects with what its operation throws, and lets the steps through', async () => {
  const turnstile = open();
  const failure = new Error('by the operation');
  await expect(turnstile.hold(() => Promise.reject(failure))).rejects.toBe(failure);
  expect(await turnstile.pass(() => 'step')).toBe('step');
});

test('Turnstile lets nothing through without room, and goes on at the turn after there is some', async () => {
  let hasRoom = false;
  const turnstile = new SerialQueue(() => hasRoom);
  const seen: number[] = [];
  const steps = [1, 2, 3].map((i) => turnstile.pass(() => seen.push(i)));
  await turn();
  expect(seen).toEqual([]);
  hasRoom = true;
  turnstile.turn();
  await Promise.all(steps);
  expect(seen).toEqual([1, 2, 3]);
});

test('Turnstile asks for room before each step', async () => {
  let room = 2;
  const turnstile = new SerialQueue(() => room > 0);
  const seen: number[] = [];
  const steps = [1, 2, 3].map((i) =>
    turnstile.pass(() => {
      room--;
      seen.push(i);
    }),
  );
  await turn();
  expect(seen).toEqual([1, 2]);
  room = 1;
  turnstile.turn();
  await Promise.all(steps);
});

test('Turnstile.close() refuses the steps that wait and those that come, with the first reason', async () => {
  const turnstile = new SerialQueue(() => false);
  const [first, second] = [new Error('first'), new Error('second')];
  const waiting = turnstile.pass(() => 'never');
  turnstile.close(first);
  turnstile.close(second);
  await expect(waiting).rejects.toBe(first);
  await expect(turnstile.pass(() => 'never')).rejects.toBe(first);
});

test('Turnstile.close() still runs operations: what was let through is to be signed', async () => {
  const turnstile = open();
  turnstile.close(new Error('closed'));
  expect(await turnstile.hold(async () => 'operation')).toBe('operation');
});

test('Turnstile.close() from inside a step refuses the steps behind it', async () => {
  const turnstile = open();
  const seen: string[] = [];
  const closed = new Error('closed');
  const outcomes: Promise<unknown>[] = [];
  await turnstile.pass(() => {
    outcomes.push(turnstile.pass(() => seen.push('behind')));
    turnstile.close(closed);
  });
  expect(await Promise.allSettled(outcomes)).toEqual([{ status: 'rejected', reason: closed }]);
  expect(seen).toEqual([]);
});

test('Turnstile lets the event loop turn while it has many steps', async () => {
  let hasRoom = false;
  const turnstile = new SerialQueue(() => hasRoom);
  let passed = 0;
  const steps = Array.from({ length: 1000 }, () =>
    turnstile.pass(() => {
      passed++;
    }),
  );
  hasRoom = true;
  turnstile.turn();
  const passedByTurn: number[] = [];
  while (passed < 1000) {
    passedByTurn.push(passed);
    await turn();
  }
  await Promise.all(steps);
  expect(passedByTurn.length).toBeGreaterThan(10);
});
