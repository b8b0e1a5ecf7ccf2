import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import { type Seqno, seqno } from '../../../src/core/words.ts';
import { compareMapNames } from '../../../src/formats/entries/map-name.ts';
import type { SnapshotMap } from '../../../src/formats/entries/snapshot-map.ts';
import type { MapWrites } from '../../../src/formats/entries/write-set.ts';
import { sipHash24Low32 } from '../../../src/formats/snapshot/key-order.ts';
import {
  encodeSnapshot,
  encodeSnapshotPublicDomain,
} from '../../../src/formats/snapshot/snapshot-body.ts';
import { ownContent } from '../../../src/serialising/release-candidates.ts';
import { packState, unpackState } from '../../../src/serialising/state-transfer.ts';
import { ReferenceStore, type StoreTable } from '../../../src/store/heap/reference-store.ts';
import { openShared } from '../../../src/store/shared/shared-descriptor.ts';
import type { SharedFrozen } from '../../../src/store/shared/shared-frozen.ts';
import { SharedStore, type SharedStoreOptions } from '../../../src/store/shared/shared-store.ts';
import { gatheredMaps, inOrder, MemoryPool } from '../../helpers/make-shared-store.ts';
import { tiedTriple } from '../../helpers/make-tied-keys.ts';

const nightly = process.env['LEDGER_NIGHTLY'] !== undefined;

type Tables = ReadonlyMap<string, StoreTable>;
type Hash = (key: Uint8Array) => number;

const pool = new MemoryPool();
afterEach(() => pool.reset());

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill);

const fewKeys = ['', '\0', 'a', '\0\0\0\0\0\0\0\0', '__proto__', ...tiedTriple].map(toUtf8);

const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...fewKeys) },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.nat(2).map((n) => bytes(2020 + n, 7)) },
  { weight: 1, arbitrary: fc.constantFrom(bytes(9000, 7), bytes(70_000, 7), bytes(70_001, 7)) },
);

const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 12 }) },
  { weight: 3, arbitrary: fc.nat(400).map((n) => bytes(n, n % 251)) },
  { weight: 2, arbitrary: fc.integer({ min: 1950, max: 2060 }).map((n) => bytes(n, 1)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(65_520, 65_528, 66_000, 200_001).map((n) => bytes(n, 3)),
  },
);

const byKey = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b);

const singles = fc
  .uniqueArray(fc.record({ key, value: fc.option(value, { nil: undefined, freq: 3 }) }), {
    selector: ({ key }) => Buffer.from(key).toString('latin1'),
    maxLength: 5,
  })
  .map((changes) => {
    const sorted = changes.toSorted((a, b) => byKey(a.key, b.key));
    return {
      writes: sorted.flatMap(({ key, value }) => (value ? [{ key, value }] : [])),
      removes: sorted.flatMap(({ key, value }) => (value ? [] : [key])),
    };
  });

/** Many keys at once, so that buckets, leaves and roots split. */
const bulk = fc
  .record({
    from: fc.nat(300),
    count: fc.integer({ min: 1, max: 250 }),
    valueBytes: fc.constantFrom(0, 5, 128, 600),
    isRemoval: fc.boolean(),
  })
  .map(({ from, count, valueBytes, isRemoval }) => {
    const keys = Array.from({ length: count }, (_, i) => toUtf8(`key:${from + i}`)).sort(byKey);
    return {
      writes: isRemoval ? [] : keys.map((key) => ({ key, value: bytes(valueBytes, from % 256) })),
      removes: isRemoval ? keys : [],
    };
  });

const names = ['public:a', 'private', '__proto__', 'public:ä'];

