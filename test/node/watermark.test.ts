import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { Watermark } from '../../src/node/watermark.ts';
import { turn } from '../helpers/node-host.ts';

/** Waits for each seqno, and notes how that ended, in order. */
function watch(watermark: Watermark, seqnos: readonly number[]): string[] {
  const told: string[] = [];
  for (const at of seqnos) {
    watermark.until(seqno(at)).then(
      () => told.push(`${at}`),
      (error: Error) => told.push(`${at}: ${error.message}`),
    );
  }
  return told;
}

test('Watermark.until() resolves at once for what is reached', async () => {
  const watermark = new Watermark(seqno(5));
  await watermark.until(seqno(4));
  await watermark.until(seqno(5));
  expect(watermark.reached).toBe(5);
});

test('Watermark.reach() resolves who waits for that much, and nobody else', async () => {
  const watermark = new Watermark(seqno(0));
  const told = watch(watermark, [1, 2, 3]);
  watermark.reach(seqno(2));
  await turn();
  expect(told).toEqual(['1', '2']);
});

test('Watermark.reach() finds waiters that came out of order, and tells them in order', async () => {
  const watermark = new Watermark(seqno(0));
  const told = watch(watermark, [5, 1, 3, 1, 4, 2, 3]);
  watermark.reach(seqno(3));
  await turn();
  expect(told).toEqual(['1', '1', '2', '3', '3']);
  watermark.reach(seqno(9));
  await turn();
  expect(told.slice(5)).toEqual(['4', '5']);
});

test('Watermark.goBack() rejects who waits for more, and keeps the others waiting', async () => {
  const watermark = new Watermark(seqno(1));
  const told = watch(watermark, [4, 2, 3]);
  watermark.goBack(seqno(2), new Error('gone'));
  await turn();
  expect(told).toEqual(['3: gone', '4: gone']);
  watermark.reach(seqno(2));
  await turn();
  expect(told.slice(2)).toEqual(['2']);
});

test('Watermark.goBack() takes back what was reached, and never goes forward', () => {
  const watermark = new Watermark(seqno(5));
  watermark.goBack(seqno(3), new Error('gone'));
  expect(watermark.reached).toBe(3);
  watermark.goBack(seqno(4), new Error('gone'));
  expect(watermark.reached).toBe(3);
});

test('Watermark.until() after goBack() waits for what comes anew', async () => {
  const watermark = new Watermark(seqno(5));
  watermark.goBack(seqno(3), new Error('gone'));
  const told = watch(watermark, [5]);
  await turn();
  expect(told).toEqual([]);
  watermark.reach(seqno(5));
  await turn();
  expect(told).toEqual(['5']);
});

test('Watermark.fail() rejects who waits and who comes, but not for what is reached', async () => {
  const watermark = new Watermark(seqno(2));
  const told = watch(watermark, [3, 4]);
  watermark.fail(new Error('failed'));
  await turn();
  expect(told).toEqual(['3: failed', '4: failed']);
  await expect(watermark.until(seqno(3))).rejects.toThrow('failed');
  await watermark.until(seqno(2));
});
