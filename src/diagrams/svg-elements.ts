import type { Box } from './svg-layout.ts';

/** A point in a picture, in pixels. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A rectangle with round corners; `data` is further attributes, each with a space before it. */
export function rect(
  classes: string,
  { x, y, width, height }: Box,
  radius: number,
  data = '',
): string {
  return `<rect class="${classes}"${data} x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" rx="${radius}"/>`;
}

/** The tip of an arrow that comes from `before`. */
export function arrow(tip: Point, before: Point, classes: string): string {
  const length = Math.hypot(tip.x - before.x, tip.y - before.y) || 1;
  const along = { x: (tip.x - before.x) / length, y: (tip.y - before.y) / length };
  const corner = (side: number) => ({
    x: tip.x - 8 * along.x + side * 4 * along.y,
    y: tip.y - 8 * along.y - side * 4 * along.x,
  });
  return `<path class="tip${classes}" d="M${at(tip)}L${at(corner(1))}L${at(corner(-1))}Z"/>`;
}

/**
 * A line of text from `x` on, or about it. Readers draw it with a font of theirs: its room is that of the widest, and a
 * narrower one is not stretched to fill it.
 */
export function textLine(
  kind: string,
  text: string,
  { x, y, isCentred = false }: Point & { readonly isCentred?: boolean },
): string {
  const anchor = isCentred ? ' text-anchor="middle"' : '';
  return `<text class="${kind}"${anchor} x="${px(x)}" y="${px(y)}">${escaped(text)}</text>`;
}

/** A point as a path has it. */
export const at = ({ x, y }: Point): string => `${px(x)} ${px(y)}`;

/** Tenths of a pixel are enough, and keep the files small. */
export const px = (value: number): string => String(Math.round(value * 10) / 10);

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};

/** Text as XML has it. */
export const escaped = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => escapes[character] ?? '');
