import { expect, test } from 'vitest';
import { Mutex } from '../../src/files/mutex.ts';

test('Mutex.run() starts an operation only after the one before has ended', async () => {
  const queue = new Mutex();
  const steps: string[] = [];
  const operation = (name: string) => async () => {
    steps.push(`${name} begins`);
    await Promise.resolve();
    steps.push(`${name} ends`);
  };
  await Promise.all([queue.run(operation('a')), queue.run(operation('b'))]);
  expect(steps).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('Mutex.run() gives each caller its own result, and goes on after a failure', async () => {
  const queue = new Mutex();
  const failing = queue.run(() => Promise.reject(new Error('a')));
  const working = queue.run(async () => 'b');
  await expect(failing).rejects.toThrow('a');
  expect(await working).toBe('b');
});
