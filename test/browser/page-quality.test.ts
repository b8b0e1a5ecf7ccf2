import type { Page } from 'playwright-core';
import { expect, type TestContext, test } from 'vitest';
import { type Setup, setUp, untilCommitted, untilSubmitted } from '../helpers/set-up-host.ts';
import { serve } from '../http/serve.ts';
import { openPage, type Scheme } from './browser.ts';
import { type Family, families } from './chromium.ts';
import { overprints, textsOf, words } from './texts.ts';

/** Fails with the texts that cannot be read. */
async function expectLegible(page: Page): Promise<void> {
  const texts = await textsOf(page);
  expect(texts.length).toBeGreaterThan(40);
  expect(texts.filter(({ pixels }) => pixels < 11).map(words)).toEqual([]);
  expect(texts.filter(({ contrast }) => contrast < 4.5).map(words)).toEqual([]);
  expect(overprints(texts)).toEqual([]);
}

interface WatchOptions {
  readonly scheme?: Scheme;
  readonly family?: Family;
}

async function watch(context: TestContext, setup: Setup, options: WatchOptions = {}) {
  const { origin, handler } = await serve(setup.snapshotter);
  const { page, errors } = await openPage(context, options);
  await page.goto(origin + handler.page);
  await page.getByText('live', { exact: true }).waitFor();
  await page.locator('#chart svg').waitFor();
  return { page, errors };
}

const chip = (page: Page, text: string) =>
  page.locator('#generations .row .chip').getByText(text, { exact: true }).first();

/** Each chart in turn, from its top to its bottom and its left to its right. */
async function expectChartsLegible(page: Page): Promise<void> {
  for (const button of await page.locator('#charts button').all()) {
    await button.click();
    await page.locator('#chart svg').waitFor();
    for (const end of ['scrollTo(0, 0)', 'scrollTo(1e6, 1e6)']) {
      await page.evaluate(`document.querySelector('#chart').${end}`);
      await expectLegible(page);
    }
  }
}

test.for(
  families.flatMap((family) => (['light', 'dark'] as const).map((scheme) => ({ family, scheme }))),
)(
  'at 830 pixels every text of the page can be read, in $family and the $scheme scheme',
  async (options, context) => {
    const setup = await setUp();
    const { page, errors } = await watch(context, setup, options);
    await expectLegible(page);
    await untilSubmitted(setup);
    await chip(page, 'awaiting evidence').waitFor();
    await expectChartsLegible(page);
    setup.snapshotter.cancel(setup.snapshotter.live[0]?.generation ?? 0);
    await chip(page, 'cancelled').waitFor();
    await expectChartsLegible(page);
    await page.getByRole('button', { name: 'Pause and step' }).click();
    await page.getByText(/^frame \d+ of \d+$/).waitFor();
    await expectLegible(page);
    expect(errors).toEqual([]);
  },
);

test('the page has landmarks, and a name for all that can be operated', async (context) => {
  const setup = await setUp();
  const { page } = await watch(context, setup);
  await untilCommitted(setup);
  await chip(page, 'committed').waitFor();
  await page.getByRole('button', { name: 'Pause and step' }).click();
  await page.getByRole('slider', { name: 'Frame' }).waitFor();
  const tree = await page.locator('body').ariaSnapshot();
  for (const role of ['banner', 'main']) expect(tree).toMatch(new RegExp(`^\\s*- ${role}:`, 'm'));
  const regions = ['Generations', 'Chosen generation', 'What was said', 'Statechart'];
  for (const name of regions) {
    expect(await page.getByRole('region', { name, exact: true }).count(), name).toBeGreaterThan(0);
  }
  const operated = ['button', 'slider', 'listbox', 'option', 'list', 'region', 'group', 'img'];
  const nameless = operated.filter((role) => new RegExp(`- ${role}(?:$|:| \\[)`, 'm').test(tree));
  expect(nameless, tree).toEqual([]);
  expect(await page.getByRole('heading').allTextContents()).toEqual([
    'Ledger snapshots',
    'Generations',
    'Chosen generation',
    'Snapshots of the recording',
    'What was said',
    'Statechart',
    'Last transitions',
  ]);
});

