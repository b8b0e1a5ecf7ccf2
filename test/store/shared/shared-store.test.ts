import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { toUtf8 } from '../../../src/core/bytes.ts';
import { StorageError } from '../../../src/core/errors.ts';
import { type Seqno, seqno } from '../../../src/core/words.ts';
import type { MapWrites } from '../../../src/formats/entries/write-set.ts';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import { ReferenceStore } from '../../../src/store/heap/reference-store.ts';
import { hashedKeyMax } from '../../../src/store/kernels/hash-kernel.ts';
import { KeyScratch } from '../../../src/store/kernels/key-scratch.ts';
import type { LedgerState } from '../../../src/store/ledger-store.ts';
import { openShared } from '../../../src/store/shared/shared-descriptor.ts';
import { SharedStore, type SharedStoreOptions } from '../../../src/store/shared/shared-store.ts';
import { gatheredMaps, MemoryPool } from '../../helpers/make-shared-store.ts';

const pool = new MemoryPool();
afterEach(() => pool.reset());

const { createMemory } = pool;

const put = (key: string, value: string | Uint8Array, name = 'public:t'): MapWrites => ({
  name,
  writes: [{ key: toUtf8(key), value: typeof value === 'string' ? toUtf8(value) : value }],
  removes: [],
});
const remove = (key: string, name = 'public:t'): MapWrites => ({
  name,
  writes: [],
  removes: [toUtf8(key)],
});

function storeOf(options: SharedStoreOptions, ...transactions: MapWrites[][]): SharedStore {
  const store = new SharedStore(seqno(0), [], { createMemory, ...options });
  for (const maps of transactions) store.apply(next(store), maps);
  return store;
}

const next = (store: SharedStore): Seqno => seqno(store.seqno + 1);

const textIn = (state: LedgerState, key: string, name = 'public:t') => {
  const value = state.get(name)?.live.get(toUtf8(key))?.value;
  return value && Buffer.from(value).toString();
};

/** Many records of 200 bytes at once. */
const many = (count: number, from = 0, name = 'public:t'): MapWrites => ({
  name,
  writes: Array.from({ length: count }, (_, i) => ({
    key: toUtf8(`key ${from + i}`),
    value: new Uint8Array(160).fill(from + i),
  })),
  removes: [],
});

describe('the key', () => {
  test('KeyScratch.load() has the hash of sipHash24Low32, whatever was loaded before', () => {
    const scratch = new KeyScratch();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), fc.nat(7), (bytes, from) => {
        const key = bytes.subarray(from);
        scratch.load(key);
        expect(scratch.hash).toBe(sipHash24Low32(key));
      }),
      { numRuns: 3000 },
    );
  });

  test.each([-9, -8, -1, 0, 1, 8])(
    'KeyScratch.load() hashes a key of %i bytes more than the kernel takes',
    (more) => {
      const scratch = new KeyScratch();
      const key = Uint8Array.from({ length: hashedKeyMax + more }, (_, i) => (i * 7) % 251);
      scratch.load(key);
      expect(scratch.hash).toBe(sipHash24Low32(key));
    },
  );
});

describe('seqnos', () => {
  test.each([0, 1, 3])('SharedStore.apply() refuses seqno %i after 1', (at) => {
    const store = storeOf({}, [put('a', '1')]);
    expect(() => store.apply(seqno(at), [])).toThrow(`${at} is applied after 1`);
  });

  test('SharedStore.compact() refuses what was not applied', () => {
    expect(() => storeOf({}, []).compact(seqno(2))).toThrow(
      new RangeError('compacting to 2, but 1 is the last applied'),
    );
  });

  test.each([1, 4])('SharedStore.rollback() to %i of 2 to 3 throws and changes nothing', (to) => {
    const store = storeOf({}, [], [], [put('a', '3')]);
    store.compact(seqno(2));
    expect(() => store.rollback(seqno(to))).toThrow(RangeError);
    expect([store.compacted, store.seqno, textIn(store.tables, 'a')]).toEqual([2, 3, '3']);
  });

  test('SharedStore goes on from the state that it is given', () => {
    const given = new ReferenceStore();
    given.apply(seqno(41), [put('a', '41')]);
    given.apply(seqno(42), [put('b', '42'), remove('a')]);
    const store = new SharedStore(seqno(42), given.freeze().values(), { createMemory });
    store.apply(seqno(43), [put('c', '43', 'public:u')]);
    expect([textIn(store.tables, 'b'), textIn(store.tables, 'c', 'public:u')]).toEqual([
      '42',
      '43',
    ]);
    expect(store.tables.get('public:t')).toMatchObject({ version: 42, tombstones: { size: 0 } });
  });
});

