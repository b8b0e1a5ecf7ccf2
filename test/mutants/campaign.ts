import { type Mutant, mutantsOf } from '../../src/testing/graph/mutants/mutants.ts';
import {
  type Checks,
  Judge,
  type JudgeOptions,
  type Verdict,
} from '../../src/testing/graph/mutants/mutants-trial.ts';
import { aligned } from './aligned.ts';
import { type SourceMachine, sourceMutantsOf } from './source-mutants.ts';

/** A machine of ours with what is held against it. */
export interface Target {
  readonly checks: Checks;
  readonly source: SourceMachine;
  /** The mutants that are meant, by their names. @default all */
  readonly takes?: (mutant: string) => boolean;
  /** Mutants that no check could notice, each with the proof. */
  readonly equivalents: Readonly<Record<string, string>>;
}

/** One mutant's line of the report. */
export interface Line {
  readonly machine: string;
  readonly mutant: string;
  /** The first check that noticed it. */
  readonly check: string | undefined;
  /** What the check said. */
  readonly found: string | undefined;
  /** The first law that noticed it, without the original to compare with. */
  readonly law: string | undefined;
  /** Why nothing can notice it. */
  readonly equivalent: string | undefined;
  readonly ms: number;
}

/** Judges every mutant of a target, a line each. */
export async function* judged(
  machine: string,
  target: Target,
  options?: JudgeOptions,
): AsyncGenerator<Line> {
  const { takes = () => true } = target;
  const mutants = (await mutantsOfTarget(target)).filter(({ name }) => takes(name));
  const judge = new Judge(target.checks, options);
  for (const mutant of mutants) {
    const startMs = performance.now();
    const verdict = judge.judge(mutant);
    const ms = Math.round(performance.now() - startMs);
    yield lineOf({ machine, verdict, ms, equivalent: target.equivalents[mutant.name] });
  }
}

async function mutantsOfTarget({ checks, source }: Target): Promise<readonly Mutant[]> {
  return [...mutantsOf(checks.machine), ...(await sourceMutantsOf(source))];
}

function lineOf(of: {
  machine: string;
  verdict: Verdict;
  ms: number;
  equivalent: string | undefined;
}): Line {
  const { machine, verdict, ms, equivalent } = of;
  const { mutant, kill, byLaw } = verdict;
  const found = kill?.found.split('\n', 1)[0];
  return { machine, mutant, check: kill?.check, found, law: byLaw?.check, equivalent, ms };
}

/** What is wrong with the lines of one target: mutants that survive, and equivalents that are none. */
export function faultsOf(
  lines: readonly Line[],
  { equivalents, takes = () => true }: Target,
): readonly string[] {
  const names = new Set(lines.map(({ mutant }) => mutant));
  return [
    ...lines
      .filter(({ check, equivalent }) => check === undefined && equivalent === undefined)
      .map(({ mutant }) => `survives: ${mutant}`),
    ...lines
      .filter(({ check, equivalent }) => check !== undefined && equivalent !== undefined)
      .map(({ mutant, check }) => `is no equivalent, ${check} notices it: ${mutant}`),
    ...Object.keys(equivalents)
      .filter((name) => takes(name) && !names.has(name))
      .map((name) => `names no mutant: ${name}`),
  ];
}

/** Rows of text: how many mutants each check noticed first, and how many the laws notice alone. */
export function tableOf(lines: readonly Line[]): string {
  const machines = [...new Set(lines.map(({ machine }) => machine))];
  const checks = [...new Set(lines.map(({ check }) => check ?? ''))].filter(
    (check) => check !== '',
  );
  const head = [
    'machine',
    'mutants',
    'killed',
    'by laws alone',
    'equivalent',
    ...checks,
    'seconds',
  ];
  const rows = machines.map((machine) => {
    const own = lines.filter((line) => line.machine === machine);
    const count = (is: (line: Line) => unknown) => String(own.filter(is).length);
    return [
      machine,
      String(own.length),
      count(({ check }) => check),
      count(({ law }) => law),
      count(({ equivalent }) => equivalent),
      ...checks.map((name) => count(({ check }) => check === name)),
      (own.reduce((sum, { ms }) => sum + ms, 0) / 1_000).toFixed(1),
    ];
  });
  return aligned([head, ...rows]);
}
