import { expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../../src/core/bytes.ts';
import type { SnapshotMap } from '../../../src/formats/entries/snapshot-map.ts';
import { DomainStream } from '../../../src/formats/snapshot/domain-stream.ts';
import { sortByKeyOrder } from '../../../src/formats/snapshot/key-order.ts';
import { HeapLoader } from '../../../src/store/heap/heap-loader.ts';
import type { StoreTable } from '../../../src/store/heap/reference-store.ts';
import { domainOf } from '../../helpers/hostile-snapshots.ts';

const map = (name: string, count: number): SnapshotMap => ({
  name,
  version: 6,
  records: sortByKeyOrder(
    Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key ${i}`),
      version: i % 3 === 0 ? -i - 1 : i,
      value: i % 3 === 0 ? new Uint8Array(0) : new Uint8Array(i).fill(i),
    })),
  ),
});

/** Gives a loader the maps in pieces, all in the same memory. */
function load(
  maps: readonly SnapshotMap[],
  before?: ReadonlyMap<string, StoreTable>,
): ReadonlyMap<string, StoreTable> {
  const domain = domainOf(maps);
  const sink = new HeapLoader(before);
  const stream = new DomainStream({ domain: 'public', bytes: domain.length, sink });
  const memory = new Uint8Array(1000);
  for (let from = 0; from < domain.length; from += memory.length) {
    const piece = domain.subarray(from, from + memory.length);
    memory.fill(0xee).set(piece);
    stream.take(memory.subarray(0, piece.length));
  }
  return sink.finish();
}

const textOf = (records: Iterable<SnapshotMap['records'][number]>): string[] =>
  [...records].map(({ key, version, value }) => `${toHex(key)} ${version} ${toHex(value)}`).sort();

test('HeapLoader builds the tables of a snapshot, removed keys apart', () => {
  const maps = [map('public:a', 300), map('public:empty', 0)];
  const tables = load(maps);
  expect([...tables.keys()]).toEqual(['public:a', 'public:empty']);
  for (const { name, version, records } of maps) {
    const table = tables.get(name);
    expect(table?.version).toBe(version);
    const [removed, live] = [true, false].map((is) => records.filter((r) => r.version < 0 === is));
    expect(textOf(table?.live.records() ?? [])).toEqual(textOf(live ?? []));
    expect(textOf(table?.tombstones.records() ?? [])).toEqual(textOf(removed ?? []));
  }
});

test('HeapLoader goes on from tables that there are', () => {
  const before = load([map('public:a', 5)]);
  const tables = load([map('public:b', 5)], before);
  expect([...tables.keys()]).toEqual(['public:a', 'public:b']);
  expect([...before.keys()]).toEqual(['public:a']);
});
