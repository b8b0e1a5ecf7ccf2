import {
  type ActorLogic,
  type AnyActorRef,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type Snapshot,
} from 'xstate';
import { canonical } from '../../../src/testing/graph/identity.ts';

/** The four charts that a product is made of. */
export type Kind = 'snapshotter' | 'generation' | 'chain' | 'writer';
export type Machines = Readonly<Record<Kind, AnyStateMachine>>;

/** A promise actor that has been started and has not answered: a choice that is open. */
export interface Port {
  readonly id: string;
  readonly input: unknown;
}

/** One machine at rest: its own state, what it awaits of its ports, and its timers. */
export interface Cell {
  readonly index: number;
  readonly kind: Kind;
  readonly state: AnyMachineSnapshot;
  readonly ports: readonly Port[];
  readonly timers: readonly string[];
}

/** What a machine asks of the others, or tells the world, in the order in which XState does it. */
export type Output =
  | { readonly what: 'send'; readonly to: string | undefined; readonly event: AnyEventObject }
  | {
      readonly what: 'spawn';
      readonly id: string;
      readonly kind: Kind;
      readonly input: unknown;
    }
  | { readonly what: 'stop'; readonly id: string }
  | { readonly what: 'emitted'; readonly event: AnyEventObject }
  | { readonly what: 'acted'; readonly type: string; readonly params: unknown }
  | { readonly what: 'asked'; readonly port: Port }
  | { readonly what: 'voided'; readonly port: Port }
  | { readonly what: 'broke'; readonly error: unknown };

/** What one machine does with one event. */
export interface Local {
  readonly next: Cell;
  readonly outputs: readonly Output[];
  /** Its output, when this was its end. */
  readonly ended: { readonly output: unknown } | undefined;
}

interface Action {
  readonly type: string;
  readonly params: unknown;
}

const machineChild: Readonly<Record<string, Kind>> = {
  generation: 'generation',
  chain: 'chain',
  writer: 'writer',
};

/**
 * The machines' own transition functions, remembered.
 *
 * XState's `transition()` will not do: the actor that it makes for the purpose has no parent, and chain
 * and writer report to theirs. So each machine is given a scope like the one which `transition()` makes,
 * with an owner, and what it would have executed is collected as outputs. Nothing is ever started.
 *
 * Remembering is sound because the function is pure and {@link keyOfCell} holds all that it reads.
 */
export class Cells {
  readonly machines: Machines;
  readonly #cells: Cell[] = [];
  readonly #byKey = new Map<string, Cell>();
  readonly #locals = new Map<Cell, Map<AnyEventObject, Local>>();
  readonly #initials = new Map<string, Local>();
  readonly #events = new Map<string, AnyEventObject>();
  readonly #scopes: Record<Kind, Scope>;

  constructor(machines: Machines) {
    this.machines = machines;
    const scope = (kind: Kind) => new Scope(machines[kind]);
    this.#scopes = {
      snapshotter: scope('snapshotter'),
      generation: scope('generation'),
      chain: scope('chain'),
      writer: scope('writer'),
    };
  }

  at(index: number): Cell | undefined {
    return this.#cells[index - 1];
  }

  /** The machine as it begins. */
  begin(kind: Kind, input: unknown): Local {
    const key = `${kind} ${canonical(input)}`;
    const known = this.#initials.get(key);
    if (known) return known;
    const { machine, args, collect } = this.#use(kind);
    const [state, actions] = collect(() => machine.getInitialSnapshot(args, input));
    const local = this.#localOf({ kind, state, actions, ports: [], timers: [] });
    this.#initials.set(key, local);
    return local;
  }

  /** What the machine does with `event`; the same event object is remembered, not an equal one. */
  take(cell: Cell, event: AnyEventObject): Local {
    let known = this.#locals.get(cell);
    if (!known) {
      known = new Map();
      this.#locals.set(cell, known);
    }
    const local = known.get(event);
    if (local) return local;
    const made = this.#transition(cell, event);
    known.set(event, made);
    return made;
  }

  #transition(cell: Cell, event: AnyEventObject): Local {
    const { kind } = cell;
    const { machine, args, collect } = this.#use(kind);
    const child = /^xstate\.(?:done|error)\.actor\.(.+)$/.exec(event.type)?.[1];
    const ports = cell.ports.filter((port) => port.id !== child);
    const timers = cell.timers.filter((timer) => timer !== event.type);
    try {
      const [state, actions] = collect(() => machine.transition(cell.state, event, args));
      return this.#localOf({ kind, state, actions, ports, timers });
    } catch (error) {
      return { next: cell, outputs: [{ what: 'broke', error }], ended: undefined };
    }
  }

  #use(kind: Kind) {
    const machine = this.machines[kind];
    const scope = this.#scopes[kind];
    type Args = Parameters<typeof machine.transition>[2];
    const collect = (run: () => AnyMachineSnapshot) => scope.collect(run);
    // A scope has more members than a machine at rest can use; they are XState's own.
    return { machine, args: scope.args as Args, collect };
  }

  #localOf(after: After): Local {
    const { kind, state, actions } = after;
    const ports = new Map(after.ports.map((port) => [port.id, port]));
    const timers = new Set(after.timers);
    const books = { ports, timers, scope: this.#scopes[kind] };
    const outputs = actions
      .flatMap((action) => outputOf(action, books))
      .map((it) => this.#shared(it));
    const { status } = state;
    if (status === 'error') outputs.push({ what: 'broke', error: state.error });
    const next = this.#intern({ kind, state, ports: [...ports.values()], timers: [...timers] });
    return { next, outputs, ended: status === 'done' ? { output: state.output } : undefined };
  }

  /** What an owner is told of the end of its child. */
  endOf(id: string, { output }: { readonly output: unknown }): AnyEventObject {
    return this.#sharedEvent({ type: `xstate.done.actor.${id}`, output, actorId: id });
  }

  /** Equal messages are one object, so that what is done with them is remembered once. */
  #shared(output: Output): Output {
    return output.what === 'send' ? { ...output, event: this.#sharedEvent(output.event) } : output;
  }

  #sharedEvent(event: AnyEventObject): AnyEventObject {
    const key = canonical(event);
    const known = this.#events.get(key) ?? event;
    this.#events.set(key, known);
    return known;
  }

  #intern(cell: Omit<Cell, 'index'>): Cell {
    const key = keyOfCell(cell);
    const known = this.#byKey.get(key);
    if (known) return known;
    const made = { ...cell, index: this.#cells.length + 1 };
    this.#cells.push(made);
    this.#byKey.set(key, made);
    return made;
  }
}

