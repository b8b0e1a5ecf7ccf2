import { join } from 'node:path';
import { attempt } from '../core/attempt.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import type { FoundSnapshot } from '../files/snapshot-directory.ts';
import { identityInState, type StateIdentity } from '../formats/entries/signing-identities.ts';
import { isEndorsedBy, readReceiptCertificate } from '../formats/keys/certificate.ts';
import { decodeReceipt } from '../formats/snapshot/verify-snapshot.ts';
import type { FileSystem } from '../io/file-system.ts';
import { readSnapshotEnds } from '../snapshots/ends.ts';
import type { SnapshotVerification } from './verify.ts';

/** The snapshot for which others go, as far as it says whose it is. */
export type Newest = Pick<SnapshotVerification, 'serviceKeyId' | 'content'>;

/**
 * Refuses to let snapshots go for one of another service, where nobody is pinned: whoever can write to the directory
 * can put a newer one of his own there, which verifies under the identity that it names itself.
 * @throws VerificationError `UNTRUSTED_SERVICE`
 * @throws StorageError when one cannot be read
 */
export async function checkOneService(
  { file: newestFile, newest }: { readonly file: string; readonly newest: Newest },
  expired: readonly FoundSnapshot[],
  { fileSystem, directory }: { readonly fileSystem: FileSystem; readonly directory: string },
): Promise<void> {
  for (const { file } of expired) {
    if (await isOfService(fileSystem, join(directory, file), newest)) continue;
    const message = `${newestFile} is of service ${newest.serviceKeyId}, and ${file}, which would go for it, is of another: pin the service that you trust; nothing was removed`;
    throw new VerificationError('UNTRUSTED_SERVICE', message, { file });
  }
}

/** By its receipt alone; what has none that can be read is no snapshot of anybody's. */
async function isOfService(fileSystem: FileSystem, path: string, newest: Newest): Promise<boolean> {
  try {
    const ends = await readSnapshotEnds(fileSystem, path);
    const { form, receipt } = decodeReceipt(ends.receipt(), 0);
    const own = serviceOf(newest);
    if (form === 'cose') {
      const signer = own?.signer?.keyId ?? newest.serviceKeyId;
      return receipt.signature.serviceKeyId === signer;
    }
    const key = own?.certificate?.publicKey;
    return key === undefined || isEndorsedBy(readReceiptCertificate(receipt.certificate), key);
  } catch (error) {
    if (error instanceof FormatError) return true;
    throw error;
  }
}

/** The newest one names its service itself, as nobody is pinned: the keys of its signatures and of its nodes. */
function serviceOf({ content, serviceKeyId }: Newest): StateIdentity | undefined {
  const own = attempt(() => identityInState(content.publicMaps));
  const isOwn = [own?.signer, own?.certificate].some((key) => key?.keyId === serviceKeyId);
  return isOwn ? own : undefined;
}
