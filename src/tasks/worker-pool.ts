import { AbortedError, StorageError } from '../core/errors.ts';
import type { JobExecutor, JobTable, RunOptions } from './job.ts';
import { type PooledJob, PoolWorker } from './pool-worker.ts';

export interface WorkerPoolOptions {
  /** Threads at most; each is started when it is first needed. @default 2 */
  readonly workers?: number;
  /** Jobs that wait at most; one more is refused. @default 64 */
  readonly queueMax?: number;
  /** What the entry module reads as `workerData`. @default undefined */
  readonly workerData?: unknown;
}

/**
 * Runs jobs on worker threads, one at a time each, in the order in which they were given. A worker that dies
 * fails its job and is replaced when the next job needs it. Threads without a job don't keep the process
 * alive.
 */
export class WorkerPool<Table extends JobTable<Table>> implements JobExecutor<Table> {
  readonly #entry: URL;
  readonly #options: Readonly<Required<WorkerPoolOptions>>;
  readonly #workers = new Set<PoolWorker>();
  readonly #waiting = new Set<PooledJob>();
  #closing: Promise<void> | undefined;

  /**
   * @param entry a compiled module that calls {@link serveJobs} with the functions of `Table`
   * @throws RangeError for options that are not counts
   */
  constructor(entry: URL, options: WorkerPoolOptions = {}) {
    this.#entry = entry;
    this.#options = resolveOptions(options);
  }

  run<Job extends keyof Table & string>(
    job: Job,
    input: Table[Job]['input'],
    { signal, transfer = [] }: RunOptions = {},
  ): Promise<Table[Job]['output']> {
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#abort(pooled);
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', onAbort);
          settle(value);
        };
      };
      const pooled = { job, input, transfer, resolve: settled(resolve), reject: settled(reject) };
      if (signal?.aborted) return reject(new AbortedError(`job ${job}`));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#enqueue(pooled);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const pooled of this.#waiting) pooled.reject(closedError(pooled.job));
    this.#waiting.clear();
    await Promise.all([...this.#workers].map((worker) => worker.terminate()));
  }

  #enqueue(pooled: PooledJob): void {
    const { queueMax } = this.#options;
    if (this.#closing !== undefined) {
      pooled.reject(closedError(pooled.job));
    } else if (this.#waiting.size >= queueMax && this.#freeWorker() === undefined) {
      const message = `job ${pooled.job} was refused: ${queueMax} jobs wait already`;
      pooled.reject(new StorageError('QUEUE_FULL', message, { limit: queueMax }));
    } else {
      this.#waiting.add(pooled);
      this.#startWaiting();
    }
  }

  /** A job that waits is dropped; one that runs is asked to stop. */
  #abort(pooled: PooledJob): void {
    if (this.#waiting.delete(pooled)) pooled.reject(new AbortedError(`job ${pooled.job}`));
    else for (const worker of this.#workers) worker.cancel(pooled);
  }

  #freeWorker(): PoolWorker | undefined {
    for (const worker of this.#workers) if (worker.isIdle) return worker;
    if (this.#workers.size >= this.#options.workers) return undefined;
    const worker = new PoolWorker(this.#entry, this.#options.workerData, {
      idle: () => this.#startWaiting(),
      exited: () => {
        this.#workers.delete(worker);
        this.#startWaiting();
      },
    });
    this.#workers.add(worker);
    return worker;
  }

  #startWaiting(): void {
    for (const pooled of this.#waiting) {
      const worker = this.#freeWorker();
      if (worker === undefined) return;
      this.#waiting.delete(pooled);
      worker.start(pooled);
    }
  }
}

function resolveOptions(options: WorkerPoolOptions): Readonly<Required<WorkerPoolOptions>> {
  const { workers = 2, queueMax = 64, workerData } = options;
  if (!Number.isSafeInteger(workers) || workers < 1) throw new RangeError(`workers: ${workers}`);
  if (!Number.isSafeInteger(queueMax) || queueMax < 0)
    throw new RangeError(`queueMax: ${queueMax}`);
  return { workers, queueMax, workerData };
}

function closedError(job: string): StorageError {
  return new StorageError('CLOSED', `the pool is closed, job ${job} was refused`);
}
