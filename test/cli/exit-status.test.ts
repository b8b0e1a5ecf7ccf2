import { expect, test } from 'vitest';
import { UsageError } from '../../src/cli/errors.ts';
import { exitStatusOf, worstOf } from '../../src/cli/exit-status.ts';
import {
  AbortedError,
  ConsensusError,
  FormatError,
  StorageError,
  VerificationError,
} from '../../src/core/errors.ts';

test.each([
  [new UsageError('x'), 2],
  [new AbortedError('x'), 130],
  [new StorageError('READ_FAILED', 'x'), 3],
  [new StorageError('LOCKED', 'x'), 3],
  [new FormatError('EMPTY_LEDGER', 'x'), 3],
  [new FormatError('CHUNK_GAP', 'x'), 3],
  [new FormatError('TRUNCATED_BODY', 'x'), 1],
  [new VerificationError('SIG_INVALID', 'x'), 1],
  [new VerificationError('CROSS_CHECK_UNAVAILABLE', 'x'), 3],
  [new VerificationError('CROSS_CHECK_DISAGREES', 'x'), 1],
  [new ConsensusError('CLOSED', 'x'), 3],
  [new TypeError('a bug of ours'), 3],
  ['thrown text', 3],
])('exitStatusOf() of %o is %i', (error, status) => {
  expect(exitStatusOf(error)).toBe(status);
});

test.each([
  [[], 0],
  [[0, 0], 0],
  [[0, 3], 3],
  [[0, 3, 1], 1],
  [[1, 2], 2],
  [[1, 130, 3], 130],
] as const)('worstOf(%j) is %i', (statuses, worst) => {
  expect(worstOf(statuses)).toBe(worst);
});
