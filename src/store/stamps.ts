interface Era {
  /** The seqno that was rolled back to. */
  readonly to: number;
  readonly offset: number;
}

/** The rollbacks that tell the seqnos of one state apart from those of others, in ascending order. */
export type Eras = readonly Era[];

/**
 * Gives each incarnation of a seqno a number that is never used again: after a rollback the same seqno
 * names another transaction. Within an era a stamp is the seqno and an offset; a rollback begins an era for
 * the seqnos above its target, and ends those that began above it.
 */
export class Stamps {
  eras: Eras = [];
  /** The greatest one so far. */
  #last: number;

  constructor(seqno: number) {
    this.#last = seqno;
  }

  applied(seqno: number): void {
    this.#last = stampOf(this.eras, seqno);
  }

  rolledBack(to: number): void {
    const kept = this.eras.filter((era) => era.to < to);
    this.eras = [...kept, { to, offset: this.#last - to }];
  }
}

/** The stamp of what was written at a seqno, in a state of these eras. */
export function stampOf(eras: Eras, seqno: number): number {
  let low = 0;
  let high = eras.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((eras[middle]?.to ?? 0) < seqno) low = middle + 1;
    else high = middle;
  }
  return seqno + (eras[low - 1]?.offset ?? 0);
}
