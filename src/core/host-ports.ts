import type { Digest, Seqno } from './words.ts';

/** One key of a table at one moment. */
export interface StoreRecord {
  readonly key: Uint8Array;
  /** Seqno that last wrote the key; negative where a tombstone stands for its removal. */
  readonly version: number;
  readonly value: Uint8Array;
}

/** Records that can be walked again and again, always the same. */
export interface RecordSet {
  readonly size: number;
  records(): Iterable<StoreRecord>;
}

/** One table at one moment. */
export interface FrozenTable {
  /** Private unless it begins with `public:`. */
  readonly name: string;
  /** Seqno that last changed the table; 0 when none has. */
  readonly version: number;
  readonly live: RecordSet;
  /**
   * Keys that were removed and not written since, under minus the seqno of their removal; for ledgers of CCF 1.x
   * and 2.x only.
   */
  readonly tombstones?: RecordSet;
}

/** A shared WebAssembly memory, as far as it is used: it can be posted to another thread, which sees the same bytes. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
  /** Adds pages of 64 KiB, zeroed. @throws RangeError when there are none */
  grow(pages: number): number;
}

/** A frozen state in shared memory, on its way to another thread: what the shared-memory store gives out. */
export interface SharedDescriptor {
  readonly memories: readonly SharedMemory[];
  readonly memoryShift: number;
  readonly names: readonly string[];
  /** Of each table: version, then root, records and bytes of what is live, and of tombstones. */
  readonly numbers: Float64Array;
  /** Which part of page 0 is the reader's; without one it reads slowly. */
  readonly stage: number | undefined;
}

/** The state at one seqno, which stays as it is until it is released. */
export interface FrozenState {
  /** Walked again, with the same result, when a snapshot's file must be written again. */
  readonly tables: Iterable<FrozenTable>;
  /**
   * The same state for a worker to open by itself, so that this thread never walks it. One reader at a time, none
   * after {@link release}.
   * @default the tables are drawn in slices and copied
   */
  share?(): SharedDescriptor;
  /** Merkle leaf of the transaction at the seqno, 32 bytes; after a rollback the seqno has another one. */
  readonly leaf: Uint8Array;
  /** Item i = first seqno of view i + 1, none above the seqno. */
  readonly viewHistory: readonly number[];
  /** Called exactly once, when nobody reads the state any more. */
  release(): void;
}

/**
 * Where snapshots come from: the host's store.
 * **Contract:** `freeze(seqno)` is called right after the transaction at `seqno` was applied and before
 * any later one, so it need not look back; it is cheap, and later transactions don't show through. Several states
 * are held at once, also of one seqno: each is walked and released by itself.
 */
export interface SnapshotSource {
  freeze(seqno: Seqno): FrozenState;
}

/**
 * Where evidence goes: the host's log.
 * **Contract:** `submit` proposes a transaction that writes the digest to
 * `public:ccf.internal.snapshot_evidence`, with the digest as its claims digest. It answers with the
 * transaction's seqno, or `refused` when the log did not take it; it may answer after the transaction
 * was already recorded. Seqno and digest are the snapshot's, which lies back: they are written and told as given.
 * When `signal` aborts nobody awaits the answer any more; what the log has taken by then is told all the same.
 */
export interface EvidenceLog {
  submit(
    evidence: {
      readonly snapshotSeqno: Seqno;
      readonly digest: Digest;
      /** @deprecated `snapshotSeqno` under its name in release 0.1; it is given until 0.3. */
      readonly version?: Seqno;
    },
    options: { readonly signal: AbortSignal },
  ): Promise<{ readonly seqno: Seqno } | 'refused'>;
}

/**
 * Where ledger secrets come from.
 * **Contract:** `at(seqno)` is the 32-byte secret in force at that seqno, for ever the same; the bytes that it gave
 * do not change afterwards.
 */
export interface Secrets {
  at(seqno: Seqno): Uint8Array;
}

/** Pino's interface, as far as it is used. */
export interface Logger {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/**
 * Where counts and measures go: any metrics library, behind two calls.
 * **Contract:** called outside of every step; what it throws is logged and disturbs nobody. Labels are few and
 * of closed sets, so that each may become a time series.
 */
export interface Metrics {
  increment(name: string, labels?: Readonly<Record<string, string>>): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}
