import { expect, test } from 'vitest';
import { storageError } from '../../src/io/storage-error.ts';

const errnoError = (code: string, errno = -1) => Object.assign(new Error(code), { code, errno });

test.each([
  ['open', 'ENOENT', 'NOT_FOUND'],
  ['open', 'EEXIST', 'ALREADY_EXISTS'],
  ['open', 'ELOOP', 'SYMLINK_REFUSED'],
  ['open', 'ENOTDIR', 'NOT_A_DIRECTORY'],
  ['open', 'EISDIR', 'NOT_A_REGULAR_FILE'],
  ['open', 'ENXIO', 'NOT_A_REGULAR_FILE'],
  ['read', 'ENXIO', 'READ_FAILED'],
  ['read', 'EIO', 'READ_FAILED'],
  ['write', 'ENOSPC', 'WRITE_FAILED'],
  ['truncate', 'EFBIG', 'WRITE_FAILED'],
  ['close', 'EIO', 'WRITE_FAILED'],
  ['sync', 'EIO', 'SYNC_FAILED'],
  ['rename', 'EXDEV', 'WRITE_FAILED'],
] as const)('storageError() of %s with %s has the code %s', (operation, errno, code) => {
  const cause = errnoError(errno);
  expect(storageError(operation, '/a', cause)).toMatchObject({
    code,
    file: '/a',
    actual: errno,
    cause,
  });
});

test('storageError() of open for reading is READ_FAILED, for writing WRITE_FAILED', () => {
  expect(storageError('open', '/a', errnoError('EACCES'), 'read').code).toBe('READ_FAILED');
  expect(storageError('open', '/a', errnoError('EACCES'), 'fill').code).toBe('WRITE_FAILED');
  expect(storageError('close', '/a', errnoError('EIO'), 'read').code).toBe('READ_FAILED');
});

test('storageError() names EDQUOT, for which libuv has no name', () => {
  expect(storageError('write', '/a', errnoError('UNKNOWN', -122)).actual).toBe('EDQUOT');
});

test('storageError() takes what is no error', () => {
  expect(storageError('write', '/a', 'odd')).toMatchObject({
    code: 'WRITE_FAILED',
    actual: 'UNKNOWN',
  });
});
