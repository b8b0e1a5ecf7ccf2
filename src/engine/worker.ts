import { realFileSystem } from '../io/real-file-system.ts';
import { serveJobs } from '../tasks/worker-host.ts';
import { type SnapshotJobs, snapshotJobs } from './jobs.ts';

serveJobs<SnapshotJobs>(snapshotJobs(realFileSystem));
