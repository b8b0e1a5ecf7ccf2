import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { textWidth } from '../../src/diagrams/text-width.ts';
import { projectRoot } from '../architecture/sources.ts';
import { openPage } from './browser.ts';
import { families } from './chromium.ts';
import { overprints, textsOf } from './texts.ts';

const faces = [
  { size: 12, bold: false },
  { size: 14, bold: true },
] as const;

const ascii = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index));
const sentence = 'action.completed [isOfKind] / requestAction leads to awaiting evidence';

/** Widths as the font has them: letters that are fitted to whole pixels may be wider alone, and are not in a text. */
async function measured(
  page: Page,
  texts: readonly string[],
  { size, bold }: (typeof faces)[number],
): Promise<readonly number[]> {
  await page.setContent(
    `<svg xmlns="http://www.w3.org/2000/svg"><text xml:space="preserve" style="font:${bold ? 'bold ' : ''}${size}px sans-serif;text-rendering:geometricPrecision"></text></svg>`,
  );
  return await page.locator('text').evaluate(
    (element, all) =>
      all.map((text) => {
        element.textContent = text;
        return element.getComputedTextLength();
      }),
    texts,
  );
}

test.for(families)('textWidth() is no less than a text is wide in %s', async (family, context) => {
  const { page } = await openPage(context, { family });
  for (const face of faces) {
    const all = [...ascii, sentence, '→ · … ×'];
    const widths = await measured(page, all, face);
    const wider = all.filter((text, index) => (widths[index] ?? 0) > textWidth(text, face));
    expect(wider, JSON.stringify(face)).toEqual([]);
    const [width = 0] = await measured(page, [sentence], face);
    const roomMax = family === 'DejaVu Sans' ? 1.04 : 1.25;
    expect(textWidth(sentence, face) / width).toBeLessThan(roomMax);
  }
});

const pictures = ['diagrams', 'coverage', 'bench'].flatMap((folder) =>
  readdirSync(join(projectRoot, 'visualizations', folder))
    .filter((name) => name.endsWith('.svg'))
    .map((name) => join('visualizations', folder, name)),
);

test.for(families)(
  'every text of every picture is inside its box, and on no other, in %s',
  async (family, context) => {
    const { page } = await openPage(context, { family, width: 1100 });
    expect(pictures.length).toBeGreaterThan(12);
    for (const picture of pictures) {
      const svg = readFileSync(join(projectRoot, picture), 'utf8');
      await page.setContent(`<body style="margin:0">${svg}`);
      expect(overprints(await textsOf(page)), picture).toEqual([]);
      expect(await page.evaluate('auditBoxes()'), picture).toEqual([]);
    }
  },
);
