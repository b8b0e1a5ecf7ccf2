import type { Seqno } from '../core/words.ts';

interface Waiter {
  readonly seqno: Seqno;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** How far something has come along the log, and who waits until it has come further. */
export class Watermark {
  #reached: Seqno;
  /** Ascending by seqno. */
  readonly #waiters: Waiter[] = [];
  #failure: Error | undefined;

  constructor(reached: Seqno) {
    this.#reached = reached;
  }

  get reached(): Seqno {
    return this.#reached;
  }

  /** Resolves once `seqno` is reached; rejects when it never will be. */
  async until(seqno: Seqno): Promise<void> {
    if (seqno <= this.#reached) return;
    if (this.#failure) throw this.#failure;
    await new Promise<void>((resolve, reject) => {
      const before = this.#waiters.findLastIndex((waiter) => waiter.seqno <= seqno);
      this.#waiters.splice(before + 1, 0, { seqno, resolve, reject });
    });
  }

  reach(seqno: Seqno): void {
    this.#reached = seqno;
    const further = this.#waiters.findIndex((waiter) => waiter.seqno > seqno);
    const there = this.#waiters.splice(0, further < 0 ? this.#waiters.length : further);
    for (const { resolve } of there) resolve();
  }

  /** Goes back to `seqno`, if it had come further: who waits for more waits for what is gone. */
  goBack(seqno: Seqno, error: Error): void {
    if (this.#reached > seqno) this.#reached = seqno;
    const first = this.#waiters.findIndex((waiter) => waiter.seqno > seqno);
    if (first < 0) return;
    for (const { reject } of this.#waiters.splice(first)) reject(error);
  }

  /** Nothing more will be reached. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
