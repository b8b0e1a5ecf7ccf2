import type { GenerationOutput } from '../../machines/events.ts';
import { toHex } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { snapshotName } from '../formats/encoding/file-name.ts';
import { readTableValue } from '../formats/entries/table-value.ts';
import { decodeSnapshotEvidence, tables } from '../formats/entries/tables.ts';
import { singletonIn, singletonKey } from '../formats/entries/write-set.ts';
import type { ReplayStart } from '../ledger/ledger-start.ts';
import type { AppliedEntry } from '../ledger/ledger-verifier.ts';
import type { SerialisedState } from '../serialising/copied.ts';
import type { ExistingSnapshot, ExistingSnapshots } from '../snapshots/existing.ts';
import type { LiveGeneration } from '../snapshotter/live-generation.ts';
import type { Pipeline } from '../snapshotter/pipeline.ts';
import { bySnapshot, type PlannedSnapshot, type ReplayPlan } from './plan.ts';
import { noSecretsReason, type ReplayedSnapshot, type ReplayResult } from './report.ts';
import type { SearchNotes } from './search.ts';

export interface SnapshotReplayOptions {
  readonly plan: ReplayPlan;
  readonly pipeline: Pipeline;
  readonly existing: ExistingSnapshots;
  readonly start: Pick<ReplayStart, 'seqno' | 'file'>;
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

/**
 * Leads the pipeline along a ledger: forces a point where the ledger vouches for a snapshot, hands over
 * its evidence, signatures, trees and commits, and keeps account of what became of each.
 */
export class SnapshotReplay {
  readonly #options: SnapshotReplayOptions;
  readonly #log: SearchNotes;
  readonly #bySnapshot: ReadonlyMap<Seqno, readonly PlannedSnapshot[]>;
  readonly #byEvidence: ReadonlyMap<Seqno, PlannedSnapshot>;
  readonly #generations = new Map<Seqno, LiveGeneration>();
  /** By evidence. */
  readonly #publicly = new Map<Seqno, ReplayedSnapshot>();
  readonly #serialised = new Map<Seqno, SerialisedState>();
  readonly #decided: ReplayedSnapshot[] = [];
  #reporting: Promise<void> = Promise.resolve();
  #lastSignature = 0;

  constructor(options: SnapshotReplayOptions, log: SearchNotes) {
    this.#options = options;
    this.#log = log;
    this.#bySnapshot = bySnapshot(options.plan);
    this.#byEvidence = new Map(
      options.plan.snapshots.map((planned) => [planned.evidenceSeqno, planned]),
    );
  }

  /** A signature transaction comes next: is it the point of a snapshot? */
  async beforeSignature(seqno: Seqno): Promise<void> {
    const { pipeline, isComparable } = this.#options;
    const planned = this.#firstOf(seqno);
    if (planned !== undefined && isComparable(seqno)) {
      await this.#freeSlot();
      pipeline.force(planned.form);
    }
    pipeline.recordCommittable(seqno);
  }

  /**
   * Evidence of any snapshot is checked, asked for or not.
   * @throws FormatError, VerificationError when an entry writes evidence that is none, with its seqno
   */
  async afterEntry(applied: AppliedEntry): Promise<void> {
    checkEvidence(applied);
    const evidence = this.#byEvidence.get(applied.seqno);
    if (evidence) await this.#recordEvidence(evidence, applied);
    if (applied.signatures) this.#recordSignatures(applied);
    if (this.#generations.has(applied.seqno)) return;
    for (const planned of this.#bySnapshot.get(applied.seqno) ?? []) {
      this.#publicly.set(planned.evidenceSeqno, await this.#comparePublicly(planned));
    }
  }

  /**
   * Awaits every snapshot that can still be finished.
   * @param isWhole false when the ledger broke off: what waits for more of it is cancelled
   */
  async finish(isWhole: boolean): Promise<readonly ReplayedSnapshot[]> {
    const { pipeline } = this.#options;
    for (const { seqno, generation } of pipeline.live) {
      const planned = this.#evidenceOfFile(seqno);
      const waits = planned === undefined || planned.evidenceSeqno >= this.#lastSignature;
      if (!isWhole && waits) pipeline.cancel(generation);
    }
    await this.#reporting;
    return this.#decided;
  }

  #firstOf(snapshotSeqno: Seqno): PlannedSnapshot | undefined {
    return this.#bySnapshot.get(snapshotSeqno)?.[0];
  }

