import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteWriter, toUtf8 } from '../../../src/core/bytes.ts';
import { heldRecordBytesMax } from '../../../src/core/limits.ts';
import type { SnapshotMap, SnapshotRecord } from '../../../src/formats/entries/snapshot-map.ts';
import { DomainStream, type MapHeader } from '../../../src/formats/snapshot/domain-stream.ts';
import { sortByKeyOrder } from '../../../src/formats/snapshot/key-order.ts';
import {
  type MeasuredRecord,
  type RecordSink,
  RecordStream,
} from '../../../src/formats/snapshot/record-stream.ts';
import { decodeSnapshotPublicDomain } from '../../../src/formats/snapshot/snapshot-body.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { damagedDomains, domainOf, sizedRecord } from '../../helpers/hostile-snapshots.ts';
import { tiedTriple } from '../../helpers/make-tied-keys.ts';

/** Keeps all that it is given, as sizes or whole. */
class Collected implements RecordSink {
  readonly wanted: 'records' | 'sizes';
  readonly maps: (MapHeader & { records: SnapshotRecord[]; sizes: MeasuredRecord[] })[] = [];
  ended = 0;

  constructor(wanted: 'records' | 'sizes') {
    this.wanted = wanted;
  }

  begin(map: MapHeader) {
    this.maps.push({ ...map, records: [], sizes: [] });
    return this.wanted;
  }

  record(record: SnapshotRecord): void {
    this.maps.at(-1)?.records.push(record);
  }

  measured(record: MeasuredRecord): void {
    this.maps.at(-1)?.sizes.push(record);
  }

  end(): void {
    this.ended++;
  }
}

/** Takes a domain in pieces of these sizes, each in memory of its own, or all in the same. */
function read(
  domain: Uint8Array,
  wanted: 'records' | 'sizes',
  { sizes = [1000, 64], isReused = false } = {},
): Collected {
  const collected = new Collected(wanted);
  const sink = new RecordStream(collected);
  const stream = new DomainStream({ domain: 'public', bytes: domain.length, sink });
  const memory = new Uint8Array(Math.max(...sizes));
  for (let from = 0, i = 0; from < domain.length; i++) {
    const piece = domain.slice(from, from + (sizes[i % sizes.length] ?? 1));
    if (isReused) memory.fill(0xee).set(piece);
    stream.take(isReused ? memory.subarray(0, piece.length) : piece);
    from += piece.length;
  }
  return collected;
}

const records = fc
  .uniqueArray(
    fc.record({
      key: fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(...tiedTriple).map(toUtf8)),
      value: fc.oneof(
        fc.uint8Array({ maxLength: 12 }),
        fc.nat(3000).map((n) => new Uint8Array(n).fill(n)),
      ),
      version: fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom(2 ** 53 - 1, 1 - 2 ** 53)),
    }),
    { selector: ({ key }) => Buffer.from(key).toString('latin1'), maxLength: 40 },
  )
  .map((some) => sortByKeyOrder(some));
const maps = fc
  .array(fc.record({ version: fc.nat(9), records }), { maxLength: 3 })
  .map((some): SnapshotMap[] => some.map((map, i) => ({ ...map, name: `public:${i}` })));
const sizes = fc.array(fc.constantFrom(1, 7, 100, 5000), { minLength: 1, maxLength: 3 });

test('RecordStream gives the records that decodeSnapshot gives, in pieces of any size', () => {
  fc.assert(
    fc.property(maps, sizes, (expected, pieces) => {
      const { maps: found, ended } = read(domainOf(expected), 'records', { sizes: pieces });
      expect(found.map(({ name, version, records }) => ({ name, version, records }))).toEqual(
        expected,
      );
      expect(ended).toBe(expected.length);
    }),
    { numRuns: 60 },
  );
});

test('RecordStream measures what it need not give, and asks for no memory of the caller’s', () => {
  fc.assert(
    fc.property(maps, sizes, (expected, pieces) => {
      const { maps: found } = read(domainOf(expected), 'sizes', { sizes: pieces, isReused: true });
      expect(found.flatMap(({ records }) => records)).toEqual([]);
      expect(found.map(({ sizes }) => sizes)).toMatchObject(
        expected.map(({ records }) =>
          records.map(({ key, version, value }) => ({
            ...{ keyLength: key.length, version, valueLength: value.length },
          })),
        ),
      );
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['records', 'cut'],
  ['records', 'changed byte'],
  ['sizes', 'cut'],
  ['sizes', 'changed byte'],
] as const)(
  'RecordStream, asked for %s, finds in every %s what decodeSnapshot finds',
  (wanted, damage) => {
    const codes = new Set<string>();
    for (const domain of damagedDomains(damage)) {
      const code = outcomeOf(() => decodeSnapshotPublicDomain(domain));
      expect(outcomeOf(() => read(domain, wanted, { isReused: true }))).toBe(code);
      codes.add(code);
    }
    expect(codes).toContain('LENGTH_EXCEEDS_PARENT');
  },
);

test('RecordStream finds a key that comes twice, however far before', () => {
  const [a, b, c] = tiedTriple;
  const twice = [sizedRecord(a, 1), sizedRecord(b, 2), sizedRecord(c, 2), sizedRecord(a, 1)];
  const domain = domainOf([{ name: 'public:t', version: 1, records: twice }]);
  for (const pieces of [[1], [40], [5000]]) {
    for (const wanted of ['records', 'sizes'] as const) {
      const reading = () => read(domain, wanted, { sizes: pieces, isReused: true });
      expect(outcomeOf(reading)).toBe('DUPLICATE_KEY');
    }
  }
});

/** The beginning of a record in a body without end, of which nothing more ever comes. */
function begun(keyLength: number, valueLength: number): Uint8Array {
  const writer = new ByteWriter().u64(keyLength).zeros(Math.min(keyLength, 8));
  return writer
    .u64(8 + valueLength)
    .i64(1)
    .finish();
}

test.each([
  ['records', heldRecordBytesMax, 8, 'TOO_LARGE'],
  ['sizes', heldRecordBytesMax, 8, 'TOO_LARGE'],
  ['records', 8, heldRecordBytesMax, 'TOO_LARGE'],
  ['sizes', 8, 2 ** 40, 'accepted'],
] as const)(
  'RecordStream, asked for %s, holds no key of %i bytes with a value of %i: %s',
  (wanted, keyLength, valueLength, code) => {
    const stream = new RecordStream(new Collected(wanted));
    stream.begin({ name: 'public:t', version: 1, bodyBytes: 2 ** 41, offset: 81 });
    expect(outcomeOf(() => stream.take(begun(keyLength, valueLength)))).toBe(code);
  },
);