const maps = fc.uniqueArray(
  fc
    .record({
      name: fc.constantFrom(...names),
      changes: fc.oneof({ weight: 3, arbitrary: singles }, { weight: 2, arbitrary: bulk }),
    })
    .map(({ name, changes }): MapWrites => ({ name, ...changes })),
  { selector: ({ name }) => name, maxLength: 3 },
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('apply' as const), maps }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('rollback', 'compact', 'freeze', 'freeze', 'release', 'clear'),
      back: fc.nat(6),
    }),
  },
);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Setting {
  readonly keepsTombstones: boolean;
  readonly hash: Hash;
  readonly memory: Omit<SharedStoreOptions, 'hash' | 'keepsTombstones'>;
}

interface Held {
  readonly frozen: SharedFrozen;
  readonly expected: Tables;
  readonly at: Seqno;
}

/** The store, and whole states of the reference beside it. */
class Pair {
  readonly store: SharedStore;
  readonly setting: Setting;
  readonly #versions: Tables[] = [new Map()];
  #compacted = 0;
  held: Held[] = [];

  constructor(setting: Setting) {
    this.setting = setting;
    const { memory, hash, keepsTombstones } = setting;
    const options = { ...memory, hash, keepsTombstones, createMemory: pool.createMemory };
    this.store = new SharedStore(seqno(0), [], options);
  }

  get seqno(): Seqno {
    return seqno(this.#versions.length - 1);
  }

  get now(): Tables {
    return this.#versions.at(-1) ?? new Map();
  }

  take(step: Step): void {
    if (step.kind === 'apply') this.#apply(step.maps);
    else if (step.kind === 'clear') this.clear();
    else if (step.kind === 'freeze') this.freeze();
    else if (step.kind === 'release') this.#release(step.back);
    else this.#move(step.kind === 'rollback', seqno(Math.max(0, this.seqno - step.back)));
  }

  #apply(maps: readonly MapWrites[]): void {
    const { keepsTombstones } = this.setting;
    const reference = ReferenceStore.fromTables(this.now, { keepsTombstones });
    const next = seqno(this.seqno + 1);
    reference.apply(next, maps);
    this.store.apply(next, maps);
    this.#versions.push(reference.freeze());
  }

  clear(): void {
    const maps = [...this.now.values()].map(({ name, live }) => ({
      name,
      writes: [],
      removes: [...live.records()].map(({ key }) => key).sort(byKey),
    }));
    this.#apply(maps);
  }

  freeze(): void {
    this.held.push({ frozen: this.store.freeze(), expected: this.now, at: this.seqno });
  }

  #release(which: number): void {
    const [held] = this.held.splice(which % Math.max(1, this.held.length), 1);
    if (held === undefined) return;
    check(held, this.setting, [4096]);
    held.frozen.release();
  }

  #move(isRollback: boolean, to: Seqno): void {
    if (!isRollback) {
      this.store.compact(to);
      this.#compacted = Math.max(this.#compacted, to);
    } else if (to < this.#compacted) {
      expect(() => this.store.rollback(to)).toThrow(RangeError);
    } else {
      this.store.rollback(to);
      this.#versions.length = to + 1;
    }
    expect([this.store.seqno, this.store.compacted]).toEqual([this.seqno, this.#compacted]);
  }
}

const leaf = bytes(32, 1);
const secret = bytes(32, 2);

