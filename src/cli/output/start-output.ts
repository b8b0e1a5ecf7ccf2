import type { Digest, Seqno, View } from '../../core/words.ts';
import type { CrossCheckVerdict } from '../../jobs/second-opinion.ts';
import type { RecoveryReport } from '../../recovery/report.ts';
import { crossCheckText } from '../options/cross-check-option.ts';
import { count, formatFacts, formatTable, groupDigits, shortHex } from './table.ts';

/** The result of `start` for people. */
export function formatStart(report: StartReport): readonly string[] {
  const { snapshots } = report;
  const table = snapshots.length === 0 ? [] : [...formatTable(columns, snapshots.map(rowOf)), ''];
  return [...table, ...formatFacts(factsOf(report))];
}

const columns = [
  { title: 'FILE' },
  { title: 'BYTES', align: 'right' },
  { title: 'DIGEST' },
  { title: 'VERIFIED' },
] as const;

function rowOf(line: VerifiedLine): readonly string[] {
  const { file, bytes, digest = '-', verified, trusted, message = 'it does not verify' } = line;
  const how = verified ? (trusted ? 'yes, trusted' : 'yes, not trusted') : `NO: ${message}`;
  return [file, groupDigits(bytes), shortHex(digest), how];
}

function factsOf(report: StartReport): readonly (readonly [string, string])[] {
  const { transactions, seconds, cpuSeconds, seqno, view, root, snapshots, restart } = report;
  const rate = seconds > 0 ? ` (${groupDigits(Math.round(transactions / seconds))}/s)` : '';
  const good = snapshots.filter(({ verified, trusted }) => verified && trusted).length;
  const from = restart.snapshot?.file ?? 'the first entry';
  const after = count(restart.transactions, 'entry', 'entries');
  const outcome = restart.root === root ? 'the same root' : `ANOTHER ROOT, ${restart.root}`;
  return [
    [
      'transactions',
      `${groupDigits(transactions)} in ${seconds.toFixed(1)} s${rate}, CPU ${cpuSeconds.toFixed(1)} s`,
    ],
    ['ledger', `seqno ${groupDigits(seqno)}, view ${view}, root ${shortHex(root)}`],
    [
      'snapshots',
      `${good} of ${snapshots.length} verified by another process, under the service's certificate`,
    ],
    ['cross-check', crossCheckText(report.crossCheck)],
    ['restart', `from ${from} and ${after} after it: ${outcome}`],
  ];
}

/** What one `start` has done. */
export interface StartReport {
  readonly directory: string;
  readonly found: RecoveryReport;
  readonly transactions: number;
  /** Until the last transaction was on disk. */
  readonly seconds: number;
  /** Of the whole command, all threads. */
  readonly cpuSeconds: number;
  readonly seqno: Seqno;
  readonly view: View;
  readonly root: Digest;
  readonly snapshots: readonly VerifiedLine[];
  /** Generations of this run that ended without a file. */
  readonly unfinished: number;
  /** Whether cose-js checked the receipts too. */
  readonly crossCheck: CrossCheckVerdict;
  readonly restart: RecoveryReport;
}

/** A line of `verify --json`. */
export interface VerifiedLine {
  readonly file: string;
  readonly seqno?: number;
  readonly evidenceSeqno?: number;
  readonly digest?: string;
  readonly verified: boolean;
  readonly trusted: boolean;
  readonly message?: string;
  readonly bytes: number;
}
