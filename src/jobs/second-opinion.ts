import { LedgerSnapshotterError, VerificationError } from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import type { JobExecutor } from '../tasks/job.ts';
import type { CheckReceiptJob } from './gate-jobs.ts';
import type { SnapshotJobs } from './snapshot-jobs.ts';

/**
 * Whether cose-js, an implementation of its own, must accept each COSE receipt as well as node:crypto.
 * `required`: without it nothing begins. `when-available`: it is asked where it passed its self-test, and otherwise
 * said to be missing. `off`: it is never loaded.
 */
export type CrossCheck = 'required' | 'when-available' | 'off';

/** What the self-test of cose-js came to. */
export type CrossCheckVerdict =
  | { readonly status: 'available' }
  /** Receipts are checked by node:crypto alone. */
  | { readonly status: 'unavailable'; readonly reason: string }
  | { readonly status: 'off' };

/**
 * The mode that an option names; `true` is `required` and `false` is `off`.
 * @throws RangeError for anything else
 */
export function crossCheckMode(
  option: CrossCheck | boolean | undefined,
  fallback: CrossCheck,
): CrossCheck {
  if (option === undefined) return fallback;
  if (typeof option === 'boolean') return option ? 'required' : 'off';
  if (crossChecks.includes(option)) return option;
  throw new RangeError(`crossCheck must be one of ${crossChecks.join(', ')}, is ${option}`);
}

/** Every mode. */
export const crossChecks: readonly CrossCheck[] = ['required', 'when-available', 'off'];

export interface SecondOpinionOptions {
  readonly mode: CrossCheck;
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly logger?: Logger | undefined;
}

/** Asks cose-js about receipts, where it is there and to be asked. */
export class SecondOpinion {
  readonly mode: CrossCheck;
  readonly #executor: JobExecutor<SnapshotJobs>;
  readonly #logger: Logger | undefined;
  #asked: Promise<CrossCheckVerdict> | undefined;
  #failure: unknown;

  constructor({ mode, executor, logger }: SecondOpinionOptions) {
    this.mode = mode;
    this.#executor = executor;
    this.#logger = logger;
  }

  /**
   * Tries cose-js when this is first called, and says once in the log what came of it; again where there was no thread
   * to try it on. Never rejects.
   */
  verdict(): Promise<CrossCheckVerdict> {
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  /**
   * Begins: with `required` it waits until cose-js has passed its self-test.
   * @throws VerificationError `CROSS_CHECK_UNAVAILABLE` when it is required and has not
   */
  async begin(): Promise<void> {
    const verdict = this.verdict();
    if (this.mode !== 'required') return;
    if ((await verdict).status !== 'available') throw this.#failure;
  }

  /**
   * Has a receipt checked, by cose-js too where that is so.
   * @returns whether cose-js accepted it
   * @throws as the job `checkReceipt`; `CROSS_CHECK_UNAVAILABLE` only where it is required
   */
  async check(job: Omit<CheckReceiptJob, 'crossCheck'>, signal?: AbortSignal): Promise<boolean> {
    const crossCheck = job.form === 'cose' && (await this.#isToBeAsked());
    const run = (asked: boolean) =>
      this.#executor.run('checkReceipt', { ...job, crossCheck: asked }, { signal });
    try {
      await run(crossCheck);
      return crossCheck;
    } catch (error) {
      if (!crossCheck || this.mode === 'required' || !isUnavailable(error)) throw error;
      // A thread that took the place of a dead one found it gone.
      this.#warn(error);
      this.#asked = Promise.resolve(unavailable(error));
      await run(false);
      return false;
    }
  }

  async #isToBeAsked(): Promise<boolean> {
    if (this.mode === 'required') return true;
    return (await this.verdict()).status === 'available';
  }

  async #ask(): Promise<CrossCheckVerdict> {
    if (this.mode === 'off') return { status: 'off' };
    try {
      await this.#executor.run('prepareCrossCheck', undefined);
    } catch (cause) {
      const error = asUnavailable(cause);
      this.#failure = error;
      // A thread that is not to be had now may be had for the next receipt.
      if (isWithoutThread(cause)) this.#asked = undefined;
      this.#warn(error);
      return unavailable(error);
    }
    this.#logger?.info(
      { crossCheck: this.mode },
      'cose-js passed its self-test: it checks receipts',
    );
    return { status: 'available' };
  }

  #warn(error: unknown): void {
    // Whoever closes before the answer is there does not want it.
    if (isClosed(error)) return;
    const { reason } = unavailable(error);
    const details = { crossCheck: this.mode, error, reason };
    this.#logger?.warn(details, 'no cross-check: node:crypto alone checks receipts');
  }
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof LedgerSnapshotterError && error.code === 'CROSS_CHECK_UNAVAILABLE';

const isWithoutThread = (error: unknown): boolean =>
  error instanceof LedgerSnapshotterError && error.code === 'WORKER_UNAVAILABLE';

const isClosed = (error: unknown): boolean =>
  error instanceof LedgerSnapshotterError && error.code === 'CLOSED';

/** A thread that dies of cose-js is a cose-js that cannot be had. */
function asUnavailable(cause: unknown): unknown {
  if (isUnavailable(cause) || isClosed(cause)) return cause;
  const message = `the self-test of cose-js could not be run: ${unavailable(cause).reason}`;
  return new VerificationError('CROSS_CHECK_UNAVAILABLE', message, { cause });
}

function unavailable(error: unknown) {
  const reason = error instanceof Error ? error.message : String(error);
  return { status: 'unavailable', reason } as const;
}

/**
 * Refuses where cose-js is required and not to be had, before anything is written.
 * @throws VerificationError `CROSS_CHECK_UNAVAILABLE`
 */
export async function checkCrossCheck(
  mode: CrossCheck,
  startExecutor: () => JobExecutor<SnapshotJobs>,
): Promise<void> {
  if (mode !== 'required') return;
  const executor = startExecutor();
  try {
    await new SecondOpinion({ mode, executor }).begin();
  } finally {
    await executor.close();
  }
}
