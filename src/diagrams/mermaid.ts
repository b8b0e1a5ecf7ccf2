import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/** Mermaid ids by XState's: names such as `awaiting-evidence` are no Mermaid ids. */
type Ids = ReadonlyMap<string, string>;

/**
 * Draws a machine as a Mermaid state diagram: every state, and every transition with its event and
 * guard, those of the whole machine and automatic ones included.
 */
export function machineToMermaid(machine: AnyStateMachine): string {
  const nodes = [...statesOf(machine.root)];
  const ids = new Map(nodes.map(({ id }, index) => [id, `s${index + 1}`]));
  const lines = [
    'stateDiagram-v2',
    `  state "${machine.root.key}" as s0 {`,
    ...childLines(machine.root, ids, '    '),
    '  }',
  ];
  ids.set(machine.root.id, 's0');
  for (const node of [machine.root, ...nodes]) lines.push(...transitionLines(node, ids));
  return `${lines.join('\n')}\n`;
}

function* statesOf(node: AnyStateNode): Generator<AnyStateNode, void, undefined> {
  for (const child of Object.values(node.states)) {
    yield child;
    yield* statesOf(child);
  }
}

function childLines(node: AnyStateNode, ids: Ids, indent: string): string[] {
  const children = Object.values(node.states);
  const lines = children.flatMap((child, index) => {
    const isNextRegion = node.type === 'parallel' && index > 0;
    return [...(isNextRegion ? [`${indent}--`] : []), ...stateLines(child, ids, indent)];
  });
  const initial = node.type === 'compound' ? node.initial.target[0] : undefined;
  return initial ? [`${indent}[*] --> ${ids.get(initial.id)}`, ...lines] : lines;
}

function stateLines(node: AnyStateNode, ids: Ids, indent: string): string[] {
  const id = ids.get(node.id);
  const declaration = `${indent}state "${node.key}" as ${id}`;
  if (Object.keys(node.states).length > 0) {
    return [`${declaration} {`, ...childLines(node, ids, `${indent}  `), `${indent}}`];
  }
  return node.type === 'final' ? [declaration, `${indent}${id} --> [*]`] : [declaration];
}

function transitionLines(node: AnyStateNode, ids: Ids): string[] {
  const transitions = [...node.transitions.values(), node.always ?? []].flat();
  const labels = new Map<string, string[]>();
  for (const transition of transitions) {
    for (const target of transition.target ?? [node]) {
      const arrow = `  ${ids.get(node.id)} --> ${ids.get(target.id)}`;
      labels.set(arrow, [...(labels.get(arrow) ?? []), labelOf(transition)]);
    }
  }
  return [...labels].map(([arrow, texts]) => `${arrow} : ${[...new Set(texts)].join('<br>')}`);
}

function labelOf({ eventType, guard }: AnyTransitionDefinition): string {
  const name = typeof guard === 'string' ? guard : (guard as { type?: string } | undefined)?.type;
  return `${eventLabel(eventType)}${name === undefined ? '' : ` [${name}]`}`;
}

/** XState's own event names in plain words. */
function eventLabel(type: string): string {
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
