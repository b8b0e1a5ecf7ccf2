import { createPrivateKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { fromUtf8, toUtf8 } from '../core/bytes.ts';
import { FormatError } from '../core/errors.ts';
import { writeDurably } from '../files/durable-file.ts';
import type { NodePaths } from '../files/node-paths.ts';
import type { FileSystem } from '../io/file-system.ts';
import { generateEcKey, generateRsaKey } from '../io/key-generation.ts';
import { readMemberKeys } from '../ledger/member-keys.ts';

/** The private keys of a node whose service is its own. */
export interface NodeKeys {
  readonly service: KeyObject;
  readonly node: KeyObject;
  /** RSA keys that open the shares of the ledger secrets. */
  readonly members: readonly KeyObject[];
}

const serviceKeyName = 'service_key.pem';
const nodeKeyName = 'node_key.pem';
const memberKeyName = (index: number) => `member${index}_enc_privk.pem`;

/** A PEM private key is far below this. */
const keyBytesMax = 64 * 1024;

/**
 * Makes the keys of a new service, durably. Those that are there already are kept: an earlier start may
 * have broken off before its ledger began. Each is there whole or not at all, also when `signal` aborts.
 * @throws AbortedError
 */
export async function makeNodeKeys(
  fileSystem: FileSystem,
  { keys }: NodePaths,
  { members, signal }: { readonly members: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  await fileSystem.makeDirectory(keys);
  const makeMissing = async (name: string, generate: () => Promise<KeyObject>) => {
    const path = join(keys, name);
    if ((await fileSystem.stat(path)) !== undefined) return;
    const pem = (await generate()).export({ type: 'pkcs8', format: 'pem' });
    await writeDurably(fileSystem, path, toUtf8(String(pem)));
  };
  await makeMissing(serviceKeyName, generateEcKey);
  await makeMissing(nodeKeyName, generateEcKey);
  const generateMemberKey = () => generateRsaKey(signal);
  for (let i = 0; i < members; i++) await makeMissing(memberKeyName(i), generateMemberKey);
}

/**
 * Reads a node's keys.
 * @throws StorageError `NOT_FOUND`, `READ_FAILED`, `TOO_LARGE`
 * @throws FormatError `BAD_KEY` for a file that holds no private key
 */
export async function readNodeKeys(fileSystem: FileSystem, { keys }: NodePaths): Promise<NodeKeys> {
  return {
    service: await readKey(fileSystem, join(keys, serviceKeyName)),
    node: await readKey(fileSystem, join(keys, nodeKeyName)),
    members: await readMemberKeys(keys, fileSystem),
  };
}

async function readKey(fileSystem: FileSystem, file: string): Promise<KeyObject> {
  const pem = await fileSystem.readFile(file, { bytesMax: keyBytesMax });
  try {
    return createPrivateKey(fromUtf8(pem));
  } catch (cause) {
    throw new FormatError('BAD_KEY', `${file} holds no private key`, { file, cause });
  }
}
