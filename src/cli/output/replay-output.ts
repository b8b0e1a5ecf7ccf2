import { join } from 'node:path';
import type { ChunkIgnored, IgnoredFile } from '../../files/ledger/ledger-directory.ts';
import type { LedgerIdentity } from '../../ledger/ledger-identities.ts';
import {
  noSecretsReason,
  type ReplayedFrom,
  type ReplayedSnapshot,
  type ReplayReport,
} from '../../replay/report.ts';
import { factsOfOthers, jsonOfOthers, warningsOfOthers } from '../commands/other-identities.ts';
import type { ExitStatus } from '../exit-status.ts';
import { formatLevel } from './replay-level-output.ts';
import { count, formatFacts, formatTable, groupDigits, shortHex } from './table.ts';

export interface OutputOptions {
  /** Whether the files outlive the run, so that their names mean something. */
  readonly keep: boolean;
  /** The one snapshot that was asked for. @default all */
  readonly at?: number | undefined;
}

/** **Order contract:** keys, names and their order are a promise to scripts; `null` where there is nothing to tell. */
export function jsonOfSnapshot(snapshot: ReplayedSnapshot, { keep }: OutputOptions): object {
  const { seqno, evidenceSeqno, digest, evidence, result, profile, receipt, file } = snapshot;
  const kept = keep ? file : undefined;
  const known = { digest: digest ?? null, evidence, result, profile: profile ?? null };
  return { seqno, evidenceSeqno, ...known, receipt, file: kept };
}

/** **Order contract:** keys, names and their order are a promise to scripts. */
export function jsonOfSummary(report: ReplayReport): object {
  const { summary, passedOver, torn, notCompared, from, identities, trusted, unsigned } = report;
  const { transactions, verifiedUntil, nodeSignatures, coseSignatures } = summary;
  const { privateDomains, evidences, identical } = summary;
  const { level, checked, runs, gaps, overlaps } = report;
  return {
    summary: true,
    transactions,
    verifiedUntil,
    nodeSignatures,
    coseSignatures,
    privateDomains,
    evidences,
    identical,
    passedOver: passedOver.map(({ file, directory, reason }) => ({ file, directory, reason })),
    torn,
    notCompared,
    from: from && jsonOfStart(from),
    identities,
    trusted,
    unsigned,
    ...jsonOfOthers(report.otherSignatures),
    ...{ level, checked, runs, gaps, overlaps },
  };
}

function jsonOfStart({ file, seqno, evidenceSeqno, isCompared }: ReplayedFrom): object {
  return { file, seqno, evidenceSeqno, compared: isCompared };
}

/** How a snapshot is not as it should be. */
export interface Trouble {
  readonly status: ExitStatus;
  /** Absent where nothing is to be said of this one alone. */
  readonly message?: string;
}

/** `undefined` where it is as it should be. */
export function troubleOf(snapshot: ReplayedSnapshot): Trouble | undefined {
  const { outcome, result, digest, evidence, reason } = snapshot;
  const trouble = (status: ExitStatus, what: string, why = reason): Trouble => ({
    status,
    message: `the snapshot of seqno ${snapshot.seqno} (evidence ${snapshot.evidenceSeqno}) ${what}${why === undefined ? '' : `: ${why}`}`,
  });
  if (outcome === 'proof-refused') return trouble(1, 'is not proven by the ledger');
  if (outcome !== undefined && unwritten.has(outcome)) return trouble(3, 'was not written');
  if (outcome === 'committed-not-durable') return trouble(3, 'may not survive a crash');
  if (outcome === 'serialise-failed' && !reason?.startsWith('SNAPSHOT_DIGEST_MISMATCH')) {
    return trouble(3, 'could not be serialised');
  }
  if (result === 'not-comparable') return { status: 3 };
  // One that was given up because the ledger broke off was never compared.
  if (result !== 'different' || (outcome === 'cancelled' && digest === undefined)) return undefined;
  const found =
    digest === undefined || digest === evidence
      ? undefined
      : `its digest is ${digest}, not ${evidence}`;
  return trouble(1, 'is not the one that the ledger vouches for', reason ?? found);
}

const unwritten: ReadonlySet<string> = new Set([
  'conflict',
  'persist-failed',
  'poisoned',
  'timed-out',
]);

/** Why a file of the ledger's directories is not part of the ledger. */
export function passedOverText({ file, directory, reason }: IgnoredFile): string {
  return `${join(directory, file)} was passed over: ${passedOverWords[reason]}`;
}

const passedOverWords: Readonly<Record<ChunkIgnored, string>> = {
  BAD_NAME: 'not the name of a ledger chunk',
  RECOVERY: 'written during a recovery that has not finished',
  IGNORED: 'a node has set it aside',
  SUPERSEDED:
    'another chunk that begins at its seqno is committed, or longer, and was read instead',
  COPY: 'one of the same name, in a directory named before, was read instead',
  OVERLAP: 'other chunks hold what it holds, and were read instead',
  TRUNCATED: 'it is cut short, and other chunks that hold its entries were read instead',
  NOT_COMMITTED: 'it is not committed, and its directory is read-only',
};

