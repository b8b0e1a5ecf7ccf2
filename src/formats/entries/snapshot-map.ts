/** One key of a map, live or removed. */
export interface SnapshotRecord {
  readonly key: Uint8Array;
  /** Seqno that last wrote the key; negative = a tombstone: removed there, `value` empty. */
  readonly version: number;
  readonly value: Uint8Array;
}

/** One map, in the order of the file: see `compareKeyOrder`. */
export interface SnapshotMap extends MapIdentity {
  readonly records: readonly SnapshotRecord[];
}

/** What stands before a map's records. */
export interface MapIdentity {
  readonly name: string;
  /** Seqno that last changed the map; 0 if none did. */
  readonly version: number;
}
