import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { compareBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { FormatError, StorageError } from '../../../src/core/errors.ts';
import type { StoreRecord } from '../../../src/core/host-ports.ts';
import { seqno } from '../../../src/core/words.ts';
import type { SnapshotMap } from '../../../src/formats/entries/snapshot-map.ts';
import { DomainStream } from '../../../src/formats/snapshot/domain-stream.ts';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import { decodeSnapshotPublicDomain } from '../../../src/formats/snapshot/snapshot-body.ts';
import { BodyStage } from '../../../src/store/memory/body-stage.ts';
import { buffersOf } from '../../../src/store/memory/built-store.ts';
import { openShared } from '../../../src/store/shared/shared-descriptor.ts';
import { SharedStore, type SharedStoreOptions } from '../../../src/store/shared/shared-store.ts';
import { StoreLoader } from '../../../src/store/shared/store-loader.ts';
import { damagedDomains, domainOf, sizedRecord } from '../../helpers/hostile-snapshots.ts';
import { gatheredMaps, MemoryPool } from '../../helpers/make-shared-store.ts';
import { tiedTriple } from '../../helpers/make-tied-keys.ts';

const nightly = process.env['LEDGER_NIGHTLY'] !== undefined;
const runs = (count: number) => ({ numRuns: nightly ? count * 20 : count });

const pool = new MemoryPool();
afterEach(() => pool.reset());

type Hash = (key: Uint8Array) => number;

/** How a file's producer may have ordered keys of one hash. */
type TieOrder = 'by key' | 'backwards' | 'as they come';

interface Setting {
  readonly hash: Hash | undefined;
  readonly keepsTombstones: boolean;
  readonly memoryBytesMax: number;
}

const constant: Hash = () => 0x89abcdef;
const fewBits: Hash = (key) => (sipHash24Low32(key) & 0x8000_0003) >>> 0;
const lowBits: Hash = (key) => sipHash24Low32(key) % 4096;

const plain: Setting = { hash: undefined, keepsTombstones: false, memoryBytesMax: 2 ** 26 };
const settings: readonly (readonly [string, number, Setting])[] = [
  ['the kernel', 30, plain],
  ['tombstones', 15, { ...plain, keepsTombstones: true, memoryBytesMax: 2 ** 20 }],
  ['many memories', 12, { ...plain, memoryBytesMax: 2 ** 18 }],
  ['one hash', 12, { ...plain, hash: constant, keepsTombstones: true }],
  ['few bits', 15, { ...plain, hash: fewBits, memoryBytesMax: 2 ** 18 }],
  ['equal upper bits', 12, { ...plain, hash: lowBits }],
  ['no kernel', 12, { ...plain, hash: sipHash24Low32 }],
];

const optionsOf = ({ hash, ...rest }: Setting): SharedStoreOptions => ({
  ...rest,
  ...(hash && { hash }),
  createMemory: pool.createMemory,
});

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);

const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', '\0', 'a', '__proto__', ...tiedTriple).map(toUtf8) },
  { weight: 6, arbitrary: fc.nat(5000).map((n) => toUtf8(`key:${n}`)) },
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.nat(2).map((n) => bytes(2020 + n, 7)) },
  { weight: 1, arbitrary: fc.constantFrom(9000, 70_001).map((n) => bytes(n, 7)) },
);

const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 4, arbitrary: fc.nat(400).map((n) => bytes(n, n % 251)) },
  { weight: 2, arbitrary: fc.integer({ min: 1950, max: 2060 }).map((n) => bytes(n, 1)) },
  { weight: 1, arbitrary: fc.constantFrom(65_520, 65_528, 66_000).map((n) => bytes(n, 3)) },
);

const version = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 9 }) },
  { weight: 2, arbitrary: fc.integer({ min: -9, max: -1 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1, 1 - 2 ** 53) },
);

