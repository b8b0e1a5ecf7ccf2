import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { encodePrivateDomain } from '../../src/formats/entries/write-set.ts';
import type { StoreTable } from '../../src/store/heap/reference-store.ts';
import { VersionedStore } from '../../src/store/heap/versioned-store.ts';
import { Transaction } from '../../src/store/transaction.ts';

const table = 'public:t';
const none: ReadonlyMap<string, StoreTable> = new Map();

/** A store whose first transaction wrote these texts to the table. */
function storeOf(records: Readonly<Record<string, string>>): VersionedStore {
  const store = new VersionedStore(seqno(0), none);
  const writes = Object.entries(records).map(([key, value]) => ({
    key: toUtf8(key),
    value: toUtf8(value),
  }));
  store.apply(seqno(1), [{ name: table, writes, removes: [] }]);
  return store;
}

/** Applies what `act` does as the next transaction of the store. */
function change(store: VersionedStore, act: (transaction: Transaction) => void): void {
  const transaction = new Transaction(store.tables);
  act(transaction);
  store.apply(seqno(store.seqno + 1), transaction.changes());
}

const begin = (records: Readonly<Record<string, string>> = {}): Transaction =>
  new Transaction(storeOf(records).tables);

const textOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();
const entriesOf = (transaction: Transaction) =>
  [...transaction.entries(table)].map(([key, value]) => [textOf(key), textOf(value)]);

describe('reads and writes', () => {
  test('Transaction.get() finds what the store has', () => {
    expect(textOf(begin({ a: '1' }).get(table, 'a'))).toBe('1');
  });

  test('Transaction.get() finds nothing in a table that is not there', () => {
    expect(begin().get('nowhere', 'a')).toBeUndefined();
  });

  test('Transaction.get() finds its own write first', () => {
    const transaction = begin({ a: '1' });
    transaction.put(table, 'a', '2');
    expect(textOf(transaction.get(table, 'a'))).toBe('2');
  });

  test('Transaction.get() finds nothing under a key that it removed', () => {
    const transaction = begin({ a: '1' });
    transaction.remove(table, 'a');
    expect(transaction.get(table, 'a')).toBeUndefined();
  });

  test('Transaction.get() tells an empty value from a missing one', () => {
    const transaction = begin();
    transaction.put(table, 'a', '');
    expect([transaction.get(table, 'a'), transaction.has(table, 'a')]).toEqual([toUtf8(''), true]);
  });

  test('Transaction.get() gives a copy of what the store has', () => {
    const store = storeOf({ a: '1' });
    new Transaction(store.tables).get(table, 'a')?.fill(0);
    expect(textOf(new Transaction(store.tables).get(table, 'a'))).toBe('1');
  });

  test('Transaction.get() gives a copy even where the store holds a Buffer', () => {
    const store = storeOf({ a: '1' });
    const [name, found] = [...store.tables][0] ?? [];
    const live = found?.live.put({ key: toUtf8('a'), version: 1, value: Buffer.from('1') });
    const tables = new Map([[name, { ...found, live }]]) as unknown as typeof none;
    new Transaction(tables).get(table, 'a')?.fill(0);
    expect(textOf(new Transaction(tables).get(table, 'a'))).toBe('1');
  });

  test('Transaction.get() gives a copy of its own write', () => {
    const transaction = begin();
    transaction.put(table, 'a', '1');
    transaction.get(table, 'a')?.fill(0);
    expect(textOf(transaction.get(table, 'a'))).toBe('1');
  });

  test('Transaction.get() shows nothing of what the store applied since', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    change(store, (other) => other.put(table, 'a', '2'));
    expect(textOf(transaction.get(table, 'a'))).toBe('1');
  });

  test.each([
    ['a Uint8Array', (bytes: Uint8Array) => new Uint8Array(bytes)],
    ['a Buffer', (bytes: Uint8Array) => Buffer.from(bytes)],
    ['a part of a Buffer', (bytes: Uint8Array) => Buffer.from([0, ...bytes, 0]).subarray(1, -1)],
  ])('Transaction.put() copies %s at once', (_, make) => {
    const transaction = begin();
    const [key, value] = [make(toUtf8('key')), make(toUtf8('value'))];
    transaction.put(table, key, value);
    key.fill(0);
    value.fill(0);
    expect(transaction.changes()).toEqual([
      { name: table, writes: [{ key: toUtf8('key'), value: toUtf8('value') }], removes: [] },
    ]);
  });

  test.each(['a', 'é', '€', '😀', '\0', '\ufeff', '__proto__'])(
    'Transaction.put() writes the text %j as its UTF-8',
    (text) => {
      const transaction = begin();
      transaction.put(table, text, text);
      expect(transaction.get(table, toUtf8(text))).toEqual(toUtf8(text));
      expect(transaction.changes()[0]?.writes).toEqual([
        { key: toUtf8(text), value: toUtf8(text) },
      ]);
    },
  );

  test('Transaction.put() takes every byte as a key and as a value', () => {
    const transaction = begin();
    const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
    for (const byte of bytes.toReversed()) transaction.put(table, byte, byte);
    expect(transaction.changes()[0]?.writes).toEqual(
      bytes.map((byte) => ({ key: byte, value: byte })),
    );
  });

  test('Transaction.remove() tells whether the key was there', () => {
    const transaction = begin({ a: '1' });
    transaction.put(table, 'own', '1');
    const removed = ['a', 'a', 'own', 'own', 'nobody'].map((key) => transaction.remove(table, key));
    expect(removed).toEqual([true, false, true, false, false]);
  });

  test.each(['__proto__', 'constructor', 'toString'])(
    'Transaction takes %s for a table and a key like any other',
    (name) => {
      const transaction = begin();
      expect([transaction.has(name, name), transaction.remove(name, name)]).toEqual([false, false]);
      transaction.put(name, name, 'v');
      expect(transaction.changes()).toEqual([
        { name, writes: [{ key: toUtf8(name), value: toUtf8('v') }], removes: [] },
      ]);
    },
  );
});

