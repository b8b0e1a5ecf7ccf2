import { ByteReader, ByteWriter, equalBytes } from '../../core/bytes.ts';
import { parseDecimal } from '../../core/decimal.ts';
import { type FormatCode, FormatError, VerificationError } from '../../core/errors.ts';
import { chunkBytesMax } from '../../core/limits.ts';
import { type Seqno, seqno } from '../../core/words.ts';
import { entryHeaderBytes, readEntrySize } from './entry.ts';

/** Where an entry's seqno is: behind its header and GCM tag. */
const ivOffset = 24;

/** Where the first entry lies in every chunk, behind the offset of the table. */
export const chunkHeaderBytes = 8;

/** What a chunk's file name says. */
export interface ChunkName {
  readonly first: Seqno;
  /** Absent while the chunk may still grow, and until it is committed. */
  readonly last: Seqno | undefined;
  readonly committed: boolean;
  /** The committed beginning of an open chunk, as a file of its own. @default false */
  readonly isPrefix?: boolean;
}

const chunkPattern = /^ledger_([0-9]+)(?:-([0-9]+))?(\.committed|\.committed_prefix)?$/;

/**
 * Reads a chunk's file name strictly; `undefined` for anything else, `.recovery` and `.ignored` too.
 *
 * `ledger_<first>` · `ledger_<first>-<last>` · `ledger_<first>-<last>.committed` · `ledger_<first>-<last>.committed_prefix`,
 * also without `-<last>`
 * @see CCF src/host/ledger_filenames.h, and microsoft/CCF#8214 for prefixes
 */
export function parseChunkName(name: string): ChunkName | undefined {
  const match = chunkPattern.exec(name);
  const first = parseDecimal(match?.[1] ?? '');
  if (first === undefined) return undefined;
  const [, , lastText, ending] = match ?? [];
  const isPrefix = ending === '.committed_prefix';
  const kind = isPrefix ? { committed: false, isPrefix } : { committed: ending !== undefined };
  if (lastText === undefined) {
    return kind.committed ? undefined : { first: seqno(first), last: undefined, ...kind };
  }
  const last = parseDecimal(lastText);
  if (last === undefined || last < first) return undefined;
  return { first: seqno(first), last: seqno(last), ...kind };
}

/**
 * The file name that {@link parseChunkName} reads back.
 * @throws RangeError for a committed chunk without an end: there is no such name
 */
export function chunkName(first: Seqno, last?: Seqno, committed = false): string {
  if (last === undefined) {
    if (committed) throw new RangeError('a committed chunk has a last seqno in its name');
    return `ledger_${first}`;
  }
  return `ledger_${first}-${last}${committed ? '.committed' : ''}`;
}

/** What the directory knows about a chunk before its bytes are read. */
export interface ChunkPlace {
  /** File name, for errors. */
  readonly file: string;
  readonly first: Seqno;
  /** As the name has it. */
  readonly last?: Seqno | undefined;
  readonly committed: boolean;
  readonly isPrefix?: boolean;
  /** Only the last chunk of a ledger may be open, and only its tail may be torn. */
  readonly isLastChunk: boolean;
}

export interface ChunkEntry {
  readonly seqno: Seqno;
  /** Of the entry's header, in the file. */
  readonly offset: number;
  /** The whole entry, a view on the file's bytes. */
  readonly bytes: Uint8Array;
}

export interface Chunk {
  readonly entries: readonly ChunkEntry[];
  /** Whether the offset table is there: nothing will be appended any more. */
  readonly complete: boolean;
  /** Bytes behind the last whole entry of an open chunk, which a crash left; 0 elsewhere. */
  readonly tornBytes: number;
}

/**
 * Splits a chunk into its entries; each is found by walking, and the table must say the same.
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * | 0 | 8 | T = offset of the table, 0 while the chunk is open |
 * | 8 | … | entries, back to back |
 * | T | 4 · count | u32 offset of each entry, to the end of the file |
 *
 * In the last open chunk a truncated last entry, or the begin of a table that the header does not yet
 * point to, is what a crash leaves: it is counted in `tornBytes` and dropped, as CCF does.
 *
 * @throws FormatError `TOO_LARGE`, `EMPTY_FILE`, `TRUNCATED_HEADER`, `TRUNCATED_BODY`,
 * `BAD_OFFSET_TABLE`, and those of {@link readEntrySize}; each names file and offset
 * @throws VerificationError `SEQNO_MISMATCH` when an entry is not the next one
 * @see CCF src/host/ledger.h
 */
