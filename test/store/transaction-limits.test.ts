import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import {
  keyBytesMax,
  transactionBytesMax,
  transactionChangesMax,
  valueBytesMax,
} from '../../src/core/limits.ts';
import { seqno } from '../../src/core/words.ts';
import type { StoreTable } from '../../src/store/heap/reference-store.ts';
import { VersionedStore } from '../../src/store/heap/versioned-store.ts';
import { Transaction } from '../../src/store/transaction.ts';

const table = 'public:t';
const none: ReadonlyMap<string, StoreTable> = new Map();

/** Applies what `act` does as the next transaction of the store. */
function change(store: VersionedStore, act: (transaction: Transaction) => void): void {
  const transaction = new Transaction(store.tables);
  act(transaction);
  store.apply(seqno(store.seqno + 1), transaction.changes());
}

describe('limits', () => {
  const bytes = new Uint8Array(1024 * 1024 + 1);
  const oneMiB = bytes.subarray(1);

  test('keyBytesMax and valueBytesMax are 1 MiB, transactionBytesMax is 32 MiB', () => {
    expect([keyBytesMax, valueBytesMax, transactionBytesMax]).toEqual([2 ** 20, 2 ** 20, 2 ** 25]);
  });

  test.each([
    ['no bytes', new Uint8Array(0)],
    ['1 MiB', oneMiB],
    ['1 MiB of ASCII', 'a'.repeat(2 ** 20)],
    ['1 MiB of other text', 'é'.repeat(2 ** 19)],
  ])('Transaction.put() takes keys and values of %s', (_, text) => {
    const transaction = new Transaction(none);
    transaction.put(table, text, text);
    const expected = Buffer.from(typeof text === 'string' ? toUtf8(text) : text);
    expect(expected.equals(transaction.get(table, text) ?? Buffer.from('none'))).toBe(true);
    expect(expected.equals(transaction.changes()[0]?.writes[0]?.key ?? Buffer.from('none'))).toBe(
      true,
    );
  });

  test.each([
    ['bytes', bytes],
    ['ASCII', 'a'.repeat(2 ** 20 + 1)],
    ['other text', `${'é'.repeat(2 ** 19)}a`],
  ])('Transaction.put() refuses keys and values of 1 MiB and a byte of %s', (_, long) => {
    const transaction = new Transaction(none);
    expect(() => transaction.put(table, long, '')).toThrow(
      new RangeError('a key has 1048577 bytes, 1048576 are allowed'),
    );
    expect(() => transaction.put(table, '', long)).toThrow(
      new RangeError('a value has 1048577 bytes, 1048576 are allowed'),
    );
    expect(transaction.isEmpty).toBe(true);
  });

  test.each([
    ['get', (transaction: Transaction) => transaction.get(table, bytes)],
    ['has', (transaction: Transaction) => transaction.has(table, bytes)],
    ['remove', (transaction: Transaction) => transaction.remove(table, bytes)],
  ])('Transaction.%s() refuses a key that can not be', (_, act) => {
    expect(() => act(new Transaction(none))).toThrow(RangeError);
  });

  /** Leaves room for one more value of `room` bytes under a key of one byte. */
  function filled(room: number): Transaction {
    const transaction = new Transaction(none);
    for (let n = 0; n < 31; n++) transaction.put('t', Uint8Array.of(n), oneMiB);
    transaction.put('t', Uint8Array.of(31), bytes.subarray(0, 2 ** 20 - 34 - room));
    return transaction;
  }

  test('Transaction.put() takes 32 MiB of names, keys and values in all', () => {
    const transaction = filled(10);
    transaction.put('t', 'k', bytes.subarray(0, 10));
    const [map] = transaction.changes();
    const sizes = map?.writes.map(({ key, value }) => key.length + value.length) ?? [];
    expect(sizes.reduce((sum, size) => sum + size, 't'.length)).toBe(transactionBytesMax);
  });

  test('Transaction.put() refuses one byte more than 32 MiB and leaves all as it was', () => {
    const transaction = filled(10);
    expect(() => transaction.put('t', 'k', bytes.subarray(0, 11))).toThrow(
      new RangeError('all that the transaction writes has 33554433 bytes, 33554432 are allowed'),
    );
    expect(transaction.has('t', 'k')).toBe(false);
    transaction.put('t', 'k', bytes.subarray(0, 10));
  });

  test('Transaction.put() counts the name of each table that is changed', () => {
    const transaction = filled(10);
    expect(() => transaction.put('u', 'k', bytes.subarray(0, 10))).toThrow(RangeError);
    transaction.put('u', 'k', bytes.subarray(0, 9));
  });

  test('Transaction.remove() counts its keys', () => {
    const store = new VersionedStore(seqno(0), none);
    change(store, (first) => {
      for (let n = 0; n < 31; n++) first.put('t', oneMiB.with(0, n), '');
      first.put('t', bytes.subarray(0, 2 ** 20 - 2), '');
    });
    change(store, (second) => second.put('u', 'k', ''));
    const transaction = new Transaction(store.tables);
    for (const [key] of transaction.entries('t')) transaction.remove('t', key);
    transaction.put('t', 'k', '');
    expect(() => transaction.remove('u', 'k')).toThrow(RangeError);
    expect(transaction.has('u', 'k')).toBe(true);
  });

  test('Transaction.put() changes 262,144 keys at most, so that the entry stays below its bound', () => {
    const transaction = new Transaction(none);
    for (let n = 0; n < transactionChangesMax; n++) transaction.put('t', String(n), '');
    transaction.put('t', '0', 'again');
    expect(() => transaction.put('t', 'one more', '')).toThrow(
      new RangeError('262145 keys are changed, 262144 are allowed'),
    );
    expect(transaction.has('t', 'one more')).toBe(false);
  });

  test('Transaction does not count what was taken back', () => {
    const transaction = filled(10);
    for (let n = 0; n < 3; n++) {
      transaction.put('t', 'k', bytes.subarray(0, 10));
      transaction.put('t', 'k', '');
      transaction.remove('t', 'k');
      transaction.put('u', 'k', bytes.subarray(0, 9));
      transaction.remove('u', 'k');
    }
    transaction.put('t', 'k', bytes.subarray(0, 10));
    expect(transaction.changes().map(({ name }) => name)).toEqual(['t']);
  });
});

