import { type AnyStateMachine, type AnyStateNode, StateMachine } from 'xstate';
import { operandVariants, wordsOf } from './mutants-guards.ts';

/** A machine that differs from another in one thing; a check that does not tell them apart has no teeth there. */
export interface Mutant {
  /** Where the change is and what it is: stable as long as the machine's chart is. */
  readonly name: string;
  /** Hands the changed machine to `trial`; what was switched for it is switched back afterwards. */
  readonly run: <Result>(trial: (machine: AnyStateMachine) => Result) => Result;
}

type Key = string | number;
type Config = Readonly<Record<string, unknown>>;
type Place = readonly Key[];

/** One change: the value at this place of the config; none takes the place away. */
interface Edit {
  readonly name: string;
  readonly place: Place;
  readonly value: unknown;
}

/** Microsteps after one event before a mutant counts as one that never comes to rest. */
const microstepsMax = 1_000;

/**
 * Every mutant of the chart, whatever the machine: each guard always and never so, each operand of
 * `and`, `or` and `not` taken away, each transition, action and re-entering taken away, each target
 * and initial state swapped with the next sibling.
 *
 * A guard that is never so leaves nothing of its transition: a guarded one is not dropped besides.
 * What functions do inside is not looked into.
 */
export function mutantsOf(machine: AnyStateMachine): readonly Mutant[] {
  return nodesOf(machine.root).flatMap((node) =>
    editsOf(node).map(
      ({ name, place, value }): Mutant => ({
        name: `${node.id} ${name}`,
        run: (trial) =>
          trial(rebuilt(machine, changed(machine.config, [...placeOf(node), ...place], value))),
      }),
    ),
  );
}

/** The same machine, built anew: one that never comes to rest throws instead of hanging. */
export function rebuilt(
  machine: AnyStateMachine,
  config: unknown = machine.config,
): AnyStateMachine {
  const { options, ...rest } = config as Config;
  const bounded = {
    ...rest,
    options: { ...(options as Config | undefined), maxIterations: microstepsMax },
  };
  // Neither constructor nor class says what they infer of a config that is not a literal.
  return new StateMachine(bounded as never, machine.implementations as never) as AnyStateMachine;
}

function nodesOf(node: AnyStateNode): readonly AnyStateNode[] {
  return [node, ...Object.values(node.states).flatMap(nodesOf)];
}

const placeOf = ({ path }: AnyStateNode): Place => path.flatMap((key) => ['states', key]);

function editsOf(node: AnyStateNode): readonly Edit[] {
  return [
    ...initialEdits(node),
    ...(['entry', 'exit'] as const).flatMap((field) =>
      withoutEach(node.config[field]).map(
        ([action, value]): Edit => ({ name: `${field}: without ${action}`, place: [field], value }),
      ),
    ),
    ...listsOf(node).flatMap((list) => transitionEdits(node, list)),
  ];
}

function initialEdits(node: AnyStateNode): readonly Edit[] {
  const [target] = node.type === 'compound' ? (node.initial.target ?? []) : [];
  const sibling = target && siblingOf(target);
  if (sibling === undefined) return [];
  const { initial } = node.config;
  const value = typeof initial === 'object' ? { ...initial, target: sibling.key } : sibling.key;
  return [{ name: `initial: ${sibling.key}`, place: ['initial'], value }];
}

/** The transitions of one event in one state, as the config has them and as XState names the event. */
interface TransitionList {
  readonly event: string;
  readonly place: Place;
  readonly items: readonly Config[];
}

function listsOf({ id, config }: AnyStateNode): readonly TransitionList[] {
  const list = (event: string, place: Place, value: unknown): TransitionList[] =>
    value === undefined ? [] : [{ event, place, items: itemsOf(value).map(asTransition) }];
  const invokes = itemsOf(config.invoke).flatMap((invoke, index) => {
    const { id: actor = `${index}.${id}`, onDone, onError, onSnapshot } = invoke as Config;
    const at = Array.isArray(config.invoke) ? ['invoke', index] : ['invoke'];
    return [
      ...list(`xstate.done.actor.${actor}`, [...at, 'onDone'], onDone),
      ...list(`xstate.error.actor.${actor}`, [...at, 'onError'], onError),
      ...list(`xstate.snapshot.${actor}`, [...at, 'onSnapshot'], onSnapshot),
    ];
  });
  return [
    // An event that is there without a transition is forbidden: that is one.
    ...Object.entries(config.on ?? {}).flatMap(([event, value]) =>
      list(event, ['on', event], value ?? {}),
    ),
    ...list(`xstate.done.state.${id}`, ['onDone'], config.onDone),
    ...invokes,
    ...Object.entries(config.after ?? {}).flatMap(([delay, value]) =>
      list(`xstate.after.${delay}.${id}`, ['after', delay], value),
    ),
    ...list('', ['always'], config.always),
  ];
}

