import { describe, expect, test } from 'vitest';
import { AbortedError, StorageError, VerificationError } from '../../src/core/errors.ts';
import { decodeError, encodeError } from '../../src/tasks/error-transfer.ts';

const transferred = (error: unknown) => decodeError(structuredClone(encodeError(error)));

test('decodeError() restores class, code, message, stack and place', () => {
  const place = { file: 'a', offset: 1, seqno: 2, actual: 'three', expected: 4 };
  const error = new VerificationError('SIG_INVALID', 'bad', place);
  const restored = transferred(error);
  expect(restored).toBeInstanceOf(VerificationError);
  expect(restored).toMatchObject({ ...place, code: 'SIG_INVALID', message: 'bad' });
  expect(restored.stack).toBe(error.stack);
});

test('decodeError() restores the causes', () => {
  const root = Object.assign(new Error('EIO'), { code: 'EIO' });
  const middle = new StorageError('READ_FAILED', 'read', { cause: root });
  const restored = transferred(new TypeError('top', { cause: middle }));
  expect(restored).toBeInstanceOf(TypeError);
  expect(restored.cause).toBeInstanceOf(StorageError);
  expect(restored).toMatchObject({ cause: { code: 'READ_FAILED', cause: { code: 'EIO' } } });
});

test('decodeError() restores an AbortedError with its message', () => {
  const restored = transferred(new AbortedError('job a'));
  expect(restored).toBeInstanceOf(AbortedError);
  expect(restored.message).toBe('job a was aborted');
});

test('decodeError() keeps the name of a class it does not know', () => {
  const restored = transferred(new SyntaxError('bad'));
  expect(restored).toBeInstanceOf(Error);
  expect(restored).toMatchObject({ name: 'SyntaxError', message: 'bad' });
});

test('encodeError() ends a circle of causes', () => {
  const error = new Error('a');
  error.cause = error;
  let depth = 0;
  for (let at: unknown = transferred(error); at instanceof Error; at = at.cause) depth += 1;
  expect(depth).toBe(9);
});

describe('encodeError() takes what is no error', () => {
  test.each([['text'], [undefined], [null], [7]])('%j', (thrown) => {
    expect(transferred(thrown).message).toBe(String(thrown));
  });
});
