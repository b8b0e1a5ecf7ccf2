import type { KeyObject } from 'node:crypto';
import { basename } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { attempt } from '../../core/attempt.ts';
import { type ErrorCode, LedgerSnapshotterError, StorageError } from '../../core/errors.ts';
import { readNamedFile } from '../../files/named-file.ts';
import { parseSnapshotName } from '../../formats/encoding/file-name.ts';
import type { Certificate } from '../../formats/keys/certificate.ts';
import { spkiOf } from '../../formats/keys/ec-key.ts';
import { anchorBytesMax } from '../../formats/keys/trust-anchor.ts';
import { type EndorsedService, readEndorsedServices } from '../../ledger/endorsed-services.ts';
import { pinnedKeys } from '../../ledger/vouching.ts';
import type {
  TrustAnchor,
  VerifiedReceipt,
  VerifiedStatement,
  VerifyReceiptOptions,
} from '../../receipts/entry.ts';
import { type CommandContext, type CommonFlags, tellError } from '../context.ts';
import { nextOf, UsageError, whatOf } from '../errors.ts';
import { type ExitStatus, exitStatusOf } from '../exit-status.ts';
import { readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption, repeatableOption } from '../options/repeatable-option.ts';
import { checkEpochs, formatReceipt, jsonOfReceipt } from '../output/receipt-output.ts';
import { quoted } from '../output/shell-word.ts';

/** Loaded when it is needed: no other command waits for its curves. */
const receiptKit = () => import('../../receipts/entry.ts');

interface VerifyFlags extends CommonFlags {
  readonly serviceCert: readonly string[];
  readonly claims?: string;
  readonly claimsFile?: string;
  readonly ledger?: string;
  readonly readOnlyLedger: readonly string[];
  readonly trustedRoot: readonly string[];
  readonly allowUntrusted?: boolean;
  readonly json?: boolean;
}

/** Adds `receipt verify`, which verifies a receipt by itself. */
export function addReceiptVerify(receipt: Command, context: CommandContext): void {
  receipt
    .command('verify')
    .description('check a receipt, or a transparent statement and the receipts in it')
    .argument('<file>', 'JSON or COSE, of CCF, Azure Confidential Ledger or a transparency service')
    .addOption(serviceCertOption())
    .addOption(
      new Option('--claims <hex>', 'the claims digest that it must prove, 64 hex characters')
        .argParser(parseDigest)
        .conflicts('claimsFile'),
    )
    .option(
      '--claims-file <file>',
      'what it must be of: the claims themselves, or the signed statement (COSE_Sign1)',
    )
    .option(
      '--ledger <dir>',
      'ledger whose endorsements lead from a trusted identity to older ones',
    )
    .addOption(readOnlyLedgerOption())
    .addOption(
      repeatableOption(
        '--trusted-root <hex>',
        'a root that an older receipt has proved, where consistency proofs may begin; repeat it for several',
      ),
    )
    .option('--allow-untrusted', 'exit 0 also when nobody who was named says whose it is')
    .option('--json', 'one JSON object')
    .addHelpText('after', help)
    .action((file: string, _flags: unknown, command: Command) =>
      context.run(() => verify(file, command.optsWithGlobals<VerifyFlags>(), context)),
    );
}

const help = `
Checked are the form, every proof, the signature, and of a JSON receipt the endorsements from its node to the service.
A receipt is about claims, of which it has the digest alone: without --claims or --claims-file you are told which, and
compare it yourself. Claims of Azure Confidential Ledger that stand beside the receipt are always compared. A
transparent statement is compared with its receipts; whether its issuer has signed it is not looked at.
Without --service-cert a receipt that brings its node's certificate is checked against that, and is not trusted.

Exit status: 0 it holds and is trusted, 1 it is refused or not trusted, 3 it cannot be read.

Examples:
  ledger-snapshotter receipt verify receipt.json --service-cert service_cert.pem
  ledger-snapshotter receipt verify receipt.cose --service-cert keys.jwks --claims-file statement.cose
  ledger-snapshotter receipt verify statement.cose --service-cert scitt-keys.cbor --json`;

const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/i.test(text);

function parseDigest(text: string): string {
  if (isDigest(text)) return text.toLowerCase();
  throw new InvalidArgumentError('give 64 hex characters, or the claims with --claims-file.');
}

/** Largest receipt or statement that is read, in bytes; `verifyReceipt` has limits of its own below. */
const receiptBytesMax = 16 * 1024 * 1024;
/** Largest file of claims that is hashed, in bytes. */
const claimsBytesMax = 256 * 1024 * 1024;

async function verify(
  file: string,
  flags: VerifyFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const { terminal, environment } = context;
  const pins = await readPins(flags.serviceCert, context);
  const earlier = await earlierOf(pins, flags, context);
  const keys = [...pinnedKeys(pins), ...earlier.map(({ key }) => key)];
  const services = await anchorsOf(keys, flags.serviceCert, context);
  const options = { services, ...(await claimsOf(flags, context)) };
  const trustedRoots = flags.trustedRoot.map(parseRoot);
  const reading = { bytesMax: receiptBytesMax };
  let verified: VerifiedReceipt | VerifiedStatement;
  try {
    const bytes = await readNamedFile(environment.fileSystem, file, reading);
    const { verifyReceipt } = await receiptKit();
    verified = await verifyReceipt(bytes, { ...options, trustedRoots });
    checkEpochs(verified, earlier);
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    tellRefused(file, { error, flags, context });
    return exitStatusOf(error);
  }
  const claims = flags.claimsFile ?? (flags.claims && '--claims');
  if (flags.json) terminal.json({ file, verified: true, ...jsonOfReceipt(verified) });
  else for (const line of formatReceipt(file, verified, { claims, earlier })) terminal.result(line);
  if (verified.trusted || flags.allowUntrusted) return 0;
  terminal.note(`  next: ${services.length === 0 ? pinIt : nameIt}`);
  return 1;
}

