import { createPrivateKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { fromUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import { readNamedFile } from '../files/named-file.ts';
import type { FileSystem } from '../io/file-system.ts';
import { realFileSystem } from '../io/real-file-system.ts';

/** A PEM private key of 16,384 bits is below this. */
const keyBytesMax = 64 * 1024;

/** A `.pem` name in a directory of members' keys that is not one of them. */
export interface SkippedFile {
  readonly file: string;
  readonly reason: string;
  /** Whether it belongs there: a certificate, a public key, or a private key for something else. */
  readonly isUsual: boolean;
}

/** What a directory of members' keys has. */
export interface MemberKeys {
  readonly keys: readonly KeyObject[];
  readonly skipped: readonly SkippedFile[];
}

/**
 * Reads the members' RSA private keys in a directory: every `.pem` file that holds one, or link to one. Certificates,
 * public keys, signing keys and what is too large for a key are skipped.
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED`
 */
export async function readMemberKeys(
  directory: string,
  fileSystem: FileSystem = realFileSystem,
): Promise<readonly KeyObject[]> {
  return (await findMemberKeys(directory, fileSystem)).keys;
}

/** As {@link readMemberKeys}, and says what was skipped, and why. @throws as that */
export async function findMemberKeys(
  directory: string,
  fileSystem: FileSystem,
): Promise<MemberKeys> {
  const keys: KeyObject[] = [];
  const skipped: SkippedFile[] = [];
  for (const { name } of await fileSystem.list(directory)) {
    if (!name.endsWith('.pem')) continue;
    const found = await keyIn(fileSystem, join(directory, name));
    if ('reason' in found) skipped.push({ file: name, ...found });
    else keys.push(found);
  }
  return { keys, skipped };
}

type NoKey = Omit<SkippedFile, 'file'>;

/** The key, or why there is none. */
async function keyIn(fileSystem: FileSystem, path: string): Promise<KeyObject | NoKey> {
  let pem: Uint8Array;
  try {
    pem = await readNamedFile(fileSystem, path, { bytesMax: keyBytesMax });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return { reason: `${error.message} [${error.code}]`, isUsual: false };
  }
  const key = privateKeyOf(pem);
  if (key?.asymmetricKeyType === 'rsa') return key;
  if (key === undefined) return kindOf(pem);
  return { reason: `it is a private key of type ${key.asymmetricKeyType}`, isUsual: true };
}

/** What a text is that is no private key that can be read. */
function kindOf(pem: Uint8Array): NoKey {
  const label = /-----BEGIN ([A-Z0-9 ]{1,64})-----/.exec(Buffer.from(pem).toString('latin1'))?.[1];
  if (label === undefined) return { reason: 'it holds no PEM', isUsual: false };
  if (!label.endsWith('PRIVATE KEY')) return { reason: `it is a PEM ${label}`, isUsual: true };
  return { reason: `its PEM ${label} cannot be read, or is encrypted`, isUsual: false };
}

function privateKeyOf(pem: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey(fromUtf8(pem));
  } catch {
    return undefined;
  }
}
