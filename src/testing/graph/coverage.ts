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
  readonly #taken = new Map<AnyTransitionDefinition, number>();

  /** To be given to live actors as their `inspect`. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.microstep') return;
    for (const definition of event._transitions) {
      this.#taken.set(definition, (this.#taken.get(definition) ?? 0) + 1);
    }
  };

  /** Names of the machine's transitions that no actor has taken yet. */
  missing(machine: AnyStateMachine): readonly string[] {
    const counts = this.counts(machine);
    return [...counts].filter(([, times]) => times === 0).map(([name]) => name);
  }

  /** How often each of the machine's transitions was taken, by its name. */
  counts(machine: AnyStateMachine): ReadonlyMap<string, number> {
    const counts = new Map(
      definitionsOf(machine.root).map((definition) => [nameOf(definition), 0]),
    );
    for (const [definition, times] of this.#taken) {
      const name = nameOf(definition);
      const before = counts.get(name);
      if (before !== undefined) counts.set(name, before + times);
    }
    return counts;
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
