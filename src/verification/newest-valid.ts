import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { AbortedError, LedgerSnapshotterError } from '../core/errors.ts';
import { entryAt, type LedgerDirectory } from '../files/ledger/ledger-directory.ts';
import type { SurveyedSnapshot } from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { Environment } from '../jobs/environment.ts';
import { checkEvidenceEntry, isProvenEntry } from '../ledger/evidence-entry.ts';
import { treeOf } from '../ledger/ledger-start.ts';
import { readVerifiable } from '../snapshots/verifiable-file.ts';
import { type EitherVerifier, withEither } from './either-verifier.ts';
import type { Newest } from './one-service.ts';
import { SeqnoForks } from './seqno-forks.ts';
import type { RecoveredSnapshot, RefusedSnapshot } from './verdicts.ts';
import { openVerifierOver, type SnapshotVerification, type SnapshotVerifier } from './verify.ts';

/** The newest snapshot that verifies, and what a pruning goes by. */
export interface NewestValid {
  readonly snapshot: RecoveredSnapshot;
  readonly leaf: Uint8Array;
  /** What it says of its service. */
  readonly verified: Newest;
  /** Of the file that was read, see `FileStat.identity`. */
  readonly identity: string | undefined;
}

/** What was found in looking for it. */
export interface NewestValidSearch {
  readonly newest: NewestValid | undefined;
  /** Those that do not verify, in the order in which they were tried. */
  readonly refused: readonly RefusedSnapshot[];
}

export interface NewestValidOptions {
  readonly snapshots: string;
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Says whether a snapshot's evidence is one, and leads to older identities. @default none */
  readonly ledger?: LedgerDirectory | undefined;
  readonly snapshotBytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A committed file, as it was found. */
type Candidate = SurveyedSnapshot & Required<Pick<SurveyedSnapshot, 'seqno'>>;

/**
 * The newest committed file that verifies, and those newer ones that do not. Sparse files are tried last, each file is
 * read once at most, and of two that verify and differ for one seqno neither is taken.
 * @param found newest first
 * @throws AbortedError
 */
export async function findNewestValid(
  found: readonly SurveyedSnapshot[],
  options: NewestValidOptions,
  environment: Environment,
): Promise<NewestValidSearch> {
  const candidates = found.filter(isCandidate);
  const search = new Search(candidates, new CandidateVerifier(options, environment));
  const [whole, sparse] = [false, true].map((isSparse) =>
    candidates.filter((one) => one.isSparse === isSparse),
  );
  for (const candidate of [...(whole ?? []), ...(sparse ?? [])]) {
    if (options.signal?.aborted) throw new AbortedError('the pruning');
    const newest = await search.try(candidate);
    if (newest !== undefined) return { newest, refused: search.refused };
  }
  return { newest: undefined, refused: search.refused };
}

const isCandidate = (one: SurveyedSnapshot): one is Candidate =>
  one.ignored === undefined && one.seqno !== undefined;

class Search {
  readonly #candidates: readonly Candidate[];
  readonly #verifier: CandidateVerifier;
  readonly #forks = new SeqnoForks();
  readonly refused: RefusedSnapshot[] = [];

  constructor(candidates: readonly Candidate[], verifier: CandidateVerifier) {
    this.#candidates = candidates;
    this.#verifier = verifier;
  }

  /** What a pruning goes by, if this is it. */
  async try(candidate: Candidate): Promise<NewestValid | undefined> {
    const { file, seqno, identity } = candidate;
    const verified = this.#forks.refusalOf(candidate) ?? (await this.#verify(candidate));
    if (verified instanceof LedgerSnapshotterError) return this.#refuse(candidate, verified);
    const fork = await this.#forkOf(candidate, verified);
    if (fork !== undefined) return this.#refuse(candidate, fork);
    const { evidenceSeqno, digest, trusted, content } = verified;
    const snapshot = { file, seqno, evidenceSeqno, digest, trusted };
    return { snapshot, leaf: content.leaf, verified, identity };
  }

  #refuse({ file, seqno }: Candidate, { code, message }: LedgerSnapshotterError): undefined {
    this.refused.push({ file, seqno, code, message });
  }

  async #forkOf(
    { file, seqno }: Candidate,
    { digest: own }: SnapshotVerification,
  ): Promise<LedgerSnapshotterError | undefined> {
    for (const twin of this.#candidates) {
      if (twin.seqno !== seqno || twin.file === file) continue;
      if (this.#forks.refusalOf(twin) !== undefined) continue;
      const other = await this.#verify(twin);
      if (other instanceof LedgerSnapshotterError) this.#forks.refuse(twin.file, other);
      else if (other.digest !== own) return this.#forks.forked({ seqno, files: [file, twin.file] });
    }
    return undefined;
  }

  async #verify({ file }: Candidate): Promise<SnapshotVerification | LedgerSnapshotterError> {
    try {
      return await this.#verifier.verify(file);
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError) || error instanceof AbortedError) throw error;
      return error;
    }
  }
}

/** Verifies as a recovery does: directly, else through the endorsements of the ledger, which is only then read. */
class CandidateVerifier {
  readonly #options: NewestValidOptions;
  readonly #environment: Environment;
  #direct: Promise<SnapshotVerifier> | undefined;
  #overLedger: Promise<SnapshotVerifier> | undefined;

  constructor(options: NewestValidOptions, environment: Environment) {
    this.#options = options;
    this.#environment = environment;
  }

  async verify(file: string): Promise<SnapshotVerification> {
    const { snapshots, signal } = this.#options;
    const { fileSystem } = this.#environment;
    const path = join(snapshots, file);
    const verifiers = this.#verifiers();
    await withEither(verifiers, (one) => one.judge(path));
    const read = await readVerifiable(fileSystem, path, { signal });
    const verification = await withEither(verifiers, (one) => one.verifyFile(read));
    treeOf(verification.content);
    await this.#checkEvidence(file, verification);
    return verification;
  }

  /** Against the entry in the ledger, where one is given and has it. */
  async #checkEvidence(file: string, verification: SnapshotVerification): Promise<void> {
    const { ledger } = this.#options;
    const { evidenceSeqno } = verification;
    const entry = ledger && (await entryAt(ledger, evidenceSeqno));
    // That it is of another ledger is an error of its own, where chunks are to go for it.
    if (entry !== undefined && isProvenEntry(verification, entry)) {
      checkEvidenceEntry(file, verification, entry);
    }
  }

  #verifiers(): EitherVerifier {
    const direct = () => {
      this.#direct ??= this.#open(undefined);
      return this.#direct;
    };
    const overLedger = () => {
      const { ledger } = this.#options;
      if (ledger !== undefined) this.#overLedger ??= this.#open(ledger);
      return this.#overLedger;
    };
    return { direct, overLedger };
  }

  #open(ledger: LedgerDirectory | undefined): Promise<SnapshotVerifier> {
    const { services = [], signal, snapshotBytesMax } = this.#options;
    const environment = this.#environment;
    return openVerifierOver(ledger, { services, signal, snapshotBytesMax, environment });
  }
}
