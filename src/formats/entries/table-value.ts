import { equalBytes, fromUtf8, toHex } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import type { SnapshotMap } from './snapshot-map.ts';
import { type KeyValue, singletonKey } from './write-set.ts';

/** Where a value of a table was written. */
export interface TablePlace {
  readonly table: string;
  readonly key: Uint8Array;
  readonly seqno: Seqno;
}

/**
 * Reads a value of a table; what is wrong with it is said of its place.
 * @throws FormatError, VerificationError what `read` throws, with table, key and seqno
 */
export function readTableValue<T>(place: TablePlace, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw atTable(error, place);
  }
}

/** The same error, saying in which value of which table it was found; one that says it already, and others, as they are. */
export function atTable(error: unknown, { table, key, seqno }: TablePlace): unknown {
  if (!(error instanceof FormatError || error instanceof VerificationError)) return error;
  if (error.table !== undefined) return error;
  const { actual, expected } = error;
  const place = {
    ...{ table, key: keyText(key), seqno, cause: error },
    ...(actual === undefined ? {} : { actual }),
    ...(expected === undefined ? {} : { expected }),
  };
  const message = `${table}, key ${keyText(key)}, seqno ${seqno}: ${error.message}`;
  return error instanceof FormatError
    ? new FormatError(error.code, message, place)
    : new VerificationError(error.code, message, place);
}

/** A value that a state holds, and where it was written. */
export interface WrittenValue extends TablePlace, KeyValue {}

/** The live records of a table in a snapshot's state. */
export function liveIn(maps: readonly SnapshotMap[], table: string): readonly WrittenValue[] {
  const records = maps.find(({ name }) => name === table)?.records ?? [];
  return records
    .filter(({ version }) => version > 0)
    .map(({ key, value, version }) => ({ table, key, value, seqno: toSeqno(version) }));
}

/** The value of a table that holds one, in a snapshot's state. */
export function liveSingleton(
  maps: readonly SnapshotMap[],
  table: string,
): WrittenValue | undefined {
  return liveIn(maps, table).find(({ key }) => equalBytes(key, singletonKey));
}

const keyCharactersMax = 80;

/** A key as people know it: ids are text, numbers and those of tables with one value are shown in hex. */
export function keyText(key: Uint8Array): string {
  const text = isPrintable(key) ? fromUtf8(key) : toHex(key.subarray(0, keyCharactersMax));
  return text.slice(0, keyCharactersMax);
}

const isPrintable = (key: Uint8Array): boolean =>
  key.length > 0 && key.every((byte) => byte > 0x20 && byte < 0x7f);
