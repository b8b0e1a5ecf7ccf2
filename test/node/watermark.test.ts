import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { Watermark } from '../../src/node/watermark.ts';
import { turn } from '../helpers/node-host.ts';

/** Waits for each seqno, and notes how that ended, in order. */
function watch(milestone: Watermark, seqnos: readonly number[]): string[] {
  const told: string[] = [];
  for (const at of seqnos) {
    milestone.until(seqno(at)).then(
      () => told.push(`${at}`),
      (error: Error) => told.push(`${at}: ${error.message}`),
    );
  }
  return told;
}

test('Milestone.until() resolves at once for what is reached', async () => {
  const milestone = new Watermark(seqno(5));
  await milestone.until(seqno(4));
  await milestone.until(seqno(5));
  expect(milestone.reached).toBe(5);
});

test('Milestone.reach() resolves who waits for that much, and nobody else', async () => {
  const milestone = new Watermark(seqno(0));
  const told = watch(milestone, [1, 2, 3]);
  milestone.reach(seqno(2));
  await turn();
  expect(told).toEqual(['1', '2']);
});

test('Milestone.reach() finds waiters that came out of order, and tells them in order', async () => {
  const milestone = new Watermark(seqno(0));
  const told = watch(milestone, [5, 1, 3, 1, 4, 2, 3]);
  milestone.reach(seqno(3));
  await turn();
  expect(told).toEqual(['1', '1', '2', '3', '3']);
  milestone.reach(seqno(9));
  await turn();
  expect(told.slice(5)).toEqual(['4', '5']);
});

test('Milestone.goBack() rejects who waits for more, and keeps the others waiting', async () => {
  const milestone = new Watermark(seqno(1));
  const told = watch(milestone, [4, 2, 3]);
  milestone.goBack(seqno(2), new Error('gone'));
  await turn();
  expect(told).toEqual(['3: gone', '4: gone']);
  milestone.reach(seqno(2));
  await turn();
  expect(told.slice(2)).toEqual(['2']);
});

test('Milestone.goBack() takes back what was reached, and never goes forward', () => {
  const milestone = new Watermark(seqno(5));
  milestone.goBack(seqno(3), new Error('gone'));
  expect(milestone.reached).toBe(3);
  milestone.goBack(seqno(4), new Error('gone'));
  expect(milestone.reached).toBe(3);
});

test('Milestone.until() after goBack() waits for what comes anew', async () => {
  const milestone = new Watermark(seqno(5));
  milestone.goBack(seqno(3), new Error('gone'));
  const told = watch(milestone, [5]);
  await turn();
  expect(told).toEqual([]);
  milestone.reach(seqno(5));
  await turn();
  expect(told).toEqual(['5']);
});

test('Milestone.fail() rejects who waits and who comes, but not for what is reached', async () => {
  const milestone = new Watermark(seqno(2));
  const told = watch(milestone, [3, 4]);
  milestone.fail(new Error('failed'));
  await turn();
  expect(told).toEqual(['3: failed', '4: failed']);
  await expect(milestone.until(seqno(3))).rejects.toThrow('failed');
  await milestone.until(seqno(2));
});
