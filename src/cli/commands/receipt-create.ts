import { type Command, Option } from 'commander';
import { equalBytes } from '../../core/bytes.ts';
import { StorageError } from '../../core/errors.ts';
import { formatTxId } from '../../core/tx-id.ts';
import { writeDurably } from '../../files/durable-file.ts';
import type { FileSystem } from '../../io/file-system.ts';
import { type CreatedReceipt, createReceipt } from '../../ledger/create-receipt.ts';
import type { ProofForm } from '../../ledger/receipt-maker.ts';
import { type CommandContext, type CommonFlags, startProgress } from '../context.ts';
import type { ExitStatus } from '../exit-status.ts';
import { parseCount } from '../options/count-option.ts';
import { readKeys, readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption } from '../options/repeatable-option.ts';
import { quoted } from '../output/shell-word.ts';

interface CreateFlags extends CommonFlags {
  readonly form?: ProofForm;
  readonly memberKeys?: string;
  readonly serviceCert: readonly string[];
  readonly readOnlyLedger: readonly string[];
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `receipt create`, which makes a receipt from a ledger's directory. */
export function addReceiptCreate(receipt: Command, context: CommandContext): void {
  receipt
    .command('create')
    .description('make a receipt for one transaction of a ledger, which is verified first')
    .argument('<ledger>', 'directory of the ledger, with its first chunk')
    .argument('<seqno>', 'which transaction', parseCount(1, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option(
        '--form <form>',
        'signed by the service (cose) or by a node that it endorses (json); default: cose where there is one',
      ).choices(['cose', 'json']),
    )
    .option(
      '--member-keys <dir>',
      "members' RSA private keys (.pem): commit evidence needs the ledger secret",
    )
    .addOption(serviceCertOption())
    .addOption(readOnlyLedgerOption())
    .option('--out <file>', 'where it goes (default: receipt_<view>.<seqno>.<form>)')
    .option('--json', 'one JSON object')
    .addHelpText('after', help)
    .action((ledger: string, seqno: number, _flags: unknown, command: Command) =>
      context.run(() =>
        create({ ledger, seqno, flags: command.optsWithGlobals<CreateFlags>() }, context),
      ),
    );
}

const help = `
A receipt proves to anyone who has the service's key that a transaction is in its ledger: verify it with
"ledger-snapshotter receipt verify". It rests on the first signature behind the transaction that has the form wanted.

Exit status: 0 made, 1 the ledger does not hold up to there, or is not signed by a service that you named,
3 it cannot be read, there are no keys for it, or another file has the name.

Examples:
  ledger-snapshotter receipt create data/ledger 42 --member-keys data/keys
  ledger-snapshotter receipt create data/ledger 42 --member-keys data/keys --form json --out receipt.json`;

interface Creating {
  readonly ledger: string;
  readonly seqno: number;
  readonly flags: CreateFlags;
}

async function create(
  { ledger, seqno, flags }: Creating,
  context: CommandContext,
): Promise<ExitStatus> {
  const { terminal, environment, signal } = context;
  const { form, readOnlyLedger: readOnlyLedgers } = flags;
  const services = await readPins(flags.serviceCert, context);
  const memberKeys = await readKeys(flags.memberKeys, context);
  const progress = startProgress(context, flags, { verb: 'verifying', unit: 'entries' });
  const made = await createReceipt({
    ...{ ledger, readOnlyLedgers, seqno, form, services, memberKeys, signal, environment },
    onProgress: (at) => progress.update(at.seqno, at.last),
  }).finally(() => progress.end());
  const file = flags.out ?? `receipt_${formatTxId(made.txId)}.${made.form}`;
  await writeNew(environment.fileSystem, file, made.bytes);
  if (flags.json) terminal.json(objectOf(file, made));
  else for (const line of linesOf(file, made)) terminal.result(line);
  if (services.length === 0) {
    terminal.note('warning: no identity is pinned: anyone could have written this ledger');
  }
  return 0;
}

/** An identical file is left as it is; another is never replaced. @throws StorageError `ALREADY_EXISTS` */
async function writeNew(fileSystem: FileSystem, file: string, bytes: Uint8Array): Promise<void> {
  const there = await fileSystem.stat(file);
  if (there === undefined) return writeDurably(fileSystem, file, bytes);
  const isSame =
    there.size === bytes.length &&
    equalBytes(await fileSystem.readFile(file, { bytesMax: bytes.length }), bytes);
  if (isSame) return;
  const message = `${file} exists already and is another file: name a new one with --out`;
  throw new StorageError('ALREADY_EXISTS', message, { file });
}

function objectOf(file: string, made: CreatedReceipt): object {
  const { form, txId, signatureTxId, claimsDigest, trusted, bytes } = made;
  return {
    ...{ file, form, txId: formatTxId(txId), signatureTxId: formatTxId(signatureTxId) },
    ...{ claimsDigest, bytes: bytes.length, trusted },
  };
}

function linesOf(file: string, made: CreatedReceipt): readonly string[] {
  const { form, txId, signatureTxId, claimsDigest, bytes } = made;
  return [
    `${file}: ${form.toUpperCase()} receipt, ${bytes.length} bytes`,
    `  transaction ${formatTxId(txId)}, signed at ${formatTxId(signatureTxId)}`,
    `  claims digest ${claimsDigest ?? 'none: the release had no claims'}`,
    `  next: ledger-snapshotter receipt verify ${quoted(file)} --service-cert SERVICE_CERT.pem`,
  ];
}
