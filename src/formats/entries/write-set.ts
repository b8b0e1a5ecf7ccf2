import { ByteReader, ByteWriter, compareBytes, equalBytes, toUtf8 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { type Seqno, seqno } from '../../core/words.ts';
import { sha256, sha256Bytes } from '../encoding/sha256.ts';
import { hashLeaf } from '../merkle/leaf.ts';
import { writeSetDigest } from './entry.ts';
import { checkAscending, type Domain, readMapName, sortMaps } from './map-name.ts';

/**
 * What an entry's public domain carries beside its maps: 0 nothing (CCF 1.x), 2 claims,
 * 3 commit evidence, 4 both (CCF 2.x to today). 1 is a snapshot and never in a ledger.
 */
export type EntryType = 0 | 2 | 3 | 4;

/** A key and what is written under it. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What one transaction did to one map; writes and removes each ascending by key bytes. */
export interface MapWrites {
  readonly name: string;
  readonly writes: readonly KeyValue[];
  readonly removes: readonly Uint8Array[];
}

/** The clear part of a ledger entry; digests are 32 bytes. */
export interface PublicDomain {
  readonly type: EntryType;
  readonly seqno: Seqno;
  /** There for types 2 and 4; 32 zero bytes where a transaction claims nothing. */
  readonly claimsDigest: Uint8Array | undefined;
  /** There for types 3 and 4. */
  readonly commitEvidenceDigest: Uint8Array | undefined;
  /** 0 since CCF 2.0; kept so that 1.x entries survive a round trip. */
  readonly maxConflictVersion: number;
  readonly maps: readonly MapWrites[];
}

/** Key of tables that hold one value: 8 zero bytes. */
export const singletonKey: Uint8Array = new Uint8Array(8);

/** Finds what an entry did to a map. */
export function mapWrites(
  domain: { readonly maps: readonly MapWrites[] },
  name: string,
): MapWrites | undefined {
  return domain.maps.find((map) => map.name === name);
}

/** The value written under {@link singletonKey}, if any. */
export function singletonValue(map: MapWrites): Uint8Array | undefined {
  return map.writes.find(({ key }) => equalBytes(key, singletonKey))?.value;
}

/** What an entry writes to a table that holds one value, if anything. */
export function singletonIn(
  domain: { readonly maps: readonly MapWrites[] },
  name: string,
): Uint8Array | undefined {
  const map = mapWrites(domain, name);
  return map && singletonValue(map);
}

/**
 * Decodes the clear part of a ledger entry.
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * | 0 | 1 | entry type |
 * | 1 | 8 | seqno |
 * | 9 | 32 | claims digest, types 2 and 4 |
 * | … | 32 | commit evidence digest, types 3 and 4 |
 * | … | 8 | max conflict version |
 * | … | rest | maps, see {@link decodePrivateDomain} |
 *
 * @throws FormatError `BAD_ENTRY_TYPE` and those of {@link decodePrivateDomain}
 * @see CCF src/kv/generic_serialise_wrapper.h, src/kv/raw_serialise.h
 */
export function decodePublicDomain(bytes: Uint8Array): PublicDomain {
  const reader = new ByteReader(bytes);
  const type = entryType(reader.u8('entry type'));
  return {
    type,
    seqno: seqno(reader.u64('seqno')),
    claimsDigest: hasClaims(type) ? reader.take(sha256Bytes, 'claims digest') : undefined,
    commitEvidenceDigest: hasEvidence(type)
      ? reader.take(sha256Bytes, 'commit evidence digest')
      : undefined,
    maxConflictVersion: reader.u64('max conflict version'),
    maps: readMaps(reader, 'public'),
  };
}

/**
 * Decodes the decrypted part of a ledger entry: maps until the end, ascending by name bytes.
 *
 * | size | field of one map |
 * |-----:|------------------|
 * | 8 + n | name |
 * | 8 | read version, ignored |
 * | 8 + … | read count, then per read: blob key, u64 version; skipped |
 * | 8 + … | write count, then per write: blob key, blob value |
 * | 8 + … | remove count, then per remove: blob key |
 *
 * @throws FormatError `LENGTH_EXCEEDS_PARENT`, `COUNT_EXCEEDS_BYTES`, `NUMBER_TOO_LARGE`,
 * `DUPLICATE_KEY`, `KEY_ORDER`, `BAD_NAME`, `BAD_TEXT`
 */
export function decodePrivateDomain(bytes: Uint8Array): readonly MapWrites[] {
  return readMaps(new ByteReader(bytes), 'private');
}

function entryType(value: number): EntryType {
  if (value === 0 || value === 2 || value === 3 || value === 4) return value;
  throw new FormatError('BAD_ENTRY_TYPE', `entry type ${value} is not a write set`, {
    offset: 0,
    actual: value,
  });
}

function hasClaims(type: EntryType): boolean {
  return type === 2 || type === 4;
}

function hasEvidence(type: EntryType): boolean {
  return type === 3 || type === 4;
}

function readMaps(reader: ByteReader, domain: Domain): MapWrites[] {
  const maps: MapWrites[] = [];
  let previous: Uint8Array | undefined;
  while (reader.remaining > 0) {
    const { name, bytes } = readMapName(reader, domain, previous);
    previous = bytes;
    reader.take(8, 'read version');
    skipReads(reader);
    maps.push({ name, writes: readWrites(reader), removes: readRemoves(reader) });
  }
  return maps;
}

function skipReads(reader: ByteReader): void {
  const count = reader.count(16, 'read count');
  for (let i = 0; i < count; i++) {
    reader.blob('read key');
    reader.take(8, 'read key version');
  }
}

function readWrites(reader: ByteReader): KeyValue[] {
  const count = reader.count(16, 'write count');
  const writes: KeyValue[] = [];
  let previous: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    const key = readKey(reader, previous, 'written key');
    previous = key;
    writes.push({ key, value: reader.blob('value') });
  }
  return writes;
}

