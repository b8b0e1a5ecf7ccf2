import type { GenerationOutput } from '../../machines/events.ts';
import { toHex } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import type { Digest, Seqno } from '../core/words.ts';
import { snapshotName } from '../formats/file-name.ts';
import type { ExistingSnapshot, ExistingSnapshots } from './existing-snapshots.ts';
import type { SerialisedState } from './jobs.ts';
import type { AppliedEntry } from './ledger-verifier.ts';
import type { LiveGeneration, Pipeline } from './pipeline.ts';
import type { PlannedSnapshot, ReplayPlan } from './replay-plan.ts';
import type { ReplayedSnapshot, ReplayResult } from './replay-report.ts';

export interface SnapshotReplayOptions {
  readonly plan: ReplayPlan;
  readonly pipeline: Pipeline;
  readonly existing: ExistingSnapshots;
  /** Whether everything that the digest at `seqno` depends on is known. */
  readonly isComparable: (seqno: Seqno) => boolean;
  /** Finds out in the clear whether our state is that of an existing snapshot. */
  readonly comparePublic: (
    planned: PlannedSnapshot,
    existing: ExistingSnapshot,
  ) => Promise<SerialisedState['profile'] | undefined>;
  /** Called for each snapshot once it is decided, in the order of their evidence. */
  readonly onSnapshot: (snapshot: ReplayedSnapshot) => void;
}

/** What replay's ports learn of each version while its generation lives. */
export class PortLog {
  readonly #submissions = new Map<Seqno, Submission>();
  readonly #others = new Map<Seqno, Digest | undefined>();

  /** The evidence of a version is being submitted: its digest is known. */
  submitted(version: Seqno): void {
    this.#submission(version).resolve();
  }

  untilSubmitted(version: Seqno): Promise<void> {
    return this.#submission(version).promise;
  }

  /** Nothing that a release of CCF would write has the digest; the likeliest of it has `digest`. */
  foundOther(version: Seqno, digest: Digest | undefined): void {
    this.#others.set(version, digest);
  }

  isOther(version: Seqno): boolean {
    return this.#others.has(version);
  }

  otherDigest(version: Seqno): Digest | undefined {
    return this.#others.get(version);
  }

  #submission(version: Seqno): Submission {
    const known = this.#submissions.get(version);
    if (known !== undefined) return known;
    let resolve = () => {};
    const promise = new Promise<void>((settle) => {
      resolve = settle;
    });
    const submission = { promise, resolve };
    this.#submissions.set(version, submission);
    return submission;
  }
}

interface Submission {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/**
 * Leads the pipeline along a ledger: forces a point where the ledger vouches for a snapshot, hands over
 * its evidence, signatures, trees and commits, and keeps account of what became of each.
 */
export class SnapshotReplay {
  readonly #options: SnapshotReplayOptions;
  readonly #log: PortLog;
  readonly #byVersion = new Map<Seqno, PlannedSnapshot>();
  readonly #byEvidence = new Map<Seqno, PlannedSnapshot>();
  readonly #generations = new Map<Seqno, LiveGeneration>();
  readonly #publicly = new Map<Seqno, Promise<ReplayedSnapshot>>();
  readonly #serialised = new Map<Seqno, SerialisedState>();
  readonly #decided: ReplayedSnapshot[] = [];
  #reporting: Promise<void> = Promise.resolve();
  #lastSignature = 0;

