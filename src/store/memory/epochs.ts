import { assert } from '../../core/errors.ts';
import type { Arena } from './arena.ts';
import type { Ref } from './memories.ts';

/** A moment that is held: nothing that was there then is changed or freed before its release. */
export interface HeldEpoch {
  readonly epoch: number;
  /** Blocks that went out of use since, in pairs with the epoch of their birth; none is older than their hold. */
  retired: number[];
}

/** Retired blocks that are looked at with each step, so that a release takes no time by itself. */
const reclaimedPerStep = 512;

/**
 * Who may still see a block: every held moment from its birth to its end. A block that none sees is freed
 * at once, any other waits at the newest that does; when that is released it goes on to the next older one.
 */
export class Epochs {
  readonly #arena: Arena;
  /** In ascending order. */
  readonly #held: HeldEpoch[] = [];
  readonly #released: HeldEpoch[] = [];
  #current = 1;
  #newest = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** What is born now bears this. */
  get current(): number {
    return this.#current;
  }

  get heldCount(): number {
    return this.#held.length;
  }

  /** Whether a block born then may not be changed, since a held moment sees it. */
  isShared(birth: number): boolean {
    return birth <= this.#newest;
  }

  hold(): HeldEpoch {
    const held = { epoch: this.#current, retired: [] };
    this.#held.push(held);
    this.#newest = held.epoch;
    this.#current++;
    return held;
  }

  release(held: HeldEpoch): void {
    this.#drop(held);
    if (held.retired.length > 0) this.#released.push(held);
    this.reclaim();
  }

  /** Releases the newest moment as if nothing had been retired since: all of it is in use again. */
  revert(held: HeldEpoch): void {
    assert(held.epoch === this.#newest, 'the newest moment is reverted to');
    held.retired = [];
    this.#drop(held);
  }

  #drop(held: HeldEpoch): void {
    const index = this.#held.indexOf(held);
    assert(index >= 0, 'a moment is released once');
    this.#held.splice(index, 1);
    this.#newest = this.#held.at(-1)?.epoch ?? 0;
  }

  /** Frees a block that is in no use from now on, as soon as nobody sees it. */
  retire(ref: Ref, birth: number): void {
    if (birth > this.#newest) this.#arena.free(ref);
    else this.#held.at(-1)?.retired.push(ref, birth);
  }

  /** Goes on with what was released; each call does a bounded piece of it. */
  reclaim(blocksMax = reclaimedPerStep): void {
    for (let left = blocksMax; left > 0; left--) {
      const from = this.#released.at(-1);
      if (from === undefined) return;
      const birth = from.retired.pop() ?? 0;
      const ref = from.retired.pop() ?? 0;
      if (from.retired.length === 0) this.#released.pop();
      const older = this.#olderThan(from.epoch);
      if (older !== undefined && birth <= older.epoch) older.retired.push(ref, birth);
      else this.#arena.free(ref);
    }
  }

  #olderThan(epoch: number): HeldEpoch | undefined {
    for (let i = this.#held.length - 1; i >= 0; i--) {
      const held = this.#held[i];
      if (held !== undefined && held.epoch < epoch) return held;
    }
    return undefined;
  }
}
