import { join } from 'node:path';
import type { SnapshotCandidate } from '../../machines/ports.ts';
import { FormatError, type LedgerSnapshotterError, VerificationError } from '../core/errors.ts';
import type { Logger } from '../core/host-ports.ts';
import { warningsAt } from '../files/file-warnings.ts';
import { surveySnapshots } from '../files/snapshot-directory.ts';
import type { Environment } from '../jobs/environment.ts';
import { readVerifiable } from '../snapshots/verifiable-file.ts';
import { type EitherVerifier, withEither } from '../verification/either-verifier.ts';
import {
  openVerifierOver,
  type SnapshotVerification,
  type SnapshotVerifier,
} from '../verification/verify.ts';
import type { ReadSnapshot, SnapshotReader } from './read-snapshots.ts';
import type { FileDefect, RecoverOptions } from './report.ts';

/** A snapshot file that verified. */
export interface ProvenSnapshot<Read = ReadSnapshot> {
  readonly read: Read;
  readonly verification: SnapshotVerification;
}

export interface CandidateFilesOptions {
  readonly options: RecoverOptions;
  readonly environment: Environment;
  readonly reader: SnapshotReader;
  /** Verifies through the endorsements of the ledger; `undefined` without a ledger. */
  readonly overLedger: () => Promise<SnapshotVerifier> | undefined;
}

/**
 * The snapshot files of a recovery. Each is judged by its ends first, and read from end to end only when these are in
 * order: so the work is bounded by what a file proves, not by the size that it says it has. What a file turned out
 * to be is remembered for as long as it is the same file.
 */
export class CandidateFiles {
  readonly #parts: CandidateFilesOptions;
  #direct: Promise<SnapshotVerifier> | undefined;
  #names: readonly string[] = [];
  readonly #identities = new Map<string, string | undefined>();
  readonly #defects = new Map<string, FileDefect>();

  constructor(parts: CandidateFilesOptions) {
    this.#parts = parts;
  }

  /** Files that do not verify, whoever is trusted, by their names. */
  get defects(): ReadonlyMap<string, FileDefect> {
    return this.#defects;
  }

  /** Newest first; what bears the name of a committed snapshot and is odd is among them. @throws StorageError */
  async list(): Promise<readonly SnapshotCandidate[]> {
    const { options, environment } = this.#parts;
    if (options.snapshots === undefined) return [];
    const found = await surveySnapshots(options.snapshots, environment.fileSystem);
    const candidates = found.flatMap(({ file, seqno, committed, identity, isSparse }) => {
      if (!committed || seqno === undefined) return [];
      this.#identities.set(file, identity);
      return [{ file, seqno, isSparse }];
    });
    this.#names = candidates.map(({ file }) => file);
    await this.#warnOf(options.snapshots);
    return candidates;
  }

  /** The other files of the same seqno. */
  twinsOf(file: string): readonly string[] {
    const start = /^snapshot_\d+_/.exec(file)?.[0] ?? file;
    return this.#names.filter((name) => name !== file && name.startsWith(start));
  }

  /** Reads and verifies a file whose state may be wanted. @throws as `verifySnapshot`, and as `SnapshotReader.read` */
  read(file: string): Promise<ProvenSnapshot> {
    const path = this.#pathOf(file);
    return this.#prove(file, () => this.#parts.reader.read({ path, fileName: file }));
  }

  /** Reads and verifies a file whose state is not wanted. @throws as `verifySnapshot` */
  verify(file: string): Promise<ProvenSnapshot<Pick<ReadSnapshot, 'file'>>> {
    const { environment, options } = this.#parts;
    const { signal } = options;
    return this.#prove(file, async () => ({
      file: await readVerifiable(environment.fileSystem, this.#pathOf(file), { signal }),
    }));
  }

  async #prove<Read extends Pick<ReadSnapshot, 'file'>>(
    file: string,
    readFile: () => Promise<Read>,
  ): Promise<ProvenSnapshot<Read>> {
    await this.#warnOf(this.#pathOf(file));
    const path = this.#pathOf(file);
    const verifiers = this.#verifiers();
    await withEither(verifiers, (one) => this.#onFile(file, () => one.judge(path)));
    const read = await this.#onFile(file, readFile);
    const verify = (one: SnapshotVerifier) => this.#onFile(file, () => one.verifyFile(read.file));
    return { read, verification: await withEither(verifiers, verify) };
  }

  #verifiers(): EitherVerifier {
    const { options, environment, overLedger } = this.#parts;
    const { services = [], snapshotBytesMax } = options;
    const direct = () => {
      this.#direct ??= openVerifierOver(undefined, { services, snapshotBytesMax, environment });
      return this.#direct;
    };
    return { direct, overLedger };
  }

  #pathOf(file: string): string {
    return join(this.#parts.options.snapshots ?? '', file);
  }

  /** @throws StorageError with `strict` */
  async #warnOf(path: string): Promise<void> {
    const { options, environment } = this.#parts;
    for (const warning of await warningsAt(environment.fileSystem, path)) {
      if (options.strict) throw warning;
      tellWarning(warning, options);
    }
  }

  /** Remembers what is wrong with a file, unless it became another one meanwhile. */
  async #onFile<T>(file: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (isDefect(error)) await this.#remember(file, error);
      throw error;
    }
  }

  async #remember(file: string, error: LedgerSnapshotterError): Promise<void> {
    const { fileSystem } = this.#parts.environment;
    const identity = this.#identities.get(file);
    const now = await fileSystem.stat(this.#pathOf(file));
    if (now !== undefined && now.identity === identity) {
      this.#defects.set(file, { identity, error });
    }
  }
}

function tellWarning(
  warning: LedgerSnapshotterError,
  { logger, onWarning }: { readonly logger?: Logger | undefined } & RecoverOptions,
): void {
  const { code, message: reason, file } = warning;
  logger?.warn({ file, code, reason }, 'others could change a snapshot');
  onWarning?.(warning);
}

/** What depends on more than the file: on who is trusted, on a ledger, on a bound that was configured. */
const otherwise: ReadonlySet<string> = new Set([
  'SERVICE_UNKNOWN',
  'UNTRUSTED_SERVICE',
  'CHAIN_BROKEN',
  'CHAIN_TOO_LONG',
  'NOT_SNAPSHOT_EVIDENCE',
  'SNAPSHOT_TOO_LARGE',
  'ROLLBACK_REFUSED',
]);

/** Whether an error says that a file is no snapshot of anybody's. */
export function isDefect(error: unknown): error is FormatError | VerificationError {
  const isVerdict = error instanceof FormatError || error instanceof VerificationError;
  return isVerdict && !otherwise.has(error.code);
}
