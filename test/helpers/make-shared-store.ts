import { ByteWriter, compareBytes } from '../../src/core/bytes.ts';
import type { FrozenTable, SharedMemory, StoreRecord } from '../../src/core/host-ports.ts';
import type { SnapshotMap } from '../../src/formats/entries/snapshot-map.ts';
import type { ArenaOptions } from '../../src/store/memory/arena.ts';
import { createSharedMemory } from '../../src/store/memory/web-assembly.ts';
import { BodyGather } from '../../src/store/shared/gather.ts';
import type { OpenedState } from '../../src/store/shared/shared-descriptor.ts';

/**
 * Memories that are used again and again, with what the last user left in them: each takes 10 GiB of address
 * space, so that thousands at once there can't be.
 */
export class MemoryPool {
  readonly #free = new Map<number, SharedMemory[]>();
  #lent: { readonly maximum: number; readonly memory: SharedMemory }[] = [];

  readonly createMemory: NonNullable<ArenaOptions['createMemory']> = (size) => {
    const memory = this.#free.get(size.maximum)?.pop() ?? createSharedMemory(size);
    this.#lent.push({ maximum: size.maximum, memory });
    return memory;
  };

  /** Takes back all that was lent. */
  reset(): void {
    for (const { maximum, memory } of this.#lent) {
      this.#free.set(maximum, [...(this.#free.get(maximum) ?? []), memory]);
    }
    this.#lent = [];
  }
}

/** A table's records in the order of a snapshot, under any hash. */
export function inOrder(
  table: FrozenTable,
  hash: (key: Uint8Array) => number,
  part: 'live' | 'tombstones' = 'live',
): SnapshotMap {
  const records: StoreRecord[] = [...(table[part]?.records() ?? [])];
  const sorted = records
    .map((record) => ({ record, hash: hash(record.key) }))
    .sort((a, b) => a.hash - b.hash || compareBytes(a.record.key, b.record.key));
  return {
    name: `public:${table.name}`,
    version: table.version,
    records: sorted.map(({ record }) => record),
  };
}

/** A map's header and what is gathered of it, in pieces of the given sizes, over and over. */
export function gatheredMaps(
  state: OpenedState,
  pieces: readonly number[],
  part: 'live' | 'tombstones' = 'live',
): Map<string, Uint8Array> {
  const maps = new Map<string, Uint8Array>();
  for (const table of state.tables) {
    const gather = new BodyGather(state, table[part]);
    const writer = new ByteWriter().text(`public:${table.name}`).u64(table.version);
    writer.u64(gather.bodyBytes);
    for (let i = 0; ; i++) {
      const piece = new Uint8Array(pieces[i % pieces.length] ?? 1);
      const filled = gather.fill(piece);
      writer.raw(piece.subarray(0, filled));
      if (filled < piece.length) break;
    }
    maps.set(table.name, writer.finish());
  }
  return maps;
}
