import { Worker } from 'node:worker_threads';
import type { Clock } from '../core/clock.ts';
import { assert, type StorageError } from '../core/errors.ts';
import { closedError } from './closed-error.ts';
import { decodeError } from './error-transfer.ts';
import type { WaitingJob } from './job-board.ts';
import { endedError, unavailableError } from './worker-errors.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** One run of a job, and who waits for it. */
export interface PooledJob extends WaitingJob {
  readonly input: unknown;
  readonly transfer: readonly ArrayBuffer[];
  readonly signsOfLife: Int32Array | undefined;
  readonly resolve: (output: unknown) => void;
}

/** When a thread that does not answer is given up. */
export interface Watch {
  readonly clock: Clock;
  /** How long a job that shows signs of life may show none, and one that was cancelled may go on. */
  readonly hungMs: number;
}

/** What a worker tells its pool. */
export interface PoolWorkerEvents {
  /** It has answered and can take another job. */
  idle(): void;
  /** It is gone, and its job has failed if it had one. */
  exited(): void;
}

export interface PoolWorkerOptions {
  /** Megabytes that a thread may have on its JavaScript heap; one that needs more dies alone. */
  readonly heapMegabytesMax: number;
  readonly workerData: unknown;
  /** @default a thread may be silent for ever */
  readonly watch: Watch | undefined;
}

/**
 * Without limits of its own a thread that has no memory left takes the process with it, from Node 24 on: Node ends a
 * thread 16 MiB above its limit, and what survives of a larger young generation at once is more than that.
 */
const youngMegabytesMax = 24;

/** One thread and the job it has, if any. */
export class PoolWorker {
  readonly #worker: Worker;
  readonly #entry: URL;
  readonly #events: PoolWorkerEvents;
  readonly #watch: Watch | undefined;
  #timer: unknown;
  #current: PooledJob | undefined;
  #id = 0;
  /** What ended the thread, which Node tells before it tells that it ended. */
  #failure: unknown;
  /** Whether its module was loaded, so that it could take jobs. */
  #isReady = false;
  #isHung = false;
  #isEnding = false;
  #isClosed = false;

  /** @throws StorageError `WORKER_UNAVAILABLE` when the system gives no thread */
  constructor(entry: URL, options: PoolWorkerOptions, events: PoolWorkerEvents) {
    const { workerData, watch, heapMegabytesMax } = options;
    this.#entry = entry;
    this.#events = events;
    this.#watch = watch;
    // Flags of the process, such as --input-type, can keep a file from loading; ours needs none.
    const resourceLimits = {
      maxOldGenerationSizeMb: heapMegabytesMax,
      maxYoungGenerationSizeMb: youngMegabytesMax,
    };
    try {
      this.#worker = new Worker(entry, { workerData, execArgv: [], resourceLimits });
    } catch (cause) {
      throw unavailableError(entry, cause);
    }
    this.#worker.unref();
    this.#worker.on('message', (message: FromWorker) => this.#answered(message));
    this.#worker.on('messageerror', (error) => this.#fail(error));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', (exitCode) => this.#exited(exitCode));
  }

  get isIdle(): boolean {
    return this.#current === undefined && !this.#isEnding;
  }

  get isRunning(): boolean {
    return this.#current !== undefined;
  }

  /** Gives an idle worker a job; until its answer the thread keeps the process alive. */
  start(pooled: PooledJob): void {
    assert(this.isIdle, `an idle worker is given job ${pooled.job}`);
    this.#id += 1;
    const { job, input, transfer } = pooled;
    try {
      this.#post({ type: 'run', id: this.#id, job, input }, transfer);
    } catch (error) {
      // The input cannot be copied: the caller's mistake, and the worker never saw it.
      pooled.reject(error);
      return;
    }
    this.#current = pooled;
    this.#worker.ref();
    if (pooled.signsOfLife !== undefined) this.#watchSigns(pooled.signsOfLife);
  }

  /** Ends the thread when nothing moves any more. */
  #watchSigns(signs: Int32Array): void {
    const before = Atomics.load(signs, 0);
    this.#startTimer(() => {
      if (Atomics.load(signs, 0) === before) this.#end('it showed no sign of life');
      else this.#watchSigns(signs);
    });
  }

  #startTimer(fn: () => void): void {
    if (this.#watch === undefined) return;
    const { clock, hungMs } = this.#watch;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(fn, hungMs);
  }

  /** Asks the job to stop, if this worker has it. */
  cancel(pooled: PooledJob): void {
    if (this.#current !== pooled) return;
    this.#post({ type: 'cancel', id: this.#id });
    this.#startTimer(() => this.#end('it did not stop when it was told to'));
  }

  /** Ends the thread at once; its job fails with `CLOSED`. */
  async terminate(): Promise<void> {
    this.#isEnding = true;
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.postMessage(message, [...transfer]);
  }

  #answered(message: FromWorker): void {
    if (message.type === 'ready') this.#isReady = true;
    if (message.type === 'ready' || message.id !== this.#id) return;
    const pooled = this.#take();
    if (message.type === 'done') pooled?.resolve(message.output);
    else pooled?.reject(decodeError(message.error));
    this.#events.idle();
  }

  /** Ends a thread that the watch gives up. */
  #end(why: string): void {
    this.#isHung = true;
    this.#fail(new Error(why));
  }

  /** An answer that cannot be read leaves the thread in a state that nobody knows: it is ended. */
  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#isEnding = true;
    void this.#worker.terminate();
  }

  #exited(exitCode: number): void {
    const pooled = this.#take();
    pooled?.reject(
      this.#isClosed
        ? closedError('pool', `job ${pooled.job}`, 'ended')
        : this.#endedError(exitCode),
    );
    this.#events.exited();
  }

  #endedError(exitCode: number): StorageError {
    const wasReady = this.#isReady || this.#isHung;
    return endedError(this.#entry, { exitCode, cause: this.#failure, wasReady });
  }

  #take(): PooledJob | undefined {
    const pooled = this.#current;
    this.#current = undefined;
    if (this.#timer !== undefined) this.#watch?.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    // Whoever ends the thread waits for its end: an answer that comes first must not let the process go.
    if (!this.#isEnding) this.#worker.unref();
    return pooled;
  }
}
