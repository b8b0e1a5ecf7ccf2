import { compareBytes, toHex } from '../../src/core/bytes.ts';
import type { Seqno } from '../../src/core/words.ts';
import type { SnapshotMap, SnapshotRecord } from '../../src/formats/entries/snapshot-map.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import { sipHash24Low32, sortAsStdSort } from '../../src/formats/snapshot/key-order.ts';

/** Puts one table's records, given in the order of CCF's traversal, in the order of the file. */
export type TieOrder = (traversed: readonly SnapshotRecord[]) => readonly SnapshotRecord[];

const hashOf = ({ key }: SnapshotRecord): number => sipHash24Low32(key);

/** As a CCF node built with libstdc++ writes it. */
export const stdSorted: TieOrder = (traversed) => sortAsStdSort(traversed, traversed.map(hashOf));

/** As a build whose sort is stable writes it. */
export const stableSorted: TieOrder = (traversed) =>
  traversed.toSorted((a, b) => hashOf(a) - hashOf(b));

/** Equal hashes in order of their key bytes. */
export const keySorted: TieOrder = (traversed) =>
  traversed.toSorted((a, b) => hashOf(a) - hashOf(b) || compareBytes(a.key, b.key));

/** Equal hashes in the opposite order: no rule gives this one. */
export const keySortedBackwards: TieOrder = (traversed) =>
  traversed.toSorted((a, b) => hashOf(a) - hashOf(b) || compareBytes(b.key, a.key));

/** A place in CCF's trie; below depth 5 there are four bins by the top two bits of the hash. */
type Slot =
  | { readonly kind: 'record'; record: SnapshotRecord }
  | { readonly kind: 'node'; readonly slots: Map<number, Slot> }
  | { readonly kind: 'bins'; readonly bins: SnapshotRecord[][] };

/** One table of a CCF node, kept as plainly as can be, so that the library has an oracle. */
class ModelTable {
  version = 0;
  readonly #records = new Map<string, SnapshotRecord>();
  readonly #root = new Map<number, Slot>();

  get(key: Uint8Array): SnapshotRecord | undefined {
    return this.#records.get(toHex(key));
  }

  put(record: SnapshotRecord): void {
    this.#records.set(toHex(record.key), record);
    put(this.#root, record, 0);
  }

  drop(key: Uint8Array): void {
    this.#records.delete(toHex(key));
    drop(this.#root, key, 0);
  }

  traversed(): readonly SnapshotRecord[] {
    return [...traverse(this.#root)];
  }
}

const isOf = (record: SnapshotRecord, key: Uint8Array): boolean =>
  compareBytes(record.key, key) === 0;

function slotOf(hash: number, depth: number): number {
  return Math.floor(hash / 32 ** depth) % 32;
}

function put(slots: Map<number, Slot>, record: SnapshotRecord, depth: number): void {
  const at = slotOf(hashOf(record), depth);
  const there = slots.get(at);
  if (there === undefined) {
    slots.set(at, { kind: 'record', record });
  } else if (there.kind !== 'record') {
    putBelow(there, record, depth);
  } else if (isOf(there.record, record.key)) {
    there.record = record;
  } else {
    const below: Slot =
      depth < 5 ? { kind: 'node', slots: new Map() } : { kind: 'bins', bins: [[], [], [], []] };
    slots.set(at, below);
    putBelow(below, there.record, depth);
    putBelow(below, record, depth);
  }
}

function putBelow(below: Slot, record: SnapshotRecord, depth: number): void {
  if (below.kind === 'node') put(below.slots, record, depth + 1);
  if (below.kind !== 'bins') return;
  const bin = below.bins[Math.floor(hashOf(record) / 2 ** 30)] ?? [];
  const at = bin.findIndex((other) => isOf(other, record.key));
  bin.splice(at < 0 ? bin.length : at, at < 0 ? 0 : 1, record);
}

function drop(slots: Map<number, Slot>, key: Uint8Array, depth: number): void {
  const at = slotOf(sipHash24Low32(key), depth);
  const there = slots.get(at);
  if (there?.kind === 'record') slots.delete(at);
  if (there?.kind === 'node') drop(there.slots, key, depth + 1);
  if (there?.kind !== 'bins') return;
  for (const bin of there.bins) {
    const found = bin.findIndex((record) => isOf(record, key));
    if (found >= 0) bin.splice(found, 1);
  }
}

function* traverse(slots: ReadonlyMap<number, Slot>): Generator<SnapshotRecord> {
  const inOrder = [...slots].sort(([a], [b]) => a - b).map(([, slot]) => slot);
  for (const slot of inOrder) if (slot.kind === 'record') yield slot.record;
  for (const slot of inOrder) {
    if (slot.kind === 'node') yield* traverse(slot.slots);
    if (slot.kind === 'bins') yield* slot.bins.flat();
  }
}

/** The tables of a CCF node after some transactions, by its rules and not by the library's code. */
export class StateModel {
  readonly #tables = new Map<string, ModelTable>();
  readonly #keepsTombstones: boolean;

  /** @param keepsTombstones as CCF 1.x and 2.x do: a removed key stays, under minus its removal's seqno */
  constructor({ keepsTombstones }: { readonly keepsTombstones: boolean }) {
    this.#keepsTombstones = keepsTombstones;
  }

  /** Fills the state as a node that starts from a snapshot does: key by key in the file's order. */
  load(maps: readonly SnapshotMap[]): void {
    for (const { name, version, records } of maps) {
      const table = this.#table(name);
      table.version = version;
      for (const record of records) {
        if (record.version > 0 || this.#keepsTombstones) table.put(record);
      }
    }
  }

  apply(seqno: Seqno, maps: readonly MapWrites[]): void {
    for (const { name, writes, removes } of maps) {
      const table = this.#table(name);
      const changes: readonly (readonly [Uint8Array, Uint8Array | undefined])[] = [
        ...writes.map(({ key, value }) => [key, value] as const),
        ...removes.map((key) => [key, undefined] as const),
      ];
      for (const [key, value] of changes.toSorted(([a], [b]) => compareBytes(a, b))) {
        this.#change(table, seqno, key, value);
      }
    }
  }

  #change(table: ModelTable, seqno: Seqno, key: Uint8Array, value: Uint8Array | undefined): void {
    const isLive = (table.get(key)?.version ?? -1) > 0;
    if (value === undefined && !isLive) return;
    table.version = seqno;
    if (value !== undefined) table.put({ key, version: seqno, value });
    else if (this.#keepsTombstones) table.put({ key, version: -seqno, value: new Uint8Array() });
    else table.drop(key);
  }

  #table(name: string): ModelTable {
    const table = this.#tables.get(name) ?? new ModelTable();
    this.#tables.set(name, table);
    return table;
  }

  has(name: string): boolean {
    return this.#tables.has(name);
  }

  /** The tables as a snapshot holds them. */
  maps(order: TieOrder): SnapshotMap[] {
    return [...this.#tables].map(([name, table]) => ({
      name,
      version: table.version,
      records: order(table.traversed()),
    }));
  }
}
