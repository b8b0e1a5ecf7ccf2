import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import type { SnapshotMap } from '../../src/formats/entries/snapshot-map.ts';
import { sipHash24Low32 } from '../../src/formats/snapshot/key-order.ts';
import { encodeSnapshotPublicDomain } from '../../src/formats/snapshot/snapshot-body.ts';
import { tiedTriple } from './make-tied-keys.ts';

/** A public domain of some maps. */
export const domainOf = (publicMaps: readonly SnapshotMap[]): Uint8Array =>
  encodeSnapshotPublicDomain({
    ...{ seqno: seqno(9), maxConflictVersion: 0, viewHistory: [1, 4] },
    leaf: new Uint8Array(32).fill(1),
    publicMaps,
  });

/** A record with a value of so many bytes. */
export const sizedRecord = (key: string, valueBytes: number, version = 1) => ({
  key: toUtf8(key),
  value: new Uint8Array(valueBytes).fill(1),
  version,
});

/** In order of hashes; those of one hash as they come. */
const ordered = (records: SnapshotMap['records']) =>
  records.toSorted((a, b) => sipHash24Low32(a.key) - sipHash24Low32(b.key));

/** Small, tied, removed and large records, and a map without any. */
const oddDomain = domainOf([
  {
    name: 'public:t',
    version: 3,
    records: ordered([
      ...['a', 'bc', ...tiedTriple].map((key, i) => sizedRecord(key, i * 3)),
      ...[sizedRecord('gone', 0, -2), sizedRecord('large', 3001)],
    ]),
  },
  { name: 'public:u', version: 3, records: [] },
]);

/** {@link oddDomain}, damaged at each place in turn: everywhere in its head and first records, further on here and there. */
export function* damagedDomains(damage: 'cut' | 'changed byte'): Generator<Uint8Array> {
  const { length } = oddDomain;
  const isNear = (at: number) => at < 800 || (damage === 'cut' && at > length - 60);
  for (let at = 0; at < length; at += isNear(at) ? 1 : 97) {
    const domain = oddDomain.slice(0, damage === 'cut' ? at : length);
    if (damage === 'changed byte') domain[at] = (domain[at] ?? 0) ^ (at % 2 === 0 ? 1 : 0x80);
    yield domain;
  }
}

/** A snapshot file, damaged in its envelope, head, records and receipt, and cut at many lengths. */
export function damagedFiles(file: Uint8Array, entryBytes: number): readonly Uint8Array[] {
  const places = [0, 1, 2, 7, 9, 25, 34, 36, 43, 44, 46, 62, 70, 101, 110, 118, 130, 5000];
  const behind = [entryBytes - 1, entryBytes, entryBytes + 3, file.length - 1];
  const lengths = [0, 5, 8, 30, 44, 60, 5000, entryBytes, file.length - 1];
  return [
    ...[...places, ...behind].map((at) => flipped(file, at)),
    ...lengths.map((length) => file.slice(0, length)),
  ];
}

/** With one bit changed. */
export function flipped(file: Uint8Array, at: number): Uint8Array {
  const changed = file.slice();
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