const some = fc.record({ key, value, version });
/** Enough for buckets, leaves and roots to split. */
const bulk = fc
  .record({ from: fc.nat(300), count: fc.nat(600), valueBytes: fc.constantFrom(0, 5, 128, 600) })
  .map(({ from, count, valueBytes }) =>
    Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key:${from + i}`),
      value: bytes(valueBytes, i % 251),
      version: 1 + (i % 7),
    })),
  );

const records = fc
  .tuple(fc.array(some, { maxLength: 30 }), fc.oneof(fc.constant([]), bulk))
  .map(([few, many]) => [
    ...new Map(
      [...few, ...many].map((record) => [Buffer.from(record.key).toString('latin1'), record]),
    ).values(),
  ]);

const names = ['public:a', 'public:b', 'public:long name', 'public:ä'];
const state = fc
  .array(fc.record({ version: fc.nat(9), records }), { maxLength: names.length })
  .map((tables) => tables.map((table, i) => ({ ...table, name: names[i] ?? '' })));

const pieces = fc.array(fc.constantFrom(1, 7, 100, 5000, 70_000, 2 ** 20, 3 * 2 ** 20), {
  minLength: 1,
  maxLength: 3,
});

/** Records as a file has them. */
function inFileOrder(table: SnapshotMap, hash: Hash, ties: TieOrder): SnapshotMap {
  const tie = { 'by key': 1, backwards: -1, 'as they come': 0 }[ties];
  const hashed = table.records.map((record) => ({ record, hash: hash(record.key) }));
  hashed.sort((a, b) => a.hash - b.hash || tie * compareBytes(a.record.key, b.record.key));
  return { ...table, records: hashed.map(({ record }) => record) };
}

function load(
  domain: Uint8Array,
  options: SharedStoreOptions,
  sizes: readonly number[] = [2 ** 20],
): StoreLoader {
  const sink = new StoreLoader(options);
  const stream = new DomainStream({ domain: 'public', bytes: domain.length, sink });
  for (let from = 0, i = 0; from < domain.length; i++) {
    const piece = domain.subarray(from, from + (sizes[i % sizes.length] ?? 1));
    stream.take(piece);
    from += piece.length;
  }
  return sink;
}

/** What the slow way makes of the same records. */
function putAll(maps: readonly SnapshotMap[], options: SharedStoreOptions): SharedStore {
  const set = (records: readonly StoreRecord[]) => ({
    size: records.length,
    records: () => records,
  });
  const tables = maps.map((map) => ({
    ...map,
    live: set(map.records.filter(({ version }) => version >= 0)),
    tombstones: set(map.records.filter(({ version }) => version < 0)),
  }));
  return new SharedStore(seqno(9), tables, options);
}

function expectSame(ours: SharedStore, theirs: SharedStore): void {
  const [a, b] = [ours.freeze(), theirs.freeze()];
  for (const part of ['live', 'tombstones'] as const) {
    const [x, y] = [a, b].map((frozen) => gatheredMaps(openShared(frozen.share()), [65_536], part));
    expect([...(x?.keys() ?? [])]).toEqual([...(y?.keys() ?? [])]);
    for (const [name, map] of y ?? []) {
      expect(Buffer.compare(x?.get(name) ?? bytes(0, 0), map)).toBe(0);
    }
    const sizes = (frozen: typeof a) => [...frozen.tables].map((table) => table[part]?.size);
    expect(sizes(a)).toEqual(sizes(b));
  }
  a.release();
  b.release();
}

/** Both go on alike, and at their end nothing is left. */
function goOn(stores: readonly SharedStore[], maps: readonly SnapshotMap[], salt: number): void {
  const each = (write: (store: SharedStore) => void) => stores.forEach(write);
  for (const { name, records } of maps) {
    const keys = records.map(({ key }) => key).sort(compareBytes);
    const writes = keys
      .filter((_, i) => i % 13 === salt)
      .map((key, i) => ({ key, value: bytes((i * 37) % 900, i % 256) }));
    const fresh = Array.from({ length: 10 }, (_, i) => ({
      key: toUtf8(`new ${i}`),
      value: bytes(100, i),
    }));
    each((store) => store.apply(seqno(store.seqno + 1), [{ name, writes, removes: [] }]));
    each((store) => store.apply(seqno(store.seqno + 1), [{ name, writes: fresh, removes: [] }]));
    const removes = keys.filter((_, i) => i % 29 === 0);
    each((store) => store.apply(seqno(store.seqno + 1), [{ name, writes: [], removes }]));
  }
}

function clear(store: SharedStore): void {
  const maps = [...store.tables.values()].map(({ name, live }) => ({
    name,
    writes: [],
    removes: [...live.records()].map(({ key }) => key).sort(compareBytes),
  }));
  store.apply(seqno(store.seqno + 1), maps);
  store.compact(store.seqno);
}

describe('a state of any records', () => {
  test.each(settings)('StoreLoader builds what puts build: %s', (_, count, setting) => {
    const ties = fc.constantFrom<TieOrder>('by key', 'backwards', 'as they come');
    fc.assert(
      fc.property(state, pieces, ties, fc.nat(9), (maps, sizes, order, salt) => {
        pool.reset();
        const options = optionsOf(setting);
        const ordered = maps.map((map) => inFileOrder(map, setting.hash ?? sipHash24Low32, order));
        const domain = domainOf(ordered);
        const least = domain.length > 20_000 ? 5000 : 1;
        const loader = load(domain, options, [...sizes.filter((size) => size >= least), 2 ** 20]);
        const built = loader.finish(seqno(9));
        const posted = structuredClone(built, { transfer: buffersOf(built) });
        const ours = SharedStore.adopt(posted, options);
        const theirs = putAll(maps, options);
        expectSame(ours, theirs);
        goOn([ours, theirs], maps, salt);
        expectSame(ours, theirs);
        clear(ours);
        if (!setting.keepsTombstones) expect(ours.usedPages).toBe(0);
      }),
      runs(count),
    );
  });
});

describe('a state of a known shape', () => {
  const keyed = (count: number, valueBytes = 10) =>
    Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key ${i}`),
      value: bytes(valueBytes, i % 256),
      version: 1 + (i % 9),
    }));

  const same = (maps: readonly SnapshotMap[], setting: Setting, order: TieOrder = 'backwards') => {
    const options = optionsOf(setting);
    const ordered = maps.map((map) => inFileOrder(map, setting.hash ?? sipHash24Low32, order));
    const built = load(domainOf(ordered), options).finish(seqno(9));
    const ours = SharedStore.adopt(built, options);
    expectSame(ours, putAll(maps, options));
    return ours;
  };

  test('StoreLoader takes a thousand maps, some of them empty', () => {
    const maps = Array.from({ length: 1000 }, (_, i) => ({
      name: `public:${String(i).padStart(4, '0')}`,
      version: i,
      records: keyed(i % 7),
    }));
    same(maps, plain);
  });

  test.each([constant, fewBits])(
    'StoreLoader puts thousands of equal hashes in order of keys',
    (hash) => {
      const maps = [{ name: 'public:t', version: 3, records: keyed(3000, 40) }];
      const store = same(maps, { ...plain, hash });
      const found = store.tables.get('public:t')?.live.get(toUtf8('key 1234'));
      expect(found?.value).toEqual(bytes(40, 1234 % 256));
    },
  );

  test('StoreLoader makes deep trees, and finds every key in them', () => {
    const records = keyed(20_000, 300);
    const store = same([{ name: 'public:t', version: 3, records }], plain);
    const live = store.tables.get('public:t')?.live;
    expect(records.every(({ key, version }) => live?.get(key)?.version === version)).toBe(true);
    expect(live?.get(toUtf8('no such key'))).toBeUndefined();
  });

  test('StoreLoader goes on from what another has built', () => {
    const options = optionsOf(plain);
    const map = (name: string, count: number) =>
      inFileOrder({ name, version: 1, records: keyed(count) }, sipHash24Low32, 'by key');
    const first = load(domainOf([map('public:a', 500)]), options);
    const sink = new StoreLoader(options, first.finish(seqno(9)));
    const content = domainOf([map('public:b', 700)]);
    new DomainStream({ domain: 'public', bytes: content.length, sink }).take(content);
    const store = SharedStore.adopt(sink.finish(seqno(9)), options);
    expect(['public:a', 'public:b'].map((name) => store.tables.get(name)?.live.size)).toEqual([
      500, 700,
    ]);
    expect(() => new StoreLoader({ memoryBytesMax: 2 ** 20 }, sink.finish(seqno(9)))).toThrow(
      RangeError,
    );
  });
});