  constructor(options: SnapshotReplayOptions, log: PortLog) {
    this.#options = options;
    this.#log = log;
    for (const planned of options.plan.snapshots) {
      if (!this.#byVersion.has(planned.version)) this.#byVersion.set(planned.version, planned);
      this.#byEvidence.set(planned.seqno, planned);
    }
  }

  /** A signature transaction comes next: is it the point of a snapshot? */
  async beforeSignature(seqno: Seqno): Promise<void> {
    const { pipeline, isComparable } = this.#options;
    const planned = this.#byVersion.get(seqno);
    if (planned !== undefined && isComparable(seqno)) {
      await this.#freeSlot();
      pipeline.force(planned.form);
    }
    pipeline.recordCommittable(seqno);
  }

  /** @throws VerificationError `EVIDENCE_MISMATCH` */
  async afterEntry(applied: AppliedEntry): Promise<void> {
    const evidence = this.#byEvidence.get(applied.seqno);
    if (evidence) await this.#recordEvidence(evidence, applied);
    if (applied.signatures) this.#recordSignatures(applied);
    const planned = this.#byVersion.get(applied.seqno);
    if (planned && !this.#generations.has(applied.seqno)) {
      this.#publicly.set(planned.version, this.#comparePublicly(planned));
      await this.#publicly.get(planned.version);
    }
  }

  /**
   * Awaits every snapshot that can still be finished.
   * @param isWhole false when the ledger broke off: what waits for more of it is cancelled
   */
  async finish(isWhole: boolean): Promise<readonly ReplayedSnapshot[]> {
    const { pipeline } = this.#options;
    for (const { seqno, generation } of pipeline.live) {
      const planned = this.#byVersion.get(seqno);
      const waits = planned === undefined || planned.seqno >= this.#lastSignature;
      if (!isWhole && waits) pipeline.cancel(generation);
    }
    await this.#reporting;
    return this.#decided;
  }

  async #freeSlot(): Promise<void> {
    const { pipeline, plan } = this.#options;
    while (pipeline.live.length >= plan.capacity) {
      await Promise.race(pipeline.live.map(({ ended }) => ended));
    }
  }

  #recordSignatures({ seqno, signatures }: AppliedEntry): void {
    const { pipeline } = this.#options;
    if (signatures === undefined) return;
    pipeline.recordSignatures(seqno, signatures);
    pipeline.recordTree(seqno, signatures.tree);
    pipeline.commit(seqno, { primary: true });
    this.#lastSignature = seqno;
    const started = pipeline.live.find((generation) => generation.seqno === seqno);
    if (started) this.#generations.set(seqno, started);
  }