  /** Of several evidences of one snapshot the first that is true, once that is known. */
  #evidenceOfFile(snapshotSeqno: Seqno): PlannedSnapshot | undefined {
    const serialised = this.#serialised.get(snapshotSeqno);
    if (serialised === undefined) return this.#firstOf(snapshotSeqno);
    return this.#bySnapshot.get(snapshotSeqno)?.find(({ digest }) => digest === serialised.digest);
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
    pipeline.closeSignature(seqno, signatures.tree);
    pipeline.commit(seqno, { primary: true });
    this.#lastSignature = seqno;
    const started = pipeline.live.find((generation) => generation.seqno === seqno);
    if (started) this.#generations.set(seqno, started);
  }

  async #recordEvidence(planned: PlannedSnapshot, applied: AppliedEntry): Promise<void> {
    const generation = this.#generations.get(planned.snapshotSeqno);
    if (generation === undefined) {
      this.#report(this.#decideWithout(planned));
      return;
    }
    const { pipeline } = this.#options;
    await Promise.race([this.#log.untilSubmitted(planned.snapshotSeqno), generation.ended]);
    const serialised = pipeline.serialised(generation);
    if (serialised !== undefined) this.#serialised.set(planned.snapshotSeqno, serialised);
    if (this.#evidenceOfFile(planned.snapshotSeqno) !== planned) {
      this.#report(this.#besideExisting(planned, this.#compareOther(planned)));
      return;
    }
    this.#report(this.#followGeneration(planned, applied, generation));
  }

  /** Hands a generation its evidence, or gives it up where no file can be; then awaits its end. */
  async #followGeneration(
    planned: PlannedSnapshot,
    applied: AppliedEntry,
    generation: LiveGeneration,
  ): Promise<ReplayedSnapshot> {
    const { pipeline } = this.#options;
    const whyNot = this.#otherForm(planned) ?? whyNotWritten(planned, applied);
    if (pipeline.serialised(generation) !== undefined) {
      const { snapshotSeqno, digest } = planned;
      const { writeSetDigest, commitEvidence, leaf } = applied;
      const fact = { snapshotSeqno, digest, writeSetDigest, commitEvidence, leaf };
      pipeline.recordEvidence(applied.seqno, fact);
      if (whyNot !== undefined) pipeline.cancel(generation.generation);
    }
    const output = await generation.ended;
    const isGivenUp = output.outcome === 'cancelled' && whyNot !== undefined;
    return this.#compare(planned, isGivenUp ? { ...output, reason: whyNot } : output);
  }

  /** A generation has the form of its snapshot's first evidence, before it is known which one is true. */
  #otherForm({ snapshotSeqno, form }: PlannedSnapshot): string | undefined {
    const first = this.#firstOf(snapshotSeqno);
    if (first === undefined || first.form === form) return undefined;
    return `seqno ${first.evidenceSeqno} was evidence of it before, and has another form of receipt`;
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

  #compare(planned: PlannedSnapshot, output: GenerationOutput): Promise<ReplayedSnapshot> {
    const isWritten = output.outcome === 'committed' || output.outcome === 'duplicate';
    return this.#besideExisting(planned, {
      ...this.#found(planned),
      receipt: isWritten ? planned.form : 'none',
      file: output.outcome === 'duplicate' ? duplicateName(planned, output) : output.file,
      outcome: output.outcome,
      reason: output.reason,
    });
  }

  /** Evidence of a snapshot whose file belongs to another evidence: there is one file of a snapshot. */
  #compareOther(planned: PlannedSnapshot): ReplayedSnapshot {
    const found = this.#found(planned);
    const other = this.#evidenceOfFile(planned.snapshotSeqno)?.evidenceSeqno;
    const reason = `its file is that of the evidence at seqno ${other}`;
    return {
      ...found,
      receipt: 'none',
      file: undefined,
      outcome: undefined,
      reason: found.result === 'different' ? undefined : reason,
    };
  }

  /** What the search for the release came to; a disk that failed before says nothing about the ledger. */
  #found(
    planned: PlannedSnapshot,
  ): Omit<ReplayedSnapshot, 'receipt' | 'file' | 'outcome' | 'reason'> {
    const { snapshotSeqno, digest } = planned;
    const serialised = this.#serialised.get(snapshotSeqno);
    const profile = this.#log.profileOf(snapshotSeqno, digest);
    const isFound = profile !== undefined;
    const ours = serialised?.digest ?? this.#log.otherDigest(snapshotSeqno);
    const unfound: ReplayResult = this.#log.isSearched(snapshotSeqno, digest)
      ? 'different'
      : 'not-comparable';
    return {
      ...namesOf(planned),
      digest: isFound ? digest : ours,
      result: isFound ? 'identical' : unfound,
      profile: profile ?? serialised?.profile,
    };
  }

  /** A file that some node wrote under this evidence must have its digest, whatever else was found out. */
  async #besideExisting(
    planned: PlannedSnapshot,
    snapshot: ReplayedSnapshot,
  ): Promise<ReplayedSnapshot> {
    const found = await this.#options.existing.read(planned.snapshotSeqno, planned.evidenceSeqno);
    if (found === undefined || found.digest === planned.digest) return snapshot;
    const reason = `the existing ${found.file} is another`;
    return { ...snapshot, result: 'different', reason };
  }

  /** Without the secrets: our state against a file whose digest the ledger vouches for. */
  async #comparePublicly(planned: PlannedSnapshot): Promise<ReplayedSnapshot> {
    const found = await this.#options.existing.read(planned.snapshotSeqno, planned.evidenceSeqno);
    const reason = this.#options.isComparable(planned.snapshotSeqno) ? noPoint : noSecretsReason;
    if (found === undefined) return this.#notComparable(planned, reason);
    const isVouched = found.digest === planned.digest;
    const profile = isVouched ? await this.#options.comparePublic(planned, found) : undefined;
    return {
      ...this.#notComparable(planned, noSecretsReason),
      digest: found.digest,
      profile,
      result: profile === undefined ? 'different' : 'public-identical',
      reason: isVouched
        ? undefined
        : `${found.file} has not the digest that the ledger vouches for`,
    };
  }

  async #decideWithout(planned: PlannedSnapshot): Promise<ReplayedSnapshot> {
    const decided = this.#publicly.get(planned.evidenceSeqno);
    return decided ?? this.#besideExisting(planned, this.#withoutGeneration(planned));
  }

  /** A snapshot whose seqno the replay does not come to as a point; the one that it starts from is compared. */
  #withoutGeneration(planned: PlannedSnapshot): ReplayedSnapshot {
    const { seqno, file } = this.#options.start;
    if (planned.snapshotSeqno > seqno) return this.#notComparable(planned, noPoint);
    if (planned.snapshotSeqno < seqno || file === undefined) {
      return this.#notComparable(planned, beforeStart);
    }
    const isSame = file.digest === planned.digest;
    return {
      ...this.#notComparable(planned, beforeStart),
      digest: file.digest,
      result: isSame ? 'identical' : 'different',
      reason: isSame ? 'the replay starts from it' : undefined,
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

const noPoint = 'it is of a seqno that is no signature transaction: no node takes snapshots there';
const beforeStart = 'the replay starts after it';

const namesOf = ({ snapshotSeqno, evidenceSeqno: seqno, digest }: PlannedSnapshot) => ({
  seqno: snapshotSeqno,
  evidenceSeqno: seqno,
  evidence: digest,
});

/** The pipeline names only what it published itself; an identical file bears the same name. */
function duplicateName(planned: PlannedSnapshot, { signatureSeqno }: GenerationOutput): string {
  const name = {
    seqno: planned.snapshotSeqno,
    evidenceSeqno: planned.evidenceSeqno,
    committed: true,
  };
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

/**
 * Evidence that cannot be read, or is of no snapshot before it, is in no plan: it must not go by unseen. Since CCF 2 it
 * is a claim of its transaction as well.
 * @throws FormatError `BAD_JSON`, `BAD_HEX`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 * @throws VerificationError `EVIDENCE_NOT_AFTER_SNAPSHOT`, `EVIDENCE_MISMATCH`
 */
function checkEvidence({ seqno, domain }: AppliedEntry): void {
  const value = singletonIn(domain, tables.snapshotEvidence);
  if (value === undefined) return;
  const place = { table: tables.snapshotEvidence, key: singletonKey, seqno };
  const { version: snapshotSeqno, hash } = readTableValue(place, () =>
    decodeSnapshotEvidence(value),
  );
  if (snapshotSeqno >= seqno) {
    const message = `seqno ${seqno}: evidence of a snapshot of seqno ${snapshotSeqno}, which is not before it`;
    const place = { seqno, actual: snapshotSeqno, expected: seqno };
    throw new VerificationError('EVIDENCE_NOT_AFTER_SNAPSHOT', message, place);
  }
  if (domain.claimsDigest === undefined || toHex(domain.claimsDigest) === hash) return;
  throw new VerificationError(
    'EVIDENCE_MISMATCH',
    `seqno ${seqno}: the claims digest is not that of the snapshot evidence`,
    { seqno, actual: toHex(domain.claimsDigest), expected: hash },
  );
}
