import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** What a state is made of. */
export type StateKind = 'atomic' | 'compound' | 'parallel' | 'final' | 'history';

/** An actor that lives as long as its state is active. */
export interface ChartInvoke {
  readonly id: string;
  /** Name of the actor's logic. */
  readonly source: string;
}

/** One transition definition; several of one event are branches, tried in order. */
export interface ChartTransition {
  /** Source, event and index among the branches: the same name that definition coverage uses. */
  readonly name: string;
  /** Id of the state that defines it. */
  readonly source: string;
  /** XState's event type; empty for `always`. */
  readonly event: string;
  /** The event in plain words: `publish failed` for `xstate.error.actor.publish`. */
  readonly trigger: string;
  /** Name of the guard, with its parameters where they are written down in the chart. */
  readonly guard: string | undefined;
  /** Without a guard of its own, and taken when the guards of the branches before it do not hold. */
  readonly isElse: boolean;
  readonly actions: readonly string[];
  /** Ids of the states it leads to; empty when it stays. */
  readonly targets: readonly string[];
  /** Whether its source is left and entered again, though the target is the source or below it. */
  readonly reenter: boolean;
  readonly description: string | undefined;
}

/** A state and all below it. */
export interface ChartState {
  readonly id: string;
  readonly key: string;
  /** Keys from below the root to here, joined by dots; empty for the root. */
  readonly path: string;
  readonly kind: StateKind;
  readonly description: string | undefined;
  /** Id of the state that a compound one begins in. */
  readonly initial: string | undefined;
  readonly entry: readonly string[];
  readonly exit: readonly string[];
  readonly invokes: readonly ChartInvoke[];
  /** `on`, `after`, `onDone`, `onError` and `always`, in the order of the chart. */
  readonly transitions: readonly ChartTransition[];
  readonly states: readonly ChartState[];
}

/** Reads a machine once for all who draw it; the answer is its root state. */
export function chartOf(machine: AnyStateMachine): ChartState {
  return stateOf(machine.root);
}

/** The state and all below it, each before its children. */
export function statesOf(state: ChartState): readonly ChartState[] {
  return [state, ...state.states.flatMap(statesOf)];
}

/** Whether a path is another one or below it. */
export function isWithin(path: string, ancestor: string): boolean {
  return ancestor === '' || path === ancestor || path.startsWith(`${ancestor}.`);
}

/** Path of the smallest state that holds both. */
export function commonPath(a: string, b: string): string {
  const parts = a.split('.');
  const others = b.split('.');
  const end = parts.findIndex((part, index) => part !== others[index]);
  return parts.slice(0, end === -1 ? parts.length : end).join('.');
}

function stateOf(node: AnyStateNode): ChartState {
  return {
    id: node.id,
    key: node.key,
    path: node.path.join('.'),
    kind: node.type,
    description: node.description,
    initial: node.type === 'compound' ? node.initial.target[0]?.id : undefined,
    entry: node.entry.map(nameOf),
    exit: node.exit.map(nameOf),
    invokes: node.invoke.map(({ id, src }) => ({ id, source: nameOf(src) })),
    transitions: transitionsOf(node),
    states: Object.values(node.states).map(stateOf),
  };
}

function transitionsOf(node: AnyStateNode): readonly ChartTransition[] {
  const branches: readonly (readonly AnyTransitionDefinition[])[] = [
    ...node.transitions.values(),
    node.always ?? [],
  ];
  return branches.flatMap((siblings) => siblings.map(transitionOf));
}

function transitionOf(definition: AnyTransitionDefinition, index: number): ChartTransition {
  const { source, eventType, guard, target, reenter, description } = definition;
  return {
    name: `${source.id} on ${eventType || 'always'} [${index}]`,
    source: source.id,
    event: eventType,
    trigger: triggerOf(eventType),
    guard: guard === undefined ? undefined : guardName(guard),
    isElse: guard === undefined && index > 0,
    actions: definition.actions.map(nameOf),
    targets: target?.map(({ id }) => id) ?? [],
    reenter,
    description,
  };
}

/** XState's own event names in plain words. */
function triggerOf(type: string): string {
  const [, kind, of] =
    /^xstate\.(done\.actor|error\.actor|done\.state|after)\.(.*)$/.exec(type) ?? [];
  switch (kind) {
    case 'done.actor':
      return `${of} done`;
    case 'error.actor':
      return `${of} failed`;
    case 'done.state':
      return 'all done';
    case 'after':
      return `after ${of?.split('.')[0]}`;
    default:
      return type === '' ? 'always' : type;
  }
}

/** The name that an action, guard or actor goes by; what is written in place has none. */
function nameOf(named: unknown): string {
  if (typeof named === 'string') return named;
  if (named instanceof Object && 'type' in named) return String(named.type);
  return 'inline';
}

function guardName(guard: unknown): string {
  const name = nameOf(guard);
  const params = guard instanceof Object && 'params' in guard ? guard.params : undefined;
  // What a function makes of the event is not known before there is one.
  if (!(params instanceof Object) || typeof params === 'function') return name;
  return `${name} ${Object.values(params).flat().join(', ')}`.trimEnd();
}
