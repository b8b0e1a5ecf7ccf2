import type { SnapshotRecord } from '../../formats/entries/snapshot-map.ts';
import type { MapHeader, MapSink } from '../../formats/snapshot/domain-stream.ts';
import { type RecordSink, RecordStream } from '../../formats/snapshot/record-stream.ts';
import { emptyTable, type StoreTable } from './reference-store.ts';

/** Builds a reference store's tables from the maps of a snapshot as their bytes come. */
export class HeapLoader implements MapSink {
  readonly #stream: RecordStream;
  readonly #records = new TableRecords();

  /** @param tables to add to */
  constructor(tables: ReadonlyMap<string, StoreTable> = new Map()) {
    for (const [name, table] of tables) this.#records.tables.set(name, table);
    this.#stream = new RecordStream(this.#records);
  }

  begin(map: MapHeader): void {
    this.#stream.begin(map);
  }

  /** The records stay views on a copy of the bytes: one allocation for many. */
  take(bytes: Uint8Array): void {
    this.#stream.take(new Uint8Array(bytes));
  }

  end(): void {
    this.#stream.end();
  }

  /** All that was built; negative versions are tombstones. */
  finish(): ReadonlyMap<string, StoreTable> {
    return this.#records.tables;
  }
}

/** Puts records into the tables that they are of. */
class TableRecords implements RecordSink {
  readonly tables = new Map<string, StoreTable>();
  #map: MapHeader | undefined;
  #live = emptyTable('').live;
  #tombstones = emptyTable('').tombstones;

  begin(map: MapHeader): 'records' {
    this.#map = map;
    ({ live: this.#live, tombstones: this.#tombstones } = emptyTable(map.name));
    return 'records';
  }

  record(record: SnapshotRecord): void {
    if (record.version < 0) this.#tombstones = this.#tombstones.put(record);
    else this.#live = this.#live.put(record);
  }

  end(): void {
    if (this.#map === undefined) return;
    const { name, version } = this.#map;
    this.tables.set(name, { name, version, live: this.#live, tombstones: this.#tombstones });
  }
}
