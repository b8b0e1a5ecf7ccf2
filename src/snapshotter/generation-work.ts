import type { ActionOutput, ActionRequest, GenerationRef } from '../../machines/ports.ts';
import { AbortedError, assert, VerificationError } from '../core/errors.ts';
import type { EvidenceLog, FrozenState, Logger } from '../core/host-ports.ts';
import { InclusionProof, SignatureProof } from '../core/proofs.ts';
import type { Digest, ReceiptForm, Seqno } from '../core/words.ts';
import type { DirectoryLock } from '../files/directory-lock.ts';
import { type PublishResult, Spool } from '../files/spool.ts';
import type { MerklePath } from '../formats/merkle/merkle-path.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { SecondOpinion } from '../jobs/second-opinion.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import type {
  CoseRootSignature,
  LedgerSignatures,
  NodeRootSignature,
} from '../ledger/ledger-signatures.ts';
import type { SerialisedState } from '../serialising/copied.ts';
import { SerialiseProgress } from '../serialising/progress.ts';
import type { JobExecutor } from '../tasks/job.ts';
import {
  type EvidenceFact,
  encodeReceipt,
  fileNameOf,
  type ReceiptParts,
  type ReceiptRequest,
} from './receipts.ts';
import type { FrozenToSerialise } from './serialise-frozen.ts';

/** Turns a frozen state into the snapshot entry in the spool. */
export type Serialise = (
  job: FrozenToSerialise,
  options: { readonly signal: AbortSignal },
) => Promise<SerialisedState>;

export interface GenerationWorkOptions {
  readonly fileSystem: FileSystem;
  readonly lock: DirectoryLock;
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly serialise: Serialise;
  readonly evidence: EvidenceLog;
  /** Checks each receipt before it is published. */
  readonly opinion: SecondOpinion;
  readonly logger: Logger | undefined;
}

/** What is held for one live generation, bytes and all. */
interface Work {
  /** The one opened last; before it, in other attempts, were those that failed. */
  spool: Spool;
  readonly abort: AbortController;
  readonly progress: SerialiseProgress;
  /** Settles when the evidence is in the log. */
  readonly evidence: Promise<{ readonly seqno: Seqno }>;
  readonly recorded: (evidence: { readonly seqno: Seqno }) => void;
  serialised: SerialisedState | undefined;
  /** From the evidence's leaf to the root that this signature transaction signs. */
  path: { readonly signatureSeqno: Seqno; readonly steps: MerklePath } | undefined;
  /** Counts the proofs asked for: after a rollback the answer to an earlier one may come last. */
  proofsAsked: number;
  receipt: Uint8Array;
}

/**
 * The effects behind the machines' ports, and the bytes that the machines know by name only: frozen
 * states, evidence, signatures and trees by their seqno, spools and receipts by their generation.
 */
export class GenerationWork {
  readonly #options: GenerationWorkOptions;
  readonly #frozen = new Map<Seqno, FrozenState>();
  readonly #evidences = new Map<Seqno, EvidenceFact>();
  readonly #signatures = new Map<Seqno, LedgerSignatures>();
  readonly #trees = new Map<Seqno, Uint8Array>();
  readonly #works = new Map<number, Work & GenerationRef>();

  constructor(options: GenerationWorkOptions) {
    this.#options = options;
  }