describe('entries', () => {
  test('Transaction.entries() shows own writes in place of what was there', () => {
    const transaction = begin({ a: '1', b: '1', c: '1' });
    transaction.put(table, 'b', '2');
    transaction.put(table, 'd', '2');
    transaction.remove(table, 'c');
    expect(entriesOf(transaction).toSorted()).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['d', '2'],
    ]);
  });

  test('Transaction.entries() shows nothing that is written during the walk', () => {
    const transaction = begin({ a: '1', b: '1' });
    const seen: unknown[] = [];
    for (const [key] of transaction.entries(table)) {
      seen.push(textOf(key));
      transaction.put(table, `new ${seen.length}`, '');
      transaction.remove(table, 'a');
      transaction.remove(table, 'b');
    }
    expect(seen.toSorted()).toEqual(['a', 'b']);
  });

  test('Transaction.entries() gives copies', () => {
    const transaction = begin({ a: '1' });
    transaction.put(table, 'b', '1');
    for (const pair of transaction.entries(table)) for (const bytes of pair) bytes.fill(0);
    expect(entriesOf(transaction).toSorted()).toEqual([
      ['a', '1'],
      ['b', '1'],
    ]);
  });

  test('Transaction.entries() of a table that is not there are the own writes', () => {
    const transaction = new Transaction(none);
    transaction.put(table, '', '1');
    expect(entriesOf(transaction)).toEqual([['', '1']]);
  });

  test('Transaction.entries() checks the name at the call, not at the first step', () => {
    expect(() => begin().entries('')).toThrow(RangeError);
  });
});

describe('changes', () => {
  test('Transaction.changes() of reads alone are none', () => {
    const transaction = begin({ a: '1' });
    transaction.get(table, 'a');
    transaction.has('other', 'a');
    entriesOf(transaction);
    expect([transaction.changes(), transaction.isEmpty]).toEqual([[], true]);
  });

  test('Transaction.changes() has the keys in order of their bytes', () => {
    const transaction = begin({ é: '1', z: '1' });
    for (const key of ['b', '😀', '', '\uffff', 'ab', 'a']) transaction.put(table, key, '');
    for (const key of ['é', 'z']) transaction.remove(table, key);
    const [map] = transaction.changes();
    expect(map?.writes.map(({ key }) => textOf(key))).toEqual(['', 'a', 'ab', 'b', '\uffff', '😀']);
    expect(map?.removes.map(textOf)).toEqual(['z', 'é']);
  });

  test('Transaction.changes() says nothing of a key that is put and removed and was not there', () => {
    const transaction = begin({ a: '1' });
    transaction.put(table, 'b', '1');
    transaction.remove(table, 'b');
    expect([transaction.changes(), transaction.isEmpty]).toEqual([[], true]);
  });

  test('Transaction.changes() removes a key that is put and removed and was there', () => {
    const transaction = begin({ a: '1' });
    transaction.put(table, 'a', '2');
    transaction.remove(table, 'a');
    expect(transaction.changes()).toEqual([{ name: table, writes: [], removes: [toUtf8('a')] }]);
  });

  test('Transaction.changes() writes a key that is removed and put again', () => {
    const transaction = begin({ a: '1' });
    transaction.remove(table, 'a');
    transaction.put(table, 'a', '1');
    expect(transaction.changes()).toEqual([
      { name: table, writes: [{ key: toUtf8('a'), value: toUtf8('1') }], removes: [] },
    ]);
  });

  test('Transaction.changes() says nothing of the removal of a missing key', () => {
    const transaction = begin({ a: '1' });
    transaction.remove(table, 'b');
    expect([transaction.changes(), transaction.isEmpty]).toEqual([[], true]);
  });

  test('Transaction.changes() can be had after the end, and a write set made of it', () => {
    const transaction = begin();
    transaction.put('t', 'a', '1');
    transaction.end();
    expect(encodePrivateDomain(transaction.changes()).length).toBe(41 + 16 + 2);
    expect(transaction.isEmpty).toBe(false);
  });
});

