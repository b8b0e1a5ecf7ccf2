import { createPrivateKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { fromUtf8 } from '../core/bytes.ts';
import type { FileSystem } from '../io/file-system.ts';
import { realFileSystem } from '../io/real-file-system.ts';

/** A PEM private key of 16,384 bits is below this. */
const keyBytesMax = 64 * 1024;

/**
 * Reads the members' RSA private keys in a directory: every `.pem` file that holds one. Certificates,
 * public keys, signing keys and what is too large for a key are passed over.
 * @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED`
 */
export async function readMemberKeys(
  directory: string,
  fileSystem: FileSystem = realFileSystem,
): Promise<readonly KeyObject[]> {
  const keys: KeyObject[] = [];
  for (const { name, kind } of await fileSystem.list(directory)) {
    if (kind !== 'file' || !name.endsWith('.pem')) continue;
    const path = join(directory, name);
    const found = await fileSystem.stat(path);
    if (found === undefined || found.size > keyBytesMax) continue;
    const key = privateKeyOf(await fileSystem.readFile(path, { bytesMax: keyBytesMax }));
    if (key?.asymmetricKeyType === 'rsa') keys.push(key);
  }
  return keys;
}

function privateKeyOf(pem: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey(fromUtf8(pem));
  } catch {
    return undefined;
  }
}