interface After extends Omit<Cell, 'index'> {
  readonly actions: readonly Action[];
}

/** Everything of a machine that its transition function or the product reads. */
export function keyOfCell({ kind, state, ports, timers }: Omit<Cell, 'index'>): string {
  const { value, context, status, output } = state;
  const children = Object.keys(state.children).sort();
  const open = [...ports].sort((a, b) => (a.id < b.id ? -1 : 1));
  return canonical([kind, value, context, status, output, children, open, [...timers].sort()]);
}

interface Books {
  readonly ports: Map<string, Port>;
  readonly timers: Set<string>;
  readonly scope: Scope;
}

/** What an action of XState's comes to; ports and timers are kept in the cell's own books. */
function outputOf({ type, params }: Action, books: Books): Output[] {
  switch (type) {
    case 'xstate.spawnChild':
      return spawned(params as { id: string; src: string; input: unknown }, books);
    case 'xstate.stopChild':
      return stopped(params as AnyActorRef | undefined, books);
    case 'xstate.sendTo':
      return sent(params as { to: AnyActorRef; event: AnyEventObject; delay?: number }, books);
    case 'xstate.raise': {
      const { id, delay } = params as { id?: string; delay?: number };
      if (delay !== undefined && id !== undefined) books.timers.add(id);
      return [];
    }
    case 'xstate.cancel':
      books.timers.delete((params as { sendId: string }).sendId);
      return [];
    case 'xstate.emit':
      return [{ what: 'emitted', event: (params as { event: AnyEventObject }).event }];
    default:
      if (type.startsWith('xstate.')) throw new Error(`the product does not know ${type}`);
      return [{ what: 'acted', type, params }];
  }
}

const isMachine = (id: string): boolean => id in machineChild || id.startsWith('slot:');

function spawned(
  { id, src, input }: { id: string; src: string; input: unknown },
  { ports }: Books,
): Output[] {
  const kind = machineChild[src];
  if (kind !== undefined) return [{ what: 'spawn', id, kind, input }];
  const port = { id, input };
  ports.set(id, port);
  return [{ what: 'asked', port }];
}

function stopped(ref: AnyActorRef | undefined, { ports }: Books): Output[] {
  if (ref === undefined) return [];
  const port = ports.get(ref.id);
  // In its final state a machine stops every child that it remembers, the ended ones as well.
  if (port === undefined) return isMachine(ref.id) ? [{ what: 'stop', id: ref.id }] : [];
  ports.delete(ref.id);
  return [{ what: 'voided', port }];
}

function sent(
  { to, event, delay }: { to: AnyActorRef; event: AnyEventObject; delay?: number },
  { scope }: Books,
): Output[] {
  if (delay !== undefined) throw new Error('the product knows no delayed sendTo');
  return [{ what: 'send', to: to === scope.owner ? undefined : to.id, event }];
}

/** Stands where a live actor would: it is somebody's child, and it executes nothing. */
class Scope {
  readonly owner: AnyActorRef = createActor(silent);
  readonly args: object;
  readonly #actions: Action[] = [];

  constructor(machine: AnyStateMachine) {
    const self = createActor(machine, { parent: this.owner, input: emptyInput });
    const nothing = () => {};
    this.args = {
      ...{ self, id: '', sessionId: '', system: self.system, logger: nothing },
      ...{ defer: nothing, stopChild: nothing, emit: nothing },
      actionExecutor: (action: Action) => this.#actions.push(action),
    };
  }

  collect(run: () => AnyMachineSnapshot): [AnyMachineSnapshot, readonly Action[]] {
    this.#actions.length = 0;
    const state = run();
    return [state, [...this.#actions]];
  }
}

/** Never seen by anyone: an actor that is only a scope wants an input all the same. */
const emptyInput = {};

const silent: ActorLogic<Snapshot<unknown>, AnyEventObject> = {
  getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
  getPersistedSnapshot: (state) => state,
  transition: (state) => state,
};
