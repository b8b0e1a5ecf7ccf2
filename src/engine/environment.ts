import type { Clock } from '../core/clock.ts';
import { realFileSystem } from '../io/real-file-system.ts';
import { type World, worldOf } from '../io/world.ts';
import { InlineExecutor } from '../tasks/inline-executor.ts';
import type { JobClass, JobExecutor } from '../tasks/job.ts';
import { WorkerPool } from '../tasks/worker-pool.ts';
import { type SnapshotJobs, snapshotJobs } from './jobs.ts';
import {
  type AdoptStore,
  adoptSharedStore,
  type OpenStore,
  openSharedStore,
  openVersionedStore,
} from './open-stores.ts';
import { workerEntry } from './worker-entry.ts';

/** The outside world, what runs jobs in it, and how a state is kept. */
export interface Environment extends World {
  /** Starts what runs the jobs; its owner closes it. */
  startExecutor(): JobExecutor<SnapshotJobs>;
  /** Opens the store of a node. */
  readonly openStore: OpenStore;
  /** Takes over what a job has loaded of a snapshot; without it snapshots are read on this thread. */
  readonly adoptStore: AdoptStore | undefined;
}

/** Jobs of a class that wait at most, a thread. */
const queueMax = 4096;

/** A disk may well keep a thread waiting for half of this. */
const hungMs = 60_000;

/**
 * Two worker threads with work of their own: one serialises and proves, which the ledger waits for; the
 * other checks receipts, where a single cross-check takes longer than serialising a small state, and so
 * is the only one to load cose-js.
 */
function startWorkers(clock: Clock): JobExecutor<SnapshotJobs> {
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

/**
 * The real world, with any part replaced. Over the real file system a node's state lies in shared memory and jobs
 * run on worker threads. Over any other they run inline, as a thread could not see it, and the state lies on the
 * JavaScript heap: a simulation starts thousands of nodes, and a shared memory takes 10 GiB of address space.
 */
export function environmentOf(parts: Partial<Environment> = {}): Environment {
  const world = worldOf(parts);
  const { fileSystem, clock } = world;
  const isReal = fileSystem === realFileSystem;
  return {
    startExecutor: () =>
      isReal ? startWorkers(clock) : new InlineExecutor<SnapshotJobs>(snapshotJobs(fileSystem)),
    openStore: isReal ? openSharedStore : openVersionedStore,
    // Whoever opens stores of another kind cannot have that one.
    adoptStore: isReal && parts.openStore === undefined ? adoptSharedStore : undefined,
    ...parts,
    ...world,
  };
}
