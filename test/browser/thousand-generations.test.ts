import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, type TestContext, test } from 'vitest';
import type { Snapshotter } from '../../src/engine/snapshotter.ts';
import { temporaryDirectory } from '../cli/temporary.ts';
import { serve } from '../http/serve.ts';
import { soakSimulated } from '../soak/simulated-service.ts';
import { openPage } from './browser.ts';

const generations = 1000;

/** Longest that the page may not hear its user, in milliseconds. */
const longTaskMsMax = 100;

/** Keeps how long each task of the page took that took longer than 50 ms: shorter ones Chromium does not tell of. */
const observeLongTasks = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration, startTime } of list.getEntries()) {
      longTasks.push({ duration, startTime });
    }
  }).observe({ type: 'longtask', buffered: true });`;

/** The tasks so far that were too long, in milliseconds; begins anew. */
async function tooLong(page: Page): Promise<readonly number[]> {
  const all = (await page.evaluate('longTasks.splice(0)')) as readonly { duration: number }[];
  const longest = Math.max(0, ...all.map(({ duration }) => duration));
  process.stdout.write(`tasks above 50 ms: ${all.length}, longest ${longest} ms\n`);
  return all.flatMap(({ duration }) => (duration > longTaskMsMax ? duration : []));
}

/** Generations that the page knows the end of. */
async function ended(page: Page): Promise<number> {
  const totals = (await page.locator('#totals').textContent()) ?? '';
  const [good = 0, , bad = 0] = [...totals.matchAll(/\d+/g)].map(Number);
  return good + bad;
}

/** A page that follows the service until it has ended, and never so far behind that it would be dropped. */
async function follow(context: TestContext): Promise<Page> {
  const { page, errors } = await openPage(context);
  await page.addInitScript(observeLongTasks);
  let begun = 0;
  const paced = {
    taken: 0,
    sample: async () => {
      if (begun++ % 20 !== 0) return;
      await expect.poll(() => ended(page), { timeout: 30_000 }).toBeGreaterThan(begun - 30);
    },
  };
  await soakSimulated(generations, paced, async (snapshotter: Snapshotter) => {
    const { origin, handler } = await serve(snapshotter);
    await page.goto(origin + handler.page);
    await page.getByText('live', { exact: true }).waitFor();
  });
  await expect.poll(() => ended(page), { timeout: 30_000 }).toBeGreaterThanOrEqual(generations - 5);
  expect(errors).toEqual([]);
  return page;
}

/** A thousand generations take a page on a busy machine a while. */
const timeout = 300_000;

test('a thousand generations, followed, saved, opened and stepped through, never hold up the page', {
  timeout,
}, async (context) => {
  const page = await follow(context);
  expect(await tooLong(page), 'followed').toEqual([]);
  const rows = page.locator('#generations .row');
  expect(await rows.count()).toBeLessThan(20);
  await page.locator('#generations').focus();
  for (const key of ['End', 'Home', 'PageDown']) await page.keyboard.press(key);
  expect(await tooLong(page), 'looked through').toEqual([]);

  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save recording' }).click();
  const path = join(temporaryDirectory(), 'thousand.jsonl');
  await (await download).saveAs(path);
  expect(await tooLong(page), 'saved').toEqual([]);

  await page.locator('#file').setInputFiles(path);
  const counter = page.getByText(/^frame (\d+) of \1$/);
  await counter.waitFor();
  const frames = Number(/\d+/.exec((await counter.textContent()) ?? '')?.[0]);
  expect(frames).toBeGreaterThan(20 * generations);
  expect(await ended(page)).toBeGreaterThanOrEqual(generations - 5);
  expect(await tooLong(page), 'opened').toEqual([]);

  const middle = Math.floor(frames / 2);
  await page.getByRole('slider').fill(String(middle));
  await page.getByText(`frame ${middle} of ${frames}`).waitFor();
  const seen = await ended(page);
  expect(seen).toBeGreaterThan(generations / 3);
  expect(seen).toBeLessThan(generations * 0.7);
  expect(await tooLong(page), 'stepped through').toEqual([]);
});

test('a page that comes after a thousand generations is told of them without being held up', {
  timeout,
}, async (context) => {
  const { page } = await openPage(context);
  await page.addInitScript(observeLongTasks);
  const all = { taken: 11, sample: async () => {} };
  let open = async () => {};
  await soakSimulated(generations, all, async (snapshotter) => {
    const { origin, handler } = await serve(snapshotter);
    open = async () => {
      await page.goto(origin + handler.page);
    };
  });
  await open();
  await expect.poll(() => ended(page)).toBeGreaterThanOrEqual(generations - 5);
  expect(await tooLong(page)).toEqual([]);
});