export function decodeChunk(bytes: Uint8Array, place: ChunkPlace): Chunk {
  if (bytes.length > chunkBytesMax) throw chunkError('TOO_LARGE', place, 0, 'more than 4 GiB');
  if (place.isPrefix) return decodePrefix(bytes, place);
  const mayBeTorn = place.isLastChunk && !place.committed && place.last === undefined;
  if (bytes.length < 8) {
    if (mayBeTorn) return { entries: [], complete: false, tornBytes: bytes.length };
    const code = bytes.length === 0 ? 'EMPTY_FILE' : 'TRUNCATED_HEADER';
    throw chunkError(code, place, 0, `${bytes.length} of 8 header bytes`);
  }
  const tableOffset = readTableOffset(bytes, place);
  const complete = tableOffset !== 0;
  const end = complete ? tableOffset : bytes.length;
  const walk = walkEntries(bytes.subarray(0, end), place, mayBeTorn && !complete);
  if (complete) checkTable(bytes.subarray(tableOffset), walk.entries, tableOffset, place);
  checkCount(walk.entries.length, place);
  return { entries: walk.entries, complete, tornBytes: end - walk.end };
}

/**
 * Splits a `.committed_prefix` file: the entries of a chunk up to the last one that was committed. Its header may name
 * a table of them or be zero, and of the table there may be a part, or nothing.
 */
function decodePrefix(bytes: Uint8Array, place: ChunkPlace): Chunk {
  if (bytes.length < chunkHeaderBytes) {
    throw chunkError('TRUNCATED_HEADER', place, 0, `${bytes.length} of 8 header bytes`);
  }
  const said = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  const limit = said > 8n && said < BigInt(bytes.length) ? Number(said) : bytes.length;
  const { entries, end, flaw } = decodeOpenChunk(bytes.subarray(0, limit), place);
  const isShort = place.last !== undefined && entries.length < place.last - place.first + 1;
  if (flaw !== undefined && (isShort || said !== 0n)) throw flaw;
  checkCount(entries.length, place);
  if (said !== 0n && said !== BigInt(end)) {
    throw chunkError('BAD_OFFSET_TABLE', place, 0, `table at ${said}, the entries end at ${end}`);
  }
  const table = encodeTable(entries.map(({ offset }) => offset));
  const rest = bytes.subarray(end);
  if (!equalBytes(rest, table.subarray(0, rest.length))) {
    throw flaw ?? chunkError('BAD_OFFSET_TABLE', place, end, 'no table of these entries');
  }
  return { entries, complete: true, tornBytes: 0 };
}

function chunkError(
  code: FormatCode,
  place: Pick<ChunkPlace, 'file'>,
  offset: number,
  what: string,
): FormatError {
  const message = `${place.file} at offset ${offset}: ${what}`;
  return new FormatError(code, message, { file: place.file, offset });
}

function readTableOffset(bytes: Uint8Array, place: ChunkPlace): number {
  const offset = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (offset === 0n && !place.committed) return 0;
  if (offset <= 8n || offset > BigInt(bytes.length)) {
    throw chunkError('BAD_OFFSET_TABLE', place, 0, `table at ${offset} of ${bytes.length} bytes`);
  }
  return Number(offset);
}

interface Walk {
  readonly entries: readonly ChunkEntry[];
  /** Where the last whole entry ends. */
  readonly end: number;
}

function walkEntries(bytes: Uint8Array, place: ChunkPlace, mayBeTorn: boolean): Walk {
  const entries: ChunkEntry[] = [];
  let offset = 8;
  while (offset < bytes.length) {
    if (mayBeTorn && isTornTail(bytes, offset, entries)) break;
    const end = entryEnd(bytes, offset, place);
    if (end > bytes.length) {
      if (mayBeTorn) break;
      throw cutEntry(bytes, offset, place);
    }
    entries.push(nextEntry(bytes.subarray(offset, end), offset, entries.length, place));
    offset = end;
  }
  return { entries, end: offset };
}

/** As the header at `offset` declares it, whether or not the bytes are there. */
function entryEnd(bytes: Uint8Array, offset: number, { file }: Pick<ChunkPlace, 'file'>): number {
  return offset + entryHeaderBytes + readEntrySize(bytes, offset, { file }).size;
}

function cutEntry(bytes: Uint8Array, offset: number, place: Pick<ChunkPlace, 'file'>): FormatError {
  const end = entryEnd(bytes, offset, place);
  return chunkError('TRUNCATED_BODY', place, offset, `entry ends at ${end} of ${bytes.length}`);
}

/** An open chunk as far as its entries are well-formed and in order. */
export interface OpenChunkContent {
  readonly entries: readonly ChunkEntry[];
  /** Where the last of them ends. */
  readonly end: number;
  /** Why what lies at `end` is none; `undefined` at the end of the file. */
  readonly flaw: FormatError | VerificationError | undefined;
}

/** Whether a chunk may still grow, and so end in what a crash left: neither its name nor its header names an end. */
export function isOpenChunk(bytes: Uint8Array, name: ChunkName): boolean {
  const { last, committed, isPrefix = false } = name;
  if (last !== undefined || committed || isPrefix) return false;
  return bytes.length < chunkHeaderBytes || bytes.subarray(0, 8).every((byte) => byte === 0);
}