/** Ids, or words, of what Tab comes to, until it leaves the page. */
async function tabStops(page: Page): Promise<readonly string[]> {
  const stops: string[] = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const stop = String(
      await page.evaluate(`(() => {
        const { activeElement: at } = document;
        if (at === null || at === document.body) return '';
        const { outlineStyle, outlineWidth } = getComputedStyle(at);
        const isMarked = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
        return (at.id || at.textContent) + (isMarked ? '' : ' (not marked)');
      })()`),
    );
    if (stop === '' || stops.includes(stop)) break;
    stops.push(stop);
  }
  return stops;
}

test('the page is operated with the keyboard alone', async (context) => {
  const setup = await setUp();
  const { page } = await watch(context, setup);
  await untilCommitted(setup);
  await chip(page, 'committed').waitFor();
  setup.asked.length = 0;
  await untilSubmitted(setup);
  await chip(page, 'awaiting evidence').waitFor();
  expect(await tabStops(page)).toEqual([
    ...['save', 'open', 'pause', 'inspector', 'generations', 'files', 'events'],
    ...[
      'generation',
      'its chain of actions',
      'its writer',
      'snapshotter, the parent',
      'chart',
      'changes',
    ],
  ]);
  const rows = page.getByRole('option');
  const chosen = () =>
    rows.evaluateAll((all) => all.map((row) => row.getAttribute('aria-selected')).join());
  await page.locator('#generations').focus();
  expect(await chosen()).toBe('true,false');
  await page.keyboard.press('ArrowDown');
  await expect.poll(chosen).toBe('false,true');
  const pointed = await page.locator('#generations').getAttribute('aria-activedescendant');
  await page.locator(`#${pointed}`).getByText('committed').waitFor();
  await page.keyboard.press('Home');
  await expect.poll(chosen).toBe('true,false');
  const writer = page.getByRole('button', { name: 'its writer' });
  await writer.focus();
  await page.keyboard.press('Space');
  await expect.poll(() => writer.getAttribute('aria-pressed')).toBe('true');
  await page.getByRole('button', { name: 'Pause and step' }).focus();
  await page.keyboard.press('Enter');
  const slider = page.getByRole('slider', { name: 'Frame' });
  await slider.focus();
  await page.keyboard.press('Home');
  await page.getByText(/^frame 1 of \d+$/).waitFor();
  await page.keyboard.press('ArrowRight');
  await page.getByText(/^frame 2 of \d+$/).waitFor();
  await page.getByRole('button', { name: 'Back to live' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('live', { exact: true }).waitFor();
});

test('a recording takes the place of all that is shown, the files on disk too', async (context) => {
  const setup = await setUp();
  const { origin, handler } = await serve(setup.snapshotter, {
    directory: '/snapshots',
    environment: { fileSystem: setup.disk },
  });
  const { page } = await openPage(context);
  await page.goto(origin + handler.page);
  await page.getByText('live', { exact: true }).waitFor();
  const { file = '' } = await untilCommitted(setup);
  await page.getByText('agrees with itself').waitFor();
  const files = page.getByRole('region', { name: /^Snapshots/ }).first();
  await page.getByRole('button', { name: 'Pause and step' }).click();
  await files.getByRole('heading', { name: 'Snapshots of the recording' }).waitFor();
  await files.getByRole('cell', { name: file }).waitFor();
  expect(await files.getByText('agrees with itself').count()).toBe(0);
  expect(await files.getByText('/snapshots', { exact: true }).count()).toBe(0);
  await page.getByRole('button', { name: 'To the first frame' }).click();
  await files.getByText('No file yet.').waitFor();
  await page.getByRole('button', { name: 'Back to live' }).click();
  await files.getByText('agrees with itself').waitFor();
  await files.getByRole('heading', { name: 'Snapshots on disk' }).waitFor();
});
