import type { SharedDescriptor } from '../core/host-ports.ts';
import type { Seqno } from '../core/words.ts';
import { envelopeHeadBytes } from '../formats/entries/entry.ts';
import {
  layOutSnapshot,
  type SizedMap,
  type SnapshotLayout,
} from '../formats/snapshot/snapshot-layout.ts';
import type { IndexState } from '../store/index/shared-index.ts';
import { BodyGather } from '../store/shared/gather.ts';
import { type OpenedState, openShared } from '../store/shared/shared-descriptor.ts';

/** A frozen state in shared memory, and what a snapshot says beside it. */
export interface SharedStateToSerialise {
  readonly seqno: Seqno;
  readonly leaf: Uint8Array;
  readonly viewHistory: readonly number[];
  readonly shared: SharedDescriptor;
}

interface GatheredMap extends SizedMap {
  readonly live: IndexState;
}

/** A snapshot's bytes behind the envelope's head, in the clear, laid out and not yet gathered. */
export class SharedBody {
  /** Of the whole entry. */
  readonly entryBytes: number;
  readonly layout: SnapshotLayout<GatheredMap>;
  readonly #state: OpenedState;

  /** @throws FormatError `BAD_LENGTH` when it is no descriptor of a state */
  constructor({ shared, ...head }: SharedStateToSerialise) {
    this.#state = openShared(shared);
    const maps = this.#state.tables.map(({ name, version, live }) => ({
      name,
      version,
      live,
      bodyBytes: live.bodyBytes,
    }));
    this.layout = layOutSnapshot({ ...head, maxConflictVersion: 0 }, maps);
    this.entryBytes = envelopeHeadBytes + this.layout.publicBytes + this.layout.privateBytes;
  }

  /** Gathers everything, from the first byte on. */
  read(): BodyReader {
    return new BodyReader(this.layout, this.#state);
  }
}

/** Reads a {@link SharedBody} once, from its beginning to its end. */
export class BodyReader {
  readonly #parts: Iterator<SnapshotLayout<GatheredMap>['parts'][number]>;
  readonly #state: OpenedState;
  #head: Uint8Array = new Uint8Array(0);
  #gather: BodyGather | undefined;

  constructor({ parts }: SnapshotLayout<GatheredMap>, state: OpenedState) {
    this.#parts = parts[Symbol.iterator]();
    this.#state = state;
  }

  /** Fills the target and tells with how many bytes: fewer than it has only at the end. */
  fill(target: Uint8Array): number {
    let filled = 0;
    while (filled < target.length) {
      const rest = target.subarray(filled);
      const bytes = this.#fillHead(rest) || (this.#gather?.fill(rest) ?? 0);
      if (bytes === 0 && !this.#nextPart()) break;
      filled += bytes;
    }
    return filled;
  }

  #fillHead(target: Uint8Array): number {
    const bytes = Math.min(this.#head.length, target.length);
    target.set(this.#head.subarray(0, bytes));
    this.#head = this.#head.subarray(bytes);
    return bytes;
  }

  #nextPart(): boolean {
    const { value: part, done } = this.#parts.next();
    if (done === true) return false;
    this.#head = part.head;
    this.#gather = part.map && new BodyGather(this.#state, part.map.live);
    return true;
  }
}
