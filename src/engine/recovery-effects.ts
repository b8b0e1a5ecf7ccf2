import { join } from 'node:path';
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
import { type Digest, digest, type Seqno, seqno as toSeqno } from '../core/words.ts';
import { CrashedLedger } from '../files/crashed-ledger.ts';
import type { LedgerEntry } from '../files/ledger-directory.ts';
import { findSnapshots } from '../files/snapshot-directory.ts';
import { leafOf } from './entry-leaf.ts';
import type { Environment } from './environment.ts';
import { checkEvidenceEntry } from './evidence-entry.ts';
import type { VerifierStart } from './ledger-verifier.ts';
import type { StoreKeeping } from './open-stores.ts';
import { type Beginning, type Replay, replayBehind } from './recovery-replay.ts';
import type { RecoveredLedger, RecoverOptions } from './recovery-report.ts';
import { type ReadSnapshot, SnapshotReader } from './recovery-snapshots.ts';
import { type ReplayStart, startOfLedger } from './replay-start.ts';
import { readSignedLedger, type SignedLedger } from './signed-ledger.ts';
import { openVerifierOver, type SnapshotVerification, type SnapshotVerifier } from './verify.ts';
import { pinnedKeys } from './vouching.ts';

/** What a recovery found out by itself; its machine knows which snapshots were refused. */
export type RecoveredState = Omit<RecoveredLedger, 'refused'>;

/** A snapshot file that verified. */
interface ProvenSnapshot {
  readonly read: ReadSnapshot;
  readonly verification: SnapshotVerification;
}

/** What a recovery's machine asks for, done on files: everything that it knows by name lies here. */
export class RecoveryEffects {
  readonly #options: RecoverOptions;
  readonly #environment: Environment;
  readonly #keeping: StoreKeeping;
  readonly #snapshots: SnapshotReader;
  #ledger: CrashedLedger | undefined;
  #ledgerVerifier: Promise<SnapshotVerifier> | undefined;
  #beginning: Beginning | undefined;
  #recovered: RecoveredState | undefined;
  #failure: unknown;
  #running: Promise<unknown> = Promise.resolve();