describe('names and arguments', () => {
  test.each(['a', ' ', '\0', '😀', 'public:', 'x'.repeat(1024), 'é'.repeat(512)])(
    'Transaction takes the table name %j',
    (name) => {
      const transaction = new Transaction(none);
      transaction.put(name, 'k', 'v');
      expect(transaction.changes()[0]?.name).toBe(name);
    },
  );

  test.each(['', 'x'.repeat(1025), `${'é'.repeat(512)}x`, '\ud83d', 'a\udc00b', '\udc00\ud83d'])(
    'Transaction refuses the table name %j',
    (name) => {
      const transaction = new Transaction(none);
      expect(() => transaction.get(name, 'k')).toThrow(RangeError);
      expect(() => transaction.has(name, 'k')).toThrow(RangeError);
      expect(() => transaction.put(name, 'k', 'v')).toThrow(RangeError);
      expect(() => transaction.remove(name, 'k')).toThrow(RangeError);
      expect(() => transaction.entries(name)).toThrow(RangeError);
    },
  );

  test.each(['\ud83d', 'a\udc00b', '\udc00\ud83d'])(
    'Transaction refuses the text %j, since another would have the same UTF-8',
    (text) => {
      const transaction = new Transaction(none);
      expect(() => transaction.put(table, text, 'v')).toThrow('lone surrogate');
      expect(() => transaction.put(table, 'k', text)).toThrow('lone surrogate');
      expect(() => transaction.get(table, text)).toThrow('lone surrogate');
      expect(() => transaction.remove(table, text)).toThrow('lone surrogate');
    },
  );

  test.each([undefined, null, 1, true, {}, [1], new ArrayBuffer(1), new Uint16Array(1), Symbol()])(
    'Transaction refuses %o with a TypeError wherever it is given',
    (wrong) => {
      const transaction = new Transaction(none);
      expect(() => transaction.get(wrong as never, 'k')).toThrow(TypeError);
      expect(() => transaction.get(table, wrong as never)).toThrow(TypeError);
      expect(() => transaction.put(table, wrong as never, 'v')).toThrow(TypeError);
      expect(() => transaction.put(table, 'k', wrong as never)).toThrow(TypeError);
      expect(transaction.isEmpty).toBe(true);
    },
  );

  const reserved = ['public:ccf.gov.nodes.info', 'public:ccf.', 'ccf.', 'ccf.internal.x'];

  test.each(reserved)(
    "Transaction refuses to write the table %s, which is not the app's",
    (name) => {
      const transaction = new Transaction(none);
      const message = `table ${JSON.stringify(name)} is the service's own: apps may read it, not write it`;
      expect(() => transaction.put(name, 'k', 'v')).toThrow(new RangeError(message));
      expect(() => transaction.remove(name, 'k')).toThrow(new RangeError(message));
    },
  );

  test.each(reserved)('Transaction lets apps read the table %s', (name) => {
    const transaction = new Transaction(none);
    expect([
      transaction.get(name, 'k'),
      transaction.has(name, 'k'),
      [...transaction.entries(name)],
    ]).toEqual([undefined, false, []]);
  });

  test.each(reserved)('Transaction lets the service write the table %s', (name) => {
    const transaction = new Transaction(none, { internal: true });
    transaction.put(name, 'k', 'v');
    expect(transaction.remove(name, 'k')).toBe(true);
  });

  test.each(['ccf', 'ccfx.', 'public:ccf', 'public:ccfx', 'public:x.ccf.', 'CCF.'])(
    'Transaction lets apps write the table %s, which only looks reserved',
    (name) => {
      const transaction = new Transaction(none);
      transaction.put(name, 'k', 'v');
      expect(transaction.isEmpty).toBe(false);
    },
  );
});
