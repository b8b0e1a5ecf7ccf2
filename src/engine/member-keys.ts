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
    if (typeof found === 'string') skipped.push({ file: name, reason: found });
    else keys.push(found);
  }
  return { keys, skipped };
}

/** The key, or why there is none. */
async function keyIn(fileSystem: FileSystem, path: string): Promise<KeyObject | string> {
  let pem: Uint8Array;
  try {
    pem = await readNamedFile(fileSystem, path, { bytesMax: keyBytesMax });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    return `${error.message} [${error.code}]`;
  }
  const key = privateKeyOf(pem);
  if (key?.asymmetricKeyType === 'rsa') return key;
  return key === undefined ? kindOf(pem) : `it is a private key of type ${key.asymmetricKeyType}`;
}

/** What a text is that is no private key that can be read. */
function kindOf(pem: Uint8Array): string {
  const label = /-----BEGIN ([A-Z0-9 ]{1,64})-----/.exec(Buffer.from(pem).toString('latin1'))?.[1];
  if (label === undefined) return 'it holds no PEM';
  return label.endsWith('PRIVATE KEY')
    ? `its PEM ${label} cannot be read, or is encrypted`
    : `it is a PEM ${label}`;
}

function privateKeyOf(pem: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey(fromUtf8(pem));
  } catch {
    return undefined;
  }
}
