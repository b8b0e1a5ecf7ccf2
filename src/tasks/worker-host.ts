import { type MessagePort, parentPort } from 'node:worker_threads';
import { AbortedError, assert } from '../core/errors.ts';
import { encodeError } from './error-transfer.ts';
import type { JobFunctions, JobResult, JobTable } from './job.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** Answers a pool's jobs: what the entry module of a worker thread calls, once. */
export function serveJobs<Table extends JobTable<Table>>(jobs: JobFunctions<Table>): void {
  assert(parentPort !== null, 'serveJobs is called in a worker thread');
  new WorkerHost(parentPort, jobs).listen();
}

/** Any job: which input goes with which name was checked where the pool was called. */
type AnyJob = (input: unknown, context: { signal: AbortSignal }) => Promise<JobResult<unknown>>;

class WorkerHost {
  readonly #port: MessagePort;
  readonly #jobs: object;
  readonly #running = new Map<number, AbortController>();

  constructor(port: MessagePort, jobs: object) {
    this.#port = port;
    this.#jobs = jobs;
  }

  listen(): void {
    this.#port.on('message', (message: ToWorker) => {
      if (message.type === 'run') void this.#run(message);
      else this.#running.get(message.id)?.abort(new AbortedError('the job'));
    });
    this.#answer({ type: 'ready' });
  }

  /** Never rejects: whatever goes wrong is the answer. */
  async #run({ id, job, input }: ToWorker & { type: 'run' }): Promise<void> {
    const controller = new AbortController();
    this.#running.set(id, controller);
    try {
      const { output, transfer = [] } = await this.#find(job)(input, controller);
      this.#answer({ type: 'done', id, output }, transfer);
    } catch (error) {
      this.#answer({ type: 'failed', id, error: encodeError(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  #answer(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, [...transfer]);
  }

  #find(job: string): AnyJob {
    const found: unknown = Object.hasOwn(this.#jobs, job)
      ? Reflect.get(this.#jobs, job)
      : undefined;
    if (typeof found !== 'function') throw new TypeError(`this worker has no job ${job}`);
    return found as AnyJob;
  }
}
