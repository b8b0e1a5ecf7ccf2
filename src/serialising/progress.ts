/**
 * How far a state is serialised, in memory that the worker and this thread share: a large one takes seconds, and an
 * event for each of its pieces would cost more than some of them.
 */
export class SerialiseProgress {
  /** Steps that are done, and all of them. */
  readonly counts: Int32Array<SharedArrayBuffer>;

  constructor(counts: Int32Array<SharedArrayBuffer>) {
    this.counts = counts;
  }

  static start(): SerialiseProgress {
    return new SerialiseProgress(new Int32Array(new SharedArrayBuffer(8)));
  }

  /** Begins, or begins anew. */
  begin(steps: number): void {
    Atomics.store(this.counts, 0, 0);
    Atomics.store(this.counts, 1, steps);
  }

  step(): void {
    Atomics.add(this.counts, 0, 1);
  }

  /** From 0 to 1. */
  get fraction(): number {
    return Atomics.load(this.counts, 0) / Math.max(Atomics.load(this.counts, 1), 1);
  }
}
