import { formatTxId } from '../../core/tx-id.ts';
import { checkEpoch, type EndorsedService } from '../../ledger/endorsed-services.ts';
import type {
  ReceiptRemark,
  StatementReceipt,
  VerifiedReceipt,
  VerifiedStatement,
} from '../../receipts/entry.ts';
import { count } from './table.ts';

/** What a verified receipt or statement says, for programs; what is not known is left out. */
export function jsonOfReceipt(verified: VerifiedReceipt | VerifiedStatement): object {
  if (verified.form !== 'statement') return verified;
  const receipts = verified.receipts.map((entry) =>
    'receipt' in entry ? entry.receipt : { unknownService: entry.unknownService.message },
  );
  return { ...verified, receipts };
}

/** Checks that each receipt of an earlier identity is of its time. @throws VerificationError `CHAIN_BROKEN` */
export function checkEpochs(
  verified: VerifiedReceipt | VerifiedStatement,
  earlier: readonly EndorsedService[],
): void {
  const entries = verified.form === 'statement' ? verified.receipts : [{ receipt: verified }];
  for (const entry of entries) if ('receipt' in entry) checkEpoch(entry.receipt, earlier);
}

/** What a receipt was compared with. */
export interface Compared {
  /** Where the claims digest came from that it must have, if any did. */
  readonly claims: string | undefined;
  /** Identities that are trusted by endorsement. */
  readonly earlier: readonly EndorsedService[];
}

/** The same for people. */
export function formatReceipt(
  file: string,
  verified: VerifiedReceipt | VerifiedStatement,
  compared: Compared,
): readonly string[] {
  const head = `${file}: ${partOf(verified)}verified, ${verified.trusted ? 'trusted' : 'NOT TRUSTED'}`;
  const lines =
    verified.form === 'statement'
      ? statementLines(verified, compared)
      : receiptLines(verified, compared);
  return [head, ...lines.map((line) => `  ${line}`)];
}

/** Of a statement whose receipts could not all be verified, how many were. */
function partOf(verified: VerifiedReceipt | VerifiedStatement): string {
  if (verified.form !== 'statement') return '';
  const { receipts } = verified;
  const known = receipts.filter((entry) => 'receipt' in entry).length;
  return known === receipts.length ? '' : `${known} of ${count(receipts.length, 'receipt')} `;
}

function statementLines(
  { claimsDigest, receipts }: VerifiedStatement,
  { claims, earlier }: Compared,
): readonly string[] {
  return [
    `statement with ${count(receipts.length, 'receipt')}; the signature of its issuer was not verified`,
    claimsLine(claimsDigest, claims ?? 'this statement'),
    ...receipts.flatMap((entry, i) => [`receipt ${i + 1}:`, ...entryLines(entry, earlier)]),
  ];
}

function entryLines(
  entry: StatementReceipt,
  earlier: readonly EndorsedService[],
): readonly string[] {
  const lines =
    'receipt' in entry
      ? proofLines(entry.receipt, earlier)
      : [`NOT VERIFIED, its service was not named: ${entry.unknownService.message}`];
  return lines.map((line) => `  ${line}`);
}

function receiptLines(receipt: VerifiedReceipt, { claims, earlier }: Compared): readonly string[] {
  const { inclusions } = receipt;
  const digests = [...new Set(inclusions.map(({ claimsDigest }) => claimsDigest))];
  return [...digests.map((digest) => claimsLine(digest, claims)), ...proofLines(receipt, earlier)];
}

/** What a transaction has that claims nothing. */
const noClaims = '0'.repeat(64);

function claimsLine(digest: string | undefined, compared: string | undefined): string {
  if (digest === undefined) return 'claims nothing';
  if (compared !== undefined) return `claims digest ${digest}, that of ${compared}`;
  if (digest === noClaims) return `claims digest ${digest}: the transaction claims nothing`;
  return `claims digest ${digest}, not compared with any claims: give --claims or --claims-file`;
}

function proofLines(
  receipt: VerifiedReceipt,
  earlier: readonly EndorsedService[],
): readonly string[] {
  const { form, tree, trusted, serviceKeyId, signerKeyId, consistencies, ignored } = receipt;
  const { issuer, subject, issuedAt } = receipt;
  const isJson = form === 'json';
  const service = serviceKeyId ?? 'that only the receipt names';
  const standing = trusted ? [standingOf(serviceKeyId, earlier)] : [];
  return [
    transactionLine(receipt),
    `${form.toUpperCase()} receipt signed by ${isJson ? 'node' : 'service'} ${signerKeyId}`,
    ...(isJson ? [[`of service ${service}`, ...standing].join(', ')] : standing),
    ...(tree === 'RFC9162_SHA256' ? ['tree by RFC 9162'] : []),
    ...(issuer === undefined ? [] : [`issued by ${issuer}${subject ? ` for ${subject}` : ''}`]),
    ...(issuedAt === undefined ? [] : [`issued ${timeText(issuedAt)}`]),
    ...consistencies.map(
      ({ olderRoot, isTrusted }) =>
        `continues the tree of root ${olderRoot}, ${isTrusted ? 'which is trusted' : 'which nobody has vouched for: --trusted-root'}`,
    ),
    ...(ignored.length === 0 ? [] : [`not looked at: ${ignored.join(', ')}`]),
    ...receipt.remarks.map((remark) => `note: ${words[remark]} [${remark}]`),
  ];
}

/** The last second that a date can have. */
const secondsMax = 8_640_000_000_000;
const utc = new Intl.DateTimeFormat('sv-SE', {
  ...{ dateStyle: 'short', timeStyle: 'medium', timeZone: 'UTC' },
});

function timeText(seconds: number): string {
  if (Math.abs(seconds) > secondsMax) return `${seconds} s after 1970`;
  return `${utc.format(seconds * 1000)} UTC`;
}

function standingOf(keyId: string | undefined, earlier: readonly EndorsedService[]): string {
  const service = earlier.find((one) => one.keyId === keyId);
  if (service === undefined) return 'which is pinned';
  return `which was in force from ${formatTxId(service.from)} to ${formatTxId(service.to)}: the ledger’s endorsements lead there from the one that is pinned`;
}

function transactionLine({ txId, signatureTxId, inclusions }: VerifiedReceipt): string {
  const signed = signatureTxId === undefined ? '' : `, signed at ${signatureTxId}`;
  const several = inclusions.length > 1 ? `, the first of ${inclusions.length}` : '';
  if (txId !== undefined) return `transaction ${txId}${several}${signed}`;
  const [first] = inclusions;
  if (first === undefined) return `no transaction: the receipt proves consistency alone${signed}`;
  const { leafIndex, treeSize } = first;
  const place = leafIndex === undefined ? '' : `, said to be leaf ${leafIndex} of ${treeSize}`;
  return `leaf ${first.leaf}${several}${place}${signed}`;
}

const words: Readonly<Record<ReceiptRemark, string>> = {
  NO_TRUST_ANCHOR: 'the signature holds under a key that the receipt itself brings',
  LEAF_NOT_REBUILT: 'which transaction it is of is not proved, only that its leaf is signed',
  EMPTY_PATH: 'the signed tree has one leaf',
  EVIDENCE_NOT_PLACED: 'its commit evidence names no transaction that fits the path',
};
