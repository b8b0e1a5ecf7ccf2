import { expect, test } from 'vitest';
import { chunkBytesMax } from '../../../src/core/limits.ts';
import { seqno } from '../../../src/core/words.ts';
import { LedgerPlan } from '../../../src/files/ledger/ledger-plan.ts';

/** A plan whose open chunk has two entries and `left` bytes to 4 GiB, the table's not counted. */
function planWith(left: number): LedgerPlan {
  const positions = [8, 100];
  const chunk = { first: seqno(1), positions, size: chunkBytesMax - left, isComplete: false };
  return new LedgerPlan(seqno(2), [chunk]);
}

test('LedgerPlan.append() fills a chunk up to 4 GiB, its table included', () => {
  const { position, table } = planWith(62).append(seqno(3), 50, true);
  expect([position, table?.length]).toEqual([chunkBytesMax - 62, 12]);
});

test('LedgerPlan.append() refuses an entry that leaves no room for the table', () => {
  const plan = planWith(61);
  expect(() => plan.append(seqno(3), 50, false)).toThrow(RangeError);
  expect([plan.last, plan.chunkBytes]).toEqual([2, chunkBytesMax - 61]);
});
