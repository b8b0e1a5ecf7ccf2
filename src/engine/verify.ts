import type { KeyObject } from 'node:crypto';
import {
  AbortedError,
  assert,
  FormatError,
  LedgerSnapshotterError,
  VerificationError,
} from '../core/errors.ts';
import { snapshotBytesMax } from '../core/limits.ts';
import type { Seqno, TxId } from '../core/words.ts';
import { type LedgerDirectory, openLedger } from '../files/ledger-directory.ts';
import type { Certificate } from '../formats/certificate.ts';
import { decodeCoseReceipt } from '../formats/cose-receipt.ts';
import { keyIdOf, spkiOf } from '../formats/ec-key.ts';
import { decodeEnvelope } from '../formats/entry.ts';
import {
  type EndorsementLink,
  verifyEndorsementChain,
  type WrittenEndorsement,
} from '../formats/identity-endorsement.ts';
import { decodeServiceInfo, tables } from '../formats/tables.ts';
import type { VerifiedSnapshot } from '../formats/verify-snapshot.ts';
import { decodePublicDomain, mapWrites, singletonValue } from '../formats/write-set.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { JobExecutor } from '../tasks/job.ts';
import { type Environment, environmentOf } from './environment.ts';
import type { SnapshotJobs } from './jobs.ts';
import { type CrossCheck, crossCheckMode, SecondOpinion } from './second-opinion.ts';
import { readVerifiable, type VerifiableFile } from './verifiable-file.ts';

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
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}

/** What a verified snapshot file is, and how far its signer is from a pinned identity. */
export interface SnapshotVerification extends VerifiedSnapshot {
  /** Endorsements from the pinned identity to the one that vouches; 0 when it is that one itself. */
  readonly endorsements: number;
  /** Whether cose-js accepted the receipt too; never so for a JSON receipt. */
  readonly crossChecked: boolean;
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
    return await verifier.verify(path);
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

/** A ledger, as far as its identities are concerned. */
export type IdentitySource = Pick<LedgerDirectory, 'directory' | 'entries'>;

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
  const identities = ledger && (await readIdentities(ledger, signal));
  const pinned = services.map((service) => ('x509' in service ? service.publicKey : service));
  const executor = mode === 'off' ? undefined : environment.startExecutor();
  const opinion = executor && new SecondOpinion({ mode, executor });
  const asking = { executor, opinion };
  return new SnapshotVerifier({ fileSystem, pinned, identities, ...asking, signal, wholeBytesMax });
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
}

/** Verifies snapshot files against the same identities; made by {@link openSnapshotVerifier} only. */
export class SnapshotVerifier {
  readonly #parts: VerifierParts;
  /** Where trust begins, or where a chain does that nobody has pinned. */
  readonly #anchors: readonly KeyObject[];

  constructor(parts: VerifierParts) {
    this.#parts = parts;
    this.#anchors = parts.pinned.length > 0 ? parts.pinned : currentIdentity(parts.identities);
  }

  /** @throws as {@link verifySnapshot}, what concerns the file */
  async verify(path: string): Promise<SnapshotVerification> {
    const { fileSystem, signal, wholeBytesMax } = this.#parts;
    if (signal?.aborted) throw new AbortedError('the verification');
    return this.verifyFile(await readVerifiable(fileSystem, path, { signal, wholeBytesMax }));
  }

  /** Verifies a file that was read already. @throws as {@link verifySnapshot}, what concerns the file */
  async verifyFile(file: VerifiableFile): Promise<SnapshotVerification> {
    const { pinned, opinion, signal } = this.#parts;
    const { verified, links } = await this.#verify(file);
    let crossChecked = false;
    if (opinion !== undefined && verified.receiptForm === 'cose') {
      const { digest } = verified;
      const receipt = file.receipt().slice();
      const spki = this.#spkiOf(verified, links);
      crossChecked = await opinion.check({ form: 'cose', receipt, digest, spki }, signal);
    }
    const trusted = verified.trusted && pinned.length > 0;
    return { ...verified, trusted, endorsements: links.length, crossChecked };
  }

  /** Why cose-js is not asked, though it should be where it is available. */
  async whyNotCrossChecked(): Promise<string | undefined> {
    const verdict = await this.#parts.opinion?.verdict();
    return verdict?.status === 'unavailable' ? verdict.reason : undefined;
  }

  async close(): Promise<void> {
    await this.#parts.executor?.close();
  }

