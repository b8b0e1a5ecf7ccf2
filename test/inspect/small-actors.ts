import { type Actor, createActor, setup } from 'xstate';
import type { Inspectable } from '../../src/inspect/bridge.ts';
import { watch } from '../../src/inspect/guarded.ts';

const child = setup({}).createMachine({
  id: 'child',
  initial: 'on',
  states: { on: { on: { end: 'over' } }, over: { type: 'final' } },
});

/** A parent with one child; `grow` gives it a large context. */
export const parentMachine = setup({
  types: { context: {} as { readonly held: unknown; readonly count: number } },
  actors: { child },
}).createMachine({
  id: 'parent',
  context: { held: new Uint8Array(1024 * 1024), count: 0 },
  invoke: { id: 'slot', src: 'child' },
  initial: 'a',
  states: { a: { on: { go: 'b' } }, b: { on: { go: 'a' } } },
});

export function startParent(): Actor<typeof parentMachine> {
  return createActor(parentMachine).start();
}

export function sourceOf(actor: Actor<typeof parentMachine>): Inspectable {
  return { inspect: (observer) => watch(actor, observer) };
}
