import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { FormatError } from '../core/errors.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { type FoundSnapshot, findSnapshots } from '../files/snapshot-directory.ts';
import { EntryStream } from '../formats/entries/entry-stream.ts';
import type { FileSystem } from '../io/file-system.ts';
import { readSnapshotFile } from './scan.ts';

/** A snapshot that some node wrote, as far as a comparison needs it. */
export interface ExistingSnapshot {
  readonly file: string;
  /** SHA-256 of the entry, without the receipt; `undefined` when the file is no snapshot at all. */
  readonly digest: Digest | undefined;
  /** SHA-256 of what it says in the clear. */
  readonly publicDigest: Uint8Array;
}

interface ExistingOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly found: readonly FoundSnapshot[];
  readonly signal: AbortSignal | undefined;
}

/** The committed snapshots of a directory, read when they are asked for. */
export class ExistingSnapshots {
  readonly #options: ExistingOptions;
  /** Names by `<seqno>_<evidence>`. */
  readonly #files: ReadonlyMap<string, string>;

  private constructor(options: ExistingOptions) {
    this.#options = options;
    const { found } = options;
    this.#files = new Map(found.map((snapshot) => [keyOf(snapshot), snapshot.file]));
  }

  /** @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED` */
  static async open(
    fileSystem: FileSystem,
    directory: string,
    signal?: AbortSignal,
  ): Promise<ExistingSnapshots> {
    const found = await findSnapshots(directory, fileSystem);
    const committed = found.filter(({ ignored }) => ignored === undefined);
    return new ExistingSnapshots({ fileSystem, directory, found: committed, signal });
  }

  /** No directory to compare with. */
  static none(fileSystem: FileSystem): ExistingSnapshots {
    return new ExistingSnapshots({ fileSystem, directory: '', found: [], signal: undefined });
  }

  /**
   * The snapshot of this seqno and evidence, `undefined` when there is none.
   * @throws StorageError when it cannot be read; AbortedError
   */
  async read(seqno: Seqno, evidenceSeqno: Seqno): Promise<ExistingSnapshot | undefined> {
    const { fileSystem, directory, signal } = this.#options;
    const file = this.#files.get(keyOf({ seqno, evidenceSeqno }));
    if (file === undefined) return undefined;
    return { file, ...(await digestsOf(fileSystem, join(directory, file), signal)) };
  }

  /** Names of those that none of these evidences is of. */
  without(
    evidences: readonly { readonly snapshotSeqno: Seqno; readonly evidenceSeqno: Seqno }[],
  ): string[] {
    const vouched = new Set(
      evidences.map(({ snapshotSeqno, evidenceSeqno }) =>
        keyOf({ seqno: snapshotSeqno, evidenceSeqno }),
      ),
    );
    return this.#options.found
      .filter((snapshot) => !vouched.has(keyOf(snapshot)))
      .map(({ file }) => file);
  }
}

const keyOf = ({ seqno, evidenceSeqno }: Pick<FoundSnapshot, 'seqno' | 'evidenceSeqno'>): string =>
  `${seqno}_${evidenceSeqno}`;

/** A file that is no snapshot is one that differs, not an error of ours. */
async function digestsOf(
  fileSystem: FileSystem,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Omit<ExistingSnapshot, 'file'>> {
  const hash = createHash('sha256');
  const publicDigest = () => new Uint8Array(hash.digest());
  const sink = {
    begin: () => {},
    publicDomain: (bytes: Uint8Array) => {
      hash.update(bytes);
    },
    privateDomain: () => {},
  };
  const begin = (bytes: number) => new EntryStream(bytes, sink);
  try {
    const read = await readSnapshotFile(fileSystem, path, { begin, signal });
    return { digest: digest(toHex(read.digest)), publicDigest: publicDigest() };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { digest: undefined, publicDigest: publicDigest() };
  }
}
