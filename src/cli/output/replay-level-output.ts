import { type Command, Option } from 'commander';
import { type ChunkOverlap, copiesIn } from '../../files/ledger/chunk-copies.ts';
import {
  type CheckedRun,
  type ReplayLevel,
  replayLevels,
  type SeqnoRange,
} from '../../replay/level.ts';
import type { ReplayReport } from '../../replay/report.ts';
import { factsOfOthers } from '../commands/other-identities.ts';
import { UsageError } from '../errors.ts';
import { type ExitStatus, worstOf } from '../exit-status.ts';
import { count, formatFacts, groupDigits } from './table.ts';
import type { Terminal } from './terminal.ts';

/** How much of the ledger is checked. */
export function levelOption(): Option {
  return new Option('--level <level>', 'how much is checked').choices(replayLevels).default('full');
}

/** Options that ask for more than a level does. @throws UsageError naming the first of them */
export function checkLevelOptions(command: Command, level: ReplayLevel): void {
  const more = level === 'full' ? [] : notBelowFull;
  const pins = level === 'chunks' ? ['serviceCert'] : [];
  for (const name of [...more, ...pins]) {
    const option = command.options.find((known) => known.attributeName() === name);
    if (option === undefined || command.getOptionValueSource(name) !== 'cli') continue;
    const needed = name === 'serviceCert' ? 'tree or full' : 'full';
    throw new UsageError(
      `${option.long} has no meaning at --level ${level}`,
      `leave it out, or take --level ${needed}`,
    );
  }
}

const notBelowFull = ['from', 'out', 'snapshots', 'memberKeys', 'receipt', 'at', 'crossCheck'];

/** What was checked below a full replay, for people. */
export function formatLevel(report: ReplayReport, identities: Facts): readonly string[] {
  const { level, checked, runs, gaps, failure } = report;
  const { roots, signatures, notVerified } = checked;
  const uncovered = runs.flatMap((run) => run.uncovered);
  const unknown = `, ${groupDigits(notVerified)} NOT VERIFIED: their keys are not known`;
  const tree: Facts = [
    ['roots', `${groupDigits(roots)} computed again`],
    ['signatures', `${groupDigits(signatures)} verified${notVerified === 0 ? '' : unknown}`],
    ...(uncovered.length === 0 ? [] : [['not covered', `${rangesText(uncovered)}: no root`]]),
    ...factsOfOthers(report.otherSignatures),
    ...identities,
    ...(identities.length === 0 && report.trusted
      ? [['identity', 'one that you named, or that it endorses: trusted']]
      : []),
  ] as Facts;
  const facts: Facts = [
    ['files', `${groupDigits(checked.files)} read`],
    [
      'entries',
      `${groupDigits(checked.entries)}${runs.length === 0 ? '' : `, ${rangesText(runs)}`}`,
    ],
    ...(gaps.length === 0 ? [] : ([['missing', rangesText(gaps)]] as Facts)),
    ...(level === 'tree' ? tree : []),
  ];
  return [
    ...formatFacts(facts),
    '',
    `${words[level]}${failure ? '; the ledger DOES NOT HOLD' : ''}`,
  ];
}

type Facts = readonly (readonly [string, string])[];

const words: Readonly<Record<ReplayLevel, string>> = {
  chunks: 'checked: files, entries and their order; no root, no signature, no snapshot',
  tree: 'checked: files, entries, roots and signatures; nothing private, no snapshot',
  full: 'checked: all',
};

/** At most so many ranges are named. */
const rangesMax = 10;

function rangesText(ranges: readonly SeqnoRange[]): string {
  const named = ranges
    .slice(0, rangesMax)
    .map(({ first, last }) => (first === last ? `${first}` : `${first} to ${last}`));
  const more = ranges.length > rangesMax ? ` and ${ranges.length - rangesMax} more` : '';
  return `${ranges.length === 1 && ranges[0]?.first === ranges[0]?.last ? 'seqno' : 'seqnos'} ${named.join(', ')}${more}`;
}

/** What could not be checked at a level counts as that. */
export function statusOfLevel({ level, runs }: ReplayReport): ExitStatus {
  if (level !== 'tree') return 0;
  return worstOf(runs.map((run) => (isUnproven(run) ? 3 : 0)));
}

const isUnproven = ({ roots, notVerified }: CheckedRun): boolean => roots === 0 || notVerified > 0;

/** What was not checked at the level `tree`, to stderr. */
export function tellLevel({ level, runs }: ReplayReport, terminal: Terminal): void {
  if (level !== 'tree') return;
  for (const { first, last, roots, notVerified } of runs) {
    const of = `of seqnos ${first} to ${last}`;
    if (roots === 0) terminal.note(`error: nothing ${of} is signed: no root covers them`);
    if (notVerified === 0) continue;
    terminal.note(`error: ${groupDigits(notVerified)} signatures ${of} were not verified`);
    terminal.note('  next: name the service that made them with --service-cert');
  }
}

/** What was found where several files hold the same seqnos, to stderr. */
export function tellOverlaps(overlaps: readonly ChunkOverlap[], terminal: Terminal): void {
  if (overlaps.length === 0) return;
  const files = new Set(overlaps.map(({ directory, file }) => `${directory}/${file}`)).size;
  const copies = count(copiesIn(overlaps), 'entry', 'entries');
  terminal.note(`${copies} also in ${count(files, 'other file')}: byte for byte the same`);
  for (const { directory, file, differsFrom, cutFrom } of overlaps) {
    if (differsFrom !== undefined) {
      const why = 'it is not committed, and was left out from there on';
      terminal.note(`warning: ${directory}/${file} differs from seqno ${differsFrom} on: ${why}`);
    }
    if (cutFrom !== undefined) {
      terminal.note(`warning: ${directory}/${file} is cut off at seqno ${cutFrom}`);
    }
  }
}
