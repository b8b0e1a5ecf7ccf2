import { ByteReader, ByteWriter, concatBytes } from '../core/bytes.ts';
import type { FrozenTable, RecordSet, StoreRecord } from '../core/host-ports.ts';

/** A table on its way to a worker: its records in the store's own order. */
export interface CopiedTable {
  readonly name: string;
  readonly version: number;
  readonly live: readonly StoreRecord[];
  readonly tombstones: readonly StoreRecord[];
}

/** What ends a slice: bytes, or records and tables together. Small, since each is copied on the main thread. */
const sliceBytesMax = 64 * 1024;
const sliceItemsMax = 256;

/** Fewest bytes that a packed record can take: two lengths and a version. */
const recordBytesMin = 24;

/**
 * Copies a frozen state piece by piece, so that the caller can yield to the event loop in between.
 *
 * Each piece is memory of its own, to be transferred to a worker, where {@link unpackState} reads them
 * together. The format is private to one process: table after table, name, version, both counts, then
 * records of key, version and value.
 */
export function* packState(
  tables: Iterable<FrozenTable>,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  let writer = new ByteWriter(sliceBytesMax);
  let items = 0;
  for (const { name, version, live, tombstones = none } of tables) {
    writer.text(name).u64(version).u64(live.size).u64(tombstones.size);
    items++;
    for (const { key, version, value } of both(live, tombstones)) {
      writer.blob(key).i64(version).u64(value.length);
      const isLarge = value.length > sliceBytesMax;
      if (!isLarge) writer.raw(value);
      items++;
      if (!isLarge && writer.length < sliceBytesMax && items < sliceItemsMax) continue;
      yield writer.finish().slice();
      // A large value is a piece of its own: copied once, by itself.
      if (isLarge) yield value.slice();
      writer = new ByteWriter(sliceBytesMax);
      items = 0;
    }
    if (items < sliceItemsMax) continue;
    yield writer.finish().slice();
    writer = new ByteWriter(sliceBytesMax);
    items = 0;
  }
  yield writer.finish().slice();
}

const none: RecordSet = { size: 0, records: () => [] };

function* both(live: RecordSet, tombstones: RecordSet): Generator<StoreRecord, void, undefined> {
  yield* live.records();
  yield* tombstones.records();
}

/** Reads what {@link packState} drew. @throws FormatError when pieces are missing */
export function unpackState(pieces: readonly Uint8Array[]): CopiedTable[] {
  const reader = new ByteReader(concatBytes(pieces));
  const tables: CopiedTable[] = [];
  while (reader.remaining > 0) {
    const name = reader.text('table name');
    const version = reader.u64('table version');
    const liveCount = reader.count(recordBytesMin, 'live records');
    const tombstoneCount = reader.count(recordBytesMin, 'tombstones');
    const live = readRecords(reader, liveCount);
    tables.push({ name, version, live, tombstones: readRecords(reader, tombstoneCount) });
  }
  return tables;
}

function readRecords(reader: ByteReader, count: number): StoreRecord[] {
  return Array.from({ length: count }, () => ({
    key: reader.blob('key'),
    version: reader.i64('version'),
    value: reader.blob('value'),
  }));
}