function transitionEdits(node: AnyStateNode, { event, place, items }: TransitionList): Edit[] {
  const definitions = (event === '' ? node.always : node.transitions.get(event)) ?? [];
  return items.flatMap((item, index) =>
    variantsOf(item, definitions[index]?.target ?? []).map(([what, variant]): Edit => {
      const others = items.toSpliced(index, 1, ...(variant === undefined ? [] : [variant]));
      const value = others.length === 0 ? undefined : others;
      return { name: `on ${event || 'always'} [${index}]: ${what}`, place, value };
    }),
  );
}

type Variant = readonly [what: string, item: Config | undefined];

/** What can be changed about one transition; without an item it is gone. */
function variantsOf(item: Config, targets: readonly AnyStateNode[]): readonly Variant[] {
  const { guard, actions, reenter } = item;
  return [
    ...(guard === undefined ? [['dropped', undefined] as const] : guardVariants(item)),
    ...withoutEach(actions).map(
      ([action, rest]): Variant => [`without ${action}`, { ...item, actions: rest ?? [] }],
    ),
    ...(reenter === true ? [['without re-entering', without(item, 'reenter')] as const] : []),
    ...targetVariants(item, targets),
  ];
}

function guardVariants(item: Config): readonly Variant[] {
  const { guard } = item;
  return [
    [`guard ${wordsOf(guard)} never`, undefined],
    [`guard ${wordsOf(guard)} always`, without(item, 'guard')],
    ...operandVariants(guard).map(
      ([what, variant]): Variant => [`guard ${what}`, { ...item, guard: variant }],
    ),
  ];
}

function targetVariants(item: Config, targets: readonly AnyStateNode[]): readonly Variant[] {
  return targets.flatMap((target, index) => {
    const sibling = siblingOf(target);
    if (sibling === undefined) return [];
    const others = itemsOf(item['target']).toSpliced(index, 1, idOf(sibling));
    return [[`to ${sibling.id} instead of ${target.id}`, { ...item, target: others }] as const];
  });
}

/** The state that follows in the same compound state, around the end; regions have none. */
function siblingOf(node: AnyStateNode): AnyStateNode | undefined {
  if (node.parent?.type !== 'compound') return undefined;
  const all = Object.values(node.parent.states).filter(({ type }) => type !== 'history');
  const next = all[(all.indexOf(node) + 1) % all.length];
  return next === node ? undefined : next;
}

const escaped = (key: string): string => key.replaceAll(/[\\.]/g, '\\$&');

/** Finds the state from anywhere: by way of the root, since keys may have dots in them. */
function idOf({ machine, path }: AnyStateNode): string {
  return `#${[machine.root.id, ...path].map(escaped).join('.')}`;
}

/** The actions without each of them, and the name of that one. */
function withoutEach(actions: unknown): readonly (readonly [string, unknown])[] {
  const all = itemsOf(actions);
  return all.map((action, index) => {
    const name = wordsOf(action);
    const twins = (items: readonly unknown[]) =>
      items.filter((other) => wordsOf(other) === name).length;
    const which = twins(all) > 1 ? ` ${twins(all.slice(0, index)) + 1}` : '';
    const rest = all.toSpliced(index, 1);
    return [`${name}${which}`, rest.length === 0 ? undefined : rest];
  });
}

function itemsOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function asTransition(item: unknown): Config {
  return typeof item === 'object' && item !== null ? (item as Config) : { target: item };
}

function without(item: Config, field: string): Config {
  return Object.fromEntries(Object.entries(item).filter(([name]) => name !== field));
}

/** `value` with another one at `place`, or without that place; nothing else is copied or touched. */
function changed(value: unknown, place: Place, leaf: unknown): unknown {
  const [key, ...rest] = place;
  if (key === undefined) return leaf;
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === key ? changed(item, rest, leaf) : item));
  }
  const known = value as Config;
  if (rest.length === 0 && leaf === undefined) return without(known, String(key));
  return { ...known, [key]: changed(known[key], rest, leaf) };
}
