import { realFileSystem } from '../io/real-file-system.ts';
import { serveJobs } from '../tasks/worker-host.ts';
import { WorkerPool } from '../tasks/worker-pool.ts';
import { type SnapshotJobs, snapshotJobs } from './snapshot-jobs.ts';
import { workerEntry } from './worker-entry.ts';

// A thread below this one, for what it needs done beside its own work.
const startGatherer = () => new WorkerPool<SnapshotJobs>(workerEntry(), { workers: 1 });

serveJobs<SnapshotJobs>(snapshotJobs(realFileSystem, { startGatherer }));
