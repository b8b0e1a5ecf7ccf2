import { aligned } from './aligned.ts';

/** What is read of Stryker's JSON report (mutation-testing-report-schema 2). */
export interface StrykerReport {
  readonly files: Readonly<Record<string, StrykerFile>>;
}

/** A source file of the report. */
export interface StrykerFile {
  readonly source: string;
  readonly mutants: readonly StrykerMutant[];
}

/** A mutant as Stryker reports it; lines and columns count from 1, the end is exclusive. */
export interface StrykerMutant {
  readonly location: { readonly start: Position; readonly end: Position };
  readonly replacement?: string;
  readonly status: string;
}

interface Position {
  readonly line: number;
  readonly column: number;
}

/** A mutant of one source file. */
export interface CodeMutant {
  /** What is changed into what, and on which line by its text: it stays when lines above come and go. */
  readonly name: string;
  readonly line: number;
  readonly status: 'killed' | 'timeout' | 'survived';
}

/** One source file's mutants, with those of them that are called equivalent. */
export interface JudgedFile {
  readonly file: string;
  readonly mutants: readonly CodeMutant[];
  readonly equivalents: Readonly<Record<string, string>>;
}

/** The mutants of a source file, each under a name of its own: the second of one name is `… (2)`. */
export function codeMutantsOf({ source, mutants }: StrykerFile): readonly CodeMutant[] {
  const lines = source.split('\n');
  const seen = new Map<string, number>();
  return mutants.map(({ location, replacement = '', status }) => {
    const { start, end } = location;
    const line = (lines[start.line - 1] ?? '').trim();
    const name = `${line}: ${brief(textOf(lines, start, end))} → ${brief(replacement)}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    const own = count === 1 ? name : `${name} (${count})`;
    return { name: own, line: start.line, status: statusOf(status) };
  });
}

/** A run with an error outside of the tests is one that failed: see `test/mutants/vitest.config.ts`. */
function statusOf(status: string): CodeMutant['status'] {
  if (status === 'Killed' || status === 'RuntimeError') return 'killed';
  return status === 'Timeout' ? 'timeout' : 'survived';
}

function textOf(lines: readonly string[], start: Position, end: Position): string {
  const whole = lines.slice(start.line - 1, end.line).join('\n');
  const behind = (lines[end.line - 1] ?? '').length - (end.column - 1);
  return whole.slice(start.column - 1, whole.length - behind);
}

function brief(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length <= 60 ? flat : `${flat.slice(0, 40)}…${flat.slice(-19)}`;
}

/** How many of the mutants that are not equivalent were noticed, in a hundred. */
function scoreOf(files: readonly JudgedFile[]): number {
  const { mutants, equivalent, killed, timeout } = countsOf(files);
  return mutants === equivalent ? 100 : (100 * (killed + timeout)) / (mutants - equivalent);
}

function countsOf(files: readonly JudgedFile[]) {
  const count = (is: (mutant: CodeMutant, file: JudgedFile) => boolean) =>
    files.reduce((sum, file) => sum + file.mutants.filter((mutant) => is(mutant, file)).length, 0);
  const isProven = ({ name }: CodeMutant, { equivalents }: JudgedFile) => name in equivalents;
  return {
    mutants: count(() => true),
    killed: count((mutant, file) => mutant.status === 'killed' && !isProven(mutant, file)),
    timeout: count((mutant, file) => mutant.status === 'timeout' && !isProven(mutant, file)),
    survived: count((mutant, file) => mutant.status === 'survived' && !isProven(mutant, file)),
    equivalent: count(isProven),
  };
}

/**
 * What is wrong with a group: a score below its bound, with the mutants that survive; equivalents that are none, that
 * name no mutant, or of which there are more than three in a hundred.
 */
export function faultsOfCode(files: readonly JudgedFile[], scoreMin: number): readonly string[] {
  const { mutants, equivalent } = countsOf(files);
  const score = scoreOf(files);
  const faults = files.flatMap(faultsOfEquivalents);
  if (mutants === 0) faults.push('no mutant was judged');
  if (equivalent > mutants * 0.03) faults.push(`${equivalent} of ${mutants} are called equivalent`);
  if (score >= scoreMin) return faults;
  return [...faults, `${score.toFixed(2)} of 100 are noticed, must be ${scoreMin}`];
}

function faultsOfEquivalents({ file, mutants, equivalents }: JudgedFile): string[] {
  const statuses = new Map(mutants.map(({ name, status }) => [name, status]));
  return Object.keys(equivalents).flatMap((name) => {
    const status = statuses.get(name);
    if (status === 'survived') return [];
    const fault = status === undefined ? 'names no mutant' : `is no equivalent, ${status}`;
    return [`${fault}: ${file}: ${name}`];
  });
}

/** The mutants that survive without a proof, as `file:line name`. */
export function survivorsOf(files: readonly JudgedFile[]): readonly string[] {
  return files.flatMap(({ file, mutants, equivalents }) =>
    mutants
      .filter(({ name, status }) => status === 'survived' && !(name in equivalents))
      .map(({ name, line }) => `${file}:${line} ${name}`),
  );
}

/** A row a file, and one for the whole of each group that has more than one. */
export function tableOfCode(groups: Readonly<Record<string, readonly JudgedFile[]>>): string {
  const head = ['group', 'file', 'mutants', 'killed', 'timeout', 'survived', 'equivalent', 'score'];
  const rows = Object.entries(groups).flatMap(([group, files]) => [
    ...files.map((file) => rowOf(group, file.file, [file])),
    ...(files.length > 1 ? [rowOf(group, 'all', files)] : []),
  ]);
  return aligned([head, ...rows]);
}

function rowOf(group: string, what: string, files: readonly JudgedFile[]): readonly string[] {
  const counts = Object.values(countsOf(files)).map(String);
  return [group, what, ...counts, scoreOf(files).toFixed(2)];
}
