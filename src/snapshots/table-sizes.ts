import type { SnapshotMap, SnapshotRecord } from '../formats/entries/snapshot-map.ts';
import { tables } from '../formats/entries/tables.ts';
import type { MapHeader } from '../formats/snapshot/domain-stream.ts';
import type { MeasuredRecord, RecordSink } from '../formats/snapshot/record-stream.ts';
import { HeldBytes, KeptMaps, objectBytes } from './kept-maps.ts';

/** One public table of a snapshot, by its size. */
export interface TableSummary {
  readonly name: string;
  /** Seqno that last changed it. */
  readonly version: number;
  /** Live keys. */
  readonly keys: number;
  /** Removed keys; only CCF 1.x and 2.x keep them. */
  readonly removed: number;
  /** Of all keys and values. */
  readonly bytes: number;
}

/** A table as it is measured, and where it lies. */
interface SizedTable extends MapHeader {
  keys: number;
  removed: number;
  bytes: number;
}

/** Measures all tables; of one it keeps the records: that which names the service. */
export class TableSizes implements RecordSink {
  readonly #tables: SizedTable[] = [];
  readonly #kept = new KeptMaps([tables.serviceInfo, tables.signingIdentities]);
  readonly #held = new HeldBytes();

  /** The identity that the snapshot names. */
  get named(): readonly SnapshotMap[] {
    return this.#kept.maps;
  }

  begin(map: MapHeader): 'records' | 'sizes' {
    this.#held.add(map.name.length + objectBytes, 'the names of tables');
    this.#tables.push({ ...map, keys: 0, removed: 0, bytes: 0 });
    return this.#kept.begin(map);
  }

  record(record: SnapshotRecord): void {
    const { key, version, value } = record;
    this.measured({ keyLength: key.length, version, valueLength: value.length });
    this.#kept.record(record);
  }

  measured({ keyLength, version, valueLength }: MeasuredRecord): void {
    const table = this.#tables.at(-1);
    if (table === undefined) return;
    if (version < 0) table.removed++;
    else table.keys++;
    table.bytes += keyLength + valueLength;
  }

  find(name: string): MapHeader | undefined {
    return this.#tables.find((table) => table.name === name);
  }

  summaries(): readonly TableSummary[] {
    return this.#tables.map(({ name, version, keys, removed, bytes }) => ({
      ...{ name, version, keys, removed, bytes },
    }));
  }
}
