import type { Clock } from '../core/clock.ts';
import { AbortedError } from '../core/errors.ts';
import { timerDelayMsMax } from '../core/limits.ts';
import { closedError } from './closed-error.ts';

/** What a task is given each time it runs. */
export interface TimedRun {
  /** Milliseconds since its run before, or since it was added; more than 0 for a periodic task. */
  readonly elapsedMs: number;
  /** Aborts when the task is cancelled or all are shut down; the reason is the error to throw. */
  readonly signal: AbortSignal;
}

export type TimedTask = (run: TimedRun) => void | PromiseLike<void>;

export interface TimedTaskHandle {
  /** The task is not run again; one that runs is asked to stop. Twice is once. */
  cancel(): void;
}

interface Entry {
  /** Let go of when no run can follow: whoever keeps a handle keeps nothing else. */
  task: TimedTask | undefined;
  readonly periodMs: number | undefined;
  readonly abort: AbortController;
  timer: unknown;
  /** When it was added, or ran last. */
  lastMs: number;
  /** Ends with the run under way, if that takes time. */
  running: Promise<void> | undefined;
}

/**
 * Runs tasks after a delay or again and again, by the clock that it is given, on the calling thread.
 *
 * A periodic task is due again a period after it ran, however late that was: what was missed is not caught
 * up. One that is still running when it is due is left alone until the next time. Its owner shuts it down;
 * until then its timers keep the process alive.
 *
 * @see CCF `src/tasks/job_board.h`
 */
export class DelayedTasks {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #entries = new Set<Entry>();
  readonly #running = new Set<Entry>();
  #isShutDown = false;

  /** @param onError what a task threw or rejected with; a periodic task goes on */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /**
   * Runs a task once.
   * @throws RangeError for a delay that is negative or longer than a timer can have
   * @throws StorageError `CLOSED` after {@link DelayedTasks.shutdown}
   */
  after(delayMs: number, task: TimedTask): TimedTaskHandle {
    if (!(delayMs >= 0 && delayMs <= timerDelayMsMax)) throw new RangeError(`delayMs: ${delayMs}`);
    return this.#add(task, delayMs, undefined);
  }

  /**
   * Runs a task after each period. When the clock says that no time has passed since the last run, because
   * it was set back, that run is left out.
   * @throws RangeError for a period that is not positive or longer than a timer can have
   * @throws StorageError `CLOSED` after {@link DelayedTasks.shutdown}
   */
  every(periodMs: number, task: TimedTask): TimedTaskHandle {
    if (!(periodMs > 0 && periodMs <= timerDelayMsMax))
      throw new RangeError(`periodMs: ${periodMs}`);
    return this.#add(task, periodMs, periodMs);
  }

  /**
   * Drops every task that waits, asks those that run to stop and awaits them; from its call on, new ones are
   * refused. Twice is once. A task must not await it: it would wait for itself.
   */
  async shutdown(): Promise<void> {
    this.#isShutDown = true;
    for (const entry of this.#entries) this.#end(entry);
    for (const { abort } of this.#running) {
      abort.abort(closedError('timetable', 'the task', 'ended'));
    }
    await Promise.allSettled([...this.#running].map(({ running }) => running));
  }

  #add(task: TimedTask, delayMs: number, periodMs: number | undefined): TimedTaskHandle {
    if (this.#isShutDown) throw closedError('timetable', 'a task');
    const lastMs = this.#clock.now();
    const abort = new AbortController();
    const entry: Entry = { task, periodMs, abort, timer: undefined, lastMs, running: undefined };
    this.#entries.add(entry);
    this.#arm(entry, delayMs);
    return {
      cancel: () => {
        this.#end(entry);
        abort.abort(new AbortedError('the task'));
      },
    };
  }

  #arm(entry: Entry, delayMs: number): void {
    entry.timer = this.#clock.setTimeout(() => this.#due(entry), delayMs);
  }

  #end(entry: Entry): void {
    this.#entries.delete(entry);
    this.#clock.clearTimeout(entry.timer);
    entry.task = undefined;
  }

  #due(entry: Entry): void {
    const { task, periodMs } = entry;
    if (periodMs === undefined) this.#end(entry);
    else this.#arm(entry, periodMs);
    if (task === undefined || this.#running.has(entry)) return;
    const nowMs = this.#clock.now();
    const elapsedMs = nowMs - entry.lastMs;
    entry.lastMs = nowMs;
    if (periodMs === undefined || elapsedMs > 0) this.#run(entry, task, elapsedMs);
  }

  #run(entry: Entry, task: TimedTask, elapsedMs: number): void {
    this.#running.add(entry);
    try {
      const answer = task({ elapsedMs, signal: entry.abort.signal });
      if (answer === undefined) this.#running.delete(entry);
      else entry.running = this.#follow(entry, answer);
    } catch (error) {
      this.#running.delete(entry);
      this.#onError(error);
    }
  }

  async #follow(entry: Entry, answer: PromiseLike<void>): Promise<void> {
    const { signal } = entry.abort;
    try {
      await answer;
    } catch (error) {
      // That it stopped is what it was asked.
      if (!signal.aborted || error !== signal.reason) this.#onError(error);
    } finally {
      this.#running.delete(entry);
    }
  }
}
