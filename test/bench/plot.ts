import { textWidth } from '../../src/diagrams/text-width.ts';
import { type BenchLine, heldFigure } from './bench.ts';

const size = { row: 22, label: 500, bars: 420, figures: 160, top: 44 } as const;

/** In pixels, of a label beside the bars. */
const labelMax = size.label - 16;

/** How far a bar reaches at most, in times of its bound: what is beyond is cut off and says so. */
const reachMax = 2;

/**
 * Every case with a bound as a bar, drawn as a share of it: the line at 1 is the bound, so that what is compared with
 * different floors stands in one picture. Below them what has a ratio and no bound, over what it is divided by.
 */
export function plotOf(lines: readonly BenchLine[], title: string): string {
  const measured = lines.filter((line) => line.skipped === undefined);
  const held = measured.filter(({ bound }) => bound !== undefined);
  const free = measured.filter(({ bound, ratio }) => bound === undefined && ratio !== undefined);
  const rows = [...held, ...free];
  const width = size.label + size.bars + size.figures;
  const height = size.top + rows.length * size.row + 16;
  const one = size.label + size.bars / reachMax;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="8" y="18" font-size="14">${escaped(title)}</text>`,
    `<text x="${one}" y="36" text-anchor="middle" fill="#555">bound, or 1</text>`,
    ...rows.map((line, row) => bar(line, size.top + row * size.row)),
    `<line x1="${one}" x2="${one}" y1="40" y2="${height - 12}" stroke="#222" stroke-dasharray="4 3"/>`,
    '</svg>',
    '',
  ].join('\n');
}

function bar(line: BenchLine, y: number): string {
  const { name, ratio, bound, unit = '' } = line;
  const figure = heldFigure(line) ?? 0;
  const share = figure / (bound ?? 1);
  const width = (Math.max(0, Math.min(share, reachMax)) / reachMax) * size.bars;
  const isAbove = bound !== undefined && share > 1;
  const colour = bound === undefined ? '#9aa7b5' : isAbove ? '#c44' : '#3a7d5c';
  const text = ratio === undefined ? `${figure} ${unit}` : `${figure} ×`;
  const of = bound === undefined ? '' : ` of ${bound}`;
  const middle = y + size.row / 2 + 4;
  return [
    `<text x="${size.label - 8}" y="${middle}" text-anchor="end">${escaped(shortened(`${name}: ${line.case}`))}</text>`,
    `<rect x="${size.label}" y="${y + 3}" width="${width.toFixed(1)}" height="${size.row - 8}" fill="${colour}"/>`,
    `<text x="${size.label + size.bars + 8}" y="${middle}">${escaped(text + of)}</text>`,
  ].join('');
}

function shortened(text: string): string {
  const fits = (candidate: string) => textWidth(candidate, { size: 12 }) <= labelMax;
  if (fits(text)) return text;
  let short = text.slice(0, -1);
  while (!fits(`${short}…`)) short = short.slice(0, -1);
  return `${short}…`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
