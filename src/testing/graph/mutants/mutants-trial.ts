import type { AnyStateMachine } from 'xstate';
import { Coverage } from '../coverage.ts';
import { explore, type Graph, type Vertex } from '../explore.ts';
import { brokenInvariants, brokenRunLaws, type Invariants, type RunLaws } from '../invariants.ts';
import { edgePaths, type Path, shortestPaths, simplePaths, titleOf } from '../paths.ts';
import { refusedThatAct } from '../refused.ts';
import { runPath } from '../runner.ts';
import { deadEnds, unreachedStates } from '../structure.ts';
import type { Subject } from '../subject.ts';
import { type Mutant, rebuilt } from './mutants.ts';

/** What is held against one graph of a machine. */
export interface Suite {
  readonly subject: Subject;
  readonly invariants?: Invariants;
  /** Held of live runs along the paths; without them the runs must follow their graph all the same. */
  readonly laws?: RunLaws;
  /** Whether every simple path is run too, and the shortest one to each state. @default false */
  readonly isSimple?: boolean;
  /** Whether every event is tried where it is refused. @default false */
  readonly triesRefused?: boolean;
  /** The list that is reviewed by people, from its graph and what {@link Suite.isSimple} gives. */
  readonly golden?: (graph: Graph, simple: readonly Path[]) => string;
}

/** A rule that is tried with runs of its own: throws when it does not hold. */
export type Rule = (machine: AnyStateMachine) => void;

/** Everything that is held against a machine. */
export interface Checks {
  readonly machine: AnyStateMachine;
  /** The cheapest first. */
  readonly suites: readonly Suite[];
  readonly rules?: Readonly<Record<string, Rule>>;
}

export interface JudgeOptions {
  /**
   * Whether a mutant that some check has noticed is shown to the laws all the same.
   * @default true
   */
  readonly asksLaws?: boolean;
}

/** The checks in their order. What is a law says what must be so, without the original to compare with. */
export const checkNames = {
  explored: 'the samples are tried without an exception',
  bounded: 'no more states, paths and microsteps than there may be',
  structure: 'every state is reached, and from each a final one',
  invariants: 'a law of states and steps',
  refused: 'what is refused changes nothing',
  edges: 'a law of runs, over every edge',
  simple: 'a law of runs, over every simple path and the shortest ones',
  rules: 'a rule with a run of its own',
  coverage: 'every transition is taken',
  golden: 'the list that was reviewed',
  reviewed: 'each sample of the graph that was reviewed leads where it led, and no other is taken',
} as const;

export type CheckName = keyof typeof checkNames;

const laws: readonly CheckName[] = [
  'explored',
  'bounded',
  'invariants',
  'edges',
  'simple',
  'rules',
];

/** A check that noticed a mutant, and what it said. */
export interface Kill {
  readonly check: CheckName;
  readonly found: string;
}

/** What became of one mutant. */
export interface Verdict {
  readonly mutant: string;
  /** The first check that noticed it; a mutant without one survives. */
  readonly kill: Kill | undefined;
  /** The first law that did, when what came before it is left aside. */
  readonly byLaw: Kill | undefined;
}

/**
 * Judges mutants of one machine by all that is held against it.
 *
 * @throws Error when a check finds fault with the machine itself.
 */
export class Judge {
  readonly #checks: Checks;
  readonly #asksLaws: boolean;
  readonly #originals: readonly Original[];
  /** Transitions that no path of the machine itself takes: a mutant need not take them either. */
  readonly #untaken: ReadonlySet<string>;

  constructor(checks: Checks, { asksLaws = true }: JudgeOptions = {}) {
    this.#checks = checks;
    this.#asksLaws = asksLaws;
    const run: Mutant['run'] = (trial) => trial(rebuilt(checks.machine));
    const coverage = new Coverage();
    this.#originals = checks.suites.map((suite) => originalOf(suite, coverage));
    this.#untaken = new Set(coverage.missing(checks.machine));
    const { kill } = this.judge({ name: 'the machine itself', run });
    if (kill) throw new Error(`the machine itself fails ${kill.check}: ${kill.found}`);
  }

