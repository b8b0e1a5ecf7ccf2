import { parseDecimal } from '../../core/decimal.ts';
import { FormatError } from '../../core/errors.ts';
import { type Seqno, seqno } from '../../core/words.ts';

/** What a snapshot's file name says; nothing of it is proved. */
export interface SnapshotName {
  /** Version of the snapshot: the last seqno it holds. */
  readonly seqno: Seqno;
  /** Where its digest was recorded; always above `seqno`. */
  readonly evidenceSeqno: Seqno;
  readonly committed: boolean;
  /** Only in names of CCF 1.x, whose files have no receipt. */
  readonly commitSeqno?: Seqno;
}

const snapshotPattern = /^snapshot_([0-9]+)_([0-9]+)(?:(\.committed)(?:_([0-9]+))?)?$/;

/**
 * Reads a snapshot's file name strictly; `undefined` for anything else, such as `.ignored`, a spool,
 * a suffix after the suffix, or evidence that is not after the snapshot.
 *
 * `snapshot_<v>_<E>` not committed · `snapshot_<v>_<E>.committed` · 1.x `snapshot_<v>_<E>.committed_<S>`
 * @see CCF src/snapshots/filenames.h
 */
export function parseSnapshotName(name: string): SnapshotName | undefined {
  const match = wholeMatch(snapshotPattern, name);
  const version = parseDecimal(match?.[1] ?? '');
  const evidence = parseDecimal(match?.[2] ?? '');
  if (version === undefined || evidence === undefined || evidence <= version) return undefined;
  const parsed = {
    seqno: seqno(version),
    evidenceSeqno: seqno(evidence),
    committed: match?.[3] !== undefined,
  };
  if (match?.[4] === undefined) return parsed;
  const commit = parseDecimal(match[4]);
  if (commit === undefined || commit < evidence) return undefined;
  return { ...parsed, commitSeqno: seqno(commit) };
}

/**
 * Reads the name of a committed snapshot; a file of any other name is none, whatever is in it.
 * @throws FormatError `BAD_NAME`
 */
export function parseCommittedName(fileName: string): SnapshotName {
  const name = parseSnapshotName(fileName);
  if (name?.committed === true) return name;
  const message =
    name === undefined
      ? 'not a snapshot file name'
      : `${fileName} is the name of a snapshot that is not committed, expected ${fileName}.committed`;
  throw new FormatError('BAD_NAME', message, { file: fileName });
}

/** The file name that {@link parseSnapshotName} reads back. */
export function snapshotName({
  seqno,
  evidenceSeqno,
  committed,
  commitSeqno,
}: SnapshotName): string {
  const suffix = committed ? '.committed' : '';
  const commit = committed && commitSeqno !== undefined ? `_${commitSeqno}` : '';
  return `snapshot_${seqno}_${evidenceSeqno}${suffix}${commit}`;
}

/** What the name of a file being written says: swept at start, never read as a snapshot. */
export interface SpoolName {
  readonly seqno: Seqno;
  /** Counts the tries to write one generation's file. */
  readonly attempt: number;
}

const spoolPattern = /^spool_([0-9]+)_([0-9]+)\.tmp$/;

/** Reads `spool_<seqno>_<attempt>.tmp` strictly; `undefined` for anything else. */
export function parseSpoolName(name: string): SpoolName | undefined {
  const match = wholeMatch(spoolPattern, name);
  const version = parseDecimal(match?.[1] ?? '');
  const attempt = match?.[2] === '0' ? 0 : parseDecimal(match?.[2] ?? '');
  if (version === undefined || attempt === undefined) return undefined;
  return { seqno: seqno(version), attempt };
}

/** The file name that {@link parseSpoolName} reads back. */
export function spoolName({ seqno, attempt }: SpoolName): string {
  return `spool_${seqno}_${attempt}.tmp`;
}

/** `pattern.exec`, with a bound on the length so that junk names cost nothing. */
function wholeMatch(pattern: RegExp, name: string): RegExpExecArray | undefined {
  return name.length <= 100 ? (pattern.exec(name) ?? undefined) : undefined;
}