  holdFrozen(seqno: Seqno, state: FrozenState): void {
    assert(!this.#frozen.has(seqno), `the state at ${seqno} is frozen once`);
    this.#frozen.set(seqno, state);
  }

  /** Evidence that is in the log answers its own submission, whatever the host says and when. */
  holdEvidence(seqno: Seqno, fact: EvidenceFact): void {
    this.#evidences.set(seqno, fact);
    for (const { seqno: snapshotSeqno, serialised, recorded } of this.#works.values()) {
      if (snapshotSeqno === fact.snapshotSeqno && serialised?.digest === fact.digest)
        recorded({ seqno });
    }
  }

  holdSignatures(seqno: Seqno, signatures: LedgerSignatures): void {
    this.#signatures.set(seqno, signatures);
  }

  holdTree(seqno: Seqno, tree: Uint8Array): void {
    this.#trees.set(seqno, tree);
  }

  /** Forgets what lay above a rollback. */
  forgetAbove(seqno: Seqno): void {
    this.#forget((held) => held > seqno);
  }

  /**
   * Forgets what no live generation can need any more: everything up to `committed` but its evidence and
   * the first signature transaction after that.
   */
  forgetUnneeded(committed: Seqno): void {
    const versions = new Set([...this.#works.values()].map(({ seqno }) => seqno));
    const needed = new Set<Seqno>();
    for (const [seqno, { snapshotSeqno }] of this.#evidences) {
      if (!versions.has(snapshotSeqno)) continue;
      const next = [...this.#signatures.keys()].find((signature) => signature > seqno);
      needed.add(seqno);
      if (next !== undefined) needed.add(next);
    }
    this.#forget((held) => held <= committed && !needed.has(held));
  }

  #forget(isGone: (seqno: Seqno) => boolean): void {
    for (const facts of [this.#evidences, this.#signatures, this.#trees]) {
      for (const seqno of facts.keys()) if (isGone(seqno)) facts.delete(seqno);
    }
  }

  /** A generation begins: its spool gets a name. */
  begin({ generation, seqno }: GenerationRef): void {
    let recorded: Work['recorded'] = () => {};
    const evidence = new Promise<{ readonly seqno: Seqno }>((resolve) => {
      recorded = resolve;
    });
    this.#works.set(generation, {
      generation,
      seqno,
      evidence,
      recorded,
      spool: this.#newSpool(seqno, 0),
      abort: new AbortController(),
      progress: SerialiseProgress.start(),
      serialised: undefined,
      path: undefined,
      proofsAsked: 0,
      receipt: new Uint8Array(0),
    });
  }

  /** Gives back a frozen state that no generation will take, or that its generation is done with. */
  releaseFrozen(seqno: Seqno): void {
    this.releaseTaken(seqno, this.takeFrozen(seqno));
  }

  /** Takes a frozen state out of the books at once, so that the same seqno can be frozen again. */
  takeFrozen(seqno: Seqno): FrozenState | undefined {
    const state = this.#frozen.get(seqno);
    this.#frozen.delete(seqno);
    return state;
  }

  releaseTaken(seqno: Seqno, state: FrozenState | undefined): void {
    try {
      state?.release();
    } catch (error) {
      this.#options.logger?.error({ error, seqno }, 'the source failed to release a frozen state');
    }
  }

  release({ generation, seqno }: GenerationRef): void {
    this.#works.delete(generation);
    this.releaseFrozen(seqno);
  }

  /** Gives back what a generation still holds that broke off by a fault of ours. */
  async abandon(ref: GenerationRef): Promise<void> {
    const work = this.#works.get(ref.generation);
    if (work === undefined) return;
    this.abort(ref);
    this.release(ref);
    await work.spool.discard().catch((error: unknown) => {
      this.#options.logger?.error({ error, ...ref }, 'a spool was left to the sweep');
    });
  }

  abort({ generation }: GenerationRef): void {
    this.#works.get(generation)?.abort.abort(new AbortedError(`generation ${generation}`));
  }

  /** What a generation has made so far, for whoever reports on it. */
  serialised({ generation }: GenerationRef): SerialisedState | undefined {
    return this.#works.get(generation)?.serialised;
  }

  /** How much of a generation's state is serialised, from 0 to 1. */
  progress({ generation }: GenerationRef): number {
    return this.#works.get(generation)?.progress.fraction ?? 0;
  }

  /** Runs one action of a chain. @throws LedgerSnapshotterError when the world refuses, Error for our bugs */
  async run(ref: GenerationRef, action: ActionRequest): Promise<ActionOutput> {
    switch (action.kind) {
      case 'serialise':
        return this.#serialise(ref);
      case 'submit-evidence':
        return this.#submit(ref, action.digest);
      case 'build-receipt':
        return this.#buildReceipt(ref, action);
    }
  }

  async #serialise(ref: GenerationRef): Promise<ActionOutput> {
    const work = this.#work(ref);
    const frozen = this.#frozenOf(ref);
    work.serialised = await this.#options.serialise(
      { seqno: ref.seqno, frozen, spool: work.spool.path, progress: work.progress },
      { signal: work.abort.signal },
    );
    return { kind: 'serialise', digest: work.serialised.digest, bytes: work.serialised.bytes };
  }

