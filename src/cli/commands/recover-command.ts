import type { Command } from 'commander';
import { recoverLedger } from '../../recovery/recover.ts';
import type { RecoveredLedger } from '../../recovery/report.ts';
import type { RefusedSnapshot } from '../../verification/verdicts.ts';
import { type CommandContext, type CommonFlags, startProgress } from '../context.ts';
import type { ExitStatus } from '../exit-status.ts';
import { readKeys, readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption } from '../options/repeatable-option.ts';
import {
  addSnapshotOptions,
  type SnapshotFlags,
  snapshotOptions,
} from '../options/snapshot-options.ts';
import { presence } from '../output/replay-output.ts';
import { count, formatFacts, groupDigits } from '../output/table.ts';
import { factsOfOthers, jsonOfOthers, warningsOfOthers } from './other-identities.ts';

interface RecoverFlags extends CommonFlags, SnapshotFlags {
  readonly snapshots: string;
  readonly ledger: string;
  readonly readOnlyLedger: readonly string[];
  readonly serviceCert: readonly string[];
  readonly memberKeys?: string;
  readonly json?: boolean;
}

export function addRecoverCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('recover')
    .description('bring files back to a verified state: newest valid snapshot, then the ledger')
    .requiredOption('--snapshots <dir>', 'directory of snapshots; it may be empty')
    .requiredOption('--ledger <dir>', 'directory of the ledger; it may be empty')
    .addOption(readOnlyLedgerOption())
    .addOption(serviceCertOption())
    .option('--member-keys <dir>', "members' RSA private keys (.pem), which open what is private")
    .option('--json', 'one JSON object a line: each snapshot refused, and last the summary');
  addSnapshotOptions(command)
    .addHelpText('after', help)
    .action((_flags: unknown, command: Command) =>
      context.run(() => recover(command.optsWithGlobals<RecoverFlags>(), context)),
    );
}

const help = `
The newest snapshot that verifies and is of this ledger is taken; then every entry behind it is applied, and each
root and signature checked. Without such a snapshot the whole ledger is replayed. Nothing is written.
What a crash left behind the last entry, where no signature follows it, is passed over and told: the torn tail.
Entries that no signature covers are applied, unless one of them says who may sign or which secrets there are: then
the state is that of the last signature, and a warning says so.
With --service-cert a service that you named must vouch for the snapshot and for the last signature. In the
summary, "from" is the seqno of the snapshot, 0 for a whole ledger.

Exit status: 0 recovered, 1 the ledger does not hold, 3 there is nothing to begin with, or it cannot be read.

Examples:
  ledger-snapshotter recover --snapshots data/snapshots --ledger data/ledger --service-cert data/service_cert.pem
  ledger-snapshotter recover --snapshots data/snapshots --ledger data/ledger --member-keys data/keys
  ledger-snapshotter recover --snapshots data/snapshots --ledger data/ledger --json | jq -r 'select(.refused) | .file'`;

async function recover(flags: RecoverFlags, context: CommandContext): Promise<ExitStatus> {
  const { terminal, environment, signal } = context;
  const { ledger, readOnlyLedger: readOnlyLedgers, snapshots, json = false } = flags;
  const services = await readPins(flags.serviceCert, context);
  const memberKeys = await readKeys(flags.memberKeys, context);
  // A node that is begun has no ledger yet; a path that was typed wrong must not pass for an empty one.
  await environment.fileSystem.list(ledger);
  const progress = startProgress(context, flags, { verb: 'recovering', unit: 'entries' });
  const recovered = await recoverLedger({
    ledger,
    readOnlyLedgers,
    snapshots,
    services,
    memberKeys,
    signal,
    environment,
    ...snapshotOptions(flags),
    onWarning: (warning) => terminal.note(`warning: ${warning.message} [${warning.code}]`),
    onProgress: ({ seqno, last }) => progress.update(seqno, last),
    onRefused: (refused) => {
      if (json) terminal.json(jsonOfRefused(refused));
      else terminal.result(textOfRefused(refused));
    },
  }).finally(() => progress.end());
  if (json) terminal.json(jsonOfRecovered(recovered));
  else for (const line of formatRecovered(recovered)) terminal.result(line);
  for (const line of warningsOf(recovered, flags)) terminal.note(line);
  return 0;
}

/** **Order contract:** keys, names and their order are a promise to scripts. */
function jsonOfRefused({ file, seqno, code, message }: RefusedSnapshot): object {
  return { file, seqno, refused: true, code, message };
}

