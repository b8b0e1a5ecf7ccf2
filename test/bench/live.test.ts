import { expect, test } from 'vitest';
import { benchLive } from './live.ts';

test('the bench of the live page, made small, loses no message and finds inspection only where somebody watches', async () => {
  const lines = [];
  const sizes = { pairs: 1, generations: 2, events: 500, inspectedEvents: 20 };
  for await (const line of benchLive(sizes)) lines.push(line);
  expect(lines).toHaveLength(8);
  expect(lines[0]).toMatchObject({ bound: 1.15, held: 'median', rounds: { length: 1 } });
  expect(lines[2]).toMatchObject({ unit: 'µs', bound: 2 });
  expect(lines[3]).toMatchObject({
    unwatched: { inspect: 0 },
    watched: { inspect: expect.any(Number) },
  });
  const kinds = lines.slice(4).map(({ case: words }) => /1 MB of (\w+)/.exec(words)?.[1]);
  expect(kinds).toEqual(['bytes', 'text', 'numbers', 'records']);
});
