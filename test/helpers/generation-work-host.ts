import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'vitest';
import { digest, type Seqno, seqno, view } from '../../src/core/words.ts';
import { lockDirectory } from '../../src/files/directory-lock.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { SecondOpinion } from '../../src/jobs/second-opinion.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import {
  GenerationWork,
  type GenerationWorkOptions,
} from '../../src/snapshotter/generation-work.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import { countingRandomness, fakeProcesses } from '../files/fake-processes.ts';

/** What every proof leads to. */
export const root = digest('a'.repeat(64));
/** What every state is serialised as. */
export const own = digest('b'.repeat(64));
/** Another snapshot's. */
export const other = digest('c'.repeat(64));
/** The generation that is asked for. */
export const first = { generation: 1, seqno: seqno(6) };

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

type AskedJob = 'verifySignature' | 'proveEvidence' | 'checkReceipt';

/** `GenerationWork` over a disk in memory, with jobs that accept everything and tell what they were asked. */
export class GenerationWorkHost {
  readonly fileSystem: MemoryFileSystem;
  /** What was given to the worker. */
  readonly asked: Readonly<Record<AskedJob, unknown[]>> = {
    verifySignature: [],
    proveEvidence: [],
    checkReceipt: [],
  };
  /** What keeps the proof in the tree of a signature transaction from being answered. */
  readonly proofHolds = new Map<number, Promise<void>>();
  readonly signals: AbortSignal[] = [];
  readonly errors: (readonly [object, string])[] = [];
  readonly released: string[] = [];
  /** The host's log; by default it never answers. */
  submit: GenerationWorkOptions['evidence']['submit'] = () => new Promise(() => {});
  readonly options: GenerationWorkOptions;
  work: GenerationWork;

  private constructor(lock: GenerationWorkOptions['lock'], fileSystem: MemoryFileSystem) {
    this.fileSystem = fileSystem;
    const executor = this.#executor();
    const opinion = new SecondOpinion({ mode: 'required', executor });
    this.options = {
      ...{ fileSystem, lock, executor, opinion },
      serialise: async ({ progress }, { signal }) => {
        this.signals.push(signal);
        progress.begin(4);
        progress.step();
        return { digest: own, bytes: 100, profile: '3+' };
      },
      evidence: { submit: (evidence, options) => this.submit(evidence, options) },
      logger: {
        info() {},
        warn() {},
        error: (details, message) => this.errors.push([details, message]),
      },
    };
    this.work = new GenerationWork(this.options);
  }

  static async make(): Promise<GenerationWorkHost> {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory('/s');
    const [processes, randomness] = [fakeProcesses(), countingRandomness()];
    const lock = await lockDirectory('/s', { fileSystem, processes, randomness });
    return new GenerationWorkHost(lock, fileSystem);
  }

  /** Begins anew, with nobody to tell of errors. */
  forgetLog(): GenerationWork {
    this.work = new GenerationWork({ ...this.options, logger: undefined });
    return this.work;
  }

  #executor(): GenerationWorkOptions['executor'] {
    return new InlineExecutor<SnapshotJobs>({
      ...snapshotJobs(this.fileSystem),
      verifySignature: async (job) => {
        this.asked.verifySignature.push(job);
        return { output: { root } };
      },
      proveEvidence: async (job) => {
        this.asked.proveEvidence.push(job);
        await this.proofHolds.get(job.signatureSeqno);
        return { output: { root, path: [] } };
      },
      checkReceipt: async (job) => {
        this.asked.checkReceipt.push(job);
        return { output: undefined };
      },
    });
  }

  /** A state that tells when it is released. */
  stateOf(name: string) {
    return {
      ...{ tables: [], leaf: new Uint8Array(32), viewHistory: [1] },
      release: () => {
        this.released.push(name);
      },
    };
  }

  /** Tells of the evidence at a seqno. */
  hold(at: number, version: number, of = own): void {
    this.work.holdEvidence(seqno(at), {
      ...{ snapshotSeqno: seqno(version), digest: of, leaf: new Uint8Array(32) },
      ...{ writeSetDigest: new Uint8Array(32), commitEvidence: 'ce:2.8:00' },
    });
  }

  /** Tells of a signature transaction. */
  async sign(at: number): Promise<void> {
    const txId = { view: view(2), seqno: seqno(at) };
    const claims = { iat: 1_600_000_000, iss: 'i', sub: 's', txId };
    const message = await signRootSignature(new Uint8Array(32), claims, privateKey);
    const cose = { form: 'cose' as const, message, spki: new Uint8Array(1) };
    this.work.holdSignatures(seqno(at), { cose, node: undefined });
    this.work.holdTree(seqno(at), new Uint8Array(1));
  }

  /** Begins a generation and serialises its state. */
  async begun(ref = first): Promise<void> {
    this.work.begin(ref);
    this.work.holdFrozen(ref.seqno, this.stateOf(`state at ${ref.seqno}`));
    const output = await this.work.run(ref, { kind: 'serialise' });
    expect(output).toEqual({ kind: 'serialise', digest: own, bytes: 100 });
  }

  /** Those of the signature transactions that are held. */
  signaturesOf(...seqnos: number[]): Promise<readonly number[]> {
    return heldOf(seqnos, (at) => this.work.verifySignature(first, at, 'cose'));
  }

  /** Those of the evidences that are held, asked with a signature that is. */
  evidencesOf(signature: number, ...seqnos: number[]): Promise<readonly number[]> {
    const proofOf = (at: Seqno) => this.work.proveEvidence(first, at, seqno(signature));
    return heldOf(seqnos, proofOf);
  }
}

async function heldOf(seqnos: readonly number[], ask: (at: Seqno) => Promise<unknown>) {
  const answers = await Promise.allSettled(seqnos.map((at) => ask(seqno(at))));
  return seqnos.filter((_, i) => answers[i]?.status === 'fulfilled');
}
