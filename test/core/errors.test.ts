import { expect, test } from 'vitest';
import {
  AbortedError,
  ConsensusError,
  FormatError,
  isUndecided,
  StorageError,
  VerificationError,
} from '../../src/core/errors.ts';

test.each([
  [new StorageError('WORKER_DIED', 'm'), true],
  [new StorageError('QUEUE_FULL', 'm'), true],
  [new VerificationError('CROSS_CHECK_UNAVAILABLE', 'm'), true],
  [new VerificationError('CROSS_CHECK_DISAGREES', 'm'), false],
  [new VerificationError('SIG_INVALID', 'm'), false],
  [new FormatError('BAD_TREE', 'm'), false],
  [new ConsensusError('CLOSED', 'm'), false],
  [new AbortedError('m'), false],
  [new Error('m'), false],
  ['m', false],
])('isUndecided(%o) is %s', (error, expected) => {
  expect(isUndecided(error)).toBe(expected);
});
