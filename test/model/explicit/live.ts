import { type AnyActorRef, type AnyEventObject, createActor } from 'xstate';
import { HeldClock } from '../../../src/testing/graph/held-clock.ts';
import { canonical } from '../../../src/testing/graph/identity.ts';
import { endStub, StubbedMachine } from '../../../src/testing/graph/stub.ts';
import { endedChild } from '../../../src/testing/graph/subject.ts';
import { type Kind, keyOfCell, type Machines } from './cells.ts';
import type { Model } from './explore.ts';
import { type Actors, type Delivery, kindOf, type Note, slotOf } from './product.ts';
import type { Choice, State } from './world.ts';

/** The same machines as live actors of XState's own; only their ports are stubs, and time is held. */
class LiveSystem {
  readonly emitted: AnyEventObject[] = [];
  readonly acted: string[] = [];
  readonly #clock = new HeldClock(() => this.#snapshotter.system);
  readonly #snapshotter: AnyActorRef & { start(): unknown };
  readonly #slots: number;

  constructor(
    machines: Machines,
    { input, slots }: { readonly input: unknown; readonly slots: number },
  ) {
    this.#slots = slots;
    const stubbed = (kind: Kind) => new StubbedMachine(machines[kind]).machine;
    const team = { chain: stubbed('chain'), writer: stubbed('writer') };
    const generation = stubbed('generation').provide({ actors: team });
    const actor = createActor(machines.snapshotter.provide({ actors: { generation } }), {
      input,
      clock: this.#clock,
      inspect: (event) => {
        if (event.type !== '@xstate.action' || event.action.type.startsWith('xstate.')) return;
        this.acted.push(`${event.action.type} ${canonical(event.action.params)}`);
      },
    });
    actor.on('*', (event: AnyEventObject) => this.emitted.push(event));
    this.#snapshotter = actor;
    actor.start();
  }

  /** Makes the event happen as it does in life: it is sent, a port answers, or a timer rings. */
  deliver({ to, event }: Delivery): void {
    const actor = this.#at(to);
    if (actor === undefined) throw new Error(`nobody lives at ${to}`);
    const port = endedChild(event);
    if (port !== undefined) actor.getSnapshot().children[port].send(endStub(event));
    else if (event.type.startsWith('xstate.after.')) this.#clock.pass(actor, event.type);
    else actor.send(event);
  }

  /** Everybody's state, in the words of the product. */
  get text(): string {
    const actors = Array.from({ length: 1 + 3 * this.#slots }, (_, actor) => this.#at(actor));
    return actors
      .map((actor, at) => (actor ? this.#textOf(actor, kindOf(at)) : 'nobody'))
      .join('\n');
  }

  #textOf(actor: AnyActorRef, kind: Kind): string {
    const state = actor.getSnapshot();
    const children = Object.values(state.children) as AnyActorRef[];
    const ports = children.flatMap((child) => {
      const { status, input, context } = child.getSnapshot();
      return status === 'active' && context === undefined ? [{ id: child.id, input }] : [];
    });
    const timers = Object.values(actor.system.getSnapshot()._scheduledEvents)
      .filter(({ source }) => source === actor)
      .map(({ id }) => id);
    return keyOfCell({ kind, state, ports, timers });
  }

  #at(at: number): AnyActorRef | undefined {
    const slot = `slot:${slotOf(at)}`;
    const generation =
      at === 0 ? this.#snapshotter : this.#snapshotter.getSnapshot().children[slot];
    const kind = kindOf(at);
    const isTop = kind === 'snapshotter' || kind === 'generation';
    const actor = isTop ? generation : generation?.getSnapshot().children[kind];
    return actor?.getSnapshot().status === 'active' ? actor : undefined;
  }
}

function textOf({ snapshotter, teams }: Actors): string {
  const cells = teams.flatMap((team) => [team?.generation, team?.chain, team?.writer]);
  return [snapshotter, ...cells].map((cell) => (cell ? keyOfCell(cell) : 'nobody')).join('\n');
}

/** Numbers as good as random, and the same for the same seed. */
export function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Walks at random through the model with live actors at its side.
 *
 * @returns how many steps were the same in both.
 * @throws Error that names the way to the first step after which they differ.
 */
export function walkBeside(model: Model, next: (below: number) => number): number {
  let state: State = model.initial();
  let live = beginLive(model, state);
  const trace: string[] = [];
  for (;;) {
    const all = model.choices(state);
    // Faults are many and end a walk soon: they come once in a while.
    const wished = all.filter(({ kind }) => kind !== 'fault');
    const choices = wished.length > 0 && next(10) > 0 ? wished : all;
    const choice = choices[next(choices.length)];
    if (choice === undefined) return trace.length;
    trace.push(choice.label);
    const { after, notes, chosen } = model.take(state, choice);
    state = after;
    if (choice.crash) live = beginLive(model, { ...state, world: chosen });
    const difference = stepBeside(live, { choice, notes, actors: after.actors });
    if (difference) throw new Error(`${trace.join('\n')}\n\n${difference}`);
  }
}

const beginLive = (model: Model, { world }: State): LiveSystem =>
  new LiveSystem(model.product.cells.machines, {
    input: model.input(world),
    slots: model.scope.capacity,
  });

interface Beside {
  readonly choice: Choice;
  readonly notes: readonly Note[];
  readonly actors: Actors;
}

function stepBeside(live: LiveSystem, { choice, notes, actors }: Beside): string | undefined {
  live.emitted.length = 0;
  live.acted.length = 0;
  for (const delivery of choice.deliveries) live.deliver(delivery);
  const outputs = notes.flatMap((note) => ('output' in note ? [note.output] : []));
  const emitted = outputs.flatMap((it) => (it.what === 'emitted' ? [it.event] : []));
  const acted = outputs.flatMap((it) =>
    it.what === 'acted' ? [`${it.type} ${canonical(it.params)}`] : [],
  );
  return (
    difference('states', textOf(actors), live.text) ??
    difference('emitted', canonical(emitted), canonical(live.emitted)) ??
    difference('actions', acted.sort().join(), live.acted.sort().join())
  );
}

const difference = (what: string, model: string, live: string): string | undefined =>
  model === live ? undefined : `${what} differ\nmodel ${model}\nlive  ${live}`;
