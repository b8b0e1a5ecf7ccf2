/** What a job takes and what it gives. Both cross a thread boundary: anything that `structuredClone` copies. */
export interface JobShape {
  readonly input: unknown;
  readonly output: unknown;
}

/** Names of jobs and their shapes; the same table types the functions and those who call them. */
export type JobTable<Table> = { readonly [Job in keyof Table]: JobShape };

/** What a job function is given besides its input. Its collaborators it closes over. */
export interface JobContext {
  /**
   * Aborts when the caller aborts or the executor closes; the reason is the error to throw, so a job calls
   * `signal.throwIfAborted()` between its steps. A job that never looks runs to its end.
   */
  readonly signal: AbortSignal;
}

/** What a job function gives back. */
export interface JobResult<Output> {
  readonly output: Output;
  /** Buffers within `output` that move to the caller instead of being copied; the job must not use them again. */
  readonly transfer?: readonly ArrayBuffer[];
}

export type JobFunction<Shape extends JobShape> = (
  input: Shape['input'],
  context: JobContext,
) => Promise<JobResult<Shape['output']>>;

/** The functions behind a table: one job module, for any executor. */
export type JobFunctions<Table extends JobTable<Table>> = {
  readonly [Job in keyof Table]: JobFunction<Table[Job]>;
};

/** `critical` is what others wait for: such jobs go before all `normal` ones that wait. */
export type JobClass = 'critical' | 'normal';

export interface RunOptions {
  /** Nothing where no job waits. @default 'normal' */
  readonly class?: JobClass | undefined;
  /** Drops the job while it waits; once it runs, asks it to stop, and its answer is still awaited. */
  readonly signal?: AbortSignal | undefined;
  /** Buffers within `input` that move to the job instead of being copied. @default none */
  readonly transfer?: readonly ArrayBuffer[];
  /** Shared memory whose first number changes while the job gets on. @default it is not watched */
  readonly signsOfLife?: Int32Array | undefined;
}

/** What an executor has to do at the moment. */
export interface JobSummary {
  /** Jobs that wait for a thread. */
  readonly waiting: Readonly<Record<JobClass, number>>;
  /** Jobs that have begun and not answered. */
  readonly running: number;
  /** Threads that live; those without a job are idle. */
  readonly workers: number;
}

/** Runs named jobs somewhere. */
export interface JobExecutor<Table extends JobTable<Table>> {
  /**
   * @throws what the job throws, as the same class of core/errors
   * @throws AbortedError `ABORTED` for a job that was aborted before it began
   * @throws StorageError `QUEUE_FULL`, `CLOSED`, `WORKER_DIED` when the thread ended before its answer, `WORKER_UNAVAILABLE`
   * when none could be started
   */
  run<Job extends keyof Table & string>(
    job: Job,
    input: Table[Job]['input'],
    options?: RunOptions,
  ): Promise<Table[Job]['output']>;
  /** Ends what runs and refuses what waits and what comes; a second call waits for the first. */
  close(): Promise<void>;
}
