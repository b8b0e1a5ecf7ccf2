import { basename } from 'node:path';
import { toHex } from '../core/bytes.ts';
import { LedgerSnapshotterError, StorageError } from '../core/errors.ts';
import { snapshotBytesMax } from '../core/limits.ts';
import { type Digest, digest, type Seqno } from '../core/words.ts';
import { namedFile } from '../files/named-file.ts';
import { parseSnapshotName } from '../formats/encoding/file-name.ts';
import { sha256 } from '../formats/encoding/sha256.ts';
import {
  decodeSnapshot,
  type PublicSnapshotContent,
  splitSnapshotFile,
} from '../formats/snapshot/snapshot-body.ts';
import { type VerifiedSnapshot, verifySnapshotFile } from '../formats/snapshot/verify-snapshot.ts';
import { type World, worldOf } from '../io/world.ts';

/** What a snapshot file holds, whether or not anyone vouches for it. */
export interface ReadSnapshot {
  /** Name, without directory. */
  readonly file: string;
  /** Size of the file. */
  readonly bytes: number;
  readonly seqno: Seqno;
  /** As the receipt proves it, else as the name claims it. */
  readonly evidenceSeqno: Seqno | undefined;
  /** SHA-256 of the entry, without the receipt. */
  readonly digest: Digest;
  readonly content: PublicSnapshotContent;
  /** Size of the private domain, which is encrypted. */
  readonly privateBytes: number;
  /**
   * What the receipt proves about the file alone: no identity is pinned here. `undefined` without a
   * receipt, and where {@link ReadSnapshot.problem} says why it proves nothing.
   */
  readonly verified: VerifiedSnapshot | undefined;
  /** Why the receipt, or the name, does not fit the file. */
  readonly problem: LedgerSnapshotterError | undefined;
}

/**
 * Reads a snapshot file to look into it. All of it is then in memory, of 2 GiB at most: `summariseSnapshot` looks
 * through one of any size.
 * @throws StorageError when it cannot be read; `TOO_LARGE` says how large it is and may be
 * @throws FormatError when it is no snapshot; a receipt that does not verify is a `problem` instead
 */
export async function readSnapshot(
  name: string,
  environment: Partial<World> = {},
): Promise<ReadSnapshot> {
  const { path, fileSystem } = await namedFile(worldOf(environment).fileSystem, name);
  const { size = 0 } = (await fileSystem.stat(path)) ?? {};
  if (size > snapshotBytesMax) throw tooLarge(path, size);
  const bytes = await fileSystem.readFile(path, { bytesMax: snapshotBytesMax });
  const { entry, receipt } = splitSnapshotFile(bytes);
  const { content, envelope } = decodeSnapshot(entry);
  const file = basename(path);
  const checked = receipt.length === 0 ? {} : await check(bytes, file);
  return {
    file,
    bytes: bytes.length,
    seqno: content.seqno,
    evidenceSeqno: checked.verified?.evidenceSeqno ?? parseSnapshotName(file)?.evidenceSeqno,
    digest: digest(toHex(sha256(entry))),
    content,
    privateBytes: envelope.privateDomain.length,
    verified: checked.verified,
    problem: checked.problem,
  };
}

function tooLarge(file: string, actual: number): StorageError {
  const bound = `readSnapshot holds a file whole, of ${snapshotBytesMax} bytes at most`;
  const message = `${file} has ${actual} bytes; ${bound}: summariseSnapshot reads one of any size`;
  return new StorageError('TOO_LARGE', message, { file, actual, expected: snapshotBytesMax });
}

async function check(
  bytes: Uint8Array,
  fileName: string,
): Promise<{ verified?: VerifiedSnapshot; problem?: LedgerSnapshotterError }> {
  try {
    return { verified: await verifySnapshotFile(bytes, { fileName }) };
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return { problem: error };
    throw error;
  }
}
