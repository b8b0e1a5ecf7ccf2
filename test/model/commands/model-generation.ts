import type { Outcome, Phase, WriterStep } from '../../../src/core/words.ts';
import type { FaultKind, Port } from './gates.ts';
import { type FileEnd, ModelFile } from './model-file.ts';
import type { Surroundings } from './surroundings.ts';

type Work = 'serialise' | 'submit' | 'check';
type Result = 'done' | 'failed' | 'threw';

/** What a generation begins with. */
export interface Begun {
  readonly number: number;
  readonly snapshotSeqno: number;
  readonly digest: string;
  /** When its point was recorded. */
  readonly recordedMs: number;
}

/** What the signature transaction that a generation waits for is worth. */
export interface SignatureTruth {
  readonly verifies: boolean;
  readonly proves: boolean;
}

const outcomes = {
  durable: 'committed',
  'not-durable': 'committed-not-durable',
  duplicate: 'duplicate',
  conflict: 'conflict',
  failed: 'persist-failed',
  discarded: 'persist-failed',
} as const satisfies Record<FileEnd, Outcome>;

/**
 * One snapshot's life as the specification tells it, in plain code: what is done one after another, what is
 * given up when, and how it ends. It shares nothing with the charts but the words.
 */
export class ModelGeneration {
  readonly begun: Begun;
  readonly file: ModelFile;
  readonly #around: Surroundings;
  phase: Phase | 'releasing' = 'scheduled';
  deadlineMs: number | undefined;
  outcome: Outcome | undefined;
  step: WriterStep | undefined;
  refusedEvidence = 0;
  evidence: number | undefined;
  signature: number | undefined;
  /** Where the host said that the evidence would stand. */
  #submitted: number | undefined;
  #isSerialised = false;
  #truth: SignatureTruth = { verifies: true, proves: true };
  #proofs = { verified: false, proven: false, committed: false };
  /** What is being done; one thing at a time. */
  #work: Work | undefined;
  #runs = 1;
  #isAborting = false;
  #isWorkOver = false;
  #isEnded = false;

  constructor(begun: Begun, around: Surroundings) {
    this.begun = begun;
    this.#around = around;
    this.file = new ModelFile(this, around);
    this.file.open();
  }

  get snapshotSeqno(): number {
    return this.begun.snapshotSeqno;
  }

  get knownDigest(): string | undefined {
    return this.#isSerialised ? this.begun.digest : undefined;
  }

  /** A port has answered; whether well is for the armed faults to say. */
  answer(port: Port): void {
    if (port === 'verify') {
      const isBroken = this.#fails('verify-throws');
      this.#verified('verified', this.#truth.verifies && !isBroken);
    } else if (port === 'prove') {
      this.#verified('proven', this.#truth.proves);
    } else if (port === 'serialise' || port === 'check') {
      this.#worked(this.#isAborting ? 'failed' : this.#resultOf(port));
    } else {
      this.file.answer(port);
    }
  }

