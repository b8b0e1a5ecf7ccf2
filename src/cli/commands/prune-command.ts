import type { Command } from 'commander';
import { StorageError } from '../../core/errors.ts';
import type { FailedRemoval } from '../../files/retention.ts';
import { type PruneLedgerOptions, type PruneReport, prune } from '../../recovery/prune.ts';
import type { RefusedSnapshot } from '../../verification/verdicts.ts';
import type { CommandContext, CommonFlags } from '../context.ts';
import { nextOf, UsageError, whatOf } from '../errors.ts';
import { type ExitStatus, worstOf } from '../exit-status.ts';
import { parseCount } from '../options/count-option.ts';
import { readPins, serviceCertOption } from '../options/key-files.ts';
import { count, groupDigits } from '../output/table.ts';

interface PruneFlags extends CommonFlags {
  readonly keep: number;
  readonly serviceCert: readonly string[];
  readonly ledger?: string;
  readonly copies?: string;
  readonly keepChunks?: number;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addPruneCommand(program: Command, context: CommandContext): void {
  program
    .command('prune')
    .description('remove old snapshots, and chunks of the ledger that have copies elsewhere')
    .argument('<directory>', 'directory of snapshots')
    .requiredOption('--keep <n>', 'committed snapshots to keep, the newest', parseCount(1))
    .addOption(serviceCertOption())
    .option('--ledger <dir>', 'ledger whose chunks before the newest valid snapshot go too')
    .option('--copies <dir>', 'where the copies of those chunks lie; what has none stays')
    .option('--keep-chunks <n>', 'committed chunks to keep, the newest (default: 1)', parseCount(1))
    .option('--dry-run', 'say what would go, and change nothing')
    .option('--json', 'one JSON object a line: each file, and last the summary')
    .addHelpText('after', help)
    .action((directory: string, _flags: unknown, command: Command) =>
      context.run(() => pruneDirectory(directory, command.optsWithGlobals<PruneFlags>(), context)),
    );
}

const help = `
The newest snapshot that verifies stays whatever --keep says, and so does everything newer; where none verifies, nothing
goes. Uncommitted files, other names and links are left alone. A chunk goes when it ends before that snapshot, and only
while a file of the same name and bytes lies in --copies. The directory is locked meanwhile: a node that runs there
prunes by itself (start --keep).

Exit status: 0 done, 1 no snapshot verifies, or it is not of the ledger, 3 something could not be read, removed or locked.

Examples:
  ledger-snapshotter prune data/snapshots --keep 3 --dry-run
  ledger-snapshotter prune data/snapshots --keep 3 --service-cert data/service_cert.pem
  ledger-snapshotter prune data/snapshots --keep 2 --ledger data/ledger --copies backup/ledger --keep-chunks 10`;

async function pruneDirectory(
  directory: string,
  flags: PruneFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const { environment, signal, terminal } = context;
  const { keep, dryRun, json } = flags;
  const ledger = ledgerOf(flags);
  const services = await readPins(flags.serviceCert, context);
  const options = { snapshots: directory, keep, services, ledger, dryRun, signal, environment };
  const report = await prune(options).catch((error: unknown) => {
    throw explained(error);
  });
  if (json) for (const line of jsonOf(report, flags)) terminal.json(line);
  else for (const line of formatPruned(report, flags)) terminal.result(line);
  for (const line of warningsOf(report, directory)) terminal.note(line);
  return statusOf(report);
}

/** @throws UsageError for one without the other */
function ledgerOf({ ledger, copies, keepChunks }: PruneFlags): PruneLedgerOptions | undefined {
  if (ledger !== undefined && copies !== undefined) {
    return { directory: ledger, copies, keepChunks };
  }
  if (ledger !== undefined) {
    throw new UsageError('--ledger without --copies: a chunk goes only while it has a copy');
  }
  if (copies === undefined && keepChunks === undefined) return undefined;
  throw new UsageError(`${copies === undefined ? '--keep-chunks' : '--copies'} without --ledger`);
}

function explained(error: unknown): unknown {
  if (error instanceof RangeError) return new UsageError(error.message);
  if (!(error instanceof StorageError) || error.code !== 'LOCKED') return error;
  const message = `${error.message}; a running node prunes by itself (start --keep, keepSnapshots of createNode)`;
  return new StorageError('LOCKED', message, {
    ...(error.file !== undefined && { file: error.file }),
    cause: error,
  });
}

const noneIsValid = ({ newestValid, refused }: PruneReport): boolean =>
  newestValid === undefined && refused.length > 0;

/** A chunk that has no copy yet is no failure: it goes when it has one. */
const hasFailed = ({ failed, chunks }: PruneReport): boolean =>
  failed.length > 0 || (chunks?.stopped !== undefined && !isWithoutCopy(chunks.stopped));

const isWithoutCopy = ({ error }: FailedRemoval): boolean => error.code === 'NOT_FOUND';

function statusOf(report: PruneReport): ExitStatus {
  return worstOf([noneIsValid(report) ? 1 : 0, hasFailed(report) ? 3 : 0]);
}

/** **Order contract:** keys, names and their order are a promise to scripts. */
function jsonOf(report: PruneReport, { keep, dryRun = false }: PruneFlags): readonly object[] {
  const { newestValid, refused, removed, kept, failed, chunks } = report;
  return [
    ...refused.map(({ file, seqno, code, message }) => ({
      file,
      seqno,
      refused: true,
      code,
      message,
    })),
    ...removed.map(({ file, seqno, bytes }) => ({ file, seqno, bytes, removed: true })),
    ...failed.map(jsonOfFailed),
    ...(chunks?.removed ?? []).map(({ file, last }) => ({ file, last, removed: true })),
    ...(chunks?.stopped ? [jsonOfFailed(chunks.stopped)] : []),
    {
      summary: true,
      dryRun,
      keep,
      newestValid: newestValid?.file,
      trusted: newestValid?.trusted ?? false,
      kept,
      removed: removed.length,
      bytes: bytesOf(report),
      failed: failed.length,
      chunksRemoved: chunks?.removed.length,
    },
  ];
}

function jsonOfFailed({ file, error }: FailedRemoval): object {
  return { file, removed: false, code: error.code, message: whatOf(error) };
}

function bytesOf({ removed }: PruneReport): number {
  return removed.reduce((sum, { bytes }) => sum + bytes, 0);
}

function formatPruned(report: PruneReport, { dryRun }: PruneFlags): readonly string[] {
  const { newestValid, refused, removed, kept, failed, chunks } = report;
  const done = dryRun ? 'would be removed' : 'removed';
  return [
    ...refused.map(textOfRefused),
    ...removed.map(({ file, bytes }) => `${file}: ${done}, ${count(bytes, 'byte')}`),
    ...failed.flatMap((one) => textOfFailed(one, 'NOT REMOVED')),
    ...(chunks?.removed ?? []).map(({ file }) => `${file}: ${done}`),
    ...(chunks?.stopped ? textOfFailed(chunks.stopped, 'stays, with all behind it') : []),
    `${count(removed.length, 'snapshot')} ${done}, ${count(bytesOf(report), 'byte')}; ${groupDigits(kept)} kept`,
    ...(chunks ? [`${count(chunks.removed.length, 'chunk')} of the ledger ${done}`] : []),
    `the newest that verifies: ${newestValid?.file ?? 'none'}`,
  ];
}

function textOfRefused({ file, code, message }: RefusedSnapshot): string {
  return `${file}: REFUSED, and kept: ${message} [${code}]`;
}

function textOfFailed({ file, error }: FailedRemoval, what: string): readonly string[] {
  const next = isWithoutCopy({ file, error }) ? 'copy it there' : nextOf(error);
  const first = `${file}: ${what}: ${whatOf(error)} [${error.code}]`;
  return next === undefined ? [first] : [first, `  next: ${next}`];
}

function warningsOf(report: PruneReport, directory: string): readonly string[] {
  const { newestValid } = report;
  if (noneIsValid(report)) {
    return [`warning: no snapshot in ${directory} verifies, so none was removed`];
  }
  if (newestValid === undefined || newestValid.trusted) return [];
  return ['warning: nothing is pinned, so any service’s snapshot counts: pin one (--service-cert)'];
}
