import type { SnapshotterInput } from '../../machines/snapshotter-setup.ts';
import type { EvidenceLog, Logger, Metrics, SnapshotSource } from '../core/host-ports.ts';
import type { DirectoryLock } from '../files/directory-lock.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import type { Environment } from '../jobs/environment.ts';
import type { CrossCheck } from '../jobs/second-opinion.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import type { JobExecutor } from '../tasks/job.ts';
import type { Serialise } from './generation-work.ts';

/** What a pipeline is made of. */
export interface PipelineOptions {
  /** Where the snapshots go; created when it is not there. */
  readonly directory: string;
  /** The lock on it, which the caller holds and gives back. @default one of its own */
  readonly lock?: DirectoryLock | undefined;
  readonly environment: Environment;
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly source: SnapshotSource;
  readonly evidence: EvidenceLog;
  /** Whether cose-js must accept each COSE receipt, too. */
  readonly crossCheck: CrossCheck;
  readonly serialise: Serialise;
  readonly settings: SnapshotterInput;
  readonly inspect?: InspectObserver | undefined;
  readonly logger?: Logger | undefined;
  readonly metrics?: Metrics | undefined;
  /** How long a step on the file system may take before it is told of, in milliseconds. @default 100 */
  readonly slowIoMs?: number | undefined;
}