  /** The host has answered the submission. */
  answerSubmission(answer: { readonly seqno: number } | 'refused' | 'threw'): void {
    if (this.#work !== 'submit') return;
    if (typeof answer === 'object') this.#submitted = answer.seqno;
    this.#worked(answer === 'threw' ? 'threw' : answer === 'refused' ? 'failed' : 'done');
  }

  evidenceSeen(seqno: number, digest: string): void {
    const isOurs = this.#isSerialised && digest === this.begun.digest;
    const isUnseen = this.phase === 'awaiting-evidence' && this.evidence === undefined;
    if (!isOurs || (this.phase !== 'serialised' && !isUnseen)) {
      this.refusedEvidence++;
      return;
    }
    this.evidence = seqno;
    if (this.phase !== 'serialised') return;
    this.#awaitEvidence();
    // Evidence that is in the log answers its own submission.
    this.#worked('done');
  }

  signatureSeen(seqno: number, truth: SignatureTruth): void {
    if (this.phase !== 'awaiting-evidence' || this.evidence === undefined) return;
    if (this.signature !== undefined || seqno <= this.evidence) return;
    this.signature = seqno;
    this.#truth = truth;
    this.#around.ask('verify', this);
    this.#around.ask('prove', this);
  }

  committedUpTo(seqno: number): void {
    if (this.phase !== 'awaiting-evidence' || this.signature === undefined) return;
    if (seqno < this.signature) return;
    this.#proofs.committed = true;
    this.#passGate();
  }

  rolledBackTo(seqno: number): void {
    const isAwaiting = this.phase === 'awaiting-evidence';
    const takesEvidence = isAwaiting && (this.evidence ?? this.#submitted ?? 0) > seqno;
    if (this.phase === 'serialised' || takesEvidence) {
      this.#release('rolled-back');
    } else if (isAwaiting && (this.signature ?? 0) > seqno) {
      this.signature = undefined;
      this.#proofs = { verified: false, proven: false, committed: false };
      this.#around.orphan(this);
    }
  }

  cancel(): void {
    if (this.phase !== 'releasing') this.#release('cancelled');
  }

  timePassed(): void {
    const isLate = this.deadlineMs !== undefined && this.#around.elapsed() >= this.deadlineMs;
    if (isLate) this.#release('timed-out');
  }

  spoolOpened(): void {
    this.#start('serialise');
  }

  /** Nothing more becomes of the file. */
  fileEnded(): void {
    const { end, failedStep } = this.file;
    const isThere = end === 'durable' || end === 'not-durable';
    // Past recall: it is there, whatever was asked meanwhile.
    if (this.phase !== 'releasing' || isThere) {
      this.outcome = outcomes[end];
      this.step = failedStep;
    }
    if (this.phase === 'releasing') this.#endIfDone();
    else this.#release(outcomes[end]);
  }

  #fails(kind: FaultKind): boolean {
    return this.#around.faults.take(kind, this.snapshotSeqno);
  }

  #resultOf(port: 'serialise' | 'check'): Result {
    if (this.#fails(`${port}-throws`)) return 'threw';
    return this.#fails(port === 'serialise' ? 'fill' : 'check-refuses') ? 'failed' : 'done';
  }

  #verified(which: 'verified' | 'proven', isTrue: boolean): void {
    this.#proofs[which] = isTrue;
    if (isTrue) this.#passGate();
    else this.#release('proof-refused');
  }

  #passGate(): void {
    const { verified, proven, committed } = this.#proofs;
    if (!verified || !proven || !committed) return;
    this.phase = 'persisting';
    this.deadlineMs = undefined;
    this.#start('check');
  }

  #awaitEvidence(): void {
    this.phase = 'awaiting-evidence';
    this.#setDeadline();
  }

  #setDeadline(): void {
    this.deadlineMs = this.#around.elapsed() + this.#around.settings.evidenceTimeoutMs;
  }

  #start(work: Work): void {
    this.#work = work;
    this.#runs = 1;
    this.#run(work);
  }

  #run(work: Work): void {
    if (work === 'submit') this.#around.submit(this);
    else this.#around.ask(work, this);
  }

  #worked(result: Result): void {
    const work = this.#work;
    if (this.#isAborting || result === 'threw') {
      this.#isWorkOver = true;
      this.#work = undefined;
      if (this.phase === 'releasing') this.#endIfDone();
      else this.#release('poisoned');
    } else if (result === 'done') {
      this.#work = undefined;
      this.#completed(work);
    } else if (work !== undefined && this.#runs < this.#around.settings.attemptsMax) {
      this.#runs++;
      this.#run(work);
    } else {
      this.#work = undefined;
      this.#gaveUp(work);
    }
  }

  #completed(work: Work | undefined): void {
    if (work === 'submit' && this.phase === 'serialised') this.#awaitEvidence();
    if (work === 'check') this.file.receiptReady();
    if (work !== 'serialise') return;
    this.#isSerialised = true;
    this.file.filled();
    if (this.phase !== 'scheduled') return;
    this.phase = 'serialised';
    this.#setDeadline();
    this.#start('submit');
  }

  #gaveUp(work: Work | undefined): void {
    if (work === 'serialise') this.#release('serialise-failed');
    else if (work === 'check') this.#release('proof-refused');
    else this.#release('evidence-refused');
  }

  /** One way out for all that ends without its file: stop the work, throw the spool away, await both. */
  #release(outcome: Outcome): void {
    this.phase = 'releasing';
    this.outcome = outcome;
    this.deadlineMs = undefined;
    this.#around.orphan(this);
    this.#stopWork();
    if (!this.file.isEnded) this.file.giveUp();
    this.#endIfDone();
  }

  #stopWork(): void {
    // A log that does not answer is not waited for; a job is.
    if (this.#work === 'serialise' || this.#work === 'check') this.#isAborting = true;
    else this.#isWorkOver = true;
    if (this.#work === 'submit') this.#work = undefined;
  }

  #endIfDone(): void {
    if (!this.#isWorkOver || !this.file.isEnded || this.#isEnded) return;
    this.#isEnded = true;
    this.#around.ended(this);
  }
}
