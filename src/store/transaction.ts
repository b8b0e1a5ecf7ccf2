import { toUtf8 } from '../core/bytes.ts';
import {
  keyBytesMax,
  transactionBytesMax,
  transactionChangesMax,
  valueBytesMax,
} from '../core/limits.ts';
import type { KeyValue, MapWrites } from '../formats/entries/write-set.ts';
import {
  type HeldState,
  isSame,
  type LedgerState,
  type ReadRecord,
  type TableState,
} from './ledger-store.ts';

/** Longest name of a table: it is repeated in every entry that changes the table. */
const tableNameBytesMax = 1024;

/** Tables of the service itself, which apps may read. */
const ownPrefixes = ['public:ccf.', 'ccf.'];

/**
 * A key's bytes, one UTF-16 unit a byte: found in a `Map` by content, in order when its bytes are, and
 * the text itself where that is ASCII.
 */
type KeyId = string;

type Change = Uint8Array | 'removed';

/** What a transaction did with one table so far. */
interface UsedTable {
  readonly name: string;
  readonly nameBytes: number;
  /** The table when the transaction began; `undefined` when there was none. */
  before: TableState | undefined;
  /** Keys looked up in `before`, with what was found. */
  readonly reads: Map<KeyId, ReadRecord | undefined>;
  readonly changes: Map<KeyId, Change>;
  isWalked: boolean;
}

/** Whom a {@link Transaction} serves. */
export interface TransactionOptions {
  /**
   * Whether it is the service's own, which may write the tables `public:ccf.…` and `ccf.…`.
   * @default false
   */
  readonly internal?: boolean;
}

/**
 * What one transaction reads and writes, over the state that it began with. Nothing is applied yet:
 * its owner ends it, checks that what it read is still so, and applies its changes.
 *
 * Bytes go in and out as copies. A call that throws writes nothing.
 */
export class Transaction {
  #tables: LedgerState;
  #held: HeldState | undefined;
  readonly #isInternal: boolean;
  readonly #used = new Map<string, UsedTable>();
  /** Names, keys and values of all changes. */
  #bytes = 0;
  #changes = 0;
  #hasEnded = false;

  constructor(tables: LedgerState, { internal = false }: TransactionOptions = {}) {
    this.#tables = tables;
    this.#isInternal = internal;
  }

