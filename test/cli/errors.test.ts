import { expect, test } from 'vitest';
import { explain, UsageError } from '../../src/cli/errors.ts';
import { FormatError, StorageError, VerificationError } from '../../src/core/errors.ts';
import { storageError } from '../../src/io/storage-error.ts';

test('explain() says what is wrong, where, and what to do next', () => {
  const error = new FormatError('TRUNCATED_BODY', 'header declares 10 bytes', {
    file: 'snapshot_1_2.committed',
    offset: 77,
    seqno: 88,
  });
  expect(explain(error)).toEqual([
    'error: header declares 10 bytes [TRUNCATED_BODY]',
    '  at: snapshot_1_2.committed, seqno 88, offset 77',
    '  next: take another copy of the file, or an older snapshot',
  ]);
});

test('explain() does not say again what the message says', () => {
  const error = new VerificationError('SIG_INVALID', 'seqno 88 (ledger_1-99 at offset 7): bad', {
    file: 'ledger_1-99',
    offset: 7,
    seqno: 88,
  });
  expect(explain(error)).toEqual(['error: seqno 88 (ledger_1-99 at offset 7): bad [SIG_INVALID]']);
});

test.each([
  ['ENOENT', 'error: /d/f does not exist [NOT_FOUND]'],
  ['ENOTDIR', 'error: /d/f is not a directory [NOT_A_DIRECTORY]'],
  ['EACCES', 'error: /d/f cannot be read (EACCES: permission denied) [READ_FAILED]'],
  ['EIO', 'error: /d/f cannot be read (EIO: the device failed) [READ_FAILED]'],
])('explain() puts the errno %s into words', (code, line) => {
  const cause = Object.assign(new Error('system words'), { code });
  expect(explain(storageError('list', '/d/f', cause))[0]).toBe(line);
});

test.each([
  [new StorageError('NOT_FOUND', 'x', { file: 'data/keys/service_key.pem' }), 'restore the key'],
  [new StorageError('NOT_FOUND', 'x', { file: 'data/ledger' }), 'check the path'],
  [
    new FormatError('BAD_TEXT', 'x', { file: 'data/view' }),
    'restore it from a copy, or write a number',
  ],
  [
    new StorageError('NOT_FOUND', 'x', { file: 'data/view' }),
    'restore it from a copy, or write a number',
  ],
  [new FormatError('BAD_VERSION', 'x', { file: 'package.json' }), 'check that the file is'],
  [new StorageError('LISTEN_FAILED', 'x'), 'give another port'],
])('explain() of %o says what to do next', (error, next) => {
  expect(explain(error).at(-1)).toContain(`  next: ${next}`);
});

test('explain() gives a usage error its own advice', () => {
  expect(explain(new UsageError('no such table', 'list them'))).toEqual([
    'error: no such table',
    '  next: list them',
  ]);
});

test('explain() calls an error that is none of ours a bug', () => {
  expect(explain(new TypeError('x is undefined'))).toEqual([
    'error: this should not have happened: x is undefined',
    '  next: run it again with --debug and report what it prints',
  ]);
});

test('explain() shows the stack and the causes only when asked to', () => {
  const error = new StorageError('LOCKED', 'locked', { cause: new Error('the cause') });
  expect(explain(error).join('\n')).not.toContain('errors.test.ts');
  const text = explain(error, { debug: true }).join('\n');
  expect(text).toContain('errors.test.ts');
  expect(text).toContain('the cause');
});