/** A frozen state is the reference's: walked, gathered by kernel and without, and as a snapshot. */
function check({ frozen, expected, at }: Held, { hash }: Setting, pieces: readonly number[]): void {
  const tables = [...frozen.tables];
  expect(tables.map(({ name }) => name)).toEqual([...expected.keys()]);
  const parts = ['live', 'tombstones'] as const;
  for (const part of parts) {
    const content = (maps: SnapshotMap[]) =>
      encodeSnapshotPublicDomain({
        ...{ seqno: at, maxConflictVersion: 0, leaf, viewHistory: [] },
        publicMaps: maps,
      });
    const wanted = content([...expected.values()].map((table) => inOrder(table, hash, part)));
    const walked = tables.map((table) => ({
      name: `public:${table.name}`,
      version: table.version,
      records: [...(table[part]?.records() ?? [])],
    }));
    expect(Buffer.compare(content(walked), wanted)).toBe(0);
    for (const descriptor of [frozen.share(), { ...frozen.share(), stage: undefined }]) {
      const gathered = gatheredMaps(openShared(descriptor), pieces, part);
      const sorted = [...gathered].sort(([a], [b]) => compareMapNames(a, b));
      const domain = concatBytes([wanted.subarray(0, 65), ...sorted.map(([, map]) => map)]);
      expect(Buffer.compare(domain, wanted)).toBe(0);
    }
  }
  const snapshot = (of: Iterable<StoreTable> | SharedFrozen['tables']) => {
    const state = { seqno: at, leaf, viewHistory: [1], tables: unpackState([...packState(of)]) };
    return encodeSnapshot(ownContent(state), secret);
  };
  expect(Buffer.compare(snapshot(frozen.tables), snapshot(expected.values()))).toBe(0);
}

/** The state now, key by key, against a plain map. */
function checkLookups({ store, now }: Pair): void {
  for (const [name, { version, live }] of now) {
    const table = store.tables.get(name);
    expect([table?.version, table?.live.size]).toEqual([version, live.size]);
    const plain = new Map([...live.records()].map((r) => [Buffer.from(r.key).toString('hex'), r]));
    const keys = [...fewKeys, ...[...plain.values()].map(({ key }) => key)];
    for (const key of keys) {
      const found = table?.live.get(key);
      const wanted = plain.get(Buffer.from(key).toString('hex'));
      expect(found?.version).toBe(wanted?.version);
      if (found === undefined || wanted === undefined) continue;
      expect(
        Buffer.compare(found.key, wanted.key) || Buffer.compare(found.value, wanted.value),
      ).toBe(0);
    }
  }
}

const constant: Hash = () => 0x89abcdef;
const fewBits: Hash = (key) => (sipHash24Low32(key) & 0x8000_0003) >>> 0;
const lowBits: Hash = (key) => sipHash24Low32(key) % 4096;

/** So little that nothing can be reserved: each change is guarded. */
const small = { memoryBytesMax: 2 ** 18, memoriesMax: 150 };
const medium = { memoryBytesMax: 2 ** 20 };
const large = { memoryBytesMax: 2 ** 26 };

const settings: readonly (readonly [string, number, Setting])[] = [
  ['no tombstones', 800, { keepsTombstones: false, hash: sipHash24Low32, memory: large }],
  ['tombstones', 500, { keepsTombstones: true, hash: sipHash24Low32, memory: medium }],
  ['many memories', 300, { keepsTombstones: false, hash: sipHash24Low32, memory: small }],
  ['one hash', 200, { keepsTombstones: true, hash: constant, memory: medium }],
  ['few bits', 300, { keepsTombstones: false, hash: fewBits, memory: medium }],
  ['equal upper bits', 200, { keepsTombstones: false, hash: lowBits, memory: small }],
];

describe('histories', () => {
  test.each(settings)(
    'SharedStore has the bytes of the reference after any: %s',
    (_, runs, setting) => {
      const pieces = fc.array(fc.constantFrom(1, 7, 24, 1000, 4096, 70_000), {
        minLength: 1,
        maxLength: 3,
      });
      fc.assert(
        fc.property(fc.array(step, { maxLength: 25 }), pieces, (steps, sizes) => {
          pool.reset();
          const pair = new Pair(setting);
          for (const step of steps) pair.take(step);
          pair.freeze();
          checkLookups(pair);
          const chunks = sizes.every((size) => size < 1000) ? [...sizes, 4096] : sizes;
          for (const held of pair.held) check(held, setting, chunks);
          for (const { frozen } of pair.held) frozen.release();
          pair.clear();
          pair.store.compact(pair.seqno);
          if (!setting.keepsTombstones) expect(pair.store.usedPages).toBe(0);
        }),
        { numRuns: nightly ? runs * 10 : runs },
      );
    },
  );
});
