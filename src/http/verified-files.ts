import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { LedgerSnapshotterError, StorageError } from '../core/errors.ts';
import {
  type FoundSnapshot,
  foundOf,
  type SurveyedSnapshot,
  surveySnapshots,
} from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { spkiOf } from '../formats/keys/ec-key.ts';
import type { Environment } from '../jobs/environment.ts';

export interface VerifiedFilesOptions {
  readonly directory: string;
  readonly services: readonly (KeyObject | Certificate)[];
  readonly environment: Environment;
}

/** Files that wait for the thread at most; who asks again later finds the next ones begun. */
const verifiedAtOnce = 8;

/** What a file of the snapshots directory proved to be. */
export interface FileVerification {
  readonly status: 'verified' | 'refused' | 'unreadable' | 'not-yet';
  /** Whether a pinned service vouches for it. */
  readonly trusted?: boolean;
  readonly digest?: string;
  readonly code?: string;
  readonly message?: string;
}

export type ListedFile = FoundSnapshot & { readonly verification?: FileVerification };

/**
 * The snapshots directory, newest first, each committed file verified once, for as long as it is the same file. That is done by a
 * thread of its own, begun when somebody first asks, and nobody who asks waits for it.
 */
export class VerifiedFiles {
  readonly #options: VerifiedFilesOptions;
  readonly #services: readonly Uint8Array[];
  readonly #known = new Map<string, FileVerification>();
  readonly #underWay = new Set<string>();
  #executor: ReturnType<Environment['startExecutor']> | undefined;
  #isClosed = false;

  constructor(options: VerifiedFilesOptions) {
    this.#options = options;
    this.#services = options.services.map((service) =>
      spkiOf('x509' in service ? service.publicKey : service),
    );
  }

  /** What is there, with what is known of it by now. */
  async list(): Promise<readonly ListedFile[]> {
    const { directory, environment } = this.#options;
    const found = await surveySnapshots(directory, environment.fileSystem);
    this.#forgetGone(found);
    return found.map((surveyed) => {
      const file = foundOf(surveyed);
      if (file.ignored !== undefined) return file;
      const verification = this.#known.get(keyOf(surveyed)) ?? { status: 'not-yet' };
      this.#begin(surveyed);
      return { ...file, verification };
    });
  }

  /** Gives up what is under way, and ends the thread. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#executor?.close();
  }

  #forgetGone(found: readonly SurveyedSnapshot[]): void {
    const there = new Set(found.map(keyOf));
    for (const key of this.#known.keys()) if (!there.has(key)) this.#known.delete(key);
  }

  #begin(file: SurveyedSnapshot): void {
    const key = keyOf(file);
    const { status } = this.#known.get(key) ?? {};
    // What could not be read says nothing of the file: it is tried again whenever somebody asks.
    const isWanted = status === undefined || status === 'unreadable';
    const isFull = this.#underWay.size >= verifiedAtOnce;
    if (!isWanted || isFull || this.#underWay.has(key) || this.#isClosed) return;
    this.#underWay.add(key);
    const settle = async (verification: FileVerification) => {
      const isSame = await this.#isSame(file);
      this.#underWay.delete(key);
      // What was read may have been the next file of that name, which is asked for by itself.
      if (isSame) this.#known.set(key, verification);
    };
    this.#executor ??= this.#options.environment.startExecutor();
    const path = join(this.#options.directory, file.file);
    this.#executor.run('verifyFile', { path, services: this.#services }).then(
      (proved) => settle({ status: 'verified', ...proved }),
      (error: unknown) => settle(outcomeOf(error)),
    );
  }

  async #isSame({ file, identity }: SurveyedSnapshot): Promise<boolean> {
    const { directory, environment } = this.#options;
    try {
      return (await environment.fileSystem.stat(join(directory, file)))?.identity === identity;
    } catch (error) {
      if (error instanceof StorageError) return false;
      throw error;
    }
  }
}

function outcomeOf(error: unknown): FileVerification {
  if (!(error instanceof LedgerSnapshotterError)) {
    return { status: 'unreadable', code: 'UNKNOWN', message: String(error) };
  }
  const { code, message } = error;
  return { status: error instanceof StorageError ? 'unreadable' : 'refused', code, message };
}

/** Another file of that name, or the same one rewritten in place, has another key, whatever its times were set to. */
const keyOf = ({ file, bytes, identity }: SurveyedSnapshot) => `${file} ${bytes} ${identity}`;
