import { basename } from 'node:path';
import type { Command } from 'commander';
import { LedgerSnapshotterError, StorageError } from '../core/errors.ts';
import type { CrossCheck } from '../engine/second-opinion.ts';
import {
  openSnapshotVerifier,
  type SnapshotVerification,
  type SnapshotVerifier,
} from '../engine/verify.ts';
import { parseSnapshotName } from '../formats/file-name.ts';
import { type CommandContext, type CommonFlags, startProgress, tellError } from './context.ts';
import { crossCheckOption } from './cross-check-option.ts';
import { nextOf, UsageError, whatOf } from './errors.ts';
import { type ExitStatus, exitStatusOf, worstOf } from './exit-status.ts';
import { readPins, serviceCertOption } from './key-files.ts';
import { readOnlyLedgerOption } from './repeatable-option.ts';
import { count } from './table.ts';

interface VerifyFlags extends CommonFlags {
  readonly serviceCert: readonly string[];
  readonly ledger?: string;
  readonly readOnlyLedger: readonly string[];
  readonly crossCheck?: CrossCheck;
  readonly json?: boolean;
}

export function addVerifyCommand(program: Command, context: CommandContext): void {
  program
    .command('verify')
    .description('check snapshot files in full, and who vouches for them')
    .argument('<file...>', 'snapshot files')
    .addOption(serviceCertOption())
    .option(
      '--ledger <dir>',
      'ledger whose endorsements lead from a trusted identity to older ones',
    )
    .addOption(readOnlyLedgerOption())
    .addOption(crossCheckOption('off'))
    .option('--json', 'one JSON object a line')
    .addHelpText('after', help)
    .action((files: readonly string[], _flags: unknown, command: Command) =>
      context.run(() => verify(files, command.optsWithGlobals<VerifyFlags>(), context)),
    );
}

const help = `
Checked are the name, every length, the digest, the receipt, and the signature. "trusted" is a file for which
an identity vouches that you named. Without --service-cert a file is only checked against the identity that
it names itself, or with --ledger against that of the ledger: true as far as it goes, but not trusted.
A receipt proves that a snapshot was recorded in that ledger, not that there is no newer one.

Exit status: 0 all verify, 1 one is refused, 3 one cannot be read.

Examples:
  ledger-snapshotter verify data/snapshots/*.committed --service-cert data/service_cert.pem
  ledger-snapshotter verify data/snapshots/*.committed --service-cert data/service_cert.pem --ledger data/ledger --json`;

async function verify(
  files: readonly string[],
  flags: VerifyFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const { environment, signal } = context;
  const { ledger, readOnlyLedger: readOnlyLedgers, crossCheck } = flags;
  if (ledger === undefined && readOnlyLedgers.length > 0) {
    throw new UsageError('--read-only-ledger without --ledger: name the node’s own directory, too');
  }
  const services = await readPins(flags.serviceCert, context);
  const options = { services, ledger, readOnlyLedgers, crossCheck, signal, environment };
  const verifier = await openSnapshotVerifier(options);
  try {
    return await verifyAll(files, { flags, verifier, context });
  } finally {
    await verifier.close();
  }
}

interface Verifying {
  readonly flags: VerifyFlags;
  readonly verifier: SnapshotVerifier;
  readonly context: CommandContext;
}

async function verifyAll(files: readonly string[], verifying: Verifying): Promise<ExitStatus> {
  const { flags, context } = verifying;
  const progress = startProgress(context, flags, { verb: 'verifying', unit: 'files' });
  const statuses: ExitStatus[] = [];
  for (const file of files) {
    progress.update(statuses.length, files.length);
    statuses.push(await verifyOne(file, verifying));
  }
  progress.end();
  if (!flags.json && files.length > 1) context.terminal.result(closingLine(statuses));
  const whyNot = await verifying.verifier.whyNotCrossChecked();
  if (whyNot !== undefined) context.terminal.note(`warning: no cross-check: ${whyNot}`);
  return worstOf(statuses);
}

async function verifyOne(file: string, verifying: Verifying): Promise<ExitStatus> {
  const { flags, verifier, context } = verifying;
  try {
    tellVerified(file, await verifier.verify(file), verifying);
    return 0;
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError) || context.signal.aborted) throw error;
    tellRefused(file, error, verifying);
    if (flags.debug) tellError(context, error, flags);
    return exitStatusOf(error);
  }
}

function tellVerified(
  file: string,
  verification: SnapshotVerification,
  { flags, context: { terminal } }: Verifying,
): void {
  const { seqno, evidenceSeqno, digest, trusted } = verification;
  if (flags.json) {
    terminal.json({ file, seqno, evidenceSeqno, digest, verified: true, trusted });
    return;
  }
  const { view } = verification.evidence;
  terminal.result(`${file}: verified, ${trusted ? 'trusted' : 'NOT TRUSTED'}`);
  terminal.result(`  seqno ${seqno}, evidence ${evidenceSeqno} in view ${view}`);
  terminal.result(`  digest ${digest}`);
  for (const line of signerLines(verification, flags)) terminal.result(`  ${line}`);
  if (!trusted) terminal.result('  next: name the service that you trust with --service-cert');
}

function signerLines(
  verification: SnapshotVerification,
  { ledger, crossCheck }: VerifyFlags,
): string[] {
  const { receiptForm, signerKeyId, serviceKeyId, trusted, endorsements } = verification;
  const isCose = receiptForm === 'cose';
  const own = ledger === undefined ? 'the snapshot itself' : 'the ledger';
  const anchor = trusted ? 'is pinned' : `only ${own} names`;
  const standing =
    endorsements === 0
      ? `which ${anchor}`
      : `${count(endorsements, 'endorsement')} away from the one that ${anchor}`;
  const lines = [
    `${isCose ? 'COSE' : 'JSON'} receipt signed by ${isCose ? 'service' : 'node'} ${signerKeyId}`,
    isCose ? standing : `of service ${serviceKeyId}, ${standing}`,
  ];
  if (verification.crossChecked) return [...lines, 'cose-js accepts the receipt too'];
  if (crossCheck === undefined || crossCheck === 'off') return lines;
  const whyNot = isCose ? 'it is unavailable' : 'it does not read JSON receipts';
  return [...lines, `cose-js was not asked: ${whyNot}`];
}

function tellRefused(
  file: string,
  error: LedgerSnapshotterError,
  { flags, context: { terminal } }: Verifying,
): void {
  const { code } = error;
  const message = whatOf(error);
  if (flags.json) {
    const named = parseSnapshotName(basename(file));
    const { seqno = null, evidenceSeqno = null } = named ?? {};
    const refused = { verified: false, trusted: false, code, message };
    terminal.json({ file, seqno, evidenceSeqno, digest: null, ...refused });
    return;
  }
  const verdict = error instanceof StorageError ? 'NOT READ' : 'REFUSED';
  const next = nextOf(error);
  terminal.result(`${file}: ${verdict}: ${message} [${code}]`);
  if (next !== undefined) terminal.result(`  next: ${next}`);
}

function closingLine(statuses: readonly ExitStatus[]): string {
  const of = (status: ExitStatus) => statuses.filter((one) => one === status).length;
  return `${count(statuses.length, 'file')}: ${of(0)} verified, ${of(1)} refused, ${of(3)} not checked`;
}
