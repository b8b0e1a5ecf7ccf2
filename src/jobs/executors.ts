import type { Clock } from '../core/clock.ts';
import type { JobClass, JobExecutor } from '../tasks/job.ts';
import { WorkerPool } from '../tasks/worker-pool.ts';
import type { SnapshotJobs } from './snapshot-jobs.ts';
import { workerEntry } from './worker-entry.ts';

/** Jobs of a class that wait at most, a thread. */
const queueMax = 4096;

/** A disk may well keep a thread waiting for half of this. */
const hungMs = 60_000;

/**
 * Two worker threads with work of their own: one serialises and proves, which the ledger waits for; the
 * other checks receipts, where a single cross-check takes longer than serialising a small state, and so
 * is the only one to load cose-js.
 */
export function startWorkers(clock: Clock): JobExecutor<SnapshotJobs> {
  const options = { workers: 1, queueMax, watch: { clock, hungMs } };
  const start = () => new WorkerPool<SnapshotJobs>(workerEntry(), options);
  const making = start();
  const checking = start();
  return {
    run: (job, input, options) =>
      (isCheck(job) ? checking : making).run(job, input, { ...options, class: classOf(job) }),
    close: async () => {
      await Promise.all([making.close(), checking.close()]);
    },
  };
}

const isCheck = (job: keyof SnapshotJobs): boolean =>
  job === 'checkReceipt' || job === 'prepareCrossCheck';

/** What a generation's gate waits for is short, and goes before states that wait to be serialised. */
const classOf = (job: keyof SnapshotJobs): JobClass =>
  job === 'verifySignature' || job === 'proveEvidence' ? 'critical' : 'normal';
