import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { projectRoot } from '../architecture/sources.ts';

const audit = readFileSync(join(projectRoot, 'test/browser/audit.mjs'), 'utf8');

/** A text as it is seen. */
export interface SeenText {
  /** Of the text; each of its lines has a box. */
  readonly number: number;
  readonly text: string;
  readonly pixels: number;
  readonly contrast: number;
  /** Left, top, right, bottom. */
  readonly box: readonly [number, number, number, number];
  /** Heading of the section that it stands in. */
  readonly owner: string;
}

/** Every text of the page that can be seen. */
export async function textsOf(page: Page): Promise<readonly SeenText[]> {
  // Below the header that stays in sight the rest scrolls through.
  await page.evaluate(`scrollTo(0, 0); ${audit}`);
  // What the audit answers is declared there.
  return (await page.evaluate('auditTexts()')) as SeenText[];
}

/** Letters of two texts lie upon each other, by more than the edge of a pixel. */
function overlap({ box: [left, top, right, bottom] }: SeenText, { box }: SeenText): boolean {
  const width = Math.min(right, box[2]) - Math.max(left, box[0]);
  const height = Math.min(bottom, box[3]) - Math.max(top, box[1]);
  // The boxes of two lines touch: letters do not fill theirs.
  return width > 1 && height > 4;
}

export const words = ({ text, owner, pixels, contrast }: SeenText): string =>
  `${owner}: ${text} (${pixels.toFixed(1)} px, ${contrast.toFixed(2)})`;

/** Texts that lie upon each other, in words. */
export function overprints(texts: readonly SeenText[]): readonly string[] {
  return texts.flatMap((one, index) =>
    texts
      .slice(index + 1)
      .filter((other) => other.number !== one.number && overlap(one, other))
      .map((other) => `${words(one)} — ${words(other)}`),
  );
}
