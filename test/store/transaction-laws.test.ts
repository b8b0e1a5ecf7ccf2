import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import { VersionedStore } from '../../src/store/heap/versioned-store.ts';
import type { LedgerState, LedgerStore } from '../../src/store/ledger-store.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import { Transaction } from '../../src/store/transaction.ts';
import { MemoryPool } from '../helpers/make-shared-store.ts';

const pool = new MemoryPool();

/** A new ledger's store; of shared ones, only the last may be used. */
const stores: readonly (readonly [string, () => LedgerStore])[] = [
  ['a VersionedStore', () => new VersionedStore(seqno(0), new Map())],
  [
    'a SharedStore',
    () => {
      pool.reset();
      return new SharedStore(seqno(0), [], pool);
    },
  ],
];

const names = ['public:t', 't', '__proto__'];
const keys = ['', '00', '61', '6162', 'c3a9', 'ff', '5f5f70726f746f5f5f'];
const slot = { name: fc.constantFrom(...names), key: fc.constantFrom(...keys) };

/** One call of a transaction; keys and values are hex. */
const call = fc.oneof(
  fc.record({ kind: fc.constantFrom('get', 'has', 'remove', 'entries'), ...slot }),
  fc.record({ kind: fc.constant('put'), ...slot, value: fc.constantFrom('', '00', 'ff01') }),
);

interface Call {
  readonly kind: string;
  readonly name: string;
  readonly key: string;
  readonly value?: string;
}

/** A key as text where it has one, so that both ways of naming it meet. */
const keyOf = (hex: string): string | Uint8Array =>
  hex === 'c3a9' ? 'é' : hex.startsWith('61') ? Buffer.from(hex, 'hex').toString() : fromHex(hex);

/** Does a call; pairs come in order of their keys. */
function perform(transaction: Transaction, { kind, name, key, value = '' }: Call): unknown {
  if (kind === 'put') return transaction.put(name, keyOf(key), fromHex(value));
  if (kind === 'has') return transaction.has(name, keyOf(key));
  if (kind === 'remove') return transaction.remove(name, keyOf(key));
  if (kind === 'get') {
    const found = transaction.get(name, keyOf(key));
    return found && toHex(found);
  }
  const pairs = [...transaction.entries(name)].map((pair) => pair.map(toHex));
  return pairs.toSorted(([a = ''], [b = '']) => compareBytes(fromHex(a), fromHex(b)));
}

type Plain = ReadonlyMap<string, Map<string, string>>;

