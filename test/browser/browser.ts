import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, expect, onTestFinished, type TestContext } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';
import { chromiumPath, type Family, hasChromium, hasFamily, launchChromium } from './chromium.ts';

const started = new Map<Family | undefined, Promise<Browser>>();

afterAll(async () => {
  await Promise.all([...started.values()].map(async (browser) => (await browser).close()));
});

export type Scheme = 'light' | 'dark';

interface OpenOptions {
  readonly scheme?: Scheme;
  readonly width?: number;
  /** The one font family that the page is drawn with. @default those of the machine */
  readonly family?: Family | undefined;
}

/** Why no page can be opened here; undefined where it can. */
function missing(family: Family | undefined): string | undefined {
  if (!hasChromium()) return `SKIPPED: ${chromiumPath} is missing`;
  if (family === undefined || hasFamily(family)) return undefined;
  return `SKIPPED: the font ${family} is missing`;
}

function browserWith(family: Family | undefined): Promise<Browser> {
  const browser = started.get(family) ?? launchChromium(family);
  started.set(family, browser);
  return browser;
}

/** A page of a fresh Chromium, which reports every error of its scripts; skips where there is no Chromium, or not the font. */
export async function openPage(
  { skip }: TestContext,
  { scheme = 'light', width = 830, family }: OpenOptions = {},
): Promise<{ readonly page: Page; readonly errors: readonly string[] }> {
  const why = missing(family);
  if (why !== undefined) {
    process.stdout.write(`${why}\n`);
    skip(why);
  }
  const browser = await browserWith(family);
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width, height: 1000 },
    acceptDownloads: true,
  });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  if (family !== undefined) expect(await familiesOn(page)).toEqual([family]);
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  return { page, errors };
}

const probe = `<p>sans</p>${['Helvetica', 'Arial', 'serif', 'monospace']
  .map((name) => `<p style="font-family:${name}">probe <b>bold</b></p>`)
  .join('')}`;

/** The families that Chromium really draws text with here, whatever font is asked for. */
async function familiesOn(page: Page): Promise<readonly string[]> {
  await page.setContent(probe);
  const tools = await page.context().newCDPSession(page);
  await tools.send('DOM.enable');
  await tools.send('CSS.enable');
  const { root } = await tools.send('DOM.getDocument');
  const selector = { nodeId: root.nodeId, selector: 'p,b' };
  const { nodeIds } = await tools.send('DOM.querySelectorAll', selector);
  const drawn = await Promise.all(
    nodeIds.map((nodeId) => tools.send('CSS.getPlatformFontsForNode', { nodeId })),
  );
  await tools.detach();
  await page.goto('about:blank');
  return [...new Set(drawn.flatMap(({ fonts }) => fonts.map(({ familyName }) => familyName)))];
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
