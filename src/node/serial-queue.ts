import { Mutex } from '../files/mutex.ts';

/** A step that waits its turn. */
interface Step {
  readonly run: () => void;
  readonly reject: (error: Error) => void;
}

/** Steps a turn of the event loop: some milliseconds. */
const stepsPerTurn = 32;

/**
 * Lets steps through one at a time, in the order in which they came, and none while something is held
 * exclusively or there is no room. A step is synchronous, so nothing comes between its begin and its end.
 */
export class SerialQueue {
  readonly #hasRoom: () => boolean;
  readonly #steps = new Set<Step>();
  readonly #exclusive = new Mutex();
  #held = 0;
  #isTurning = false;
  #isScheduled = false;
  #closed: Error | undefined;

  /** @param hasRoom asked before each step; when it changes to true, {@link SerialQueue.turn} is called */
  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  /**
   * Runs a step when its turn comes. What it returns may be a promise: only the caller waits for that.
   * @throws what the step throws, and what {@link SerialQueue.close} was given
   */
  pass<T>(step: () => T | PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(this.#closed);
      const run = () => {
        try {
          resolve(step());
        } catch (error) {
          reject(error);
        }
      };
      this.#steps.add({ run, reject });
      this.turn();
    });
  }

  /** Runs an operation while no step and no other such operation runs; it begins after those before it. */
  async hold<T>(operation: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      return await this.#exclusive.run(operation);
    } finally {
      this.#held--;
      this.turn();
    }
  }

  /** Lets through what may pass; nothing when it is called from inside a step. */
  turn(): void {
    if (this.#isTurning || this.#isScheduled) return;
    this.#isTurning = true;
    try {
      this.#letThrough();
    } finally {
      this.#isTurning = false;
    }
  }

  #letThrough(): void {
    let passed = 0;
    for (const step of this.#steps) {
      if (this.#held > 0 || !this.#hasRoom()) return;
      if (passed++ === stepsPerTurn) {
        this.#goOnLater();
        return;
      }
      this.#steps.delete(step);
      step.run();
    }
  }

  /** Disk and network get their turn as well. */
  #goOnLater(): void {
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.turn();
    });
  }

  /** Refuses the steps that wait and those that come. */
  close(error: Error): void {
    this.#closed ??= error;
    for (const { reject } of this.#steps) reject(error);
    this.#steps.clear();
  }
}
