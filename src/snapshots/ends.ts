import { basename } from 'node:path';
import { FormatError } from '../core/errors.ts';
import { snapshotFileBytesMax } from '../core/limits.ts';
import { parseCommittedName } from '../formats/encoding/file-name.ts';
import { entryHeaderBytes } from '../formats/entries/entry.ts';
import { judgeReceipt, type ReceiptClaim } from '../formats/snapshot/receipt-judgement.ts';
import { snapshotEntryBytes } from '../formats/snapshot/snapshot-body.ts';
import type { VerifySnapshotOptions } from '../formats/snapshot/verify-snapshot.ts';
import type { FileSystem } from '../io/file-system.ts';

/** What lies at both ends of a snapshot file, read without what lies between them. */
export interface SnapshotEnds {
  readonly fileName: string;
  readonly fileBytes: number;
  /** @throws FormatError when there is none */
  receipt(): Uint8Array;
  /** Judges the receipt alone. @throws as `judgeReceipt` */
  verify(options: VerifySnapshotOptions): Promise<ReceiptClaim>;
}

/**
 * Reads the header and the receipt of a snapshot file: as much as a receipt has, however large the file says it is.
 * @throws StorageError when it cannot be read
 * @throws FormatError `BAD_NAME`; of `splitSnapshotFile` without its bound on the size
 */
export async function readSnapshotEnds(
  fileSystem: FileSystem,
  path: string,
): Promise<SnapshotEnds> {
  const fileName = basename(path);
  parseCommittedName(fileName);
  const handle = await fileSystem.open(path, { for: 'read' });
  try {
    const fileBytes = await handle.size();
    const header = await handle.read(0, entryHeaderBytes);
    const bytesMax = Number.MAX_SAFE_INTEGER;
    const entryBytes = snapshotEntryBytes(header, fileBytes, { bytesMax });
    const receipt = await handle.read(entryBytes, fileBytes - entryBytes);
    return {
      fileName,
      fileBytes,
      receipt: () => receipt,
      verify: (options) => judgeReceipt(receipt, entryBytes, options),
    };
  } finally {
    await handle.close();
  }
}

/**
 * Refuses a file that is larger than a configured bound: what its receipt proves has been seen by then.
 * @param bytesMax @default {@link snapshotFileBytesMax}
 * @throws FormatError `SNAPSHOT_TOO_LARGE`
 */
export function checkFileBytes(
  { fileName, fileBytes }: Pick<SnapshotEnds, 'fileName' | 'fileBytes'>,
  bytesMax: number = snapshotFileBytesMax,
): void {
  if (fileBytes <= bytesMax) return;
  const place = { file: fileName, actual: fileBytes, expected: bytesMax };
  const message = `${fileName} has ${fileBytes} bytes, ${bytesMax} are allowed: raise snapshotBytesMax (--max-snapshot-bytes) if it is yours`;
  throw new FormatError('SNAPSHOT_TOO_LARGE', message, place);
}
