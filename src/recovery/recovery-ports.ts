import type {
  CandidateVerdict,
  RecoverySources,
  ReplayedLedger,
  ReplayLedgerInput,
  SnapshotCandidate,
} from '../../machines/ports.ts';
import { equalBytes, toHex } from '../core/bytes.ts';
import {
  AbortedError,
  assert,
  FormatError,
  LedgerSnapshotterError,
  VerificationError,
} from '../core/errors.ts';
import { type Digest, digest, seqno as toSeqno } from '../core/words.ts';
import { CrashedLedger } from '../files/ledger/crashed-ledger.ts';
import { entryAt } from '../files/ledger/ledger-directory.ts';
import type { LedgerAccess } from '../files/ledger/ledger-listing.ts';
import type { Environment } from '../jobs/environment.ts';
import type { StoreOptions } from '../jobs/open-stores.ts';
import { leafOf } from '../ledger/entry-leaf.ts';
import { checkEvidenceEntry } from '../ledger/evidence-entry.ts';
import { type ReplayStart, startOfLedger } from '../ledger/ledger-start.ts';
import type { VerifierStart } from '../ledger/ledger-verifier.ts';
import { unverifiedOf } from '../ledger/other-signatures.ts';
import { readSignedLedger, type SignedLedger } from '../ledger/signed-ledger.ts';
import { pinnedKeys } from '../ledger/vouching.ts';
import { checkFloor } from '../verification/floor.ts';
import { SeqnoForks } from '../verification/seqno-forks.ts';
import { openVerifierOver, type SnapshotVerifier } from '../verification/verify.ts';
import { CandidateFiles, type ProvenSnapshot } from './candidate-files.ts';
import { type ReadSnapshot, SnapshotReader } from './read-snapshots.ts';
import { type Beginning, type Replay, replayBehind } from './replay-tail.ts';
import type { RecoveredLedger, RecoverOptions } from './report.ts';

/** What a recovery found out by itself; its machine knows which snapshots were refused. */
export type RecoveredState = Omit<RecoveredLedger, 'refused'>;

/** How a ledger is read, and the state that comes of it kept. */
export interface RecoveryStoreOptions extends StoreOptions {
  readonly access: LedgerAccess;
}

/** What a recovery's machine asks for, done on files: everything that it knows by name lies here. */
export class RecoveryPorts {
  readonly #options: RecoverOptions;
  readonly #environment: Environment;
  readonly #storeOptions: RecoveryStoreOptions;
  readonly #snapshots: SnapshotReader;
  readonly #candidates: CandidateFiles;
  readonly #forks = new SeqnoForks();
  #ledger: CrashedLedger | undefined;
  #ledgerVerifier: Promise<SnapshotVerifier> | undefined;
  #beginning: Beginning | undefined;
  #recovered: RecoveredState | undefined;
  #failure: unknown;
  #running: Promise<unknown> = Promise.resolve();

  /** @param storeOptions how the ledger is read, and the recovered state is kept */
  constructor(
    options: RecoverOptions,
    environment: Environment,
    storeOptions: RecoveryStoreOptions,
  ) {
    this.#options = options;
    this.#environment = environment;
    this.#storeOptions = storeOptions;
    this.#snapshots = new SnapshotReader({ environment, storeOptions, signal: options.signal });
    const overLedger = () =>
      this.#open.first === undefined ? undefined : this.#verifierOverLedger();
    const reader = this.#snapshots;
    this.#candidates = new CandidateFiles({ options, environment, reader, overLedger });
  }

  /** What was thrown, when a port rejected. */
  get failure(): unknown {
    return this.#failure;
  }

  /** There once the ledger is replayed. */
  get recovered(): RecoveredState | undefined {
    return this.#recovered;
  }

  /** Resolves when nothing is under way any more; a machine that ends does not wait for its ports. */
  async close(): Promise<void> {
    await this.#running;
    await this.#snapshots.close();
  }