  /** @param keeping how the recovered state is kept */
  constructor(options: RecoverOptions, environment: Environment, keeping: StoreKeeping) {
    this.#options = options;
    this.#environment = environment;
    this.#keeping = keeping;
    this.#snapshots = new SnapshotReader({ environment, keeping, signal: options.signal });
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
      const { ledger, readOnlyLedgers, snapshots } = this.#options;
      this.#ledger = await CrashedLedger.open(fileSystem, ledger, readOnlyLedgers);
      const found = snapshots === undefined ? [] : await findSnapshots(snapshots, fileSystem);
      // What bears the name of a committed snapshot and is odd is not passed over in silence.
      const candidates = found.flatMap(({ file, seqno, committed }) =>
        committed && seqno !== undefined ? [{ file, seqno }] : [],
      );
      return { candidates, first: this.#ledger.first };
    });
  }

  checkCandidate(candidate: SnapshotCandidate): Promise<CandidateVerdict> {
    return this.#run(async () => {
      const refusal = await this.#check(candidate);
      if (refusal === undefined) return { verdict: 'usable' };
      const { code, message } = refusal;
      this.#options.logger?.warn({ ...candidate, code, reason: message }, 'snapshot refused');
      this.#options.onRefused?.({ ...candidate, code, message });
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
    const path = join(this.#options.snapshots ?? '', candidate.file);
    const proven = await orRefusal(() => this.#readSnapshot(path, candidate.file));
    if (proven instanceof LedgerSnapshotterError) return proven;
    const { read, verification } = proven;
    const start = await orRefusal(async () => read.startAfter(verification.content));
    if (start instanceof LedgerSnapshotterError) return start;
    const misfit = await this.#misfitOf(candidate, proven);
    if (misfit !== undefined) return misfit;
    const index = await this.#readSigned(start);
    const opened = await orRefusal(() => start.open(index.secrets));
    if (opened instanceof LedgerSnapshotterError) return opened;
    const { seqno, evidenceSeqno, digest: hash, trusted } = verification;
    const snapshot = { file: candidate.file, seqno, evidenceSeqno, digest: hash, trusted };
    this.#beginning = { start: opened, index, snapshot };
    return undefined;
  }

  /** Under a pinned identity or the one that it names itself; else through the ledger's endorsements. */
  async #readSnapshot(path: string, fileName: string): Promise<ProvenSnapshot> {
    const read = await this.#snapshots.read({ path, fileName });
    const { services = [] } = this.#options;
    try {
      const verifier = await openVerifierOver(undefined, {
        services,
        environment: this.#environment,
      });
      return { read, verification: await verifier.verifyFile(read.file) };
    } catch (error) {
      if (!isUntrusted(error) || this.#open.first === undefined) throw error;
      const verifier = await this.#verifierOverLedger();
      return { read, verification: await verifier.verifyFile(read.file) };
    }
  }

  #verifierOverLedger(): Promise<SnapshotVerifier> {
    const { services = [], signal } = this.#options;
    const options = { services, signal, environment: this.#environment };
    this.#ledgerVerifier ??= openVerifierOver(this.#open, options);
    return this.#ledgerVerifier;
  }

  /** Whether a snapshot that verifies is of this ledger, and the ledger goes on behind it. */
  async #misfitOf(
    { file, seqno }: SnapshotCandidate,
    proven: ProvenSnapshot,
  ): Promise<LedgerSnapshotterError | undefined> {
    const { first, directory } = this.#open;
    if (first === undefined) return undefined;
    if (seqno + 1 < first) {
      const message = `the ledger in ${directory} begins at seqno ${first}: those behind the snapshot, from ${seqno + 1} on, are missing`;
      return new FormatError('CHUNK_GAP', message, { file, seqno: seqno + 1, limit: first });
    }
    if (seqno + 1 === first) return this.#evidenceFlaw(file, proven);
    const entry = await this.#entryAt(seqno);
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
  }: ProvenSnapshot): Promise<LedgerSnapshotterError | undefined> {
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
    { verification }: ProvenSnapshot,
  ): Promise<LedgerSnapshotterError | undefined> {
    const entry = await this.#entryAt(verification.evidenceSeqno);
    if (entry === undefined) return undefined;
    return orRefusal(async () => {
      checkEvidenceEntry(file, verification, entry);
      return undefined;
    });
  }

  async #entryAt(seqno: Seqno): Promise<LedgerEntry | undefined> {
    for await (const entry of this.#open.entries({ from: seqno })) return entry;
    return undefined;
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
    const openEmpty = () => openStore(toSeqno(0), new Map(), this.#keeping);
    const start = startOfLedger({ directory, first }, openEmpty);
    const index = await this.#readSigned(start);
    return { start: await start.open(index.secrets), index, snapshot: undefined };
  }

  async #recoveredBy(replay: Replay): Promise<RecoveredState> {
    const { beginning, verifier, last, trusted, cut, torn, unsigned } = replay;
    const { start, index, snapshot } = beginning;
    const { transactions, nodeSignatures, coseSignatures, verifiedUntil } = verifier.counts;
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
      isComplete: verifier.isComplete,
      torn,
      unsigned,
      store: start.store,
      tree: start.tree,
      viewHistory: verifier.viewHistory,
      secrets: index.secrets,
      service: start.register.service,
      end: await this.#open.end(cut),
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

function isUntrusted(error: unknown): boolean {
  return error instanceof VerificationError && error.code === 'UNTRUSTED_SERVICE';
}

function rootOf({ tree }: Pick<VerifierStart, 'tree'>): Digest {
  return digest(toHex(tree.root()));
}
