import { basename } from 'node:path';
import type { Command } from 'commander';
import { LedgerSnapshotterError, StorageError } from '../../core/errors.ts';
import { parseSnapshotName } from '../../formats/encoding/file-name.ts';
import type { CrossCheck } from '../../jobs/second-opinion.ts';
import { openSnapshotVerifier, type SnapshotVerifier } from '../../verification/verify.ts';
import { type CommandContext, type CommonFlags, startProgress, tellError } from '../context.ts';
import { nextOf, UsageError, whatOf } from '../errors.ts';
import { type ExitStatus, exitStatusOf, worstOf } from '../exit-status.ts';
import { crossCheckOption } from '../options/cross-check-option.ts';
import { readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption } from '../options/repeatable-option.ts';
import {
  addSnapshotOptions,
  type SnapshotFlags,
  snapshotOptions,
} from '../options/snapshot-options.ts';
import { count } from '../output/table.ts';
import { TwinOutcomes, type VerifiedOutcome, type VerifyOutcome } from '../output/twin-outcomes.ts';
import { jsonOfUnverified } from './other-identities.ts';
import { type OtherKind, otherKindOf } from './other-kind.ts';

interface VerifyFlags extends CommonFlags, SnapshotFlags {
  readonly serviceCert: readonly string[];
  readonly ledger?: string;
  readonly readOnlyLedger: readonly string[];
  readonly crossCheck?: CrossCheck;
  readonly allowUntrusted?: boolean;
  readonly json?: boolean;
}

export function addVerifyCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('verify')
    .description('check snapshot files in full, and who vouches for them')
    .argument('<file...>', 'snapshot files')
    .addOption(serviceCertOption())
    .option(
      '--ledger <dir>',
      'ledger whose endorsements lead from a trusted identity to older ones',
    )
    .addOption(readOnlyLedgerOption())
    .option(
      '--allow-untrusted',
      'exit 0 also without --service-cert, when nobody says whose files these are',
    )
    .addOption(crossCheckOption('off'))
    .option('--json', 'one JSON object a line');
  addSnapshotOptions(command)
    .addHelpText('after', help)
    .action((files: readonly string[], _flags: unknown, command: Command) =>
      context.run(() => verify(files, command.optsWithGlobals<VerifyFlags>(), context)),
    );
}