  /** Holds one check after another against the mutant until one notices it, and a law does. */
  judge({ name, run }: Mutant): Verdict {
    return run((machine) => {
      let kill: Kill | undefined;
      let byLaw: Kill | undefined;
      for (const { check, find } of this.#stepsOf(machine)) {
        const isLaw = laws.includes(check);
        if (kill && (byLaw || !isLaw || !this.#asksLaws)) continue;
        const found = attempt(check, find);
        if (found) kill ??= found;
        if (found && laws.includes(found.check)) byLaw ??= found;
      }
      return { mutant: name, kill, byLaw };
    });
  }

  *#stepsOf(machine: AnyStateMachine): Iterable<Step> {
    const { rules = {} } = this.#checks;
    const coverage = new Coverage();
    const trials = this.#originals.map((original) => new Trial(original, machine, coverage));
    for (const trial of trials) yield* trial.lawSteps();
    for (const [name, rule] of Object.entries(rules)) {
      yield { check: 'rules', find: () => complaintOf(name, () => rule(machine)) };
    }
    const untaken = () =>
      coverage.missing(machine).find((transition) => !this.#untaken.has(transition));
    yield { check: 'coverage', find: untaken };
    for (const trial of trials) yield* trial.goldenSteps();
    for (const trial of trials) yield trial.reviewedStep();
  }
}

interface Step {
  readonly check: CheckName;
  /** What the check says of the machine, when it does not like it. */
  readonly find: () => string | undefined;
}

function attempt(check: CheckName, find: Step['find']): Kill | undefined {
  try {
    const found = find();
    return found === undefined ? undefined : { check, found };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    const isBound = error instanceof RangeError || found.startsWith('Infinite loop');
    return { check: isBound ? 'bounded' : check, found };
  }
}

function complaintOf(name: string, rule: () => void): string | undefined {
  try {
    rule();
    return undefined;
  } catch (error) {
    return `${name}: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}`;
  }
}

/** What the machine itself does in one suite. */
interface Original {
  readonly suite: Suite;
  readonly graph: Graph;
  readonly simple: readonly Path[];
  /** What it does not reach or end from: a mutant need not either. */
  readonly lacks: ReadonlySet<string>;
  readonly golden: string | undefined;
}

function originalOf(suite: Suite, coverage: Coverage): Original {
  const graph = explore({ ...suite.subject, machine: rebuilt(suite.subject.machine) });
  const simple = suite.isSimple ? simplePaths(graph) : [];
  for (const path of edgePaths(graph)) runPath(graph, path, coverage);
  const golden = suite.golden?.(graph, simple);
  return { suite, graph, simple, lacks: new Set(structureOf(graph)), golden };
}

const structureOf = (graph: Graph): readonly string[] => [
  ...unreachedStates(graph).map((name) => `${name} is not reached`),
  ...deadEnds(graph).map((name) => `${name} has no end`),
];

/** One suite against one machine; its graph is drawn once. */
class Trial {
  readonly #original: Original;
  readonly #subject: Subject;
  readonly #coverage: Coverage;
  #graph: Graph | undefined;
  #simple: readonly Path[] | undefined;

  constructor(original: Original, machine: AnyStateMachine, coverage: Coverage) {
    this.#original = original;
    this.#coverage = coverage;
    this.#subject = { ...original.suite.subject, machine };
  }

  *lawSteps(): Iterable<Step> {
    const { suite } = this.#original;
    yield { check: 'explored', find: () => void this.graph };
    yield { check: 'structure', find: () => this.#lacking(structureOf(this.graph)) };
    const { invariants } = suite;
    if (invariants) {
      yield { check: 'invariants', find: () => brokenInvariants(this.graph, invariants)[0] };
    }
    yield { check: 'edges', find: () => this.#broken(edgePaths(this.graph)) };
    if (suite.triesRefused) yield { check: 'refused', find: () => refusedThatAct(this.graph)[0] };
    if (!suite.isSimple) return;
    const paths = () => [...shortestPaths(this.graph).values(), ...this.simple];
    yield { check: 'simple', find: () => this.#broken(paths()) };
  }

  /** The list that is reviewed, where the suite has one. */
  *goldenSteps(): Iterable<Step> {
    const { suite, golden } = this.#original;
    if (golden === undefined) return;
    const drawn = () => suite.golden?.(this.graph, this.simple) ?? '';
    yield { check: 'golden', find: () => firstDifference(golden, drawn()) };
  }

  reviewedStep(): Step {
    return { check: 'reviewed', find: () => this.#astray() };
  }

  get graph(): Graph {
    this.#graph ??= explore(this.#subject, {
      verticesMax: this.#original.graph.vertices.length * 4 + 100,
    });
    return this.#graph;
  }

  get simple(): readonly Path[] {
    const pathsMax = this.#original.simple.length * 4 + 100;
    this.#simple ??= this.#original.suite.isSimple ? simplePaths(this.graph, { pathsMax }) : [];
    return this.#simple;
  }

  #broken(paths: readonly Path[]): string | undefined {
    for (const path of paths) {
      const { laws: held = {} } = this.#original.suite;
      const [broken] = brokenRunLaws(this.graph, [path], held, this.#coverage);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }

  #lacking(names: readonly string[]): string | undefined {
    return names.find((lacking) => !this.#original.lacks.has(lacking));
  }

  /** The first state that this one leaves otherwise than the machine itself, the nearest ones first. */
  #astray(): string | undefined {
    const mine = new Map(this.graph.vertices.map((vertex) => [vertex.key, vertex]));
    for (const [vertex, path] of shortestPaths(this.#original.graph)) {
      const labels = waysOf(vertex);
      const others = waysOf(mine.get(vertex.key));
      const label = [...labels.keys(), ...others.keys()].find(
        (name) => labels.get(name) !== others.get(name),
      );
      if (!mine.has(vertex.key) || label !== undefined) return `${titleOf(path)}, then ${label}`;
    }
    return undefined;
  }
}

/** Where each sample leads from a state. */
function waysOf(vertex: Vertex | undefined): ReadonlyMap<string, string> {
  return new Map(vertex?.edges.map(({ label, target }) => [label, target.key]));
}

function firstDifference(expected: string, actual: string): string | undefined {
  if (expected === actual) return undefined;
  const lines = new Set(actual.split('\n'));
  const gone = expected.split('\n').find((line) => !lines.has(line));
  return gone === undefined ? 'there is more than was reviewed' : `gone: ${gone}`;
}