  /**
   * The value of a key, own writes included, as a copy that the caller may change.
   * @throws TypeError, RangeError when no table or key can be named so
   */
  get(table: string, key: string | Uint8Array): Uint8Array | undefined {
    const value = find(this.#use(table), keyIdOf(key));
    return value && new Uint8Array(value);
  }

  /**
   * Tells whether a key is there, own writes included.
   * @throws TypeError, RangeError when no table or key can be named so
   */
  has(table: string, key: string | Uint8Array): boolean {
    return find(this.#use(table), keyIdOf(key)) !== undefined;
  }

  /**
   * Writes a value; bytes are copied at once, texts become UTF-8. It depends on nothing that was read.
   * @throws TypeError, RangeError when table, key or value can't be written, or all is too much
   */
  put(table: string, key: string | Uint8Array, value: string | Uint8Array): void {
    const used = this.#useToWrite(table);
    this.#change(used, keyIdOf(key), valueBytesOf(value));
  }

  /**
   * Removes a key and tells whether it was there, own writes included. A missing key writes nothing.
   * @throws TypeError, RangeError when table or key can't be written, or all is too much
   */
  remove(table: string, key: string | Uint8Array): boolean {
    const used = this.#useToWrite(table);
    const id = keyIdOf(key);
    const own = used.changes.get(id);
    if (own === 'removed') return false;
    // Read even when there is an own write: whether that leaves a removal behind depends on it.
    const isInTable = read(used, id) !== undefined;
    if (own !== undefined || isInTable) this.#change(used, id, isInTable ? 'removed' : undefined);
    return own !== undefined || isInTable;
  }

  /**
   * All keys and values as they are at the call, own writes included, as copies: first the table's, in
   * its own order, then new ones in order of writing. What is written during the walk does not show.
   * @throws TypeError, RangeError when no table can be named so
   */
  entries(table: string): IterableIterator<readonly [key: Uint8Array, value: Uint8Array]> {
    const used = this.#use(table);
    // A walk may go on after the body has waited.
    this.hold();
    used.isWalked = true;
    return this.#walk(used.before, new Map(used.changes));
  }

  /** Whether it writes nothing, or nothing any more. */
  get isEmpty(): boolean {
    // Every change counts its table's name, which is never empty.
    return this.#bytes === 0;
  }

  /**
   * What it changes: one item for each table that it changes, in order of first use. Keys ascend, each is
   * written or removed, and only what is there is removed. Values are the transaction's own bytes.
   */
  changes(): readonly MapWrites[] {
    const maps: MapWrites[] = [];
    for (const { name, changes } of this.#used.values()) {
      if (changes.size > 0) maps.push(mapWritesOf(name, changes));
    }
    return maps;
  }

  /**
   * Tells whether every key that was read, found or not, and every table that was walked, is in `tables`
   * as it was. Keys that are only written don't count.
   *
   * Records and tables are compared by identity or stamp, not by their versions: a store that rolls back
   * uses each version again. So `tables` must be of the same store as those that the transaction began with.
   */
  isCurrent(tables: LedgerState): boolean {
    for (const used of this.#used.values()) {
      if (!isAsRead(used, tables.get(used.name))) return false;
    }
    return true;
  }

  /**
   * Keeps the state that it began with for as long as it runs: to be called before other transactions can be
   * applied. Whoever calls it must {@link end} the transaction.
   */
  hold(): void {
    const held = this.#tables.hold?.();
    if (held === undefined) return;
    this.#held = held;
    this.#tables = held;
    for (const used of this.#used.values()) used.before = held.get(used.name);
  }

  /** Closes it to its user: what it did stays, and any further use throws. */
  end(): void {
    this.#hasEnded = true;
    this.#held?.release();
    this.#held = undefined;
  }

  #checkOpen(): void {
    if (this.#hasEnded) throw new Error('the transaction has ended: begin another one');
  }

  #use(name: string): UsedTable {
    this.#checkOpen();
    const known = this.#used.get(name);
    if (known !== undefined) return known;
    const used: UsedTable = {
      name,
      nameBytes: checkTableName(name),
      before: this.#tables.get(name),
      reads: new Map(),
      changes: new Map(),
      isWalked: false,
    };
    this.#used.set(name, used);
    return used;
  }

  #useToWrite(name: string): UsedTable {
    const used = this.#use(name);
    if (!this.#isInternal && ownPrefixes.some((prefix) => name.startsWith(prefix))) {
      throw new RangeError(
        `table ${JSON.stringify(name.slice(0, 80))} is the service's own: apps may read it, not write it`,
      );
    }
    return used;
  }

  /** Sets or, with `undefined`, forgets the change of a key. */
  #change({ changes, nameBytes }: UsedTable, id: KeyId, change: Change | undefined): void {
    const old = changes.get(id);
    let bytes = this.#bytes + changeBytes(id, change) - changeBytes(id, old);
    if (change !== undefined && changes.size === 0) bytes += nameBytes;
    if (change === undefined && changes.size === 1) bytes -= nameBytes;
    checkBytes(bytes, transactionBytesMax, 'all that the transaction writes');
    const count = this.#changes + Number(change !== undefined) - Number(old !== undefined);
    if (count > transactionChangesMax) {
      throw new RangeError(`${count} keys are changed, ${transactionChangesMax} are allowed`);
    }
    this.#bytes = bytes;
    this.#changes = count;
    if (change === undefined) changes.delete(id);
    else changes.set(id, change);
  }

  *#walk(
    before: TableState | undefined,
    changes: Map<KeyId, Change>,
  ): Generator<readonly [Uint8Array, Uint8Array], void, undefined> {
    for (const { key, value } of before?.live.records() ?? []) {
      this.#checkOpen();
      const id = changes.size > 0 ? idOf(key) : '';
      const change = changes.get(id);
      // What is left of the changes after the walk is new to the table.
      changes.delete(id);
      if (change !== 'removed') yield [new Uint8Array(key), new Uint8Array(change ?? value)];
    }
    for (const [id, change] of changes) {
      this.#checkOpen();
      if (change !== 'removed') yield [bytesOf(id), new Uint8Array(change)];
    }
  }
}

