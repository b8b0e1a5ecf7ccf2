import { FormatError } from '../core/errors.ts';
import type { FrozenTable } from '../core/host-ports.ts';
import { heldBytesMax } from '../core/limits.ts';
import type { SnapshotMap, SnapshotRecord } from '../formats/entries/snapshot-map.ts';
import { tables } from '../formats/entries/tables.ts';
import type { MapHeader } from '../formats/snapshot/domain-stream.ts';
import type { RecordSink } from '../formats/snapshot/record-stream.ts';
import { type MapsReader, recordsReader } from './scan.ts';

/** What a verification and a recovery look into of a snapshot, before its state is anyone's. */
const readMaps: readonly string[] = [
  tables.serviceInfo,
  tables.signingIdentities,
  tables.serviceConfig,
  tables.nodesInfo,
  tables.endorsedCertificates,
  tables.tree,
  tables.recoveryShares,
  tables.historicalSecrets,
];

/** Of a state that was built the maps that are looked into. */
export function readMapsOf(state: { get(name: string): FrozenTable | undefined }): SnapshotMap[] {
  return readMaps.flatMap((name) => {
    const table = state.get(name);
    if (table === undefined) return [];
    const records = [...table.live.records(), ...(table.tombstones?.records() ?? [])];
    return [{ name, version: table.version, records }];
  });
}

/** Checks all maps of a snapshot, and keeps those that are looked into. */
export function readMapsReader(): MapsReader<readonly SnapshotMap[]> {
  const kept = new KeptMaps(readMaps);
  return recordsReader(kept, () => kept.maps);
}

/** Counts what is held of a file of any size. */
export class HeldBytes {
  #bytes = 0;

  /** @throws FormatError `TOO_LARGE` */
  add(bytes: number, what: string): void {
    this.#bytes += bytes;
    if (this.#bytes <= heldBytesMax) return;
    const place = { actual: this.#bytes, expected: heldBytesMax };
    throw new FormatError('TOO_LARGE', `${what} take more than ${heldBytesMax} bytes`, place);
  }
}

/** About what an object takes beside its bytes. */
export const objectBytes = 256;

/** Keeps the maps of some names, in memory of their own. */
export class KeptMaps implements RecordSink {
  readonly #names: readonly string[];
  readonly #held = new HeldBytes();
  readonly maps: (SnapshotMap & { readonly records: SnapshotRecord[] })[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  begin({ name, version }: MapHeader): 'records' | 'sizes' {
    if (!this.#names.includes(name)) return 'sizes';
    this.maps.push({ name, version, records: [] });
    return 'records';
  }

  record({ key, version, value }: SnapshotRecord): void {
    this.#held.add(key.length + value.length + objectBytes, 'the records of CCF’s own tables');
    this.maps.at(-1)?.records.push({ key: key.slice(), version, value: value.slice() });
  }
}
