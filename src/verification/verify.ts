import type { KeyObject } from 'node:crypto';
import { basename } from 'node:path';
import {
  AbortedError,
  assert,
  FormatError,
  type StorageError,
  VerificationError,
} from '../core/errors.ts';
import { receiptBytesMax, snapshotBytesMax } from '../core/limits.ts';
import type { Seqno } from '../core/words.ts';
import { warningsFor } from '../files/file-warnings.ts';
import { entryAt, openLedger } from '../files/ledger/ledger-directory.ts';
import { namedFile } from '../files/named-file.ts';
import { identityInState, keysOf } from '../formats/entries/signing-identities.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { keyIdOf, spkiOf } from '../formats/keys/ec-key.ts';
import { decodeCoseReceipt } from '../formats/receipts/cose-receipt.ts';
import {
  type EndorsementLink,
  epochsOf,
  verifyEndorsementChain,
} from '../formats/signatures/identity-endorsement.ts';
import type { Epoch } from '../formats/signatures/proof-order.ts';
import type { VerifiedSnapshot } from '../formats/snapshot/verify-snapshot.ts';
import type { FileSystem } from '../io/file-system.ts';
import { type Environment, environmentOf } from '../jobs/environment.ts';
import { type CrossCheck, crossCheckMode, SecondOpinion } from '../jobs/second-opinion.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import {
  type Anchors,
  collectIdentities,
  currentIdentity,
  type IdentitySource,
  type KeyedForm,
  type LedgerIdentities,
  noIdentities,
} from '../ledger/collected-identities.ts';
import { checkEvidenceEntry } from '../ledger/evidence-entry.ts';
import { pinnedKeys } from '../ledger/vouching.ts';
import { checkFileBytes, readSnapshotEnds } from '../snapshots/ends.ts';
import { readVerifiable, type VerifiableFile } from '../snapshots/verifiable-file.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { checkFloor } from './floor.ts';

/** Who must vouch for a snapshot file, and how thoroughly it is checked. */
export interface VerifySnapshotOptions {
  /**
   * The pinned service identities.
   * @default none: what verifies is not trusted
   */
  readonly services?: readonly (KeyObject | Certificate)[];
  /**
   * Directory of a ledger whose endorsements lead from a pinned identity to older ones. Where nothing is
   * pinned they lead from the ledger's current identity, and what verifies is not trusted.
   * @default none
   */
  readonly ledger?: string | undefined;
  /** Other directories of the same ledger, as CCF's `read_only_directories`: their committed chunks. @default none */
  readonly readOnlyLedgers?: readonly string[] | undefined;
  /**
   * Asks cose-js about COSE receipts as well, on a worker thread: `required`, or `when-available` where it passes its
   * self-test. `true` is `required`, `false` is `off`.
   * @default 'off'
   */
  readonly crossCheck?: CrossCheck | boolean | undefined;
  /** Oldest snapshot that is let pass, by seqno: an older one may be a rollback. @default 0 */
  readonly minSeqno?: number | undefined;
  /** Largest file that is read, in bytes. @default 256 GiB */
  readonly snapshotBytesMax?: number | undefined;
  /**
   * Refuses a file that others could change: with a hard link, or where it or its directory may be written by its group
   * or by everybody. @default false: `warnings` say so
   */
  readonly strict?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}

/** What a verified snapshot file is, and how far its signer is from a pinned identity. */
export interface SnapshotVerification extends VerifiedSnapshot {
  /** Endorsements from the pinned identity to the one that vouches; 0 when it is that one itself. */
  readonly endorsements: number;
  /** Whether cose-js accepted the receipt too; never so for a JSON receipt. */
  readonly crossChecked: boolean;
  /**
   * Identities beside the classical one, which alone decides, whose signatures in the ledger could not be verified; none
   * without a ledger.
   */
  readonly unverified: readonly string[];
  /** What others could change the file by, where the file itself was read. */
  readonly warnings: readonly StorageError[];
}

/**
 * Verifies a snapshot file: its name, bytes, receipt, signature, and who vouches for it. Of the content of one that is
 * larger than 2 GiB there are only the maps that a recovery reads.
 * @throws StorageError when the file or the ledger cannot be read
 * @throws FormatError, VerificationError those of `verifySnapshotFile`; `CROSS_CHECK_DISAGREES`,
 * `CROSS_CHECK_UNAVAILABLE`; of the ledger `EMPTY_LEDGER`, `CHUNK_GAP`, `CHUNK_OVERLAP`, `SERVICE_UNKNOWN`
 * @throws AbortedError when `signal` aborts
 */
export async function verifySnapshot(
  path: string,
  options: VerifySnapshotOptions = {},
): Promise<SnapshotVerification> {
  const verifier = await openSnapshotVerifier({ ...options, wholeBytesMax: snapshotBytesMax });
  try {
    return await verifier.verifyNamed(path);
  } finally {
    await verifier.close();
  }
}

/** How many files are verified alike. */
export interface SnapshotVerifierOptions extends VerifySnapshotOptions {
  /** See `readVerifiable`: who does not ask for content needs no memory for it. @default 0 */
  readonly wholeBytesMax?: number | undefined;
}