const help = `
Checked are the name, every length, the digest, the receipt, and the signature. "trusted" is a file for which
an identity vouches that you named. Without --service-cert a file is only checked against the identity that
it names itself, or with --ledger against that of the ledger: anyone could have made both, so it is not trusted, and
the exit status is 1 unless --allow-untrusted says that this is enough.
A receipt proves that a snapshot was recorded in that ledger, not that there is no newer one: --min-seqno refuses those
that are older than you know of. Of two files of one seqno that differ and both verify, both are refused.

Exit status: 0 all verify and are trusted, 1 one is refused or not trusted, 3 one cannot be read.

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
  const verifier = await openSnapshotVerifier({ ...options, ...snapshotOptions(flags) });
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

/** What became of one file; the order is that of the closing line. */
type Verdict = 'verified' | 'not trusted' | 'refused' | 'not checked';

const exitStatusBy: Readonly<Record<Verdict, ExitStatus>> = {
  verified: 0,
  'not trusted': 1,
  refused: 1,
  'not checked': 3,
};

async function verifyAll(files: readonly string[], verifying: Verifying): Promise<ExitStatus> {
  const { flags, context } = verifying;
  const progress = startProgress(context, flags, { verb: 'verifying', unit: 'files' });
  const verdicts: Verdict[] = [];
  const outcomes = new TwinOutcomes(files);
  for (const file of files) {
    progress.update(verdicts.length, files.length);
    outcomes.add(file, await outcomeOf(file, verifying));
    for (const [done, outcome] of outcomes.take()) {
      verdicts.push(await tell(done, outcome, verifying));
    }
  }
  progress.end();
  if (!flags.json && files.length > 1) context.terminal.result(closingLine(verdicts));
  if (flags.json && verdicts.includes('not trusted')) {
    context.terminal.note(`not trusted: no identity is pinned; next: ${pinIt}`);
  }
  const whyNot = await verifying.verifier.whyNotCrossChecked();
  if (whyNot !== undefined) context.terminal.note(`warning: no cross-check: ${whyNot}`);
  return worstOf(verdicts.map((verdict) => exitStatusBy[verdict]));
}

async function outcomeOf(file: string, { verifier, context }: Verifying): Promise<VerifyOutcome> {
  try {
    const { content: _, ...verified } = await verifier.verifyNamed(file);
    return verified;
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError) || context.signal.aborted) throw error;
    return error;
  }
}

async function tell(file: string, outcome: VerifyOutcome, verifying: Verifying): Promise<Verdict> {
  const { flags, context } = verifying;
  if (!(outcome instanceof LedgerSnapshotterError)) {
    tellVerified(file, outcome, verifying);
    return outcome.trusted || flags.allowUntrusted ? 'verified' : 'not trusted';
  }
  const kind = await otherKindOf(file, outcome, context.environment.fileSystem);
  tellRefused(file, { error: outcome, kind }, verifying);
  if (flags.debug) tellError(context, outcome, flags);
  return exitStatusOf(outcome) === 1 ? 'refused' : 'not checked';
}

const pinIt =
  'name the service that you trust with --service-cert, or say with --allow-untrusted that this is enough';

function tellVerified(
  file: string,
  verification: VerifiedOutcome,
  { flags, context: { terminal } }: Verifying,
): void {
  const { seqno, evidenceSeqno, digest, trusted, warnings, unverified } = verification;
  if (flags.json) {
    const codes = warnings.length > 0 ? { warnings: warnings.map(({ code }) => code) } : {};
    const more = { ...jsonOfUnverified(unverified), ...codes };
    terminal.json({ file, seqno, evidenceSeqno, digest, verified: true, trusted, ...more });
    return;
  }
  const { view } = verification.evidence;
  terminal.result(`${file}: verified, ${trusted ? 'trusted' : 'NOT TRUSTED'}`);
  terminal.result(`  seqno ${seqno}, evidence ${evidenceSeqno} in view ${view}`);
  terminal.result(`  digest ${digest}`);
  for (const line of signerLines(verification, flags)) terminal.result(`  ${line}`);
  if (unverified.length > 0) {
    terminal.result(
      `  warning: signatures of ${unverified.join(', ')} in the ledger were not verified`,
    );
  }
  for (const { code, message } of warnings) terminal.result(`  warning: ${message} [${code}]`);
  if (!trusted && !flags.allowUntrusted) terminal.result(`  next: ${pinIt}`);
}

function signerLines(verification: VerifiedOutcome, { ledger, crossCheck }: VerifyFlags): string[] {
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

interface Refusal {
  readonly error: LedgerSnapshotterError;
  /** There where the file is something else than a snapshot. */
  readonly kind: OtherKind | undefined;
}

function tellRefused(
  file: string,
  { error, kind }: Refusal,
  { flags, context: { terminal } }: Verifying,
): void {
  const { code } = error;
  const message = kind?.message ?? whatOf(error);
  if (flags.json) {
    const named = parseSnapshotName(basename(file));
    const { seqno = null, evidenceSeqno = null } = named ?? {};
    const refused = { verified: false, trusted: false, code, message };
    terminal.json({ file, seqno, evidenceSeqno, digest: null, ...refused });
    return;
  }
  const verdict = error instanceof StorageError ? 'NOT READ' : 'REFUSED';
  const next = kind?.next ?? nextOf(error);
  terminal.result(`${file}: ${verdict}: ${message} [${code}]`);
  if (next !== undefined) terminal.result(`  next: ${next}`);
}

function closingLine(verdicts: readonly Verdict[]): string {
  const of = (verdict: Verdict) => verdicts.filter((one) => one === verdict).length;
  const untrusted = of('not trusted') === 0 ? '' : `, ${of('not trusted')} not trusted`;
  return `${count(verdicts.length, 'file')}: ${of('verified')} verified${untrusted}, ${of('refused')} refused, ${of('not checked')} not checked`;
}
