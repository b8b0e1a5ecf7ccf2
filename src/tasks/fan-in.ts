import { StorageError } from '../core/errors.ts';
import { closedError } from './closed-error.ts';

export interface FanInOptions {
  /** Tasks at most that wait for one before them. @default 4096 */
  readonly waitingMax?: number;
}

/** @param signal aborts when the fan-in is shut down; the reason is the error to throw */
export type FanInTask<T> = (signal: AbortSignal) => T | PromiseLike<T>;

interface Waiting {
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly reject: (error: unknown) => void;
}

/**
 * Brings together what was done in parallel: tasks come with their index in any order, and run in the order
 * of their indices from 0, without a gap and one at a time. One that fails fails for its caller alone.
 *
 * @see CCF `src/tasks/fan_in_tasks.h`
 */
export class FanIn {
  readonly #waitingMax: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #abort = new AbortController();
  #next = 0;
  #running: Promise<void> | undefined;
  #isRunning = false;

  /** @throws RangeError for an option that is not a count */
  constructor({ waitingMax = 4096 }: FanInOptions = {}) {
    if (!Number.isSafeInteger(waitingMax) || waitingMax < 1) {
      throw new RangeError(`waitingMax: ${waitingMax}`);
    }
    this.#waitingMax = waitingMax;
  }

  /**
   * Runs a task when all those of lower indices have ended.
   * @returns what the task gives
   * @throws what the task throws
   * @throws RangeError for what is no index, and for one that was there before
   * @throws StorageError `QUEUE_FULL`, `CLOSED`
   */
  run<T>(index: number, task: FanInTask<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#check(index);
      const run = async (signal: AbortSignal) => {
        try {
          resolve(await task(signal));
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.set(index, { run, reject });
      void this.#runReady();
    });
  }

  /**
   * Refuses the tasks that wait and those that come, asks the one that runs to stop and awaits it. Twice is
   * once. A task must not await it: it would wait for itself.
   */
  async shutdown(): Promise<void> {
    const refused = [...this.#waiting];
    this.#waiting.clear();
    for (const [index, { reject }] of refused) reject(closedError('fan-in', `task ${index}`));
    this.#abort.abort(closedError('fan-in', 'the task', 'ended'));
    await this.#running;
  }

  #check(index: number): void {
    if (this.#abort.signal.aborted) throw closedError('fan-in', `task ${index}`);
    if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`index: ${index}`);
    if (index < this.#next || this.#waiting.has(index)) {
      throw new RangeError(`task ${index} was there before; the next to run is ${this.#next}`);
    }
    // The next one never waits behind a gap, so that it can always come and make room.
    if (this.#waiting.size >= this.#waitingMax && index !== this.#next) {
      const message = `task ${index} was refused: ${this.#waitingMax} wait for task ${this.#next}`;
      throw new StorageError('QUEUE_FULL', message, { expected: this.#waitingMax });
    }
  }

  async #runReady(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.#running = next.run(this.#abort.signal);
      await this.#running;
    }
    this.#running = undefined;
    this.#isRunning = false;
  }

  #take(): Waiting | undefined {
    const next = this.#waiting.get(this.#next);
    if (next !== undefined) this.#waiting.delete(this.#next++);
    return next;
  }
}