  async #submit(ref: GenerationRef, digest: Digest): Promise<ActionOutput> {
    const { seqno } = ref;
    const { abort, evidence } = this.#work(ref);
    const { signal } = abort;
    const asked = this.#options.evidence.submit(
      // Hosts of release 0.1 read `version`.
      { snapshotSeqno: seqno, version: seqno, digest },
      { signal },
    );
    const answer = await untilAborted(Promise.race([asked, evidence]), signal);
    if (answer === 'refused') {
      throw new VerificationError('EVIDENCE_REFUSED', `the log refused the evidence of ${seqno}`, {
        seqno,
      });
    }
    return { kind: 'submit-evidence', seqno: answer.seqno };
  }

  async #buildReceipt(ref: GenerationRef, request: ReceiptRequest): Promise<ActionOutput> {
    const work = this.#work(ref);
    const signature = this.#signature(request.signatureSeqno, request.receipt);
    if (request.receipt !== 'none') {
      work.receipt = encodeReceipt({ ...this.#receiptParts(work, request), signature });
      const { digest, receipt: form } = request;
      const job = { form, receipt: work.receipt, digest, spki: signature.spki };
      await this.#options.opinion.check(job, work.abort.signal);
    }
    return {
      kind: 'build-receipt',
      file: fileNameOf(ref.seqno, request),
      bytes: work.receipt.length,
    };
  }

  /** What a receipt is made of; the gate does not open before all of it is here. */
  #receiptParts(work: Work, request: ReceiptRequest): Omit<ReceiptParts, 'signature'> {
    const { evidenceSeqno, signatureSeqno, digest } = request;
    assert(work.path?.signatureSeqno === signatureSeqno, 'the path was proven before');
    return { digest, evidence: held(this.#evidences, evidenceSeqno), path: work.path.steps };
  }

  /** @throws VerificationError or FormatError when it does not verify */
  async verifySignature(
    ref: GenerationRef,
    seqno: Seqno,
    receipt: ReceiptForm,
  ): Promise<SignatureProof> {
    const signature = this.#signature(seqno, receipt);
    const job = { seqno, tree: held(this.#trees, seqno), signature };
    const { root } = await this.#options.executor.run('verifySignature', job, {
      signal: this.#work(ref).abort.signal,
    });
    return new SignatureProof(signature.form, seqno, root);
  }

  /** @throws VerificationError or FormatError when the leaf is not in the tree */
  async proveEvidence(
    ref: GenerationRef,
    evidenceSeqno: Seqno,
    signatureSeqno: Seqno,
  ): Promise<InclusionProof> {
    const work = this.#work(ref);
    const asked = ++work.proofsAsked;
    const { leaf } = held(this.#evidences, evidenceSeqno);
    const job = { signatureSeqno, evidenceSeqno, leaf, tree: held(this.#trees, signatureSeqno) };
    const { root, path } = await this.#options.executor.run('proveEvidence', job, {
      signal: work.abort.signal,
    });
    if (asked === work.proofsAsked) work.path = { signatureSeqno, steps: path };
    return new InclusionProof(evidenceSeqno, signatureSeqno, root);
  }

  /** The signature that a receipt of this form rests on. */
  #signature(seqno: Seqno, receipt: ReceiptForm): CoseRootSignature | NodeRootSignature {
    const { cose, node } = held(this.#signatures, seqno);
    const signature = receipt === 'cose' ? cose : node;
    if (signature !== undefined) return signature;
    throw new VerificationError(
      'NO_SIGNATURE',
      `the signature transaction ${seqno} has no signature for a receipt of form ${receipt}`,
      { seqno },
    );
  }

  /** Opens the generation's first spool, or another one after a failed one was discarded. */
  openSpool(ref: GenerationRef, attempt: number): Promise<void> {
    const work = this.#work(ref);
    work.spool = this.#newSpool(ref.seqno, attempt);
    return work.spool.open();
  }

  #newSpool(seqno: Seqno, attempt: number): Spool {
    const { fileSystem, lock } = this.#options;
    return new Spool({ fileSystem, lock, seqno, attempt });
  }

  async appendReceipt(ref: GenerationRef): Promise<void> {
    const { spool, receipt, serialised } = this.#work(ref);
    assert(serialised !== undefined, 'a receipt is appended to a serialised snapshot');
    if (receipt.length > 0) await spool.append(receipt, serialised.bytes);
  }

  syncSpool(ref: GenerationRef): Promise<void> {
    return this.#work(ref).spool.sync();
  }

  closeSpool(ref: GenerationRef): Promise<void> {
    return this.#work(ref).spool.close();
  }

  publish(ref: GenerationRef, file: string): Promise<PublishResult> {
    return this.#work(ref).spool.publish(file);
  }

  syncDirectory(ref: GenerationRef): Promise<void> {
    return this.#work(ref).spool.syncDirectory();
  }

  discardSpool(ref: GenerationRef): Promise<void> {
    return this.#work(ref).spool.discard();
  }

  #work({ generation }: GenerationRef): Work {
    const work = this.#works.get(generation);
    assert(work !== undefined, `generation ${generation} is live`);
    return work;
  }

  #frozenOf({ seqno }: GenerationRef): FrozenState {
    const state = this.#frozen.get(seqno);
    assert(state !== undefined, `the state at ${seqno} is frozen`);
    return state;
  }
}

/** A host's answer, unless it is not wanted any more: a log that never answers must not hold up a close. */
function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** A fact that the machine was told of, so that it must be here. */
function held<T>(facts: ReadonlyMap<Seqno, T>, seqno: Seqno): T {
  const fact = facts.get(seqno);
  assert(fact !== undefined, `the fact of seqno ${seqno} is held`);
  return fact;
}