function textOfRefused({ file, code, message }: RefusedSnapshot): string {
  return `${file}: REFUSED: ${message} [${code}]`;
}

/** **Order contract:** keys, names and their order are a promise to scripts. */
function jsonOfRecovered(recovered: RecoveredLedger): object {
  const { snapshot, trusted, seqno, view, verifiedUntil, root, transactions } = recovered;
  const { nodeSignatures, coseSignatures, store, isComplete, torn, unsigned } = recovered;
  return {
    summary: true,
    snapshot: snapshot?.file,
    trusted,
    from: snapshot?.seqno ?? 0,
    seqno,
    view,
    verifiedUntil,
    root,
    transactions,
    nodeSignatures,
    coseSignatures,
    tables: store.tables.size,
    complete: isComplete,
    torn,
    unsigned,
    ...jsonOfOthers(recovered.otherSignatures),
  };
}

function formatRecovered(recovered: RecoveredLedger): readonly string[] {
  const { snapshot, trusted, seqno, view, verifiedUntil, root, transactions } = recovered;
  const { nodeSignatures, coseSignatures, store, isComplete, torn, unsigned, refused } = recovered;
  const facts: [string, string][] = [
    ['snapshot', snapshot?.file ?? 'none: the whole ledger was replayed'],
    ['state', `seqno ${seqno} in view ${view}, ${count(store.tables.size, 'table')}`],
    ['root', root],
    ['verified', `to seqno ${verifiedUntil}, ${trusted ? 'trusted' : 'NOT TRUSTED'}`],
    ['transactions', `${groupDigits(transactions)} replayed`],
    ['node signatures', presence(nodeSignatures)],
    ['COSE signatures', presence(coseSignatures)],
    ...factsOfOthers(recovered.otherSignatures),
    ['private data', isComplete ? 'complete' : 'closed'],
  ];
  if (torn !== undefined) {
    const { file, offset, bytes } = torn;
    facts.push(['torn tail', `${count(bytes, 'byte')} of ${file} from offset ${offset} on`]);
  }
  if (unsigned !== undefined) {
    const { seqno: first, last, file } = unsigned;
    facts.push(['not believed', `seqnos ${first} to ${last}, in ${file}`]);
  }
  return [...(refused.length > 0 ? [''] : []), ...formatFacts(facts)];
}

/** What whoever relies on the state should know, to stderr. */
function warningsOf(recovered: RecoveredLedger, flags: RecoverFlags): readonly string[] {
  const { snapshot, trusted, isComplete, torn, unsigned } = recovered;
  const lines: string[] = [];
  if (snapshot === undefined) {
    lines.push(`warning: no usable snapshot in ${flags.snapshots}: the whole ledger was replayed`);
  }
  lines.push(...warnOfLedgerEnd(recovered, flags));
  lines.push(...warningsOfOthers(recovered.otherSignatures).map((line) => `warning: ${line}`));
  if (torn !== undefined) {
    lines.push(`warning: a torn tail was passed over: ${torn.reason}`);
  }
  if (unsigned !== undefined) {
    const { steering, seqno: first, last } = unsigned;
    lines.push(
      `warning: stopped at the last signature, seqno ${first - 1}: seqno ${steering.seqno} writes ${steering.table}, and no signature covers it; ${first} to ${last} are not believed`,
    );
  }
  const { seqno, verifiedUntil, secrets } = recovered;
  if (seqno > verifiedUntil && secrets.secretAt(seqno) === undefined) {
    lines.push(
      `warning: seqnos ${verifiedUntil + 1} to ${seqno} are not signed, and without the ledger secret nobody can tell who wrote them`,
    );
  }
  if (!isComplete && flags.memberKeys === undefined) {
    lines.push('warning: without member keys private data stays closed');
    lines.push("  next: give the directory of the members' keys with --member-keys");
  } else if (!isComplete) {
    lines.push('warning: the member keys do not open all of the private data');
  }
  if (!trusted && flags.serviceCert.length === 0) {
    lines.push('warning: no service is named that vouches for the state');
    lines.push('  next: name the service that you trust with --service-cert');
  }
  return lines;
}

function warnOfLedgerEnd(
  { snapshot, end }: RecoveredLedger,
  { ledger }: RecoverFlags,
): readonly string[] {
  if (snapshot === undefined || end.last >= snapshot.seqno) return [];
  const what =
    end.last === 0 ? 'holds no entries' : `ends at seqno ${end.last}, before the snapshot`;
  return [`warning: the ledger in ${ledger} ${what}: the state is the snapshot's alone`];
}