/** What the call gives over a plain map, which it changes. */
function performPlainly(plain: Plain, { kind, name, key, value = '' }: Call): unknown {
  const map = plain.get(name) ?? new Map<string, string>();
  if (kind === 'put') map.set(key, value);
  if (kind === 'has') return map.has(key);
  if (kind === 'remove') return map.delete(key);
  if (kind === 'get') return map.get(key);
  if (kind === 'entries') return [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return undefined;
}

const emptyPlain = (): Plain => new Map(names.map((name) => [name, new Map()]));

const plainOf = (tables: LedgerState): Plain =>
  new Map(
    names.map((name) => [
      name,
      new Map(
        [...(tables.get(name)?.live.records() ?? [])].map(({ key, value }) => [
          toHex(key),
          toHex(value),
        ]),
      ),
    ]),
  );

test.each(stores)('Transaction answers, and changes %s, as plain maps would', (_, open) => {
  fc.assert(
    fc.property(fc.array(fc.array(call, { maxLength: 30 }), { maxLength: 4 }), (transactions) => {
      const store = open();
      const plain = emptyPlain();
      for (const calls of transactions) {
        const transaction = new Transaction(store.tables);
        for (const call of calls) {
          expect(perform(transaction, call)).toEqual(performPlainly(plain, call));
        }
        expect(transaction.isCurrent(store.tables)).toBe(true);
        store.apply(seqno(store.seqno + 1), transaction.changes());
        expect(plainOf(store.tables)).toEqual(plain);
      }
    }),
    { numRuns: 300 },
  );
});

/** The changes that a list of calls should leave: a key's last put, or its removal if it was there. */
function changesOf(before: Plain, calls: readonly Call[]): Map<string, string[]> {
  const changes = new Map<string, string[]>();
  for (const name of names) {
    const lines: string[] = [];
    for (const key of keys.toSorted()) {
      const isMine = (call: Call) => call.name === name && call.key === key;
      const last = calls.findLast(
        (call) => isMine(call) && (call.kind === 'put' || call.kind === 'remove'),
      );
      if (last?.kind === 'put') lines.push(`${key}=${last.value}`);
      else if (last !== undefined && before.get(name)?.has(key)) lines.push(`${key} removed`);
    }
    if (lines.length > 0) changes.set(name, lines);
  }
  return changes;
}

const linesOf = ({ name, writes, removes }: MapWrites): [string, string[]] => [
  name,
  [
    ...writes.map(({ key, value }) => `${toHex(key)}=${toHex(value)}`),
    ...removes.map((key) => `${toHex(key)} removed`),
  ],
];

test.each(stores)(
  'Transaction.changes() over %s has what was written, in order, once',
  (_, open) => {
    const calls = fc.array(call, { maxLength: 30 });
    fc.assert(
      fc.property(calls, calls, (before, during) => {
        const store = open();
        const first = new Transaction(store.tables);
        for (const call of before) perform(first, call);
        store.apply(seqno(1), first.changes());
        const transaction = new Transaction(store.tables);
        for (const call of during) perform(transaction, call);
        const changes = transaction.changes();
        const expected = changesOf(plainOf(store.tables), during);
        const sorted = new Map([...expected].map(([name, lines]) => [name, lines.toSorted(puts)]));
        expect(new Map(changes.map(linesOf))).toEqual(sorted);
        expect(changes.length).toBe(expected.size);
        expect(transaction.isEmpty).toBe(expected.size === 0);
      }),
      { numRuns: 300 },
    );
  },
);

/** Puts before removals, each in their order. */
function puts(a: string, b: string): number {
  return Number(a.endsWith('removed')) - Number(b.endsWith('removed'));
}

/** Which write each key, and each table, has; numbers are never used again. */
type Marks = ReadonlyMap<string, number>;

const keyMark = (name: string, key: string): string => `${name} ${key}`;

/** The marks after a transaction. */
function marksAfter(before: Marks, maps: readonly MapWrites[], next: () => number): Marks {
  const after = new Map(before);
  for (const { name, writes, removes } of maps) {
    for (const { key } of writes) after.set(keyMark(name, toHex(key)), next());
    for (const key of removes) after.delete(keyMark(name, toHex(key)));
    after.set(name, next());
  }
  return after;
}

/** What a list of calls depends on: keys not written before, keys removed, and tables walked. */
function dependencies(calls: readonly Call[]): ReadonlySet<string> {
  const needed = new Set<string>();
  const own = new Map<string, 'put' | 'removed'>();
  for (const { kind, name, key } of calls) {
    const mark = keyMark(name, key);
    if (kind === 'entries') needed.add(name);
    else if (kind === 'put') own.set(mark, 'put');
    else if (!own.has(mark) || kind === 'remove') needed.add(mark);
    if (kind === 'remove') own.set(mark, 'removed');
  }
  return needed;
}

const event = fc.oneof(
  { weight: 2, arbitrary: fc.array(call, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: fc.constant('rollback' as const) },
);

test.each(stores)(
  'Transaction.isCurrent() over %s is true exactly while nothing that was read is another',
  (_, open) => {
    const calls = fc.array(call, { maxLength: 4 });
    fc.assert(
      fc.property(calls, calls, fc.array(event, { maxLength: 6 }), (before, during, events) => {
        const store = open();
        let count = 0;
        const versions: Marks[] = [new Map()];
        const applyCalls = (calls: readonly Call[]) => {
          const transaction = new Transaction(store.tables);
          for (const call of calls) perform(transaction, call);
          store.apply(seqno(store.seqno + 1), transaction.changes());
          versions.push(
            marksAfter(versions.at(-1) ?? new Map(), transaction.changes(), () => ++count),
          );
        };
        applyCalls(before);
        const begun = versions.at(-1);
        const transaction = new Transaction(store.tables);
        for (const call of during) perform(transaction, call);
        transaction.hold();
        const needed = [...dependencies(during)];
        for (const event of events) {
          if (event !== 'rollback') applyCalls(event);
          else if (store.seqno > 0) {
            store.rollback(seqno(store.seqno - 1));
            versions.pop();
          }
          const now = versions.at(-1);
          const isSame = needed.every((mark) => begun?.get(mark) === now?.get(mark));
          expect(transaction.isCurrent(store.tables)).toBe(isSame);
        }
        transaction.end();
      }),
      { numRuns: 1000 },
    );
  },
);