function readRemoves(reader: ByteReader): Uint8Array[] {
  const count = reader.count(8, 'remove count');
  const removes: Uint8Array[] = [];
  for (let i = 0; i < count; i++) removes.push(readKey(reader, removes.at(-1), 'removed key'));
  return removes;
}

function readKey(reader: ByteReader, previous: Uint8Array | undefined, what: string): Uint8Array {
  const offset = reader.offset;
  const key = reader.blob(what);
  checkAscending(previous, key, what, offset);
  return key;
}

/**
 * Encodes the clear part of a ledger entry, maps and keys sorted by bytes; the inverse of
 * {@link decodePublicDomain}.
 * @throws RangeError when a name or key is there twice, a map is private, or a digest does not suit
 * the entry type
 */
export function encodePublicDomain(domain: PublicDomain): Uint8Array {
  const { type } = domain;
  const writer = new ByteWriter(17 + 64 + mapsBytes(domain.maps)).u8(type).u64(domain.seqno);
  writeDigest(writer, domain.claimsDigest, hasClaims(type));
  writeDigest(writer, domain.commitEvidenceDigest, hasEvidence(type));
  writer.u64(domain.maxConflictVersion);
  writeMaps(writer, domain.maps, 'public');
  return writer.finish();
}

/**
 * Encodes the private maps of an entry, still to be encrypted; the inverse of
 * {@link decodePrivateDomain}.
 * @throws RangeError when a name or key is there twice or a map is public
 */
export function encodePrivateDomain(maps: readonly MapWrites[]): Uint8Array {
  const writer = new ByteWriter(mapsBytes(maps));
  writeMaps(writer, maps, 'private');
  return writer.finish();
}

/** Encoded size, so that a write set takes one allocation. */
function mapsBytes(maps: readonly MapWrites[]): number {
  let size = 0;
  for (const { name, writes, removes } of maps) {
    size += 40 + toUtf8(name).length;
    for (const { key, value } of writes) size += 16 + key.length + value.length;
    for (const key of removes) size += 8 + key.length;
  }
  return size;
}

function writeDigest(writer: ByteWriter, digest: Uint8Array | undefined, wanted: boolean): void {
  if ((digest?.length ?? 0) !== (wanted ? sha256Bytes : 0)) {
    throw new RangeError(`entry type wants ${wanted ? 32 : 'no'} digest bytes here`);
  }
  if (digest !== undefined) writer.raw(digest);
}

function writeMaps(writer: ByteWriter, maps: readonly MapWrites[], domain: Domain): void {
  for (const { name, writes, removes } of sortMaps(maps, domain)) {
    writer.text(name).u64(0).u64(0).u64(writes.length);
    for (const { key, value } of sortByKey(writes, (write) => write.key)) {
      writer.blob(key).blob(value);
    }
    writer.u64(removes.length);
    for (const key of sortByKey(removes, (remove) => remove)) writer.blob(key);
  }
}

function sortByKey<T>(items: readonly T[], keyOf: (item: T) => Uint8Array): T[] {
  const sorted = items.toSorted((a, b) => compareBytes(keyOf(a), keyOf(b)));
  sorted.forEach((item, i) => {
    const previous = sorted[i - 1];
    if (previous !== undefined && equalBytes(keyOf(previous), keyOf(item))) {
      throw new RangeError('a key is there twice in one map');
    }
  });
  return sorted;
}

/** What the Merkle leaf of an entry is made of; digests are 32 bytes. */
export interface LeafParts {
  readonly type: EntryType;
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidenceDigest: Uint8Array | undefined;
  readonly claimsDigest: Uint8Array | undefined;
}

/** The 32-byte Merkle leaf of an entry, given its bytes and its decoded public domain. */
export function entryLeaf(entryBytes: Uint8Array, publicDomain: PublicDomain): Uint8Array {
  return entryLeafOf({ ...publicDomain, writeSetDigest: writeSetDigest(entryBytes) });
}

/**
 * The Merkle leaf as the entry type defines it: type 0 is the write-set digest itself, the others
 * hash write set ‖ commit evidence ‖ claims, each where the type has it (zero claims included).
 * @see CCF src/node/rpc/claims.h
 */
export function entryLeafOf(parts: LeafParts): Uint8Array {
  const { type, writeSetDigest } = parts;
  return hashLeaf(sha256, {
    writeSetDigest,
    commitEvidenceDigest: hasEvidence(type)
      ? requireDigest(parts.commitEvidenceDigest, 'commit evidence')
      : undefined,
    claimsDigest: hasClaims(type) ? requireDigest(parts.claimsDigest, 'claims') : undefined,
  });
}

function requireDigest(digest: Uint8Array | undefined, what: string): Uint8Array {
  if (digest === undefined) throw new TypeError(`this entry type needs a ${what} digest`);
  return digest;
}
