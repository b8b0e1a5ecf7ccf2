import { expect, test } from 'vitest';
import { textWidth } from '../../src/diagrams/text-width.ts';
import { type BenchLine, isWithinBound } from './bench.ts';
import { plotOf } from './plot.ts';
import { tableOf } from './table.ts';

const line: BenchLine = { name: 'snapshot', case: 'D1M', unit: 'ms', median: 30, min: 20 };

test('isWithinBound() holds the ratio where there is one', () => {
  expect(isWithinBound({ ...line, ratio: 1.2, bound: 1.25 })).toBe(true);
  expect(isWithinBound({ ...line, ratio: 1.3, bound: 1.25 })).toBe(false);
});

test('isWithinBound() holds the median, or the least where the line says so', () => {
  expect(isWithinBound({ ...line, bound: 25 })).toBe(false);
  expect(isWithinBound({ ...line, bound: 25, held: 'min' })).toBe(true);
});

test('tableOf() says what is above its bound, and why something was skipped', () => {
  const table = tableOf([
    { ...line, ratio: 1.3, bound: 1.25, discarded: 2 },
    { name: 'peers', case: 'etcd', skipped: 'not installed' },
  ]);
  expect(table).toMatchInlineSnapshot(`
    "snapshot
      case  median  least  ratio  bound
      D1M    30 ms  20 ms    1.3   1.25  ABOVE, 2 discarded

    peers
      case  median  least  ratio  bound
      etcd                               skipped: not installed
    "
  `);
});

test('plotOf() draws a bar for each bound, and marks where it lies', () => {
  const lines = [
    { ...line, ratio: 1, bound: 2 },
    { ...line, case: 'a < b', ratio: 9, bound: 2 },
    { name: 'peers', case: 'etcd', skipped: 'not installed' },
  ];
  const svg = plotOf(lines, 'machine');
  expect(
    [...svg.matchAll(/<rect[^>]* width="([\d.]+)"[^>]* fill="(#\w+)"/g)].slice(1),
  ).toMatchObject([
    { 1: '105.0', 2: '#3a7d5c' },
    { 1: '420.0', 2: '#c44' },
  ]);
  expect(svg).toContain('x1="710"');
  expect(svg).toContain('a &lt; b');
  expect(svg).not.toContain('etcd');
});

test('plotOf() cuts a label short that is longer than its place', () => {
  const svg = plotOf([{ ...line, case: 'long '.repeat(30), ratio: 1, bound: 2 }], 'machine');
  const [, label = ''] = /text-anchor="end">([^<]*)</.exec(svg) ?? [];
  const width = textWidth(label, { size: 12 });
  expect(width).toBeLessThanOrEqual(484);
  expect(width).toBeGreaterThan(470);
  expect(label.at(-1)).toBe('…');
});
