import {
  type FrozenTable,
  type Seqno,
  type StoreRecord,
  seqno as toSeqno,
} from '../../../src/index.ts';

/** What a key had from one transaction on; without a value, it was removed there. */
interface Version {
  readonly seqno: Seqno;
  readonly value: string | undefined;
}

/**
 * A Map whose keys remember earlier values for as long as somebody may ask for them: a rollback, or a frozen
 * state. So to freeze it takes no time, whatever its size.
 */
export class VersionedMap {
  /** Of each key oldest first, at least one. */
  readonly #versions = new Map<string, Version[]>();
  /** Changes whose key still has what it had before them; oldest first. */
  readonly #changes: { readonly seqno: Seqno; readonly key: string }[] = [];
  readonly #frozen = new Set<{ readonly seqno: Seqno }>();
  /** The last change that is not among these. */
  #settled = 0;
  #size = 0;

  /** Takes over what a snapshot holds, into an empty map. */
  restore(version: number, records: readonly StoreRecord[]): void {
    for (const { key, version: writtenAt, value } of records) {
      this.#versions.set(textOf(key), [{ seqno: toSeqno(writtenAt), value: textOf(value) }]);
    }
    this.#size = records.length;
    this.#settled = version;
  }

  get(key: string): string | undefined {
    return this.#versions.get(key)?.at(-1)?.value;
  }

  /** Sets a key, or removes it; seqnos ascend. */
  put(seqno: Seqno, key: string, value: string | undefined): void {
    this.#size += Number(value !== undefined) - Number(this.get(key) !== undefined);
    const versions = this.#versions.get(key);
    if (versions) versions.push({ seqno, value });
    else this.#versions.set(key, [{ seqno, value }]);
    this.#changes.push({ seqno, key });
  }

  /** Takes back every change above `seqno`. */
  rollback(seqno: Seqno): void {
    for (let last = this.#changes.at(-1); last; last = this.#changes.at(-1)) {
      if (last.seqno <= seqno) return;
      this.#changes.pop();
      const taken = this.#versions.get(last.key)?.pop();
      this.#size += Number(this.get(last.key) !== undefined) - Number(taken?.value !== undefined);
      this.#tidy(last.key);
    }
  }

  /** Forgets what only a rollback below `seqno` could need, but nothing that a frozen state needs. */
  compact(seqno: Seqno): void {
    const until = Math.min(seqno, ...[...this.#frozen].map((state) => state.seqno));
    const kept = this.#changes.findIndex((change) => change.seqno > until);
    const settled = this.#changes.splice(0, kept < 0 ? this.#changes.length : kept);
    for (const change of settled) {
      const versions = this.#versions.get(change.key) ?? [];
      versions.splice(
        0,
        versions.findIndex((version) => version.seqno === change.seqno),
      );
      this.#settled = change.seqno;
      this.#tidy(change.key);
    }
  }

  /** The map as it is after `seqno`, the last transaction. */
  freeze(seqno: Seqno, name: string): { readonly table: FrozenTable; release(): void } {
    const state = { seqno };
    this.#frozen.add(state);
    const live = { size: this.#size, records: () => this.#recordsAt(seqno) };
    return {
      table: { name, version: this.#lastChange, live },
      release: () => this.#frozen.delete(state),
    };
  }

  // Walked in slices while transactions go on: a Map's iterator stands that, and what they add is newer.
  *#recordsAt(seqno: Seqno): Generator<StoreRecord, void, undefined> {
    for (const [key, versions] of this.#versions) {
      const found = versions.findLast((version) => version.seqno <= seqno);
      if (found?.value === undefined) continue;
      yield { key: Buffer.from(key), version: found.seqno, value: Buffer.from(found.value) };
    }
  }

  get #lastChange(): number {
    return this.#changes.at(-1)?.seqno ?? this.#settled;
  }

  /** A removal that has nothing before it leaves nothing. */
  #tidy(key: string): void {
    const [first, ...later] = this.#versions.get(key) ?? [];
    if (later.length === 0 && first?.value === undefined) this.#versions.delete(key);
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