const pinIt =
  'name the service that you trust with --service-cert, or say with --allow-untrusted that this is enough';
const nameIt = 'name the service that signed it with --service-cert, if you trust it';

function parseRoot(text: string): string {
  if (isDigest(text)) return text.toLowerCase();
  throw new UsageError(`--trusted-root ${text} is no root: give 64 hex characters`);
}

async function claimsOf(
  { claims, claimsFile }: VerifyFlags,
  { environment }: CommandContext,
): Promise<Pick<VerifyReceiptOptions, 'claimsDigest' | 'claims' | 'statement'>> {
  if (claims !== undefined) return { claimsDigest: claims };
  if (claimsFile === undefined) return {};
  const options = { bytesMax: claimsBytesMax };
  const bytes = await readNamedFile(environment.fileSystem, claimsFile, options);
  return isSign1(bytes) ? { statement: bytes } : { claims: bytes };
}

/** Identities of the service before those that are pinned. @throws UsageError */
async function earlierOf(
  pins: readonly (Certificate | KeyObject)[],
  { ledger, readOnlyLedger: readOnlyLedgers }: VerifyFlags,
  { environment, signal }: CommandContext,
): Promise<readonly EndorsedService[]> {
  if (ledger === undefined) {
    if (readOnlyLedgers.length === 0) return [];
    throw new UsageError('--read-only-ledger without --ledger: name the node’s own directory, too');
  }
  if (pins.length === 0) throw new UsageError('--ledger leads from --service-cert: give both');
  const services = pinnedKeys(pins);
  return readEndorsedServices({ ledger, readOnlyLedgers, services, signal, environment });
}

/** Whether a file is a COSE_Sign1, tagged, as statements are. */
const isSign1 = ([tag, head]: Uint8Array): boolean => tag === 0xd2 && head === 0x84;

/** The same keys as anchors, with the ids that their files give them: a receipt may name its key by such a one. */
async function anchorsOf(
  keys: readonly KeyObject[],
  files: readonly string[],
  { environment }: CommandContext,
): Promise<readonly TrustAnchor[]> {
  const { readTrustAnchors } = await receiptKit();
  const named: TrustAnchor[] = [];
  for (const file of files) {
    const bytes = await readNamedFile(environment.fileSystem, file, { bytesMax: anchorBytesMax });
    named.push(...(attempt(() => readTrustAnchors(bytes)) ?? []));
  }
  return keys.flatMap((key) => {
    const own = readTrustAnchors(spkiOf(key));
    return named.filter(({ keyId, kid }) => kid && keyId === own[0]?.keyId).concat(own);
  });
}

interface Refusal {
  readonly error: LedgerSnapshotterError;
  readonly flags: VerifyFlags;
  readonly context: CommandContext;
}

function tellRefused(file: string, { error, flags, context }: Refusal): void {
  const { terminal } = context;
  const { code } = error;
  const isSnapshot = parseSnapshotName(basename(file)) !== undefined;
  const message = isSnapshot ? 'it is a snapshot, not a receipt alone' : whatOf(error);
  if (flags.json) {
    terminal.json({ file, verified: false, trusted: false, code, message });
  } else {
    const verdict = error instanceof StorageError ? 'NOT READ' : 'REFUSED';
    terminal.result(`${file}: ${verdict}: ${message} [${code}]`);
    const next = isSnapshot
      ? `ledger-snapshotter verify ${quoted(file)}`
      : (nextByCode[code] ?? (error instanceof StorageError ? nextOf(error) : askAgain));
    terminal.result(`  next: ${next}`);
  }
  if (flags.debug) tellError(context, error, flags);
}

const askAgain = 'ask the service for the receipt again: this one is damaged, or none';
const otherClaims =
  'it is about something else: ask the service for the receipt of these claims, or leave --claims and --claims-file out to see which it has';
const otherService =
  'check which service it should be; for a receipt from before a recovery add --ledger DIR, or name the older service’s certificate as well';

const nextByCode: Readonly<Partial<Record<ErrorCode, string>>> = {
  CLAIMS_DIGEST_MISMATCH: otherClaims,
  CLAIMS_DIGEST_MISSING: otherClaims,
  SERVICE_UNKNOWN: 'name the service that signed it with --service-cert: it brings no certificate',
  KID_MISMATCH: otherService,
  NODE_CERT_NOT_ENDORSED: otherService,
  CHAIN_BROKEN: 'do not trust it: an identity that was followed by another must sign no more',
  NODE_UNKNOWN: 'ask the service for a receipt that brings the certificate of its node',
  RECEIPT_MISSING:
    'give a receipt (JSON or COSE), or a statement that has receipts; a signed statement alone proves nothing',
};
