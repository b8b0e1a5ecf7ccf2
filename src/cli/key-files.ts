import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { Option } from 'commander';
import { fromUtf8 } from '../core/bytes.ts';
import { readMemberKeys } from '../engine/member-keys.ts';
import { type Certificate, pemOf, readCertificate } from '../formats/certificate.ts';
import { profileOfKey } from '../formats/ec-key.ts';
import type { FileSystem } from '../io/file-system.ts';
import type { CommandContext } from './context.ts';
import { UsageError } from './errors.ts';
import { repeatableOption } from './repeatable-option.ts';

/** The option that pins services; it comes as a list of files. */
export function serviceCertOption(): Option {
  return repeatableOption(
    '--service-cert <pem>',
    'certificate of a service to trust, or its public key; repeat it for several identities',
  );
}

/** Reads the certificates and keys that {@link serviceCertOption} names. @throws UsageError, StorageError */
export async function readPins(
  files: readonly string[],
  { environment }: CommandContext,
): Promise<readonly (Certificate | KeyObject)[]> {
  const pins: (Certificate | KeyObject)[] = [];
  for (const file of files) pins.push(await readPin(file, environment.fileSystem));
  return pins;
}

/** Reads members' keys, and says so where a directory has none. @throws StorageError */
export async function readKeys(
  directory: string | undefined,
  { environment, terminal }: CommandContext,
): Promise<readonly KeyObject[]> {
  if (directory === undefined) return [];
  const keys = await readMemberKeys(directory, environment.fileSystem);
  if (keys.length === 0) terminal.note(`warning: no RSA private key (.pem) in ${directory}`);
  return keys;
}

/** A certificate is a few kilobytes. */
const certificateBytesMax = 64 * 1024;

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/**
 * Reads a pinned certificate as tools and people write them, with other line ends or text around it; it
 * must be the only one in its file, so that nothing is pinned by accident. A host without certificates has a
 * public key instead.
 * @throws UsageError when it is something else
 */
async function readPin(path: string, fileSystem: FileSystem): Promise<Certificate | KeyObject> {
  const bytes = await fileSystem.readFile(path, { bytesMax: certificateBytesMax });
  const blocks = [...textOf(bytes).matchAll(pemBlock)];
  const [first, second] = blocks;
  if (first === undefined) throw badPin(path, 'holds no PEM certificate or public key');
  if (blocks.some(([, kind]) => kind?.endsWith('PRIVATE KEY'))) {
    throw badPin(path, 'holds a private key, not a certificate');
  }
  const read = readerOf(first[1]);
  if (read === undefined) throw badPin(path, `holds no certificate but a PEM ${first[1]}`);
  if (second !== undefined) throw badPin(path, `holds ${blocks.length} PEM blocks, not one`);
  try {
    return read(first[0]);
  } catch (error) {
    throw badPin(path, `is of no service (${String((error as Error).message)})`);
  }
}

function readerOf(
  kind: string | undefined,
): ((pem: string) => Certificate | KeyObject) | undefined {
  if (kind === 'CERTIFICATE') {
    return (pem) => readCertificate(pemOf(new Uint8Array(new X509Certificate(pem).raw)));
  }
  return kind === 'PUBLIC KEY' ? readPublicKey : undefined;
}

function readPublicKey(pem: string): KeyObject {
  const key = createPublicKey(pem);
  profileOfKey(key);
  return key;
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return '';
  }
}

function badPin(path: string, what: string): UsageError {
  return new UsageError(
    `${path} ${what}`,
    "--service-cert takes the service's certificate, or its public key where it has none: one PEM of a P-384 or P-256 key",
  );
}