function find(used: UsedTable, id: KeyId): Uint8Array | undefined {
  const own = used.changes.get(id);
  if (own === undefined) return read(used, id)?.value;
  return own === 'removed' ? undefined : own;
}

/** Looks a key up in the table as it was at the beginning, and remembers what was found. */
function read({ before, reads }: UsedTable, id: KeyId): ReadRecord | undefined {
  const known = reads.get(id);
  if (known !== undefined || reads.has(id)) return known;
  const record = before?.live.get(bytesOf(id));
  reads.set(id, record);
  return record;
}

function isAsRead({ before, reads, isWalked }: UsedTable, now: TableState | undefined): boolean {
  if (isSame(now?.live, before?.live)) return true;
  // A table that no key was ever written to is as good as none.
  if (isWalked) return (now?.version ?? 0) === 0 && (before?.version ?? 0) === 0;
  for (const [id, record] of reads) {
    if (!isSame(now?.live.get(bytesOf(id)), record)) return false;
  }
  return true;
}

function mapWritesOf(name: string, changes: ReadonlyMap<KeyId, Change>): MapWrites {
  const writes: KeyValue[] = [];
  const removes: Uint8Array[] = [];
  for (const id of [...changes.keys()].sort()) {
    const change = changes.get(id);
    if (change === 'removed') removes.push(bytesOf(id));
    else if (change !== undefined) writes.push({ key: bytesOf(id), value: change });
  }
  return { name, writes, removes };
}

function changeBytes(id: KeyId, change: Change | undefined): number {
  if (change === undefined) return 0;
  return id.length + (change === 'removed' ? 0 : change.length);
}

/** The UTF-8 size of a table's name that may be used. */
function checkTableName(name: string): number {
  if (typeof name !== 'string')
    throw new TypeError(`a table's name is a string, not ${typeof name}`);
  if (name === '') throw new RangeError("a table's name is not empty");
  return checkText(name, tableNameBytesMax, "a table's name");
}

function keyIdOf(key: string | Uint8Array): KeyId {
  if (typeof key === 'string') {
    const isAscii = checkText(key, keyBytesMax, 'a key') === key.length;
    return isAscii ? key : idOf(toUtf8(key));
  }
  checkIsBytes(key, 'a key');
  checkBytes(key.length, keyBytesMax, 'a key');
  return idOf(key);
}

function valueBytesOf(value: string | Uint8Array): Uint8Array {
  if (typeof value === 'string') {
    checkText(value, valueBytesMax, 'a value');
    return toUtf8(value);
  }
  checkIsBytes(value, 'a value');
  checkBytes(value.length, valueBytesMax, 'a value');
  // Not slice(), which for a Buffer is a view.
  return new Uint8Array(value);
}

function idOf(key: Uint8Array): KeyId {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

function bytesOf(id: KeyId): Uint8Array {
  const bytes = new Uint8Array(id.length);
  for (let i = 0; i < id.length; i++) bytes[i] = id.charCodeAt(i);
  return bytes;
}

/** The UTF-8 size of a text that has one: a lone surrogate would be replaced, and two texts become one. */
function checkText(text: string, bytesMax: number, what: string): number {
  const bytes = Buffer.byteLength(text);
  checkBytes(bytes, bytesMax, what);
  if (bytes !== text.length && /\p{Surrogate}/u.test(text)) {
    throw new RangeError(`${what} has a lone surrogate, which has no UTF-8`);
  }
  return bytes;
}

function checkIsBytes(value: unknown, what: string): void {
  if (value instanceof Uint8Array) return;
  throw new TypeError(`${what} is a string or a Uint8Array, not ${typeof value}`);
}

function checkBytes(bytes: number, bytesMax: number, what: string): void {
  if (bytes > bytesMax) {
    throw new RangeError(`${what} has ${bytes} bytes, ${bytesMax} are allowed`);
  }
}