/**
 * Prepares to verify many files alike: the ledger is read once, the worker started once.
 * @throws as {@link verifySnapshot}, what concerns the ledger
 */
export async function openSnapshotVerifier(
  options: SnapshotVerifierOptions = {},
): Promise<SnapshotVerifier> {
  const { ledger, readOnlyLedgers, environment } = options;
  const { fileSystem } = environmentOf(environment);
  const opened =
    ledger === undefined ? undefined : await openLedger(fileSystem, ledger, readOnlyLedgers);
  return openVerifierOver(opened, options);
}

/**
 * As {@link openSnapshotVerifier}, over a ledger that is open already.
 * @throws as {@link verifySnapshot}, what concerns the ledger
 */
export async function openVerifierOver(
  ledger: IdentitySource | undefined,
  options: Omit<SnapshotVerifierOptions, 'ledger' | 'readOnlyLedgers'>,
): Promise<SnapshotVerifier> {
  const { services = [], signal, wholeBytesMax } = options;
  const mode = crossCheckMode(options.crossCheck, 'off');
  const environment = environmentOf(options.environment);
  const { fileSystem } = environment;
  const pinned = pinnedKeys(services);
  const identities = ledger && (await collectIdentities(ledger, pinned, signal));
  const executor = mode === 'off' ? undefined : environment.startExecutor();
  const opinion = executor && new SecondOpinion({ mode, executor });
  const { minSeqno, snapshotBytesMax: fileBytesMax, strict } = options;
  return new SnapshotVerifier({
    ...{ minSeqno, fileBytesMax, strict, executor, opinion },
    ...{ fileSystem, pinned, identities, signal, wholeBytesMax },
  });
}

interface VerifierParts {
  readonly fileSystem: FileSystem;
  readonly pinned: readonly KeyObject[];
  readonly identities: LedgerIdentities | undefined;
  /** There when cose-js is to be asked. */
  readonly executor: JobExecutor<SnapshotJobs> | undefined;
  readonly opinion: SecondOpinion | undefined;
  readonly signal: AbortSignal | undefined;
  readonly wholeBytesMax: number | undefined;
  readonly minSeqno: number | undefined;
  readonly fileBytesMax: number | undefined;
  readonly strict: boolean | undefined;
}

/** Verifies snapshot files against the same identities; made by {@link openSnapshotVerifier} only. */
export class SnapshotVerifier {
  readonly #parts: VerifierParts;
  /** Where trust begins, or where a chain does that nobody has pinned. */
  readonly #anchorsOf: Anchors;
  #epochs: Promise<ReadonlyMap<string, Epoch>> | undefined;

  constructor(parts: VerifierParts) {
    this.#parts = parts;
    const { pinned, identities } = parts;
    this.#anchorsOf =
      pinned.length > 0 ? { cose: pinned, json: pinned } : currentIdentity(identities);
  }

