import type { EncodedError } from './error-transfer.ts';

/** What a pool tells a worker. `id` names one run of a job. */
export type ToWorker =
  | {
      readonly type: 'run';
      readonly id: number;
      readonly job: string;
      readonly input: unknown;
    }
  | { readonly type: 'cancel'; readonly id: number };

/** What a worker says when it can take jobs, and answers once for each run. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly output: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: EncodedError };
