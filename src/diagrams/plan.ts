import { type ChartState, type ChartTransition, commonPath, isWithin, statesOf } from './chart.ts';

export interface PlanOptions {
  /** Paths of states that are entered when something went wrong, besides those whose names say so. */
  readonly failures?: readonly string[];
}

/** A transition, and what it means for whoever looks at the drawing. */
export interface PlanWay {
  readonly transition: ChartTransition;
  /** Where it leads, in words; `undefined` when it stays. */
  readonly leadsTo: string | undefined;
  readonly isFailure: boolean;
}

/** An arrow; transitions between the same two states share one. */
export interface PlanEdge {
  readonly source: ChartState;
  readonly target: ChartState;
  readonly ways: readonly PlanWay[];
  /** Whether all of them are. */
  readonly isFailure: boolean;
}

/** A state that only rows lead to. */
export interface PlanEntry {
  readonly target: ChartState;
  /** How many rows lead there. */
  readonly rows: number;
  readonly isFailure: boolean;
  /** The state before it in the chart, after which it is laid out. */
  readonly after: ChartState | undefined;
}

/** What is an arrow and what a line of text, for every kind of drawing. */
export interface Plan {
  readonly root: ChartState;
  /** Transitions that are written into the box of the state that defines them, by its id. */
  readonly rows: ReadonlyMap<string, readonly PlanWay[]>;
  readonly edges: readonly PlanEdge[];
  readonly entries: readonly PlanEntry[];
  /** Whether a state is entered when something went wrong. */
  isFailure(state: ChartState): boolean;
}

/** From so many states on, failures that lead to the same one are rows, not arrows. */
const hubMin = 5;

const failureWords = /fail|refus|reject|error|abort|cancel|poison|discard|roll(?:ed)?-?back/i;

/**
 * Decides how each transition is drawn. Arrows are for the ways through the machine; a transition that stays,
 * leads back to a state around it, is defined for a state around its target, or is one of many that lead to the
 * same failure would only add to a tangle, and is a row of its state instead.
 */
export function planOf(root: ChartState, { failures = [] }: PlanOptions = {}): Plan {
  const states = statesOf(root);
  const failed = states
    .filter(({ path, key }) => path !== '' && (failureWords.test(key) || failures.includes(path)))
    .map(({ path }) => path);
  const isFailure = ({ path }: ChartState) => failed.some((failure) => isWithin(path, failure));
  const ways = waysOf(states, isFailure);
  const hubs = hubsOf(ways);
  const isRow = ({ isLocal, target }: Way) => isLocal || (target !== undefined && hubs.has(target));
  const edges = edgesOf(ways.filter((way) => !isRow(way)));
  const rows = ways.filter(isRow);
  return {
    root,
    rows: grouped(rows, ({ source }) => source.id),
    edges,
    entries: entriesOf(rows, edges, states),
    isFailure,
  };
}

interface Way extends PlanWay {
  readonly source: ChartState;
  /** The state that it leads to, or that holds all of its targets. */
  readonly target: ChartState | undefined;
  /** Whether it stays within its source, or leads to a state around it. */
  readonly isLocal: boolean;
}

function waysOf(states: readonly ChartState[], isFailure: Plan['isFailure']): readonly Way[] {
  const byId = new Map(states.map((state) => [state.id, state]));
  const byPath = new Map(states.map((state) => [state.path, state]));
  return states.flatMap((source) =>
    source.transitions.map((transition) => {
      const targets = transition.targets.flatMap((id) => byId.get(id) ?? []);
      const paths = targets.map(({ path }) => path);
      const target = paths.length === 0 ? undefined : byPath.get(paths.reduce(commonPath));
      return {
        transition,
        source,
        target,
        isLocal: target === undefined || isAround(source, target) || isAround(target, source),
        leadsTo: target && wordsOf(source, target, paths),
        isFailure: isFailureEvent(transition.event) || targets.some(isFailure),
      };
    }),
  );
}

const isAround = (inner: ChartState, outer: ChartState) => isWithin(inner.path, outer.path);

const isFailureEvent = (event: string) =>
  event.startsWith('xstate.error.') || (!event.startsWith('xstate.') && failureWords.test(event));

/** Paths of the targets; of several in one state, that state once. */
function wordsOf(source: ChartState, target: ChartState, paths: readonly string[]): string {
  if (isAround(source, target)) return `${target.path || target.key} anew`;
  if (paths.length === 1) return target.path;
  const rest = paths.map((path) => path.slice(target.path === '' ? 0 : target.path.length + 1));
  return target.path === '' ? rest.join(', ') : `${target.path} (${rest.join(', ')})`;
}

function hubsOf(ways: readonly Way[]): ReadonlySet<ChartState> {
  const sources = new Map<ChartState, Set<ChartState>>();
  for (const { source, target, isFailure, isLocal } of ways) {
    if (target === undefined || isLocal || !isFailure) continue;
    sources.set(target, (sources.get(target) ?? new Set()).add(source));
  }
  return new Set([...sources].filter(([, from]) => from.size >= hubMin).map(([target]) => target));
}

function edgesOf(ways: readonly Way[]): readonly PlanEdge[] {
  const groups = grouped(ways, ({ source, target }) => `${source.id} ${target?.id}`);
  return [...groups.values()].flatMap((group) => {
    const [{ source, target } = {}] = group;
    if (source === undefined || target === undefined) return [];
    return { source, target, ways: group, isFailure: group.every(({ isFailure }) => isFailure) };
  });
}

function entriesOf(
  rows: readonly Way[],
  edges: readonly PlanEdge[],
  states: readonly ChartState[],
): readonly PlanEntry[] {
  const before = new Map(
    states.flatMap(({ states: children }) =>
      children.map((child, index) => [child, children[index - 1]] as const),
    ),
  );
  const isDrawnTo = (state: ChartState) => edges.some(({ target }) => target === state);
  return states
    .filter((state) => state.path !== '' && !isDrawnTo(state))
    .flatMap((target) => {
      const leading = rows.filter((way) => way.target === target && !isAround(way.source, target));
      const isFailure = leading.some((way) => way.isFailure);
      if (leading.length === 0) return [];
      return { target, rows: leading.length, isFailure, after: before.get(target) };
    });
}

function grouped<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

/** A transition in UML's words: `event [guard]`. */
export function labelOf({ trigger, guard, isElse }: ChartTransition): string {
  if (guard !== undefined) return `${trigger} [${guard}]`;
  return isElse ? `${trigger} [else]` : trigger;
}

/** What follows a row's `event [guard]`: its effect, or where it leads. */
export function effectOf({ transition: { actions }, leadsTo }: PlanWay): string {
  if (leadsTo !== undefined) return `→ ${leadsTo}`;
  return actions.length === 0 ? 'is ignored' : `/ ${actions.join(', ')}`;
}
