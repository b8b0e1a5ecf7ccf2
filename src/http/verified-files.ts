import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { LedgerSnapshotterError } from '../core/errors.ts';
import type { Environment } from '../engine/environment.ts';
import { verifySnapshot } from '../engine/verify.ts';
import { type FoundSnapshot, findSnapshots } from '../files/snapshot-directory.ts';
import type { Certificate } from '../formats/certificate.ts';

export interface VerifiedFilesOptions {
  readonly directory: string;
  readonly services: readonly (KeyObject | Certificate)[];
  readonly environment: Environment;
}

/** Larger files would keep the event loop for too long; `ledger-snapshotter verify` takes any. */
const verifiedBytesMax = 16 * 1024 * 1024;

/** Files that are verified at most for one request; the next one goes on. */
const verifiedAtOnce = 8;

/** What a file of the snapshots directory proved to be. */
export interface FileVerification {
  readonly status: 'verified' | 'refused' | 'too-large' | 'not-yet';
  /** Whether a pinned service vouches for it. */
  readonly trusted?: boolean;
  readonly digest?: string;
  readonly code?: string;
  readonly message?: string;
}

export type ListedFile = FoundSnapshot & { readonly verification?: FileVerification };

/** The snapshots directory, newest first, each committed file verified once: it never changes. */
export class VerifiedFiles {
  readonly #options: VerifiedFilesOptions;
  readonly #known = new Map<string, FileVerification>();
  #running: Promise<readonly ListedFile[]> | undefined;

  constructor(options: VerifiedFilesOptions) {
    this.#options = options;
  }

  /** Who asks while a list is being made gets the same one. */
  list(): Promise<readonly ListedFile[]> {
    this.#running ??= this.#list().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #list(): Promise<readonly ListedFile[]> {
    const { directory, environment } = this.#options;
    const found = await findSnapshots(directory, environment.fileSystem);
    const listed: ListedFile[] = [];
    let budget = verifiedAtOnce;
    for (const file of found) {
      if (file.ignored !== undefined) {
        listed.push(file);
        continue;
      }
      const key = `${file.file} ${file.bytes}`;
      const isNew = !this.#known.has(key);
      if (isNew && budget > 0) {
        budget--;
        this.#known.set(key, await this.#verify(file));
      }
      listed.push({ ...file, verification: this.#known.get(key) ?? { status: 'not-yet' } });
    }
    this.#forgetGone(found);
    return listed;
  }

  #forgetGone(found: readonly FoundSnapshot[]): void {
    const there = new Set(found.map(({ file, bytes }) => `${file} ${bytes}`));
    for (const key of this.#known.keys()) if (!there.has(key)) this.#known.delete(key);
  }

  async #verify({ file, bytes }: FoundSnapshot): Promise<FileVerification> {
    const { directory, services, environment } = this.#options;
    if (bytes > verifiedBytesMax) return { status: 'too-large' };
    try {
      const path = join(directory, file);
      const { digest, trusted } = await verifySnapshot(path, { services, environment });
      return { status: 'verified', trusted, digest };
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      return { status: 'refused', code: error.code, message: error.message };
    }
  }
}