  /** Directly if that will do; else through the endorsements of the ledger. */
  async #verify(file: VerifiableFile): Promise<Vouched> {
    const options = { fileName: file.fileName, trustedKeys: this.#anchors };
    try {
      return { verified: await file.verify(options), links: [] };
    } catch (error) {
      if (!(error instanceof VerificationError) || error.code !== 'UNTRUSTED_SERVICE') throw error;
      const links = await this.#chainTo(signatureSeqnoOf(file), error);
      const endorsedKeys = links.slice(-1).map(({ endorsedKey }) => endorsedKey);
      return { verified: await file.verify({ ...options, endorsedKeys }), links };
    }
  }

  /** The chain to the identity in force at a seqno. @throws VerificationError `UNTRUSTED_SERVICE` */
  async #chainTo(
    seqno: Seqno | undefined,
    untrusted: VerificationError,
  ): Promise<readonly EndorsementLink[]> {
    const { identities } = this.#parts;
    if (identities === undefined || seqno === undefined) throw untrusted;
    let cause: VerificationError | undefined;
    for (const key of this.#anchors) {
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
    const named = content.publicMaps.find(({ name }) => name === tables.serviceInfo)?.records[0];
    const keys = [
      ...this.#anchors,
      ...links.map(({ endorsedKey }) => endorsedKey),
      ...(named === undefined ? [] : [decodeServiceInfo(named.value).certificate.publicKey]),
    ];
    const key = keys.find((candidate) => keyIdOf(candidate) === serviceKeyId);
    assert(key !== undefined, 'the signature was verified under one of these keys');
    return spkiOf(key);
  }
}

interface Vouched {
  readonly verified: VerifiedSnapshot;
  /** From the pinned identity to the one that vouches. */
  readonly links: readonly EndorsementLink[];
}

/** @throws VerificationError `SERVICE_UNKNOWN` when there is a ledger without an identity */
function currentIdentity(identities: LedgerIdentities | undefined): readonly KeyObject[] {
  if (identities === undefined) return [];
  if (identities.current !== undefined) return [identities.current.publicKey];
  const message = `the ledger in ${identities.directory} introduces no service identity: pin one`;
  throw new VerificationError('SERVICE_UNKNOWN', message, { file: identities.directory });
}

/**
 * Where a COSE receipt says it was signed. Like CCF, an old JSON receipt must come from a pinned identity
 * itself: no chain of endorsements leads to it.
 */
function signatureSeqnoOf(file: VerifiableFile): Seqno | undefined {
  try {
    return decodeCoseReceipt(file.receipt()).signature.txId.seqno;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** What a ledger says in the clear of its service's identities; nothing of it is believed unsigned. */
interface LedgerIdentities {
  readonly directory: string;
  /** The last one that was introduced. */
  readonly current: Certificate | undefined;
  /** First transaction of each identity, by key id; CCF 1.x does not say it. */
  readonly starts: ReadonlyMap<string, TxId>;
  readonly endorsements: readonly WrittenEndorsement[];
}

/**
 * Collects the identities. What is malformed is passed over: each endorsement proves itself or is none,
 * and to say where a ledger does not hold is replay's work.
 * @throws AbortedError; StorageError, FormatError when a chunk cannot be read
 */
async function readIdentities(
  ledger: IdentitySource,
  signal: AbortSignal | undefined,
): Promise<LedgerIdentities> {
  const starts = new Map<string, TxId>();
  const endorsements: WrittenEndorsement[] = [];
  let current: Certificate | undefined;
  for await (const { seqno, bytes } of ledger.entries()) {
    if (signal?.aborted) throw new AbortedError('the verification');
    const written = attempt(() => readIdentityWrites(bytes));
    if (written?.endorsement) endorsements.push({ seqno, value: written.endorsement });
    if (written?.service === undefined) continue;
    const { certificate, createTxId } = written.service;
    current = certificate;
    if (createTxId !== undefined) starts.set(certificate.keyId, createTxId);
  }
  return { directory: ledger.directory, current, starts, endorsements };
}

function readIdentityWrites(entry: Uint8Array) {
  const domain = decodePublicDomain(decodeEnvelope(entry).publicDomain);
  const valueIn = (table: string) => {
    const writes = mapWrites(domain, table);
    return writes && singletonValue(writes);
  };
  const service = valueIn(tables.serviceInfo);
  return {
    service: service && decodeServiceInfo(service),
    endorsement: valueIn(tables.identityEndorsement),
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return undefined;
    throw error;
  }
}
