import type { Seqno } from '../../core/words.ts';
import type { MapWrites } from '../../formats/entries/write-set.ts';
import { Buckets, type StoreContext } from '../index/buckets.ts';
import { emptyIndex, SharedIndex } from '../index/shared-index.ts';
import type { UndoLog } from '../index/undo-log.ts';
import type { TableParts } from './shared-state.ts';

const noValue = new Uint8Array(0);

/** How a table takes a transaction's changes. */
export interface ChangeOptions {
  readonly seqno: Seqno;
  readonly keepsTombstones: boolean;
  readonly log: UndoLog;
}

/** One table of a shared store: what can be undone goes to the log first. */
export class SharedTable {
  readonly name: string;
  /** In order of birth. */
  readonly number: number;
  readonly live: SharedIndex;
  readonly #context: StoreContext;
  readonly #buckets: Buckets;
  #tombstones: SharedIndex | undefined;
  #version = 0;
  #parts: TableParts | undefined;

  constructor(name: string, number: number, context: StoreContext) {
    this.name = name;
    this.number = number;
    this.#context = context;
    this.#buckets = new Buckets(context);
    this.live = new SharedIndex(context, this.#buckets);
  }

  get version(): number {
    return this.#version;
  }

  set version(version: number) {
    this.#version = version;
    this.#parts = undefined;
  }

  /** Removed keys; there is nothing of them until a first one comes. */
  get tombstones(): SharedIndex {
    this.#tombstones ??= new SharedIndex(this.#context, this.#buckets);
    return this.#tombstones;
  }

  /** The table as it is now; the same object until it changes. */
  get parts(): TableParts {
    this.#parts ??= {
      name: this.name,
      version: this.version,
      live: this.live.state,
      tombstones: this.#tombstones?.state ?? emptyIndex,
    };
    return this.#parts;
  }

  /** Goes back to what it was, where all its blocks are as they were. */
  restore({ version, live, tombstones }: TableParts): void {
    this.live.restore(live);
    if (this.#tombstones !== undefined || tombstones.size > 0) this.tombstones.restore(tombstones);
    this.version = version;
  }

  /** Applies a transaction's changes. Removing a key that is not there changes nothing at all. */
  change({ writes, removes }: MapWrites, options: ChangeOptions): void {
    for (const { key, value } of writes) this.#write(key, value, options);
    for (const key of removes) this.#remove(key, options);
  }

  #write(key: Uint8Array, value: Uint8Array, { seqno, log }: ChangeOptions): void {
    this.#context.key.load(key);
    this.live.put(value, seqno, log.about(this.number, false));
    if ((this.#tombstones?.size ?? 0) > 0) this.tombstones.remove(log.about(this.number, true));
    this.version = seqno;
  }

  #remove(key: Uint8Array, { seqno, log, keepsTombstones }: ChangeOptions): void {
    this.#context.key.load(key);
    if (!this.live.remove(log.about(this.number, false))) return;
    if (keepsTombstones) this.tombstones.put(noValue, -seqno, log.about(this.number, true));
    this.version = seqno;
  }

  indexOf(isTombstone: boolean): SharedIndex {
    return isTombstone ? this.tombstones : this.live;
  }
}