/**
 * Splits an open chunk, up to the first thing that is no entry. Unlike {@link decodeChunk} it forgives
 * anything there, so whoever uses it must show that nothing signed lies beyond.
 * @see findSignature in ledger-tail.ts
 */
export function decodeOpenChunk(
  bytes: Uint8Array,
  place: Pick<ChunkPlace, 'file' | 'first'>,
): OpenChunkContent {
  if (bytes.length < chunkHeaderBytes) {
    const what = `${bytes.length} of ${chunkHeaderBytes} header bytes`;
    const isEmpty = bytes.length === 0;
    const flaw = isEmpty ? undefined : chunkError('TRUNCATED_HEADER', place, 0, what);
    return { entries: [], end: 0, flaw };
  }
  const entries: ChunkEntry[] = [];
  let offset = chunkHeaderBytes;
  while (offset < bytes.length) {
    try {
      const end = entryEnd(bytes, offset, place);
      if (end > bytes.length) throw cutEntry(bytes, offset, place);
      entries.push(nextEntry(bytes.subarray(offset, end), offset, entries.length, place));
      offset = end;
    } catch (flaw) {
      if (!(flaw instanceof FormatError || flaw instanceof VerificationError)) throw flaw;
      return { entries, end: offset, flaw };
    }
  }
  return { entries, end: offset, flaw: undefined };
}

/**
 * Tells a cut entry header, or the begin of the table that a crash kept the header from naming: that
 * begins with 8, the first position, which no entry's version byte is.
 */
function isTornTail(bytes: Uint8Array, offset: number, entries: readonly ChunkEntry[]): boolean {
  const left = bytes.length - offset;
  if (left < entryHeaderBytes) return true;
  if (bytes[offset] !== chunkHeaderBytes) return false;
  const table = encodeTable(entries.map((entry) => entry.offset));
  return equalBytes(bytes.subarray(offset), table.subarray(0, left));
}

function nextEntry(
  bytes: Uint8Array,
  offset: number,
  index: number,
  place: Pick<ChunkPlace, 'file' | 'first'>,
): ChunkEntry {
  if (bytes.length < ivOffset + 8) {
    throw chunkError('TRUNCATED_BODY', place, offset, `entry of ${bytes.length} bytes has no IV`);
  }
  const iv = new DataView(bytes.buffer, bytes.byteOffset + ivOffset, 8);
  const found = iv.getBigUint64(0, true);
  const expected = place.first + index;
  if (Number.isSafeInteger(expected) && found === BigInt(expected)) {
    return { seqno: seqno(expected), offset, bytes };
  }
  throw new VerificationError(
    'SEQNO_MISMATCH',
    `${place.file} at offset ${offset}: entry says seqno ${found}, its place ${expected}`,
    { file: place.file, offset, seqno: expected, actual: found.toString(), expected: expected },
  );
}

function checkTable(
  table: Uint8Array,
  entries: readonly ChunkEntry[],
  tableOffset: number,
  place: ChunkPlace,
): void {
  if (table.length !== entries.length * 4) {
    const what = `table of ${table.length} bytes for ${entries.length} entries`;
    throw chunkError('BAD_OFFSET_TABLE', place, tableOffset, what);
  }
  const reader = new ByteReader(table);
  for (const [i, { offset }] of entries.entries()) {
    const said = reader.u32('position');
    if (said === offset) continue;
    const what = `entry ${i} is at ${offset}, the table says ${said}`;
    throw chunkError('BAD_OFFSET_TABLE', place, tableOffset + 4 * i, what);
  }
}

function checkCount(count: number, place: ChunkPlace): void {
  if (place.last === undefined) return;
  const expected = place.last - place.first + 1;
  if (count !== expected) {
    throw chunkError('BAD_OFFSET_TABLE', place, 0, `${count} entries, its name says ${expected}`);
  }
}

/**
 * Writes a chunk file: open, or complete with its offset table.
 * @throws RangeError when a table has nothing to list, or the chunk would pass 4 GiB
 */
export function encodeChunk(
  entries: readonly Uint8Array[],
  { complete }: { readonly complete: boolean },
): Uint8Array {
  if (complete && entries.length === 0) throw new RangeError('a complete chunk has entries');
  const positions: number[] = [];
  let tableOffset = 8;
  for (const entry of entries) {
    positions.push(tableOffset);
    tableOffset += entry.length;
  }
  const size = tableOffset + (complete ? positions.length * 4 : 0);
  if (size > chunkBytesMax) throw new RangeError(`a chunk of ${size} bytes is above 4 GiB`);
  const writer = new ByteWriter(size).u64(complete ? tableOffset : 0);
  for (const entry of entries) writer.raw(entry);
  if (complete) writer.raw(encodeTable(positions));
  return writer.finish();
}

/** The offset table alone, for appending to a chunk that is being completed: u32 positions. */
export function encodeTable(positions: readonly number[]): Uint8Array {
  const writer = new ByteWriter(positions.length * 4);
  for (const position of positions) writer.u32(position);
  return writer.finish();
}
