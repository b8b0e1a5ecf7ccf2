import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Option } from 'commander';
import { LedgerSnapshotterError } from '../../core/errors.ts';
import { readNamedFile } from '../../files/named-file.ts';
import type { Certificate } from '../../formats/keys/certificate.ts';
import { anchorBytesMax, readTrustAnchors } from '../../formats/keys/trust-anchor.ts';
import { findMemberKeys } from '../../ledger/member-keys.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { repeatableOption } from './repeatable-option.ts';

/** What a file may hold that says whom to trust. */
const anchorForms =
  'a service’s certificate or public key (PEM, DER), a COSE_Key or COSE_KeySet, a JWK or JWK Set';

/** The option that pins services; it comes as a list of files. */
export function serviceCertOption(): Option {
  return repeatableOption(
    '--service-cert <file>',
    `who is trusted: ${anchorForms}; repeat it for several identities`,
  );
}

/** Reads the certificates and keys that {@link serviceCertOption} names. @throws UsageError, StorageError */
export async function readPins(
  files: readonly string[],
  context: CommandContext,
): Promise<readonly (Certificate | KeyObject)[]> {
  const pins: (Certificate | KeyObject)[] = [];
  for (const file of files) pins.push(...(await readAnchors(file, context)));
  return pins;
}

/** Reads members' keys, and says so where a directory has none. @throws StorageError */
export async function readKeys(
  directory: string | undefined,
  { environment, terminal }: CommandContext,
): Promise<readonly KeyObject[]> {
  if (directory === undefined) return [];
  const { keys, skipped } = await findMemberKeys(directory, environment.fileSystem);
  if (keys.length === 0) terminal.note(`warning: no RSA private key (.pem) in ${directory}`);
  // Where there are keys, the certificates beside them are no news.
  const told = skipped.filter(({ isUsual }) => keys.length === 0 || !isUsual);
  for (const { file, reason } of told) {
    terminal.note(`${join(directory, file)} is no member’s key: ${reason}`);
  }
  return keys;
}

/** @throws UsageError when a file has no key to trust; StorageError when it cannot be read */
async function readAnchors(
  file: string,
  { environment, terminal }: CommandContext,
): Promise<readonly (Certificate | KeyObject)[]> {
  const options = { bytesMax: anchorBytesMax };
  const bytes = await readNamedFile(environment.fileSystem, file, options);
  try {
    const { services, skipped } = readTrustAnchors(bytes);
    for (const { place, reason } of skipped) {
      terminal.note(`warning: ${file}: ${place} was skipped: it ${reason}`);
    }
    return services;
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    throw new UsageError(
      `${file} names no service to trust: ${error.message} [${error.code}]`,
      `--service-cert takes ${anchorForms}, of a P-384 or P-256 key`,
    );
  }
}