  async #recordEvidence(planned: PlannedSnapshot, applied: AppliedEntry): Promise<void> {
    checkClaims(planned, applied);
    const generation = this.#generations.get(planned.version);
    if (this.#byVersion.get(planned.version) !== planned) {
      this.#report(this.#compareAgain(planned));
      return;
    }
    if (generation === undefined) {
      const decided = this.#publicly.get(planned.version);
      this.#report(decided ?? Promise.resolve(this.#notComparable(planned, noPoint)));
      return;
    }
    const { pipeline } = this.#options;
    await Promise.race([this.#log.untilSubmitted(planned.version), generation.ended]);
    const serialised = pipeline.serialised(generation);
    if (serialised !== undefined) {
      this.#serialised.set(planned.version, serialised);
      const { version, digest } = planned;
      const { writeSetDigest, commitEvidence, leaf } = applied;
      const fact = { version, digest, writeSetDigest, commitEvidence, leaf };
      pipeline.recordEvidence(applied.seqno, fact);
    }
    const whyNot = whyNotWritten(planned, applied);
    if (serialised !== undefined && whyNot !== undefined) pipeline.cancel(generation.generation);
    this.#report(
      generation.ended.then((output) => {
        const isGivenUp = output.outcome === 'cancelled' && whyNot !== undefined;
        return this.#compare(
          planned,
          isGivenUp ? { ...output, reason: whyNot } : output,
          serialised,
        );
      }),
    );
  }

  /** Snapshots are told in the order of their evidence, whichever is decided first. */
  #report(deciding: Promise<ReplayedSnapshot>): void {
    const before = this.#reporting;
    this.#reporting = deciding.then(async (snapshot) => {
      await before;
      this.#decided.push(snapshot);
      this.#options.onSnapshot(snapshot);
    });
    // Whoever awaits finish() learns of it; until then it must not count as unhandled.
    this.#reporting.catch(() => {});
  }

  async #compare(
    planned: PlannedSnapshot,
    output: GenerationOutput,
    serialised: SerialisedState | undefined,
  ): Promise<ReplayedSnapshot> {
    const isWritten = output.outcome === 'committed' || output.outcome === 'duplicate';
    const found = await this.#options.existing.read(planned.version, planned.seqno);
    const isOther = found !== undefined && found.digest !== planned.digest;
    return {
      ...namesOf(planned),
      digest: serialised?.digest ?? this.#log.otherDigest(planned.version),
      result: isOther ? 'different' : this.#resultOf(planned, serialised),
      profile: serialised?.profile,
      receipt: isWritten ? planned.form : 'none',
      file: output.outcome === 'duplicate' ? duplicateName(planned, output) : output.file,
      outcome: output.outcome,
      reason: isOther ? `the existing ${found.file} is another` : output.reason,
    };
  }

  /** A disk that fails, or a cancel, before the digest was known says nothing about the ledger. */
  #resultOf(planned: PlannedSnapshot, serialised: SerialisedState | undefined): ReplayResult {
    if (serialised?.digest === planned.digest) return 'identical';
    return serialised || this.#log.isOther(planned.version) ? 'different' : 'not-comparable';
  }

  /** Without the secrets: our state against a file whose digest the ledger vouches for. */
  async #comparePublicly(planned: PlannedSnapshot): Promise<ReplayedSnapshot> {
    const found = await this.#options.existing.read(planned.version, planned.seqno);
    const reason = this.#options.isComparable(planned.version) ? noPoint : noSecrets;
    if (found === undefined) return this.#notComparable(planned, reason);
    const isVouched = found.digest === planned.digest;
    const profile = isVouched ? await this.#options.comparePublic(planned, found) : undefined;
    return {
      ...this.#notComparable(planned, noSecrets),
      digest: found.digest,
      profile,
      result: profile === undefined ? 'different' : 'public-identical',
      reason: isVouched
        ? undefined
        : `${found.file} has not the digest that the ledger vouches for`,
    };
  }

  /** Further evidence of a snapshot that was generated already: there is one file, by the first. */
  async #compareAgain(planned: PlannedSnapshot): Promise<ReplayedSnapshot> {
    const serialised = this.#serialised.get(planned.version);
    const before = `seqno ${this.#byVersion.get(planned.version)?.seqno} was evidence of it before`;
    if (serialised === undefined) return this.#notComparable(planned, before);
    return {
      ...this.#notComparable(planned, before),
      digest: serialised.digest,
      profile: serialised.profile,
      // Another digest may be right as well: its node may have taken the snapshot at a later moment.
      result: serialised.digest === planned.digest ? 'identical' : 'not-comparable',
    };
  }

  #notComparable(planned: PlannedSnapshot, reason: string): ReplayedSnapshot {
    return {
      ...namesOf(planned),
      digest: undefined,
      result: 'not-comparable',
      profile: undefined,
      receipt: 'none',
      file: undefined,
      outcome: undefined,
      reason,
    };
  }
}

const noSecrets = 'the ledger secrets are missing: give the members’ keys';
const noPoint = 'it is of a seqno that is no signature transaction: no node takes snapshots there';

const namesOf = ({ version, seqno, digest }: PlannedSnapshot) => ({
  seqno: version,
  evidenceSeqno: seqno,
  evidence: digest,
});

/** The pipeline names only what it published itself; an identical file bears the same name. */
function duplicateName(planned: PlannedSnapshot, { signatureSeqno }: GenerationOutput): string {
  const name = { seqno: planned.version, evidenceSeqno: planned.seqno, committed: true };
  if (planned.form !== 'none' || signatureSeqno === undefined) return snapshotName(name);
  return snapshotName({ ...name, commitSeqno: signatureSeqno });
}

/** A receipt needs the commit evidence, which needs the secret of the evidence's own seqno. */
function whyNotWritten(
  { form, whyNot }: PlannedSnapshot,
  { commitEvidence }: AppliedEntry,
): string | undefined {
  if (whyNot !== undefined || form === 'none' || commitEvidence !== undefined) return whyNot;
  return 'the ledger secret of its evidence is missing';
}

/** Since CCF 2 the evidence is a claim of its transaction as well. */
function checkClaims({ digest, seqno }: PlannedSnapshot, { domain }: AppliedEntry): void {
  if (domain.claimsDigest === undefined || toHex(domain.claimsDigest) === digest) return;
  throw new VerificationError(
    'EVIDENCE_MISMATCH',
    `seqno ${seqno}: the claims digest is not that of the snapshot evidence`,
    { seqno, actual: toHex(domain.claimsDigest), limit: digest },
  );
}
