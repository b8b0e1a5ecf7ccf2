import { assert } from '../core/errors.ts';
import type { FrozenState } from '../core/host-ports.ts';
import type { Seqno } from '../core/words.ts';
import type { ProducerProfile } from '../formats/snapshot/snapshot-body.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import type {
  CopiedState,
  FindReleaseJob,
  SerialisedState,
  SerialiseJob,
} from '../serialising/copied.ts';
import { copyState } from '../serialising/copy-state.ts';
import type { SerialiseProgress } from '../serialising/progress.ts';
import type { JobExecutor } from '../tasks/job.ts';

/** A frozen state, and the file that its snapshot goes to. */
export interface FrozenToSerialise {
  readonly seqno: Seqno;
  readonly frozen: FrozenState;
  /** Where the entry is written; the file exists already. */
  readonly spool: string;
  readonly progress: SerialiseProgress;
}

/** With what only some of those who serialise know. */
type Known = FrozenToSerialise & Pick<SerialiseJob, 'secret' | 'search'>;

/** Copies the state on this thread, in slices, and has a worker serialise the copy. */
export async function serialiseCopied(
  executor: JobExecutor<SnapshotJobs>,
  { spool, secret, search, ...frozen }: Known,
  signal: AbortSignal,
): Promise<SerialisedState> {
  const { state, transfer } = await copy(frozen, signal);
  return executor.run('serialise', { state, spool, secret, search }, { signal, transfer });
}

/** Copies the state likewise, and has a worker look for the release that wrote it with this digest. */
export async function findReleaseCopied(
  executor: JobExecutor<SnapshotJobs>,
  { secret, search, ...frozen }: Copyable & Pick<FindReleaseJob, 'secret' | 'search'>,
  signal: AbortSignal,
): Promise<ProducerProfile | undefined> {
  const { state, transfer } = await copy(frozen, signal);
  return executor.run('findRelease', { state, secret, search }, { signal, transfer });
}

type Copyable = Pick<FrozenToSerialise, 'seqno' | 'frozen'>;

async function copy(
  { seqno, frozen }: Copyable,
  signal: AbortSignal,
): Promise<{ readonly state: CopiedState; readonly transfer: readonly ArrayBuffer[] }> {
  const { leaf, viewHistory, tables } = frozen;
  const pieces = await copyState(tables, signal);
  const transfer = pieces.map(({ buffer }) => buffer);
  return { state: { seqno, leaf, viewHistory, pieces }, transfer };
}

/** Has a worker serialise the state straight from the memory that it lies in. */
export async function serialiseShared(
  executor: JobExecutor<SnapshotJobs>,
  { seqno, frozen, spool, secret, progress }: Known,
  signal: AbortSignal,
): Promise<SerialisedState> {
  const { leaf, viewHistory } = frozen;
  const shared = frozen.share?.();
  assert(shared !== undefined, 'a state that can be shared is');
  const state = { seqno, leaf, viewHistory, shared };
  const job = { state, spool, secret, progress: progress.counts };
  return executor.run('serialiseShared', job, { signal, signsOfLife: progress.counts });
}
