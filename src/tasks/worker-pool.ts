import { getHeapStatistics } from 'node:v8';
import { AbortedError } from '../core/errors.ts';
import type { JobClass, JobExecutor, JobSummary, JobTable, RunOptions } from './job.ts';
import { JobBoard } from './job-board.ts';
import { type PooledJob, PoolWorker, type PoolWorkerOptions, type Watch } from './pool-worker.ts';

export interface WorkerPoolOptions {
  /** Threads at most that take any job; each is started when it is first needed. @default 2 */
  readonly workers?: number;
  /** Further threads at most that take critical jobs only. @default 0 */
  readonly criticalWorkers?: number;
  /** Jobs of a class that wait at most; one more is refused. @default 64 */
  readonly queueMax?: number;
  /**
   * Megabytes that a thread may have on its JavaScript heap; one that needs more fails its job with `WORKER_DIED`.
   * @default as many as the thread has that makes the pool: what Node gives by the machine's memory, or was told to
   */
  readonly heapMegabytesMax?: number;
  /** What the entry module reads as `workerData`. @default undefined */
  readonly workerData?: unknown;
  /** Ends threads that hang, and so fails their jobs. @default a thread may be silent for ever */
  readonly watch?: Watch | undefined;
}

/** As many threads as CCF's pool may have. */
const workersMax = 63;

/** Threads that take the same jobs. */
interface Crew {
  readonly takes: readonly JobClass[];
  readonly workersMax: number;
  readonly workers: Set<PoolWorker>;
}

/**
 * Runs jobs on worker threads, one at a time each: critical ones first, those of a class in the order in
 * which they were given. A worker that dies fails its job and is replaced when the next job needs it.
 * Threads without a job don't keep the process alive.
 */
export class WorkerPool<Table extends JobTable<Table>> implements JobExecutor<Table> {
  readonly #entry: URL;
  readonly #workerOptions: PoolWorkerOptions;
  readonly #board: JobBoard<PooledJob>;
  /** Reserved threads first: a critical job leaves the others to normal ones when it can. */
  readonly #crews: readonly Crew[];

