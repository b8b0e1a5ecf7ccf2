import type { Command } from 'commander';
import { formatTxId } from '../../core/tx-id.ts';
import type { TxId } from '../../core/words.ts';
import {
  type IdentitiesReport,
  type IdentityEndorser,
  readIdentities,
  type ServiceIdentity,
} from '../../ledger/read-identities.ts';
import { type CommandContext, type CommonFlags, startProgress, tellError } from '../context.ts';
import { type ExitStatus, exitStatusOf } from '../exit-status.ts';
import { readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption } from '../options/repeatable-option.ts';
import { formatFacts, groupDigits } from '../output/table.ts';
import { factsOfOthers, jsonOfOthers, warningsOfOthers } from './other-identities.ts';

interface IdentitiesFlags extends CommonFlags {
  readonly readOnlyLedger: readonly string[];
  readonly serviceCert: readonly string[];
  readonly json?: boolean;
}

export function addIdentitiesCommand(program: Command, context: CommandContext): void {
  program
    .command('identities')
    .description(
      'show which service identities signed a ledger, from when to when, and who endorses each',
    )
    .argument('<ledger>', 'directory of the ledger, with its first chunk')
    .addOption(readOnlyLedgerOption())
    .addOption(serviceCertOption())
    .option('--json', 'one JSON object a line: each identity, and last the summary')
    .addHelpText('after', help)
    .action((ledger: string, _flags: unknown, command: Command) =>
      context.run(() => identities(ledger, command.optsWithGlobals<IdentitiesFlags>(), context)),
    );
}

const help = `
Every signature is verified. An identity is the hex SHA-256 of a service's public key, as in the kid of its receipts.
A service gets a new identity at each disaster recovery, and endorses the one before it when it opens.
With --service-cert the last signature must be made by a service that you named, or by one that it endorses.

Exit status: 0 the ledger holds, 1 it does not, or no service that you named signed it, 3 it cannot be read.

Examples:
  ledger-snapshotter identities data/ledger
  ledger-snapshotter identities data/ledger --service-cert data/service_cert.pem --json`;

async function identities(
  ledger: string,
  flags: IdentitiesFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const { terminal, environment, signal } = context;
  const services = await readPins(flags.serviceCert, context);
  const progress = startProgress(context, flags, { verb: 'verifying', unit: 'entries' });
  const report = await readIdentities({
    ...{ ledger, readOnlyLedgers: flags.readOnlyLedger, services, signal, environment },
    onProgress: ({ seqno, last }) => progress.update(seqno, last),
  }).finally(() => progress.end());
  if (flags.json) for (const object of objectsOf(report)) terminal.json(object);
  else for (const line of linesOf(report)) terminal.result(line);
  if (report.failure) tellError(context, report.failure, flags);
  for (const text of warningsOfOthers(report.otherSignatures)) terminal.note(`warning: ${text}`);
  if (services.length === 0) {
    terminal.note('warning: no identity is pinned: anyone could have written this ledger');
    terminal.note('  next: name the service that you trust with --service-cert');
  } else if (!report.trusted) {
    terminal.note('error: the last signature is not made by a service that you named');
    terminal.note('  next: compare the identities above with the key that you trust');
  }
  return statusOf(report, services.length > 0);
}

function statusOf({ failure, trusted }: IdentitiesReport, isPinned: boolean): ExitStatus {
  if (failure !== undefined) return exitStatusOf(failure);
  return isPinned && !trusted ? 1 : 0;
}

function objectsOf({
  identities: found,
  trusted,
  signedUntil,
  failure,
  otherSignatures,
}: IdentitiesReport): object[] {
  const others = jsonOfOthers(otherSignatures);
  const summary = { summary: true, identities: found.length, trusted, signedUntil, ...others };
  return [...found.map(objectOf), { ...summary, ...(failure && { failure: failure.code }) }];
}

const objectOf = ({ keyId, first, last, endorsedBy }: ServiceIdentity): object => ({
  ...{ keyId, first, last },
  endorsedBy: endorsedBy.map(({ keyId: by, seqno, from, to, fits }) => ({
    ...{ keyId: by, seqno, from, to, fits },
  })),
});

function linesOf(report: IdentitiesReport): readonly string[] {
  const { identities: found, signedUntil, trusted, otherSignatures } = report;
  const facts = found.flatMap((identity, i) => factsOf(identity, i === found.length - 1));
  const last = trusted ? 'trusted' : 'NOT TRUSTED';
  return formatFacts([
    ...facts,
    ['signed', `up to seqno ${groupDigits(signedUntil)}, by an identity that is ${last}`],
    ...factsOfOthers(otherSignatures),
  ]);
}

function factsOf(
  identity: ServiceIdentity,
  isLast: boolean,
): readonly (readonly [string, string])[] {
  const { keyId, first, last, endorsedBy } = identity;
  const endorsers = endorsedBy.map((endorser) => textOf(endorser, keyId));
  const [one = isLast ? 'nobody yet: it is the newest' : 'nobody', ...more] = endorsers;
  return [
    ['identity', keyId],
    [
      '  seqnos',
      `${groupDigits(first.seqno)} to ${groupDigits(last.seqno)}, ${viewsOf(first, last)}`,
    ],
    ['  endorsed by', one],
    ...more.map((text) => ['', text] as const),
  ];
}

const viewsOf = (first: TxId, last: TxId): string =>
  first.view === last.view ? `view ${first.view}` : `views ${first.view} to ${last.view}`;

function textOf({ keyId, seqno, from, to, fits }: IdentityEndorser, own: string): string {
  const who = keyId === own ? 'itself' : keyId;
  const epoch =
    to === undefined ? `from ${formatTxId(from)}` : `for ${formatTxId(from)} to ${formatTxId(to)}`;
  const remark = fits ? '' : ': DOES NOT FIT this ledger, leads nowhere';
  return `${who}, ${epoch}, at seqno ${groupDigits(seqno)}${remark}`;
}
