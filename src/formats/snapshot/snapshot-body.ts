import { ByteReader, ByteWriter, toUtf8 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { receiptBytesMax, snapshotBytesMax } from '../../core/limits.ts';
import { type Seqno, seqno, view } from '../../core/words.ts';
import { sha256Bytes } from '../encoding/sha256.ts';
import {
  decodeEnvelope,
  type Envelope,
  entryHeaderBytes,
  openPrivateDomain,
  readEntrySize,
  sealEntry,
} from '../entries/entry.ts';
import { type Domain, readMapName, sortMaps } from '../entries/map-name.ts';
import type { SnapshotMap, SnapshotRecord } from '../entries/snapshot-map.ts';
import { sipHash24Low32 } from './key-order.ts';
import {
  type SnapshotHead,
  snapshotHeadBytes,
  snapshotType,
  writeMapHead,
  writeSnapshotHead,
} from './snapshot-layout.ts';
import { TieCheck } from './tie-check.ts';

export { isPrivateMap } from '../entries/map-name.ts';

/**
 * Which CCF releases wrote a snapshot, as far as its bytes differ: `1` keeps tombstones and writes
 * seqno - 1 as max conflict version, `2` keeps tombstones, `3+` neither.
 */
export type ProducerProfile = '1' | '2' | '3+';

/** What a snapshot says, in the clear. */
export interface SnapshotContent extends SnapshotHead {
  readonly publicMaps: readonly SnapshotMap[];
  readonly privateMaps: readonly SnapshotMap[];
}

/** The content without what is encrypted. */
export type PublicSnapshotContent = Omit<SnapshotContent, 'privateMaps'>;

/**
 * Writes the clear part of a snapshot; maps are sorted by name, records are taken in their order.
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * | 0 | 1 | entry type, 1 |
 * | 1 | 8 | seqno |
 * | 9 | 8 | max conflict version |
 * | 17 | 8 + 32 | Merkle leaf of the entry at seqno |
 * | 57 | 8 + 8 · n | view history: n first seqnos |
 * | … | rest | maps, see {@link decodeSnapshot} |
 *
 * @throws RangeError when the leaf is not 32 bytes, or a map is there twice or private
 * @see CCF src/kv/snapshot.h, src/kv/untyped_map.h
 */
export function encodeSnapshotPublicDomain(content: PublicSnapshotContent): Uint8Array {
  const writer = new ByteWriter(snapshotHeadBytes(content) + mapsBytes(content.publicMaps));
  writeSnapshotHead(writer, content);
  writeMaps(writer, content.publicMaps, 'public');
  return writer.finish();
}

/** Bytes that are written before they are handed on. */
const pieceBytes = 1024 * 1024;

/**
 * What {@link encodeSnapshotPublicDomain} writes, piece by piece: it may be larger than any buffer.
 * @throws as that
 */
export function* snapshotPublicPieces(content: PublicSnapshotContent): Generator<Uint8Array> {
  let writer = new ByteWriter();
  writeSnapshotHead(writer, content);
  for (const { name, version, records } of sortMaps(content.publicMaps, 'public')) {
    writeMapHead(writer, { name, version }, bodyBytes(records));
    for (const record of records) {
      writeRecord(writer, record);
      if (writer.length < pieceBytes) continue;
      yield writer.finish();
      writer = new ByteWriter(2 * pieceBytes);
    }
  }
  yield writer.finish();
}

/**
 * Writes a whole snapshot entry: what the snapshot's digest covers and a receipt follows.
 * @param secret ledger secret in force at the snapshot's seqno, 32 bytes
 * @throws RangeError when a map is there twice or in the wrong domain
 */
export function encodeSnapshot(content: SnapshotContent, secret: Uint8Array): Uint8Array {
  const privatePlain = new ByteWriter(mapsBytes(content.privateMaps));
  writeMaps(privatePlain, content.privateMaps, 'private');
  return sealEntry({
    secret,
    seqno: content.seqno,
    view: view(0),
    isSnapshot: true,
    publicDomain: encodeSnapshotPublicDomain(content),
    privatePlain: privatePlain.finish(),
  });
}

function writeMaps(writer: ByteWriter, maps: readonly SnapshotMap[], domain: Domain): void {
  for (const { name, version, records } of sortMaps(maps, domain)) {
    writeMapHead(writer, { name, version }, bodyBytes(records));
    for (const record of records) writeRecord(writer, record);
  }
}

function writeRecord(writer: ByteWriter, { key, version, value }: SnapshotRecord): void {
  writer.blob(key).zeros(paddingBytes(key.length));
  writer
    .u64(8 + value.length)
    .i64(version)
    .raw(value)
    .zeros(paddingBytes(value.length));
}

/** Encoded size, so that a domain takes one allocation. */
function mapsBytes(maps: readonly SnapshotMap[]): number {
  let size = 0;
  for (const { name, records } of maps) size += 24 + toUtf8(name).length + bodyBytes(records);
  return size;
}

function bodyBytes(records: readonly SnapshotRecord[]): number {
  let size = 0;
  for (const { key, value } of records) {
    size += 24 + key.length + paddingBytes(key.length) + value.length + paddingBytes(value.length);
  }
  return size;
}

/** Zero bytes that bring a key or value to a multiple of 8. */
function paddingBytes(length: number): number {
  return (8 - (length % 8)) % 8;
}

/** The two parts of a snapshot file, views on it. */
export interface SnapshotFileParts {
  readonly entry: Uint8Array;
  /** Empty in a file that is not committed, or of CCF 1.x. */
  readonly receipt: Uint8Array;
}

/** Bound on {@link splitSnapshotFile}. */
export interface SplitOptions {
  /**
   * Largest snapshot entry, in bytes, without its receipt.
   * @default snapshotBytesMax
   */
  readonly bytesMax?: number;
}

/**
 * Splits a snapshot file into the entry, whose header says how long it is, and the receipt behind it.
 * @throws FormatError `EMPTY_FILE`, `TRUNCATED_HEADER`, `BAD_VERSION`, `BAD_FLAGS`, `EMPTY_BODY`,
 * `TRUNCATED_BODY` when the file is short of a plausible size, `LENGTH_EXCEEDS_FILE` when of an
 * implausible one, `SNAPSHOT_TOO_LARGE`, `TOO_LARGE` for the receipt
 * @see CCF src/node/snapshot_serdes.h
 */
export function splitSnapshotFile(
  bytes: Uint8Array,
  { bytesMax = snapshotBytesMax }: SplitOptions = {},
): SnapshotFileParts {
  const end = snapshotEntryBytes(bytes, bytes.length, { bytesMax });
  return { entry: bytes.subarray(0, end), receipt: bytes.subarray(end) };
}

/**
 * How long the entry of a snapshot file is; the receipt is the rest.
 * @param bytes the first 8 of the file, or more
 * @param fileBytes of the whole file
 * @throws FormatError as {@link splitSnapshotFile}
 */
export function snapshotEntryBytes(
  bytes: Uint8Array,
  fileBytes: number,
  { bytesMax = snapshotBytesMax }: SplitOptions = {},
): number {
  if (fileBytes === 0) throw new FormatError('EMPTY_FILE', 'snapshot file of 0 bytes');
  const { size } = readEntrySize(bytes, 0, { bytesMax: 2 ** 48 });
  const end = entryHeaderBytes + size;
  const bounds = { offset: 2, actual: end, expected: Math.min(bytesMax, fileBytes) };
  const message = `header declares ${end} bytes in all, the file has ${fileBytes}`;
  if (end > fileBytes) {
    const plausible = Math.min(bytesMax, snapshotBytesMax);
    if (end <= plausible) throw new FormatError('TRUNCATED_BODY', message, bounds);
    throw new FormatError('LENGTH_EXCEEDS_FILE', `${message}, ${plausible} are allowed`, bounds);
  }
  if (end > bytesMax) {
    throw new FormatError('SNAPSHOT_TOO_LARGE', `${message}, ${bytesMax} are allowed`, bounds);
  }
  const receiptBytes = fileBytes - end;
  if (receiptBytes > receiptBytesMax) {
    const limits = { offset: end, actual: receiptBytes, expected: receiptBytesMax };
    throw new FormatError('TOO_LARGE', `a receipt of ${receiptBytes} bytes`, limits);
  }
  return end;
}

/** A snapshot taken apart; fields are views on its bytes, or on the decrypted ones. */
export interface DecodedSnapshot {
  readonly envelope: Envelope;
  /** `privateMaps` is empty unless they were opened. */
  readonly content: SnapshotContent;
  /** Whether a secret was given, and so the whole entry authenticated under it. */
  readonly privateOpened: boolean;
}

/**
 * Takes a snapshot entry apart, and opens its private maps when given the secret. Without one nothing
 * is authenticated: compare the digest first.
 *
 * | size | field of one map |
 * |-----:|------------------|
 * | 8 + n | name |
 * | 8 | map version |
 * | 8 | length of the records |
 * | … | per record: u64 length, key, zeros to 8; u64 8 + length, i64 version, value, zeros to 8 |
 *
 * Maps must ascend by name bytes, records by hash of their key.
 *
 * @param secret ledger secret in force at the snapshot's seqno, 32 bytes
 * @throws FormatError of `decodeEnvelope`, `BAD_ENTRY_TYPE`, `BAD_FLAGS`, `BAD_IV`, `BAD_LENGTH`,
 * `DUPLICATE_KEY`, `KEY_ORDER`, `PADDING`, `BAD_NAME`, `BAD_TEXT`, `LENGTH_EXCEEDS_PARENT`,
 * `NUMBER_TOO_LARGE`
 * @throws VerificationError `GCM_TAG_MISMATCH`
 */
export function decodeSnapshot(entryBytes: Uint8Array, secret?: Uint8Array): DecodedSnapshot {
  const envelope = decodeEnvelope(entryBytes, { bytesMax: snapshotBytesMax });
  if (envelope.flags !== 0) throw new FormatError('BAD_FLAGS', 'a snapshot has no entry flags');
  const plain = secret === undefined ? new Uint8Array(0) : openPrivateDomain(envelope, secret);
  const content = decodeSnapshotPublicDomain(envelope.publicDomain);
  checkIv(envelope, content.seqno);
  const privateMaps = readMaps(new ByteReader(plain), 'private');
  return { envelope, content: { ...content, privateMaps }, privateOpened: secret !== undefined };
}

/** Reads what {@link encodeSnapshotPublicDomain} writes. @throws FormatError as {@link decodeSnapshot} */
export function decodeSnapshotPublicDomain(bytes: Uint8Array): PublicSnapshotContent {
  const reader = new ByteReader(bytes);
  const type = reader.u8('entry type');
  if (type !== snapshotType) {
    const place = { offset: 0, actual: type, expected: snapshotType };
    throw new FormatError('BAD_ENTRY_TYPE', `entry type ${type} is not a snapshot`, place);
  }
  return {
    seqno: seqno(reader.u64('seqno')),
    maxConflictVersion: reader.u64('max conflict version'),
    leaf: readLeaf(reader),
    viewHistory: readViewHistory(reader),
    publicMaps: readMaps(reader, 'public'),
  };
}

/** @throws FormatError `BAD_IV` when an IV is not that of the snapshot of a seqno */
export function checkIv(
  { isSnapshot, view, seqno }: Pick<Envelope, 'isSnapshot' | 'view' | 'seqno'>,
  expected: Seqno,
): void {
  if (isSnapshot && view === 0 && seqno === expected) return;
  throw new FormatError(
    'BAD_IV',
    `IV of ${isSnapshot ? 'snapshot' : 'entry'} ${view}.${seqno}, not of snapshot 0.${expected}`,
    { offset: 24, seqno: expected },
  );
}

function readLeaf(reader: ByteReader): Uint8Array {
  const offset = reader.offset;
  const leaf = reader.blob('Merkle leaf');
  if (leaf.length !== sha256Bytes) throw badLength('Merkle leaf', leaf.length, offset);
  return leaf;
}

function readViewHistory(reader: ByteReader): number[] {
  const offset = reader.offset;
  const blob = reader.blob('view history');
  if (blob.length % 8 !== 0) throw badLength('view history', blob.length, offset);
  const starts = new ByteReader(blob);
  const history: number[] = [];
  while (starts.remaining > 0) history.push(starts.u64('first seqno of a view'));
  return history;
}

function badLength(what: string, actual: number, offset: number): FormatError {
  return new FormatError('BAD_LENGTH', `${what} of ${actual} bytes`, { offset, actual });
}

function readMaps(reader: ByteReader, domain: Domain): SnapshotMap[] {
  const maps: SnapshotMap[] = [];
  let previous: Uint8Array | undefined;
  while (reader.remaining > 0) {
    const { name, bytes } = readMapName(reader, domain, previous);
    previous = bytes;
    const version = reader.u64('map version');
    const body = reader.blob('records of a map');
    maps.push({ name, version, records: readRecords(body, name) });
  }
  return maps;
}

function readRecords(body: Uint8Array, mapName: string): SnapshotRecord[] {
  const reader = new ByteReader(body);
  const ties = new TieCheck(mapName);
  const records: SnapshotRecord[] = [];
  while (reader.remaining > 0) {
    const record = readRecord(reader);
    const hash = sipHash24Low32(record.key);
    if (hash > ties.hash) ties.passed(hash);
    else ties.check(hash, record.key, () => records.at(-1)?.key ?? record.key);
    records.push(record);
  }
  return records;
}

function readRecord(reader: ByteReader): SnapshotRecord {
  const key = reader.blob('key');
  skipPadding(reader, key.length);
  const offset = reader.offset;
  const versioned = new ByteReader(reader.blob('version and value'));
  if (versioned.remaining < 8) throw badLength('version and value', versioned.remaining, offset);
  const version = versioned.i64('version of a key');
  const value = versioned.take(versioned.remaining, 'value');
  skipPadding(reader, value.length);
  return { key, version, value };
}

function skipPadding(reader: ByteReader, length: number): void {
  const offset = reader.offset;
  const padding = reader.take(paddingBytes(length), 'padding');
  if (padding.some((byte) => byte !== 0)) {
    throw new FormatError('PADDING', `non-zero padding at offset ${offset}`, { offset });
  }
}
