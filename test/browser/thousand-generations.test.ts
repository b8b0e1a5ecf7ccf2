import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, type TestContext, test } from 'vitest';
import { temporaryDirectory } from '../cli/temporary.ts';
import { serve } from '../http/serve.ts';
import { soakSimulated } from '../soak/simulated-service.ts';
import { openPage } from './browser.ts';
import { observeTasks } from './long-tasks.ts';

const generations = 1000;

/** Of so many generations the end is known when all is over: the last ones are cancelled by the close. */
const endedMin = generations - 5;

/**
 * A thousand generations take a page on a busy machine a while, and there the clock of a thread is not exact: a task
 * that is really too long is so each time.
 */
const patient = { timeout: 300_000, retry: 2 };

/** Generations that the page knows the end of. */
async function ended(page: Page): Promise<number> {
  const totals = (await page.locator('#totals').textContent()) ?? '';
  const [good = 0, , bad = 0] = [...totals.matchAll(/\d+/g)].map(Number);
  return good + bad;
}

const untilAllEnded = (page: Page) =>
  expect.poll(() => ended(page), { timeout: 60_000 }).toBeGreaterThanOrEqual(endedMin);

/** A page that follows the service until it has ended, and never so far behind that it would be dropped. */
async function follow(page: Page): Promise<void> {
  let begun = 0;
  const paced = {
    taken: 0,
    sample: async () => {
      if (begun++ % 20 !== 0) return;
      await expect.poll(() => ended(page), { timeout: 60_000 }).toBeGreaterThan(begun - 30);
    },
  };
  await soakSimulated(generations, paced, async (snapshotter) => {
    const { origin, handler } = await serve(snapshotter);
    await page.goto(origin + handler.page);
    await page.getByText('live', { exact: true }).waitFor();
  });
  await untilAllEnded(page);
}

/** Saves what the page has, and gives back where. */
async function save(page: Page): Promise<string> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save recording' }).click();
  const path = join(temporaryDirectory(), 'thousand.jsonl');
  await (await download).saveAs(path);
  return path;
}

/** Opens a recording; the number of its frames. */
async function open(page: Page, path: string): Promise<number> {
  await page.locator('#file').setInputFiles(path);
  const counter = page.getByText(/^frame (\d+) of \1$/);
  await counter.waitFor({ timeout: 120_000 });
  return Number(/\d+/.exec((await counter.textContent()) ?? '')?.[0]);
}

test(
  'a thousand generations, followed, saved, opened and stepped through, never hold up the page',
  patient,
  async (context: TestContext) => {
    const { page, errors } = await openPage(context);
    const tasks = await observeTasks(page);
    await follow(page);
    expect(await page.locator('#generations .row').count()).toBeLessThan(20);
    await page.locator('#generations').focus();
    for (const key of ['End', 'Home', 'PageDown']) await page.keyboard.press(key);

    const frames = await open(page, await save(page));
    expect(frames).toBeGreaterThan(20 * generations);
    expect(await ended(page)).toBeGreaterThanOrEqual(endedMin);

    const middle = Math.floor(frames / 2);
    await page.getByRole('slider').fill(String(middle));
    await page.getByText(`frame ${middle} of ${frames}`).waitFor({ timeout: 120_000 });
    const seen = await ended(page);
    expect(seen).toBeGreaterThan(generations / 3);
    expect(seen).toBeLessThan(generations * 0.7);
    await tasks.expectShort();
    expect(errors).toEqual([]);
  },
);

test(
  'a page that comes after a thousand generations is told of them without being held up',
  patient,
  async (context: TestContext) => {
    const { page } = await openPage(context);
    let url = '';
    const all = { taken: 11, sample: async () => {} };
    await soakSimulated(generations, all, async (snapshotter) => {
      const { origin, handler } = await serve(snapshotter);
      url = origin + handler.page;
    });
    const tasks = await observeTasks(page);
    await page.goto(url);
    await untilAllEnded(page);
    await tasks.expectShort();
  },
);

test('a task that is too long is found', async (context) => {
  const { page } = await openPage(context);
  const tasks = await observeTasks(page);
  await page.goto('about:blank');
  await page.evaluate(
    'setTimeout(() => { for (let i = 0, sum = 0; i < 3e8; i++) sum += i % 7; }, 0)',
  );
  await expect.poll(() => page.evaluate('longTasks.length')).toBeGreaterThan(0);
  for (let i = 0; i < 100; i++) await page.evaluate('1');
  await expect(tasks.expectShort()).rejects.toThrow('deeply equal []');
});
