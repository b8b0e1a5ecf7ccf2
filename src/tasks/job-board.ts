import { StorageError } from '../core/errors.ts';
import { closedError } from './closed-error.ts';
import type { JobClass } from './job.ts';

/** A job that waits, and how it learns that it will not run. */
export interface WaitingJob {
  readonly job: string;
  readonly jobClass: JobClass;
  readonly reject: (error: unknown) => void;
}

/**
 * Where jobs wait: two queues, first come, first served in each, and every critical one before every normal
 * one. Iterating gives the jobs in that order; those that are taken are deleted meanwhile.
 *
 * @see CCF `src/tasks/job_board.h`
 */
export class JobBoard<Job extends WaitingJob> {
  readonly #queueMax: number;
  readonly #queues: Readonly<Record<JobClass, Set<Job>>> = {
    critical: new Set(),
    normal: new Set(),
  };
  #isClosed = false;

  /** @param queueMax jobs of one class that wait at most: a flood of one class does not shut out the other */
  constructor(queueMax: number) {
    this.#queueMax = queueMax;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Jobs that wait. */
  get waiting(): Readonly<Record<JobClass, number>> {
    const { critical, normal } = this.#queues;
    return { critical: critical.size, normal: normal.size };
  }

  *[Symbol.iterator](): Iterator<Job> {
    yield* this.#queues.critical;
    yield* this.#queues.normal;
  }

  /** Lets a job wait, or refuses it: `CLOSED`, `QUEUE_FULL`. */
  add(job: Job): void {
    const queue = this.#queues[job.jobClass];
    const limit = this.#queueMax;
    if (this.#isClosed) {
      job.reject(closedError('board', `job ${job.job}`));
    } else if (queue.size >= limit) {
      const message = `job ${job.job} was refused: ${limit} ${job.jobClass} jobs wait already`;
      job.reject(new StorageError('QUEUE_FULL', message, { expected: limit }));
    } else {
      queue.add(job);
    }
  }

  /** Takes a job off the board; false when it does not wait there. */
  delete(job: Job): boolean {
    return this.#queues[job.jobClass].delete(job);
  }

  /** Refuses every job that waits, critical ones first, and from now on those that come; twice is once. */
  close(): void {
    this.#isClosed = true;
    const refused = [...this];
    for (const queue of Object.values(this.#queues)) queue.clear();
    for (const job of refused) job.reject(closedError('board', `job ${job.job}`));
  }
}