describe('what is copied, and what may be read', () => {
  test('SharedStore.apply() copies keys and values, of a Buffer too', () => {
    const [key, value] = [Buffer.from('key'), Buffer.from('value')];
    const store = storeOf({}, [{ name: 't', writes: [{ key, value }], removes: [] }]);
    key.fill(0);
    value.fill(0);
    const records = [...(store.tables.get('t')?.live.records() ?? [])];
    expect(records).toEqual([{ key: toUtf8('key'), version: 1, value: toUtf8('value') }]);
  });

  test('SharedStore.tables is not read after the next change', () => {
    const store = storeOf({}, [put('a', '1')]);
    const { tables } = store;
    const live = tables.get('public:t')?.live;
    store.apply(seqno(2), []);
    expect(() => tables.get('public:t')).toThrow('a state is read only until');
    expect(() => live?.get(toUtf8('a'))).toThrow('a state is read only until');
  });

  test('SharedStore.tables stays readable when it is held', () => {
    const store = storeOf({}, [put('a', '1')]);
    const held = store.tables.hold?.();
    store.apply(seqno(2), [put('a', '2')]);
    expect([held && textIn(held, 'a'), textIn(store.tables, 'a')]).toEqual(['1', '2']);
    held?.release();
  });

  test('SharedFrozen is neither read, shared nor released after its release', () => {
    const store = storeOf({}, [put('a', '1')]);
    const frozen = store.freeze();
    const walk = frozen.get('public:t')?.live.records() ?? [];
    frozen.release();
    expect(() => [...walk]).toThrow('a state is read only until');
    expect(() => frozen.share()).toThrow('shared before it is released');
    expect(() => frozen.release()).toThrow('released once');
  });
});