  /**
   * @param entry a compiled module that calls {@link serveJobs} with the functions of `Table`
   * @throws RangeError for options that are not counts, and for more than 63 threads
   */
  constructor(entry: URL, options: WorkerPoolOptions = {}) {
    const { workers, criticalWorkers, queueMax, heapMegabytesMax } = resolveOptions(options);
    this.#entry = entry;
    const { workerData, watch } = options;
    this.#workerOptions = { workerData, watch, heapMegabytesMax };
    this.#board = new JobBoard(queueMax);
    this.#crews = [
      { takes: ['critical'], workersMax: criticalWorkers, workers: new Set() },
      { takes: ['critical', 'normal'], workersMax: workers, workers: new Set() },
    ];
  }

  run<Job extends keyof Table & string>(
    job: Job,
    input: Table[Job]['input'],
    { class: jobClass = 'normal', signal, transfer = [], signsOfLife }: RunOptions = {},
  ): Promise<Table[Job]['output']> {
    return new Promise((resolve, reject) => {
      const onAbort = () => this.#abort(pooled);
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener('abort', onAbort);
          settle(value);
        };
      };
      const settlers = { resolve: settled(resolve), reject: settled(reject) };
      const pooled = { job, jobClass, input, transfer, signsOfLife, ...settlers };
      if (signal?.aborted) return reject(new AbortedError(`job ${job}`));
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#enqueue(pooled);
    });
  }

  summary(): JobSummary {
    const workers = this.#workers();
    const running = workers.filter(({ isRunning }) => isRunning).length;
    return { waiting: this.#board.waiting, running, workers: workers.length };
  }

  async close(): Promise<void> {
    this.#board.close();
    await Promise.all(this.#workers().map((worker) => worker.terminate()));
  }

  /** Hands a job straight to a thread that is free; only when none is, it waits. */
  #enqueue(pooled: PooledJob): void {
    const worker = this.#board.isClosed ? undefined : this.#workerFor(pooled);
    if (worker === undefined) this.#board.add(pooled);
    else if (worker !== 'refused') worker.start(pooled);
  }

  /**
   * A thread that is free, or a new one. Where the system gives no other, a job waits for one of those that live;
   * where there is none it is refused, so that nothing waits forever and nobody asks again and again.
   */
  #workerFor(pooled: PooledJob): PoolWorker | 'refused' | undefined {
    const crews = this.#crews.filter(({ takes }) => takes.includes(pooled.jobClass));
    try {
      return this.#freeWorker(crews);
    } catch (error) {
      const living = crews.flatMap(({ workers }) => [...workers]);
      if (living.length > 0) return living.find(({ isIdle }) => isIdle);
      this.#board.delete(pooled);
      pooled.reject(error);
      return 'refused';
    }
  }

  /** A job that waits is dropped; one that runs is asked to stop. */
  #abort(pooled: PooledJob): void {
    if (this.#board.delete(pooled)) pooled.reject(new AbortedError(`job ${pooled.job}`));
    else for (const worker of this.#workers()) worker.cancel(pooled);
  }

  #workers(): PoolWorker[] {
    return this.#crews.flatMap(({ workers }) => [...workers]);
  }

  /** @throws StorageError `WORKER_UNAVAILABLE` */
  #freeWorker(crews: readonly Crew[]): PoolWorker | undefined {
    for (const crew of crews) {
      const idle = [...crew.workers].find(({ isIdle }) => isIdle);
      if (idle !== undefined) return idle;
      if (crew.workers.size < crew.workersMax) return this.#startWorker(crew);
    }
    return undefined;
  }

  #startWorker({ workers }: Crew): PoolWorker {
    const worker = new PoolWorker(this.#entry, this.#workerOptions, {
      idle: () => this.#startWaiting(),
      exited: () => {
        workers.delete(worker);
        this.#startWaiting();
      },
    });
    workers.add(worker);
    return worker;
  }

  /** Critical jobs may use any thread and come first: when one finds none free, there is none. */
  #startWaiting(): void {
    for (const pooled of this.#board) {
      const worker = this.#workerFor(pooled);
      if (worker === undefined) return;
      if (worker === 'refused') continue;
      this.#board.delete(pooled);
      worker.start(pooled);
    }
  }
}

type Counts = Pick<
  WorkerPoolOptions,
  'workers' | 'criticalWorkers' | 'queueMax' | 'heapMegabytesMax'
>;

/**
 * States lie in shared memory and files come in pieces, so a job's heap is small as a rule; but a state that a host
 * draws from a store of its own is taken apart on it. No less than this thread has is therefore enough.
 */
const heapOfThisThread = (): number => Math.ceil(getHeapStatistics().heap_size_limit / 2 ** 20);

function resolveOptions(options: Counts): Readonly<Required<Counts>> {
  const { workers = 2, criticalWorkers = 0, queueMax = 64 } = options;
  const { heapMegabytesMax = heapOfThisThread() } = options;
  const isCount = (value: number, min: number) => Number.isSafeInteger(value) && value >= min;
  if (!isCount(workers, 1)) throw new RangeError(`workers: ${workers}`);
  if (!isCount(criticalWorkers, 0)) throw new RangeError(`criticalWorkers: ${criticalWorkers}`);
  if (workers + criticalWorkers > workersMax) {
    throw new RangeError(`${workers + criticalWorkers} workers are more than ${workersMax}`);
  }
  if (!isCount(queueMax, 0)) throw new RangeError(`queueMax: ${queueMax}`);
  if (!isCount(heapMegabytesMax, 1)) throw new RangeError(`heapMegabytesMax: ${heapMegabytesMax}`);
  return { workers, criticalWorkers, queueMax, heapMegabytesMax };
}