  /** As {@link verify}, of a file that a person names: a link is followed. @throws as that, StorageError `SYMLINK_REFUSED` */
  async verifyNamed(path: string): Promise<SnapshotVerification> {
    const named = await namedFile(this.#parts.fileSystem, path);
    if (named.fileSystem === this.#parts.fileSystem) return this.verify(named.path);
    const { fileSystem } = named;
    return new SnapshotVerifier({ ...this.#parts, fileSystem }).verify(named.path);
  }

  /** @throws as {@link verifySnapshot}, what concerns the file */
  async verify(path: string): Promise<SnapshotVerification> {
    const { fileSystem, signal, wholeBytesMax, strict } = this.#parts;
    if (signal?.aborted) throw new AbortedError('the verification');
    const warnings = await warningsFor(fileSystem, path);
    const [warning] = warnings;
    if (strict && warning !== undefined) throw warning;
    await this.judge(path);
    const read = await readVerifiable(fileSystem, path, { signal, wholeBytesMax });
    const verified = { ...(await this.verifyFile(read)), warnings };
    checkFloor(verified.seqno, this.#parts.minSeqno, path);
    return verified;
  }

  /**
   * Judges a file by its ends, before its body is read. One that is no larger than a receipt may be, and really
   * takes that room on the disk, costs no more to read whole: then all of it is there to say what is wrong.
   * @throws as {@link verifySnapshot}, what is wrong without a look into the body
   */
  async judge(path: string): Promise<void> {
    const { fileSystem, fileBytesMax } = this.#parts;
    const { size = 0, allocatedBytes = size } = (await fileSystem.stat(path)) ?? {};
    if (size <= receiptBytesMax && allocatedBytes >= size) {
      return checkFileBytes({ fileName: basename(path), fileBytes: size }, fileBytesMax);
    }
    const ends = await readSnapshotEnds(fileSystem, path);
    await this.#verify(ends);
    checkFileBytes(ends, fileBytesMax);
  }

  /** Verifies a file that was read already. @throws as {@link verifySnapshot}, what concerns the file */
  async verifyFile(file: VerifiableFile): Promise<SnapshotVerification> {
    const { pinned, opinion, signal } = this.#parts;
    const { verified, links } = await this.#verify(file);
    await this.#checkEvidence(file.fileName, verified);
    let crossChecked = false;
    if (opinion !== undefined && verified.receiptForm === 'cose') {
      const { digest } = verified;
      const receipt = file.receipt().slice();
      const spki = this.#spkiOf(verified, links);
      crossChecked = await opinion.check({ form: 'cose', receipt, digest, spki }, signal);
    }
    const trusted = verified.trusted && pinned.length > 0;
    const unverified = this.#parts.identities?.unverified ?? [];
    const found = { trusted, endorsements: links.length, crossChecked, unverified };
    return { ...verified, ...found, warnings: [] };
  }

  /** Why cose-js is not asked, though it should be where it is available. */
  async whyNotCrossChecked(): Promise<string | undefined> {
    const verdict = await this.#parts.opinion?.verdict();
    return verdict?.status === 'unavailable' ? verdict.reason : undefined;
  }

  async close(): Promise<void> {
    await this.#parts.executor?.close();
  }

  /** Against the entry in the ledger, where one is given and has it. */
  async #checkEvidence(file: string, verified: VerifiedSnapshot): Promise<void> {
    const { identities } = this.#parts;
    const entry = identities && (await entryAt(identities.ledger, verified.evidenceSeqno));
    if (entry !== undefined) checkEvidenceEntry(file, verified, entry);
  }

  /** Directly if that will do; else through the endorsements of the ledger. */
  async #verify<T>(file: Subject<T>): Promise<Vouched<T>> {
    const epochs = await this.#anchorEpochs();
    const trustedKeys = this.#anchorsOf[formOf(file)];
    const options = { fileName: file.fileName, trustedKeys, epochs };
    try {
      return { verified: await file.verify(options), links: [] };
    } catch (error) {
      if (!(error instanceof VerificationError) || error.code !== 'UNTRUSTED_SERVICE') throw error;
      const links = await this.#chainTo(signatureSeqnoOf(file), error);
      return { verified: await file.verify({ ...options, endorsed: links.slice(-1) }), links };
    }
  }

  /** When the anchors were in force, as far as the ledger says it. */
  #anchorEpochs(): Promise<ReadonlyMap<string, Epoch>> {
    const { endorsements, starts: serviceStarts } = this.#parts.identities ?? noIdentities;
    this.#epochs ??= epochsOf(endorsements, { trustedKeys: this.#anchorsOf.cose, serviceStarts });
    return this.#epochs;
  }

  /** The chain to the identity in force at a seqno. @throws VerificationError `UNTRUSTED_SERVICE` */
  async #chainTo(
    seqno: Seqno | undefined,
    untrusted: VerificationError,
  ): Promise<readonly EndorsementLink[]> {
    const { identities } = this.#parts;
    if (identities === undefined || seqno === undefined) throw untrusted;
    let cause: VerificationError | undefined;
    for (const key of this.#anchorsOf.cose) {
      const serviceStart = identities.starts.get(keyIdOf(key));
      const start = serviceStart === undefined ? {} : { serviceStart };
      try {
        const chain = { trustedKeys: [key], seqno, ...start };
        return await verifyEndorsementChain(identities.endorsements, chain);
      } catch (error) {
        if (!(error instanceof VerificationError)) throw error;
        cause = error;
      }
    }
    const message = `${untrusted.message}, nor endorsed by one: ${cause?.message}`;
    throw new VerificationError('UNTRUSTED_SERVICE', message, { seqno, cause });
  }

  /** The key that vouched: among those it was verified with, or named by the snapshot itself. */
  #spkiOf({ serviceKeyId, content }: VerifiedSnapshot, links: readonly EndorsementLink[]) {
    const keys = [
      ...this.#anchorsOf.cose,
      ...links.map(({ endorsedKey }) => endorsedKey),
      ...keysOf(identityInState(content.publicMaps)),
    ];
    const key = keys.find((candidate) => keyIdOf(candidate) === serviceKeyId);
    assert(key !== undefined, 'the signature was verified under one of these keys');
    return spkiOf(key);
  }
}

/** A file as far as it was read, and what it proves so far. */
interface Subject<T> extends Pick<VerifiableFile, 'fileName' | 'receipt'> {
  verify(options: Parameters<VerifiableFile['verify']>[0]): Promise<T>;
}

interface Vouched<T> {
  readonly verified: T;
  /** From the pinned identity to the one that vouches. */
  readonly links: readonly EndorsementLink[];
}

/** Form of a file's receipt by its first byte, as `decodeReceipt` takes it. */
const formOf = (file: Pick<VerifiableFile, 'receipt'>): KeyedForm =>
  file.receipt()[0] === 0x7b ? 'json' : 'cose';

/**
 * Where a COSE receipt says it was signed. Like CCF, an old JSON receipt must come from a pinned identity
 * itself: no chain of endorsements leads to it.
 */
function signatureSeqnoOf(file: Pick<VerifiableFile, 'receipt'>): Seqno | undefined {
  try {
    return decodeCoseReceipt(file.receipt()).signature.txId.seqno;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
