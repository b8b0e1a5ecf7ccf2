import type {
  AnyStateMachine,
  AnyStateNode,
  AnyTransitionDefinition,
  InspectionEvent,
} from 'xstate';

/**
 * Which of a machine's transition definitions live actors have taken.
 *
 * A graph sees sampled events, not definitions: it leaves out `always` and `onDone`, and does not
 * tell which of several guarded branches was taken. Definitions are named by source, event and index, since
 * `provide()` makes new objects of them.
 */
export class Coverage {
  readonly #taken = new Set<AnyTransitionDefinition>();

  /** To be given to live actors as their `inspect`. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return;
    for (const definition of event._transitions) this.#taken.add(definition);
  };

  /** Names of the machine's transitions that no actor has taken yet. */
  missing(machine: AnyStateMachine): readonly string[] {
    const taken = new Set([...this.#taken].map(nameOf));
    return definitionsOf(machine.root)
      .map(nameOf)
      .filter((name) => !taken.has(name));
  }
}

/** All transitions defined in `node` and below: `on`, `after`, `onDone`, `onError` and `always`. */
function definitionsOf(node: AnyStateNode): readonly AnyTransitionDefinition[] {
  const own: readonly AnyTransitionDefinition[] = [
    ...[...node.transitions.values()].flat(),
    ...(node.always ?? []),
  ];
  return [...own, ...Object.values(node.states).flatMap(definitionsOf)];
}

function nameOf(definition: AnyTransitionDefinition): string {
  const { source, eventType } = definition;
  const siblings: readonly AnyTransitionDefinition[] =
    eventType === '' ? (source.always ?? []) : (source.transitions.get(eventType) ?? []);
  return `${source.id} on ${eventType || 'always'} [${siblings.indexOf(definition)}]`;
}
