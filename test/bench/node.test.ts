import { expect, test } from 'vitest';
import { benchLongRun } from './node.ts';

test('the long run, made short, recovers to its root, and replay finds its snapshots identical', async () => {
  const lines = [];
  for await (const line of benchLongRun('short', { transactions: 1000, snapshotTxInterval: 250 })) {
    lines.push(line);
  }
  expect(lines).toMatchObject([
    { case: 'short', outcomes: { committed: expect.any(Number) } },
    { case: 'short: growth of memory after the second tenth', tenths: { length: 10 } },
    { case: 'short: recover', snapshot: expect.stringMatching(/^snapshot_/) },
    { case: 'short: replay', identical: expect.any(Number) },
  ]);
});