describe('what is wrong', () => {
  const codeOf = (work: () => unknown): string => {
    try {
      work();
      return 'none';
    } catch (error) {
      if (error instanceof FormatError || error instanceof StorageError) return error.code;
      throw error;
    }
  };

  /** The whole reader and ours find the same, wherever a domain is cut or changed. */
  const expectSameCode = (domain: Uint8Array) => {
    const wanted = codeOf(() => decodeSnapshotPublicDomain(domain));
    expect(codeOf(() => load(domain, { createMemory: pool.createMemory }, [1000, 64]))).toBe(
      wanted,
    );
    pool.reset();
  };

  test.each(['cut', 'changed byte'] as const)(
    'StoreLoader finds in every %s what decodeSnapshot finds',
    (damage) => {
      for (const domain of damagedDomains(damage)) expectSameCode(domain);
    },
  );

  test('StoreLoader finds a key that comes twice, live, removed or dropped', () => {
    const [a, b, c] = tiedTriple;
    for (const twice of [
      [sizedRecord(a, 1), sizedRecord(a, 2)],
      [sizedRecord(a, 1), sizedRecord(b, 2), sizedRecord(c, 2), sizedRecord(b, 1)],
      [sizedRecord(a, 0, -2), sizedRecord(a, 1)],
      [sizedRecord(a, 3000), sizedRecord(a, 3000, -1)],
    ]) {
      const domain = domainOf([{ name: 'public:t', version: 1, records: twice }]);
      for (const keepsTombstones of [true, false]) {
        const options = { createMemory: pool.createMemory, keepsTombstones };
        expect(codeOf(() => load(domain, options))).toBe('DUPLICATE_KEY');
      }
    }
  });

  test('StoreLoader without memory enough says so', () => {
    const records = Array.from({ length: 5000 }, (_, i) => sizedRecord(`key ${i}`, 200));
    const map = inFileOrder({ name: 'public:t', version: 1, records }, sipHash24Low32, 'by key');
    const options = { createMemory: pool.createMemory, memoryBytesMax: 2 ** 18, memoriesMax: 2 };
    expect(codeOf(() => load(domainOf([map]), options))).toBe('OUT_OF_MEMORY');
    const large = { name: 'public:t', version: 1, records: [sizedRecord('key', 2 ** 20)] };
    expect(codeOf(() => load(domainOf([large]), options))).toBe('OUT_OF_MEMORY');
  });

  test('BodyStage without memory for a long key says so', () => {
    const stage = new BodyStage((size) => pool.createMemory({ ...size, maximum: size.initial }));
    expect(codeOf(() => stage.rewind(2 ** 22))).toBe('OUT_OF_MEMORY');
  });
});
