import { threadClock } from './on-cpu.ts';

/** How late the event loop came to a timer of 1 ms, less the time for which the thread was kept from a core. */
export interface LoopGaps {
  readonly turns: number;
  readonly maxMs: number;
  readonly p99Ms: number;
  /** The same with the wait for a core. */
  readonly grossMaxMs: number;
}

/**
 * Watches this thread's loop: the gap between two turns of a timer, net of the time in the queue for a core, is what
 * the thread itself was busy with.
 */
export class LoopWatch {
  readonly #work: () => void;
  readonly #clock = threadClock();
  #net: number[] = [];
  #grossMax = 0;
  #timer: NodeJS.Timeout | undefined;
  #lastMs = 0;
  #lastWaitNs = 0;

  /** @param work done at each turn, and part of the gap */
  constructor(work: () => void = () => {}) {
    this.#work = work;
  }

  start(): void {
    this.#net = [];
    this.#grossMax = 0;
    this.#lastMs = performance.now();
    this.#lastWaitNs = this.#clock().waitNs;
    this.#arm();
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#look();
      this.#work();
      this.#arm();
    }, 1);
  }

  #look(): void {
    const nowMs = performance.now();
    const { waitNs } = this.#clock();
    const gap = nowMs - this.#lastMs;
    this.#net.push(gap - (waitNs - this.#lastWaitNs) / 1e6);
    this.#grossMax = Math.max(this.#grossMax, gap);
    this.#lastMs = nowMs;
    this.#lastWaitNs = waitNs;
  }

  /** Also counts the gap that is open when it stops. */
  stop(): LoopGaps {
    clearTimeout(this.#timer);
    this.#look();
    const sorted = this.#net.sort((a, b) => a - b);
    return {
      turns: sorted.length,
      maxMs: sorted.at(-1) ?? 0,
      p99Ms: sorted[Math.floor((sorted.length - 1) * 0.99)] ?? 0,
      grossMaxMs: this.#grossMax,
    };
  }
}

/** A block of the loop that a watch must see, in milliseconds. */
const blockMs = 50;

/** Checks that a watch sees what it is for. @throws Error when it does not */
export async function checkLoopWatch(): Promise<number> {
  const watch = new LoopWatch();
  watch.start();
  await new Promise((resolve) => setTimeout(resolve, 10));
  const startMs = performance.now();
  const clock = threadClock();
  const startNs = clock().cpuNs;
  // Busy for so long on a core, however long that takes.
  while (clock().cpuNs - startNs < blockMs * 1e6) {
    if (performance.now() - startMs > 5000) throw new Error('the block was never on a core');
  }
  await new Promise((resolve) => setTimeout(resolve, 10));
  const { maxMs } = watch.stop();
  if (maxMs >= blockMs * 0.9) return maxMs;
  throw new Error(`a block of ${blockMs} ms was seen as ${maxMs.toFixed(1)} ms`);
}