describe('isCurrent', () => {
  const reads: readonly [what: string, act: (transaction: Transaction) => void][] = [
    ['get()', (transaction) => transaction.get(table, 'a')],
    ['has()', (transaction) => transaction.has(table, 'a')],
    ['remove()', (transaction) => transaction.remove(table, 'a')],
    ['entries()', (transaction) => transaction.entries(table)],
  ];

  test.each(reads)('Transaction.isCurrent() is false when what %s read is written', (_, act) => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    act(transaction);
    expect(transaction.isCurrent(store.tables)).toBe(true);
    change(store, (other) => other.put(table, 'a', '1'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test.each(reads)('Transaction.isCurrent() is false when what %s missed is born', (_, act) => {
    const store = storeOf({});
    const transaction = new Transaction(store.tables);
    act(transaction);
    change(store, (other) => other.put(table, 'a', '1'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test.each(reads)('Transaction.isCurrent() is false when what %s found is removed', (_, act) => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    act(transaction);
    change(store, (other) => other.remove(table, 'a'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test('Transaction.isCurrent() minds no other key than those that were read', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    transaction.get(table, 'a');
    change(store, (other) => other.put(table, 'b', '1'));
    expect(transaction.isCurrent(store.tables)).toBe(true);
  });

  test('Transaction.isCurrent() minds any key of a table that was walked', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    transaction.entries(table);
    change(store, (other) => other.put(table, 'b', '1'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test('Transaction.isCurrent() minds no key that was only put', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    transaction.put(table, 'a', '2');
    transaction.get(table, 'a');
    change(store, (other) => other.put(table, 'a', '3'));
    expect(transaction.isCurrent(store.tables)).toBe(true);
  });

  test('Transaction.isCurrent() minds a key that was put and removed: it is written only if it was there', () => {
    const store = storeOf({});
    const transaction = new Transaction(store.tables);
    transaction.put(table, 'a', '1');
    transaction.remove(table, 'a');
    change(store, (other) => other.put(table, 'a', '2'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test.each(reads)('Transaction.isCurrent() sees through a version used twice, by %s', (_, act) => {
    const store = storeOf({});
    change(store, (other) => other.put(table, 'a', 'rolled back'));
    const transaction = new Transaction(store.tables);
    act(transaction);
    store.rollback(seqno(1));
    change(store, (other) => other.put(table, 'a', 'in its place'));
    expect(transaction.isCurrent(store.tables)).toBe(false);
  });

  test('Transaction.isCurrent() is true again when the change is rolled back', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    transaction.get(table, 'a');
    entriesOf(transaction);
    change(store, (other) => other.put(table, 'a', '2'));
    store.rollback(seqno(1));
    expect(transaction.isCurrent(store.tables)).toBe(true);
  });

  test('Transaction.isCurrent() takes a table that was never written to for none', () => {
    const store = new VersionedStore(seqno(0), none);
    const transaction = new Transaction(store.tables);
    transaction.entries(table);
    store.apply(seqno(1), [{ name: table, writes: [], removes: [toUtf8('nobody')] }]);
    expect(transaction.isCurrent(store.tables)).toBe(true);
  });
});

describe('end', () => {
  test.each<[string, (transaction: Transaction) => unknown]>([
    ['get', (transaction) => transaction.get(table, 'a')],
    ['has', (transaction) => transaction.has(table, 'a')],
    ['put', (transaction) => transaction.put(table, 'a', '1')],
    ['remove', (transaction) => transaction.remove(table, 'a')],
    ['entries', (transaction) => transaction.entries(table)],
  ])('Transaction.%s() throws after the end', (_, act) => {
    const transaction = begin({ a: '1' });
    transaction.end();
    expect(() => act(transaction)).toThrow('the transaction has ended');
  });

  test.each([
    ['the table', { a: '1', b: '1' }],
    ['own writes', {}],
  ])('Transaction.entries() over %s that were begun before throw after the end', (_, records) => {
    const transaction = begin(records);
    transaction.put(table, 'c', '1');
    transaction.put(table, 'd', '1');
    const walk = transaction.entries(table);
    walk.next();
    transaction.end();
    expect(() => walk.next()).toThrow('the transaction has ended');
  });

  test('Transaction.end() may be called again, and what was read is still checked', () => {
    const store = storeOf({ a: '1' });
    const transaction = new Transaction(store.tables);
    transaction.get(table, 'a');
    transaction.end();
    transaction.end();
    expect(transaction.isCurrent(store.tables)).toBe(true);
  });
});
