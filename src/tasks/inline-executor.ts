import { AbortedError } from '../core/errors.ts';
import { closedError } from './closed-error.ts';
import type { JobExecutor, JobFunctions, JobSummary, JobTable, RunOptions } from './job.ts';

/**
 * Runs jobs on the calling thread, over whatever collaborators their module was made with: for simulation,
 * coverage and mutants. Inputs and outputs are copied and transferred as a thread boundary would, so that
 * a job cannot come to rely on shared objects; jobs run at once: none waits, so none goes before another.
 */
export class InlineExecutor<Table extends JobTable<Table>> implements JobExecutor<Table> {
  readonly #jobs: JobFunctions<Table>;
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #isClosed = false;

  constructor(jobs: JobFunctions<Table>) {
    this.#jobs = jobs;
  }

  async run<Job extends keyof Table & string>(
    job: Job,
    input: Table[Job]['input'],
    options: RunOptions = {},
  ): Promise<Table[Job]['output']> {
    if (this.#isClosed) throw closedError('executor', `job ${job}`);
    if (options.signal?.aborted) throw new AbortedError(`job ${job}`);
    const copy = structuredClone(input, { transfer: [...(options.transfer ?? [])] });
    const controller = new AbortController();
    const abort = () => controller.abort(new AbortedError(`job ${job}`));
    options.signal?.addEventListener('abort', abort, { once: true });
    const running = this.#start(job, copy, controller.signal);
    this.#running.set(controller, running);
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
      options.signal?.removeEventListener('abort', abort);
    }
  }

  summary(): JobSummary {
    return { waiting: { critical: 0, normal: 0 }, running: this.#running.size, workers: 0 };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const controller of this.#running.keys())
      controller.abort(closedError('executor', 'the job', 'ended'));
    await Promise.allSettled(this.#running.values());
  }

  async #start<Job extends keyof Table & string>(
    job: Job,
    input: Table[Job]['input'],
    signal: AbortSignal,
  ): Promise<Table[Job]['output']> {
    const { output, transfer = [] } = await this.#jobs[job](input, { signal });
    return structuredClone(output, { transfer: [...transfer] });
  }
}
