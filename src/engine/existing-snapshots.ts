import { join } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { FormatError } from '../core/errors.ts';
import { snapshotBytesMax } from '../core/limits.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { findSnapshots } from '../files/snapshot-directory.ts';
import { decodeEnvelope } from '../formats/entry.ts';
import { sha256 } from '../formats/sha256.ts';
import { splitSnapshotFile } from '../formats/snapshot-body.ts';
import type { FileSystem } from '../io/file-system.ts';

/** A snapshot that some node wrote, as far as a comparison needs it. */
export interface ExistingSnapshot {
  readonly file: string;
  /** SHA-256 of the entry, without the receipt; `undefined` when the file is no snapshot at all. */
  readonly digest: Digest | undefined;
  readonly publicDomain: Uint8Array;
}

/** The committed snapshots of a directory, read when they are asked for. */
export class ExistingSnapshots {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  readonly #files: ReadonlyMap<string, string>;

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    files: ReadonlyMap<string, string>,
  ) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
    this.#files = files;
  }

  /** @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED` */
  static async open(fileSystem: FileSystem, directory: string): Promise<ExistingSnapshots> {
    const files = new Map<string, string>();
    for (const { file, seqno, evidenceSeqno, ignored } of await findSnapshots(
      directory,
      fileSystem,
    )) {
      if (ignored === undefined) files.set(`${seqno}_${evidenceSeqno}`, file);
    }
    return new ExistingSnapshots(fileSystem, directory, files);
  }

  /** No directory to compare with. */
  static none(fileSystem: FileSystem): ExistingSnapshots {
    return new ExistingSnapshots(fileSystem, '', new Map());
  }

  /**
   * The snapshot of this seqno and evidence, `undefined` when there is none.
   * @throws StorageError when it cannot be read
   */
  async read(seqno: Seqno, evidenceSeqno: Seqno): Promise<ExistingSnapshot | undefined> {
    const file = this.#files.get(`${seqno}_${evidenceSeqno}`);
    if (file === undefined) return undefined;
    const path = join(this.#directory, file);
    const bytes = await this.#fileSystem.readFile(path, { bytesMax: snapshotBytesMax });
    return { file, ...contentOf(bytes) };
  }
}

/** A file that is no snapshot is one that differs, not an error of ours. */
function contentOf(bytes: Uint8Array): Pick<ExistingSnapshot, 'digest' | 'publicDomain'> {
  try {
    const { entry } = splitSnapshotFile(bytes);
    const { publicDomain } = decodeEnvelope(entry, { bytesMax: snapshotBytesMax });
    return { digest: digest(toHex(sha256(entry))), publicDomain };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { digest: undefined, publicDomain: new Uint8Array(0) };
  }
}
