import { VerificationError } from '../../../src/core/errors.ts';
import { type SnapshotJobs, snapshotJobs } from '../../../src/jobs/snapshot-jobs.ts';
import { InlineExecutor } from '../../../src/tasks/inline-executor.ts';
import type { JobExecutor, RunOptions } from '../../../src/tasks/job.ts';
import type { GatedFileSystem } from './gated-file-system.ts';
import type { Faults, Gates, Ticket } from './gates.ts';

export interface ExecutorOptions {
  readonly fileSystem: GatedFileSystem;
  readonly gates: Gates;
  readonly faults: Faults;
  /** Seqno of the snapshot whose evidence stands at this seqno. */
  readonly versionOfEvidence: (seqno: number) => number;
  readonly versionOfDigest: (digest: string) => number;
  /** Whether cose-js is asked as well; it takes fifty times as long as everything else. */
  readonly isReal: boolean;
}

/** Runs jobs on this thread, each when its turn comes, and lets them fail when that is armed. */
export class GatedExecutor implements JobExecutor<SnapshotJobs> {
  readonly #options: ExecutorOptions;
  readonly #inner: InlineExecutor<SnapshotJobs>;
  /** Verifications do not say whose they are; the proof that is asked with each does. */
  readonly #nameless: { port: 'verify'; snapshotSeqno: number }[] = [];
  /** Jobs that have begun and not answered. */
  running = 0;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#inner = new InlineExecutor(snapshotJobs(options.fileSystem));
  }

  /** A turn is over: a verification whose proof was not asked for is nobody's. */
  turnEnded(): void {
    this.#nameless.length = 0;
  }

  summary() {
    return this.#inner.summary();
  }

  async run<Job extends keyof SnapshotJobs>(
    job: Job,
    input: SnapshotJobs[Job]['input'],
    options: RunOptions = {},
  ): Promise<SnapshotJobs[Job]['output']> {
    const ticket = this.#ticketOf(job, input);
    if (ticket !== undefined) await this.#options.gates.pass(ticket);
    if (ticket !== undefined && options.signal?.aborted !== true) this.#failIfArmed(ticket);
    this.running++;
    try {
      const isCheck = job === 'checkReceipt' || job === 'prepareCrossCheck';
      if (isCheck && !this.#options.isReal) return await this.#pretend(options);
      return await this.#inner.run(job, input, options);
    } finally {
      this.running--;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #pretend({ signal }: RunOptions): Promise<undefined> {
    signal?.throwIfAborted();
    return undefined;
  }

  #ticketOf<Job extends keyof SnapshotJobs>(
    job: Job,
    input: SnapshotJobs[Job]['input'],
  ): Ticket | undefined {
    // The name of a job decides the shape of its input, which the compiler cannot follow in a generic.
    const asked = { job, input } as {
      [Name in keyof SnapshotJobs]: { job: Name; input: SnapshotJobs[Name]['input'] };
    }[keyof SnapshotJobs];
    switch (asked.job) {
      case 'serialise':
        return { port: 'serialise', snapshotSeqno: asked.input.state.seqno };
      case 'verifySignature': {
        const ticket = { port: 'verify' as const, snapshotSeqno: 0 };
        this.#nameless.push(ticket);
        return ticket;
      }
      case 'proveEvidence': {
        const snapshotSeqno = this.#options.versionOfEvidence(asked.input.evidenceSeqno);
        const verification = this.#nameless.shift();
        if (verification !== undefined) verification.snapshotSeqno = snapshotSeqno;
        return { port: 'prove', snapshotSeqno };
      }
      case 'checkReceipt':
        return { port: 'check', snapshotSeqno: this.#options.versionOfDigest(asked.input.digest) };
      default:
        return undefined;
    }
  }

  #failIfArmed({ port, snapshotSeqno }: Ticket): void {
    const { faults } = this.#options;
    if (port === 'serialise' && faults.take('serialise-throws', snapshotSeqno)) throw broken(port);
    if (port === 'verify' && faults.take('verify-throws', snapshotSeqno)) throw broken(port);
    if (port !== 'check') return;
    if (faults.take('check-throws', snapshotSeqno)) throw broken(port);
    if (faults.take('check-refuses', snapshotSeqno)) {
      throw new VerificationError('CROSS_CHECK_DISAGREES', 'as the test wants it');
    }
  }
}

const broken = (port: string) => new TypeError(`the job behind ${port} is broken`);
