import type { Clock } from '../core/clock.ts';
import type { Randomness } from '../core/randomness.ts';
import { realClock } from '../io/clock.ts';
import type { FileSystem } from '../io/file-system.ts';
import { type Processes, realProcesses } from '../io/process.ts';
import { realRandomness } from '../io/randomness.ts';
import { realFileSystem } from '../io/real-file-system.ts';
import { InlineExecutor } from '../tasks/inline-executor.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { WorkerPool } from '../tasks/worker-pool.ts';
import { type SnapshotJobs, snapshotJobs } from './jobs.ts';
import { workerEntry } from './worker-entry.ts';

/** The outside world, as the engine is given it. */
export interface Environment {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly processes: Processes;
  /** Starts what runs the jobs; its owner closes it. */
  startExecutor(): JobExecutor<SnapshotJobs>;
}

/** Threads that serialise, hash and verify. */
const workers = 2;

/**
 * The real world, with any part replaced. Jobs run on worker threads over the real file system; over
 * any other they run inline, as a thread could not see it.
 */
export function environmentOf(parts: Partial<Environment> = {}): Environment {
  const fileSystem = parts.fileSystem ?? realFileSystem;
  const startExecutor = () =>
    fileSystem === realFileSystem
      ? new WorkerPool<SnapshotJobs>(workerEntry(), { workers, queueMax: 4096 })
      : new InlineExecutor<SnapshotJobs>(snapshotJobs(fileSystem));
  return {
    fileSystem,
    clock: realClock,
    randomness: realRandomness,
    processes: realProcesses,
    startExecutor,
    ...parts,
  };
}
