import { realFileSystem } from '../io/real-file-system.ts';
import { type World, worldOf } from '../io/world.ts';
import { InlineExecutor } from '../tasks/inline-executor.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { startWorkers } from './executors.ts';
import {
  type AdoptStore,
  adoptSharedStore,
  type OpenStore,
  openSharedStore,
  openVersionedStore,
} from './open-stores.ts';
import { type SnapshotJobs, snapshotJobs } from './snapshot-jobs.ts';

/** The outside world, what runs jobs in it, and how a state is kept. */
export interface Environment extends World {
  /** Starts what runs the jobs; its owner closes it. */
  startExecutor(): JobExecutor<SnapshotJobs>;
  /** Opens the store of a node. */
  readonly openStore: OpenStore;
  /** Takes over what a job has loaded of a snapshot; without it snapshots are read on this thread. */
  readonly adoptStore: AdoptStore | undefined;
}

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