describe('memory', () => {
  test('SharedStore gives back every page when all is removed, released and compacted', () => {
    const store = storeOf({}, [many(2000)], [put('large', new Uint8Array(300_000))]);
    const frozen = [store.freeze()];
    store.apply(next(store), [many(2000, 1000)]);
    frozen.push(store.freeze());
    const removes = [...(store.tables.get('public:t')?.live.records() ?? [])].map(({ key }) => key);
    store.apply(next(store), [{ name: 'public:t', writes: [], removes }]);
    store.compact(store.seqno);
    for (const each of frozen) each.release();
    while (store.usedPages > 0) {
      const before = store.usedPages;
      store.apply(next(store), []);
      store.compact(store.seqno);
      expect(store.usedPages).toBeLessThan(before);
    }
    expect(store.usedPages).toBe(0);
  });

  test('SharedStore keeps 1,000 tables of one record in less than 1 KiB each', () => {
    const maps = Array.from({ length: 1000 }, (_, i) => put('a', '1', `public:${i}`));
    const store = storeOf({}, maps);
    store.compact(store.seqno);
    expect(store.usedPages * 65_536).toBeLessThan(1000 * 1024);
  });

  test('SharedStore does not grow while one key is written over and over, frozen or not', () => {
    const store = storeOf({}, [many(500)]);
    const step = (i: number) => {
      const frozen = store.freeze();
      store.apply(next(store), [put('key 7', new Uint8Array(1000).fill(i))]);
      store.compact(store.seqno);
      frozen.release();
    };
    for (let i = 0; i < 100; i++) step(i);
    const pages = store.usedPages;
    for (let i = 0; i < 2000; i++) step(i);
    expect(store.usedPages).toBeLessThanOrEqual(pages + 1);
  });

  test('SharedStore does not grow behind a state that is held for long', () => {
    const store = storeOf({}, [many(500)]);
    const old = store.freeze();
    const step = (i: number) => {
      const frozen = store.freeze();
      store.apply(next(store), [put('key 7', new Uint8Array(1000).fill(i))]);
      store.compact(store.seqno);
      frozen.release();
    };
    for (let i = 0; i < 100; i++) step(i);
    const pages = store.usedPages;
    for (let i = 0; i < 2000; i++) step(i);
    expect(store.usedPages).toBeLessThanOrEqual(pages + 1);
    old.release();
  });

  const little = { memoryBytesMax: 2 ** 20, memoriesMax: 2 };

  test('SharedStore.apply() without memory enough is OUT_OF_MEMORY, and nothing is changed', () => {
    const store = storeOf(little, [put('a', '1'), many(200)]);
    const frozen = store.freeze();
    const before = gatheredMaps(openShared(frozen.share()), [9999]);
    const maps = [put('a', '2'), remove('key 3'), put('b', '1', 'new'), many(20_000)];
    for (let i = 0; i < 3; i++) {
      expect(() => store.apply(seqno(2), maps)).toThrow(StorageError);
      expect([store.seqno, store.tables.size, textIn(store.tables, 'a')]).toEqual([1, 1, '1']);
    }
    const after = store.freeze();
    expect(gatheredMaps(openShared(after.share()), [9999])).toEqual(before);
  });

  test('SharedStore goes on after it was out of memory, and can roll back', () => {
    const store = storeOf(little, [many(200)]);
    const pages = store.usedPages;
    expect(() => store.apply(seqno(2), [many(20_000)])).toThrow('used up the memory');
    expect(store.usedPages).toBe(pages);
    store.apply(seqno(2), [put('a', '2')]);
    store.rollback(seqno(1));
    expect([textIn(store.tables, 'a'), store.tables.get('public:t')?.live.size]).toEqual([
      undefined,
      200,
    ]);
  });

  test('SharedStore.apply() takes as much as there is, until exactly the one that does not fit', () => {
    const store = storeOf(little);
    let applied = 0;
    const fill = () => {
      for (; ; applied++) store.apply(next(store), [many(50, applied * 50)]);
    };
    expect(fill).toThrow(StorageError);
    expect(applied).toBeGreaterThan(10);
    expect(store.tables.get('public:t')?.live.size).toBe(applied * 50);
    store.rollback(seqno(applied - 1));
    expect(store.tables.get('public:t')?.live.size).toBe((applied - 1) * 50);
  });

  test('SharedStore takes what the system refuses for its own bound', () => {
    const refuses: SharedStoreOptions = {
      createMemory: () => {
        throw new RangeError('could not allocate memory');
      },
    };
    const store = new SharedStore(seqno(0), [], refuses);
    expect(() => store.apply(seqno(1), [put('a', '1')])).toThrow(StorageError);
    expect(store.seqno).toBe(0);
  });

  test.each([0, 65_536, 3 * 65_536, 2 ** 33])(
    'SharedStore refuses memories of %i bytes',
    (bytes) => {
      expect(() => new SharedStore(seqno(0), [], { memoryBytesMax: bytes })).toThrow(RangeError);
    },
  );
});

describe('keys of one hash', () => {
  test('SharedStore keeps 5,000 keys whose hash is the same, in order of their bytes', () => {
    const store = storeOf({ hash: () => 0xffff_ffff }, [many(5000)]);
    const frozen = store.freeze();
    store.apply(next(store), [many(2500, 2500)]);
    const keys = [...(frozen.get('public:t')?.live.records() ?? [])].map(({ key }) => key);
    expect(keys).toEqual(keys.toSorted(Buffer.compare));
    expect(keys.length).toBe(5000);
    const { tables } = store;
    const found = keys.map((key) => tables.get('public:t')?.live.get(key)?.version);
    expect(new Set(found)).toEqual(new Set([1, 2]));
    frozen.release();
  });
});

describe('stages', () => {
  test('SharedFrozen.share() gives each reader a stage of its own, and none to the fifth', () => {
    const store = storeOf({}, [many(300)]);
    const frozen = [store.freeze(), store.freeze()];
    const shared = [0, 1, 0, 1, 0].map((i) => frozen[i]?.share());
    expect(shared.map((each) => each?.stage)).toEqual([0, 1, 2, 3, undefined]);
    frozen[0]?.release();
    expect(frozen[1]?.share().stage).toBe(0);
    frozen[1]?.release();
  });
});
