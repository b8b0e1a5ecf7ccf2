import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, onTestFinished, type TestContext } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';
import { chromiumPath, hasChromium, launchChromium } from './chromium.ts';

let started: Promise<Browser> | undefined;

afterAll(async () => (await started)?.close());

export type Scheme = 'light' | 'dark';

/** A page of a fresh Chromium, which reports every error of its scripts; skips where there is no Chromium. */
export async function openPage(
  { skip }: TestContext,
  { scheme = 'light', width = 830 }: { scheme?: Scheme; width?: number } = {},
): Promise<{ readonly page: Page; readonly errors: readonly string[] }> {
  if (!hasChromium()) {
    process.stdout.write(`SKIPPED: ${chromiumPath} is missing\n`);
    skip(`SKIPPED: ${chromiumPath} is missing`);
  }
  started ??= launchChromium();
  const browser = await started;
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 1000 },
    acceptDownloads: true,
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return { page, errors };
}

/** Keeps a picture of the page in `visualizations/screenshots` when SCREENSHOTS is set. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  if (process.env['SCREENSHOTS'] === undefined) return;
  const folder = join(projectRoot, 'visualizations/screenshots');
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate('scrollTo(0, 0)');
    const pathOf = (part: string) => join(folder, `${name}${part}-${colorScheme}.png`);
    const clip = { x: 0, y: 0, width: 830, height: 1250 };
    await page.screenshot({ path: pathOf(''), fullPage: true, clip });
    await page.locator('#chart').screenshot({ path: pathOf('-chart') });
  }
}
