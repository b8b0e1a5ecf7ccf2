import { ByteWriter } from '../../core/bytes.ts';
import type { Seqno } from '../../core/words.ts';
import { sha256Bytes } from '../encoding/sha256.ts';
import { isPrivateMap, sortMaps } from '../entries/map-name.ts';
import type { MapIdentity } from '../entries/snapshot-map.ts';

/** Entry type, seqno, max conflict version, leaf and its length, and the length of the view history. */
export const snapshotHeadFixedBytes = 1 + 8 + 8 + 8 + sha256Bytes + 8;

/** First byte of a snapshot's public domain. */
export const snapshotType = 1;

/** What stands in a snapshot before its maps. */
export interface SnapshotHead {
  readonly seqno: Seqno;
  /** 0; seqno - 1 from CCF 1.x. */
  readonly maxConflictVersion: number;
  /** Merkle leaf of the entry at `seqno`, 32 bytes. */
  readonly leaf: Uint8Array;
  /** Item i = first seqno of view i + 1. */
  readonly viewHistory: readonly number[];
}

/** A map by its size, where its records are written by someone else. */
export interface SizedMap extends MapIdentity {
  /** Encoded size of its records. */
  readonly bodyBytes: number;
}

/** A run of a snapshot's bytes: some that are there, then the records of a map. */
export interface SnapshotPart<Map extends SizedMap> {
  readonly head: Uint8Array;
  /** None behind what stands before all maps. */
  readonly map: Map | undefined;
}

/** Where everything in a snapshot lies, before any of its records is read. */
export interface SnapshotLayout<Map extends SizedMap> {
  readonly publicBytes: number;
  readonly privateBytes: number;
  /** In the order of the file: of the public domain, then of the private one. */
  readonly parts: readonly SnapshotPart<Map>[];
}

/**
 * Lays out a snapshot whose records are written piece by piece: in the end what `encodeSnapshot` writes in one.
 * @throws RangeError when the leaf is not 32 bytes, or a map is there twice
 */
export function layOutSnapshot<Map extends SizedMap>(
  head: SnapshotHead,
  maps: readonly Map[],
): SnapshotLayout<Map> {
  const writer = new ByteWriter(snapshotHeadBytes(head));
  writeSnapshotHead(writer, head);
  const publicMaps = maps.filter(({ name }) => !isPrivateMap(name));
  const privateMaps = maps.filter(({ name }) => isPrivateMap(name));
  const clear = [
    { head: writer.finish(), map: undefined },
    ...sortMaps(publicMaps, 'public').map(partOf),
  ];
  const secret = sortMaps(privateMaps, 'private').map(partOf);
  return {
    publicBytes: partsBytes(clear),
    privateBytes: partsBytes(secret),
    parts: [...clear, ...secret],
  };
}

function partOf<Map extends SizedMap>(map: Map): SnapshotPart<Map> {
  const writer = new ByteWriter();
  writeMapHead(writer, map, map.bodyBytes);
  return { head: writer.finish(), map };
}

function partsBytes(parts: readonly SnapshotPart<SizedMap>[]): number {
  return parts.reduce((sum, { head, map }) => sum + head.length + (map?.bodyBytes ?? 0), 0);
}

/** Size of what {@link writeSnapshotHead} writes. */
export function snapshotHeadBytes({ viewHistory }: SnapshotHead): number {
  return snapshotHeadFixedBytes + viewHistory.length * 8;
}

/** @throws RangeError when the leaf is not 32 bytes */
export function writeSnapshotHead(writer: ByteWriter, head: SnapshotHead): void {
  const { seqno, maxConflictVersion, leaf, viewHistory } = head;
  if (leaf.length !== sha256Bytes) throw new RangeError(`a Merkle leaf of ${leaf.length} bytes`);
  writer.u8(snapshotType).u64(seqno).u64(maxConflictVersion).blob(leaf);
  writer.u64(viewHistory.length * 8);
  for (const first of viewHistory) writer.u64(first);
}

export function writeMapHead(
  writer: ByteWriter,
  { name, version }: MapIdentity,
  bodyBytes: number,
): void {
  writer.text(name).u64(version).u64(bodyBytes);
}