  listSources(): Promise<RecoverySources> {
    return this.#run(async () => {
      const { fileSystem } = this.#environment;
      const { ledger, readOnlyLedgers } = this.#options;
      this.#ledger = await CrashedLedger.open(
        fileSystem,
        ledger,
        readOnlyLedgers,
        this.#storeOptions.access,
      );
      return { candidates: await this.#candidates.list(), first: this.#ledger.first };
    });
  }

  checkCandidate(candidate: SnapshotCandidate): Promise<CandidateVerdict> {
    return this.#run(async () => {
      const refusal = await this.#check(candidate);
      if (refusal === undefined) return { verdict: 'usable' };
      const { code, message } = refusal;
      const { file, seqno } = candidate;
      this.#options.logger?.warn({ file, seqno, code, reason: message }, 'snapshot refused');
      this.#options.onRefused?.({ file, seqno, code, message });
      return { verdict: 'refused', code, reason: message };
    });
  }

  replayLedger({ start }: ReplayLedgerInput): Promise<ReplayedLedger> {
    return this.#run(async () => {
      const beginning = start === undefined ? await this.#beginAtGenesis() : this.#beginning;
      assert(beginning !== undefined, 'a snapshot was found usable before the ledger is replayed');
      const { services = [], signal, logger, onProgress } = this.#options;
      const replay = await replayBehind(beginning, {
        ledger: this.#open,
        pinned: pinnedKeys(services),
        signal,
        ...(logger && { logger }),
        ...(onProgress && { onProgress }),
      });
      this.#checkFloor(replay);
      this.#recovered = await this.#recoveredBy(replay);
      const { seqno, verifiedUntil } = this.#recovered;
      return { seqno, verifiedUntil };
    });
  }

  #run<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#running = running.catch((error: unknown) => {
      this.#failure = error;
    });
    return running;
  }

  #checkAborted(): void {
    if (this.#options.signal?.aborted) throw new AbortedError('the recovery');
  }

  get #open(): CrashedLedger {
    assert(this.#ledger !== undefined, 'the ledger is listed first');
    return this.#ledger;
  }

  /** Why a candidate cannot be used; rejects when the ledger itself cannot be read. */
  async #check(candidate: SnapshotCandidate): Promise<LedgerSnapshotterError | undefined> {
    this.#checkAborted();
    const known = this.#forks.refusalOf(candidate);
    if (known !== undefined) return known;
    const proven = await orRefusal(() => this.#candidates.read(candidate.file));
    if (proven instanceof LedgerSnapshotterError) return proven;
    const { read, verification } = proven;
    const start = await orRefusal(async () => read.startAfter(verification.content));
    if (start instanceof LedgerSnapshotterError) return start;
    const misfit = await this.#misfitOf(candidate, proven);
    if (misfit !== undefined) return misfit;
    const fork = await this.#forkOf(candidate, verification.digest);
    if (fork !== undefined) return fork;
    const index = await this.#readSigned(start);
    const opened = await orRefusal(() => start.open(index.secrets));
    if (opened instanceof LedgerSnapshotterError) return opened;
    const { seqno, evidenceSeqno, digest: hash, trusted } = verification;
    const snapshot = { file: candidate.file, seqno, evidenceSeqno, digest: hash, trusted };
    this.#beginning = { start: opened, index, snapshot };
    return undefined;
  }

  #verifierOverLedger(): Promise<SnapshotVerifier> {
    const { services = [], signal } = this.#options;
    const options = { services, signal, environment: this.#environment };
    this.#ledgerVerifier ??= openVerifierOver(this.#open, options);
    return this.#ledgerVerifier;
  }

  /** Whether another file of the same seqno is as good as this one, and says something else. */
  async #forkOf(
    { file, seqno }: SnapshotCandidate,
    own: Digest,
  ): Promise<LedgerSnapshotterError | undefined> {
    for (const twin of this.#candidates.twinsOf(file)) {
      const candidate = { file: twin, seqno };
      if (this.#forks.refusalOf(candidate) !== undefined) continue;
      this.#checkAborted();
      const proven = await orRefusal(() => this.#candidates.verify(twin));
      const refusal =
        proven instanceof LedgerSnapshotterError ? proven : await this.#misfitOf(candidate, proven);
      if (refusal !== undefined) this.#forks.refuse(twin, refusal);
      else if (!(proven instanceof LedgerSnapshotterError)) {
        const { digest: other } = proven.verification;
        if (other !== own) return this.#forks.forked({ seqno, files: [file, twin] });
      }
    }
    return undefined;
  }

  /** Whether a snapshot that verifies is of this ledger, and the ledger goes on behind it. */
  async #misfitOf(
    { file, seqno }: SnapshotCandidate,
    proven: ProvenSnapshot<Pick<ReadSnapshot, 'file'>>,
  ): Promise<LedgerSnapshotterError | undefined> {
    const { first, directory } = this.#open;
    if (first === undefined) return undefined;
    if (seqno + 1 < first) {
      const message = `the ledger in ${directory} begins at seqno ${first}: those behind the snapshot, from ${seqno + 1} on, are missing`;
      return new FormatError('CHUNK_GAP', message, { file, seqno: seqno + 1, expected: first });
    }
    if (seqno + 1 === first) return this.#evidenceFlaw(file, proven);
    const entry = await entryAt(this.#open, seqno);
    if (entry === undefined) return this.#foreignerBeyondTheEnd(proven);
    // A malformed entry has none: the replay comes upon it at its place.
    const leaf = leafOf(entry);
    if (leaf !== undefined && equalBytes(leaf, proven.verification.content.leaf)) {
      return this.#evidenceFlaw(file, proven);
    }
    const message = `${file} is not of this ledger: another transaction is at seqno ${seqno}`;
    return new VerificationError('LEAF_MISMATCH', message, { file, seqno });
  }

  /**
   * With nothing pinned, and no entry of its seqno to compare with, a snapshot must at least be of an
   * identity that the ledger knows, where it knows one.
   */
  async #foreignerBeyondTheEnd({
    read,
    verification,
  }: ProvenSnapshot<Pick<ReadSnapshot, 'file'>>): Promise<LedgerSnapshotterError | undefined> {
    if (verification.trusted || (this.#options.services ?? []).length > 0) return undefined;
    const verifying = await orRefusal(async () =>
      (await this.#verifierOverLedger()).verifyFile(read.file),
    );
    if (!(verifying instanceof LedgerSnapshotterError)) return undefined;
    return verifying.code === 'SERVICE_UNKNOWN' ? undefined : verifying;
  }

  /** What the ledger says against the evidence; an entry that it does not have says nothing. */
  async #evidenceFlaw(
    file: string,
    { verification }: Pick<ProvenSnapshot, 'verification'>,
  ): Promise<LedgerSnapshotterError | undefined> {
    const entry = await entryAt(this.#open, verification.evidenceSeqno);
    if (entry === undefined) return undefined;
    return orRefusal(async () => {
      checkEvidenceEntry(file, verification, entry);
      return undefined;
    });
  }

  #readSigned(start: Pick<ReplayStart, 'inTheClear'>): Promise<SignedLedger> {
    const { memberKeys = [], services = [], signal } = this.#options;
    const pinned = pinnedKeys(services);
    return readSignedLedger(this.#open, { start: start.inTheClear(), pinned, memberKeys, signal });
  }

  async #beginAtGenesis(): Promise<Beginning> {
    const { directory, first } = this.#open;
    assert(first !== undefined, 'a whole ledger has a first chunk');
    const { openStore } = this.#environment;
    const openEmpty = () => openStore(toSeqno(0), new Map(), this.#storeOptions);
    const start = startOfLedger({ directory, first }, openEmpty);
    const index = await this.#readSigned(start);
    return { start: await start.open(index.secrets), index, snapshot: undefined };
  }

  /** An entry counts that authenticates, or that a signature covers. @throws VerificationError `ROLLBACK_REFUSED` */
  #checkFloor({ beginning, verifier, last }: Replay): void {
    const isProven = beginning.index.secrets.secretAt(last.seqno) !== undefined;
    const seqno = isProven ? last.seqno : verifier.counts.verifiedUntil;
    checkFloor(seqno, this.#options.minSeqno, this.#open.directory);
  }

  async #recoveredBy(replay: Replay): Promise<RecoveredState> {
    const { beginning, verifier, last, trusted, cut, torn, unsigned } = replay;
    const { start, index, snapshot } = beginning;
    const { transactions, nodeSignatures, coseSignatures, verifiedUntil } = verifier.counts;
    const otherSignatures = verifier.counts.others.list();
    return {
      seqno: last.seqno,
      view: last.view,
      verifiedUntil,
      trusted,
      root: rootOf(start),
      snapshot,
      transactions,
      nodeSignatures,
      coseSignatures,
      otherSignatures,
      unverified: unverifiedOf(otherSignatures),
      isComplete: verifier.isComplete,
      torn,
      unsigned,
      store: start.store,
      tree: start.tree,
      viewHistory: verifier.viewHistory,
      secrets: index.secrets,
      service: start.register.service,
      end: await this.#open.end(cut),
      defects: this.#candidates.defects,
    };
  }
}

/** What the world has to say against a candidate is an answer; an abort and our own faults are not. */
async function orRefusal<T>(work: () => Promise<T>): Promise<T | LedgerSnapshotterError> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError && !(error instanceof AbortedError)) return error;
    throw error;
  }
}

function rootOf({ tree }: Pick<VerifierStart, 'tree'>): Digest {
  return digest(toHex(tree.root()));
}
