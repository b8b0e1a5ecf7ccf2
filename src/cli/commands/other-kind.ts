import { basename, dirname } from 'node:path';
import { FormatError, LedgerSnapshotterError } from '../../core/errors.ts';
import { namedFile } from '../../files/named-file.ts';
import { parseSpoolName } from '../../formats/encoding/file-name.ts';
import { parseChunkName } from '../../formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { quoted } from '../output/shell-word.ts';

/** What a file is that was taken for a snapshot, in a sentence, and which command reads it. */
export interface OtherKind {
  readonly message: string;
  readonly next: string;
}

interface Kind {
  readonly what: string;
  readonly next: string;
  matches(name: string, start: string): boolean;
}

const kinds: readonly Kind[] = [
  {
    what: 'by its name a chunk of a ledger',
    next: 'verify the ledger that it is of with: ledger-snapshotter replay {directory}',
    matches: (name) => parseChunkName(name) !== undefined,
  },
  {
    what: 'by its name still being written',
    next: 'wait until it has its name, snapshot_<seqno>_<evidence>.committed',
    matches: (name) => parseSpoolName(name) !== undefined,
  },
  {
    what: 'a JSON text, such as a receipt',
    next: 'a receipt by itself is verified with: ledger-snapshotter receipt verify {file}; one of a snapshot is part of that file',
    matches: (_, start) => /^\s*\{\s*"/.test(start),
  },
  {
    what: 'a certificate',
    next: 'to trust a service, give its certificate with --service-cert',
    matches: (_, start) => /-----BEGIN (?:[A-Z]+ )?CERTIFICATE-----/.test(start),
  },
  {
    what: 'a private key',
    next: 'no snapshot is verified with a private key: give the service’s certificate with --service-cert',
    matches: (_, start) => /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/.test(start),
  },
  {
    what: 'a public key',
    next: 'to trust a service, give its public key with --service-cert',
    matches: (_, start) => /-----BEGIN (?:[A-Z]+ )?PUBLIC KEY-----/.test(start),
  },
  {
    what: 'a COSE message, such as a receipt',
    next: 'a receipt by itself is verified with: ledger-snapshotter receipt verify {file}; one of a snapshot is part of that file',
    matches: (_, start) => start.startsWith('\xd2\x84'),
  },
];

/** As much of a file as tells its kind. */
const startBytes = 256;

/** What a file is that was refused as a snapshot; `undefined` where it may be one, or that cannot be told. */
export async function otherKindOf(
  file: string,
  refusal: unknown,
  fileSystem: FileSystem,
): Promise<OtherKind | undefined> {
  if (!(refusal instanceof FormatError)) return undefined;
  const name = basename(file);
  const start = await startOf(file, fileSystem);
  const kind = kinds.find(({ matches }) => matches(name, start));
  if (kind === undefined) return undefined;
  return {
    message: `${name} is ${kind.what}, not a snapshot`,
    next: kind.next
      .replace('{directory}', () => quoted(dirname(file)))
      .replace('{file}', () => quoted(file)),
  };
}

/** The first bytes as characters of one byte each; none where it cannot be read. */
async function startOf(file: string, fileSystem: FileSystem): Promise<string> {
  try {
    const named = await namedFile(fileSystem, file);
    const handle = await named.fileSystem.open(named.path, { for: 'read' });
    try {
      const bytes = await handle.read(0, startBytes);
      return Buffer.from(bytes).toString('latin1');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return '';
    throw error;
  }
}
