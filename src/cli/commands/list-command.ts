import { join } from 'node:path';
import type { Command } from 'commander';
import { type FileWarning, warningsAt } from '../../files/file-warnings.ts';
import {
  type FoundSnapshot,
  findSnapshots,
  type SnapshotIgnored,
} from '../../files/snapshot-directory.ts';
import type { CommandContext } from '../context.ts';
import type { ExitStatus } from '../exit-status.ts';
import { count, formatTable, groupDigits } from '../output/table.ts';

interface ListFlags {
  readonly json?: boolean;
}

export function addListCommand(program: Command, context: CommandContext): void {
  program
    .command('list')
    .description(
      'list what a snapshots directory holds, newest first, and what is wrong with the rest',
    )
    .argument('<directory>', 'directory of snapshots')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', help)
    .action((directory: string, flags: ListFlags) =>
      context.run(() => list(directory, flags, context)),
    );
}

const help = `
Nothing is opened and nothing is believed: "committed" is what the name says. See verify.

Exit status: 0 listed, whatever is there, 3 the directory cannot be read.

Examples:
  ledger-snapshotter list data/snapshots
  ledger-snapshotter list data/snapshots --json | jq -r 'select(.ignored == null) | .file'`;

async function list(
  directory: string,
  { json }: ListFlags,
  { environment, terminal }: CommandContext,
): Promise<ExitStatus> {
  const found = await findSnapshots(directory, environment.fileSystem);
  if (json) {
    for (const snapshot of found) terminal.json(snapshot);
  } else {
    for (const line of formatListing(directory, found)) terminal.result(line);
  }
  for (const line of await warningLines(directory, found, environment)) terminal.note(line);
  if (found.every(({ ignored }) => ignored !== undefined) && found.some(isOfNode)) {
    terminal.note(`  next: a node keeps its snapshots in ${join(directory, 'snapshots')}`);
  }
  return 0;
}

/** What the rows cannot say. */
async function warningLines(
  directory: string,
  found: readonly FoundSnapshot[],
  { fileSystem }: CommandContext['environment'],
): Promise<readonly string[]> {
  const usable = found.filter(({ ignored }) => ignored === undefined);
  const twins = usable.filter(({ seqno }, i) => seqno === usable[i - 1]?.seqno);
  return [
    ...(await warningsAt(fileSystem, directory)).map(
      ({ code, message }) => `warning: ${message} [${code}]`,
    ),
    ...twins.map(
      ({ seqno }) =>
        `warning: several files are of seqno ${seqno}: verify them together, which tells a copy from a fork`,
    ),
  ];
}

const isOfNode = ({ file }: FoundSnapshot): boolean => file === 'snapshots';

function formatListing(directory: string, found: readonly FoundSnapshot[]): readonly string[] {
  const usable = found.filter(({ ignored }) => ignored === undefined);
  if (found.length === 0) return [`${directory} is empty`];
  const others = found.length - usable.length;
  const newest = usable[0] === undefined ? '' : `, the newest of seqno ${usable[0].seqno}`;
  const rest = others === 0 ? '' : `, ${count(others, 'other')} ignored`;
  return [
    ...formatTable(columns, found.map(rowOf)),
    '',
    `${count(usable.length, 'committed snapshot')}${newest}${rest}`,
  ];
}

const columns = [
  { title: 'FILE' },
  { title: 'SEQNO', align: 'right' },
  { title: 'EVIDENCE', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'STATE' },
] as const;

function rowOf({
  file,
  seqno,
  evidenceSeqno,
  bytes,
  ignored,
  warnings = [],
}: FoundSnapshot): readonly string[] {
  const words = warnings.map((code) => `; ${warningWords[code]} [${code}]`).join('');
  const state = `${ignored === undefined ? 'committed' : `ignored: ${ignoredWords[ignored]}`}${words}`;
  return [file, String(seqno ?? '-'), String(evidenceSeqno ?? '-'), groupDigits(bytes), state];
}

const warningWords: Readonly<Record<FileWarning, string>> = {
  HARDLINK_REFUSED: 'it has another name, a hard link',
  INSECURE_MODE: 'others may write it',
};

const ignoredWords: Readonly<Record<SnapshotIgnored, string>> = {
  BAD_NAME: 'not the name of a snapshot',
  SPOOL: 'a snapshot being written, or left behind by a crash: the next start removes it',
  LOCK: 'the lock of a process that writes snapshots here',
  QUARANTINE: 'where files are set aside that did not verify',
  SYMLINK_REFUSED: 'a symbolic link, which is not followed',
  NOT_A_REGULAR_FILE: 'not a regular file',
  READ_FAILED: 'it cannot be looked at: check its owner and mode',
  UNCOMMITTED: 'not committed: its evidence may never have been',
  EMPTY_FILE: 'empty: its writer crashed, or the disk was full',
};