/** What was left out behind the files and the entries that count, for whoever relies on the result. */
export function warningsOf(report: ReplayReport): readonly string[] {
  const { torn, notCompared = [], from, unsigned, crossCheck } = report;
  const lines: string[] = [];
  if (unsigned !== undefined) {
    const { seqno, table } = unsigned;
    lines.push(
      `stopped at the last signature, seqno ${report.summary.verifiedUntil}: seqno ${seqno} writes ${table}, and no signature covers it`,
    );
  }
  lines.push(...warningsOfOthers(report.otherSignatures));
  if (crossCheck.status === 'unavailable') lines.push(`no cross-check: ${crossCheck.reason}`);
  if (torn !== undefined) {
    const { file, offset, bytes, reason } = torn;
    const what = `${count(bytes, 'byte')} of ${file} from offset ${offset} on`;
    lines.push(`a torn tail was passed over, ${what}: ${reason}`);
  }
  for (const file of notCompared) {
    lines.push(`${file} was not compared: nothing in what was read of the ledger vouches for it`);
  }
  if (from !== undefined && !from.isCompared) {
    const { file, evidenceSeqno } = from;
    lines.push(
      `${file} was not compared: its receipt names seqno ${evidenceSeqno}, where the ledger has no evidence of it`,
    );
  }
  return lines;
}

/** Whether what the members' keys open is missing for the digest. */
export const isClosed = ({ result, reason }: ReplayedSnapshot): boolean =>
  result === 'public-identical' || (result === 'not-comparable' && reason === noSecretsReason);

/** The table of snapshots, and what else was found out. */
export function formatReplay(report: ReplayReport, options: OutputOptions): readonly string[] {
  const { keep } = options;
  const { snapshots } = report;
  const identities = report.identities.map((identity) => identityFact(identity, report));
  if (report.level !== 'full') return formatLevel(report, identities);
  const rows = snapshots.map((snapshot) => rowOf(snapshot, keep));
  const table = rows.length === 0 ? [] : [...formatTable(columnsOf(keep), rows), ''];
  return [...table, ...formatFacts(factsOf(report)), '', closingLine(report, options)];
}

const columns = [
  { title: 'SEQNO', align: 'right' },
  { title: 'EVIDENCE', align: 'right' },
  { title: 'DIGEST' },
  { title: 'RESULT' },
  { title: 'WRITTEN BY' },
  { title: 'RECEIPT' },
] as const;

const columnsOf = (keep: boolean) => (keep ? [...columns, { title: 'FILE' }] : columns);

function rowOf(snapshot: ReplayedSnapshot, keep: boolean): readonly string[] {
  const { seqno, evidenceSeqno, digest, result, profile, receipt, file } = snapshot;
  const by =
    profile === undefined ? '-' : `CCF ${profile === '3+' ? '3 or later' : `${profile}.x`}`;
  const shown = digest === undefined ? '-' : shortHex(digest);
  const row = [String(seqno), String(evidenceSeqno), shown, result, by, receipt];
  return keep ? [...row, file ?? '-'] : row;
}

function factsOf(report: ReplayReport): readonly (readonly [string, string])[] {
  const { summary } = report;
  const { transactions, verifiedUntil, nodeSignatures, coseSignatures } = summary;
  return [
    ['transactions', `${groupDigits(transactions)}, verified to seqno ${verifiedUntil}`],
    ['node signatures', presence(nodeSignatures)],
    ['COSE signatures', presence(coseSignatures)],
    ...factsOfOthers(report.otherSignatures),
    ['private domains', privateDomains(report)],
    ...report.identities.map((identity) => identityFact(identity, report)),
  ];
}

/** Who signs from where on, and how that is linked to what comes next. */
function identityFact(
  { keyId, seqno, endorsed }: LedgerIdentity,
  { trusted }: ReplayReport,
): readonly [string, string] {
  const linked = endorsed ? 'endorsed by the next' : 'NOT ENDORSED by the next';
  const last = trusted ? 'trusted' : 'NOT TRUSTED';
  return ['identity', `${keyId} from seqno ${seqno}, ${endorsed === undefined ? last : linked}`];
}

/** How many signatures of a kind there are, for people. */
export const presence = (found: number): string =>
  found === 0 ? 'not present' : `${groupDigits(found)} verified`;

/** Without the secrets nobody counts them. */
function privateDomains({ summary, snapshots }: ReplayReport): string {
  if (summary.privateDomains > 0) return `${groupDigits(summary.privateDomains)} decrypted`;
  const isOpen = snapshots.some(({ result }) => result === 'identical');
  return isOpen ? 'not present' : 'none decrypted';
}

function closingLine(report: ReplayReport, { at }: OutputOptions): string {
  const { failure, snapshots } = report;
  const { evidences, identical } = report.summary;
  const publicly = snapshots.filter(({ result }) => result === 'public-identical').length;
  const open = publicly === 0 ? '' : `, ${publicly} more in their public half`;
  const found =
    evidences === 0
      ? `the ledger vouches for no snapshot${at === undefined ? '' : ` of seqno ${at}`}`
      : `${groupDigits(identical)} of ${count(evidences, 'snapshot')} identical${open}`;
  return failure === undefined ? found : `${found}; the ledger DOES NOT HOLD`;
}
