import {
  type ActorLogic,
  type AnyActor,
  type AnyEventObject,
  type AnyStateMachine,
  type AnyStateNode,
  type Snapshot,
  StateMachine,
} from 'xstate';

/** One thing that befell a child of the machine under test. */
export interface ChildNote {
  /** Id of the child. */
  readonly child: string;
  /** `stopped` is said only of a child that had not ended by itself. */
  readonly what: 'started' | 'received' | 'ended' | 'stopped';
  /** The input, the event received, or the output or error. */
  readonly detail: unknown;
}

type System = AnyActor['system'];
type StubState = Snapshot<unknown> & { readonly input: unknown };
type StubLogic = ActorLogic<StubState, AnyEventObject, unknown>;
type Notes = WeakMap<System, ChildNote[]>;

const endType = 'testing.stub.ended';

/** Makes the stub that receives it end as `event` says, an `xstate.done.actor` or `xstate.error.actor`. */
export function endStub(event: AnyEventObject): AnyEventObject {
  return { type: endType, as: event };
}

/** Microsteps of one step before XState calls a loop of `always` endless; by itself it would go on for ever. */
const microstepsMax = 10_000;

/**
 * A machine with a stub in place of every actor that it names or invokes: a promise, a callback and a
 * machine alike, whether or not it has an implementation.
 *
 * A stub works on nothing. It notes what it is given and sent, and ends when the runner says so, in
 * the same step, so that a path needs no waiting. Logic that an action hands to `spawnChild` by value
 * is not named anywhere and stays as it is.
 */
export class StubbedMachine {
  readonly machine: AnyStateMachine;
  readonly #notes: Notes = new WeakMap();

  constructor({ config, implementations, root }: AnyStateMachine) {
    const logic = stub(this.#notes);
    const names = [...Object.keys(implementations.actors), ...invokedNames(root)];
    const options = { maxIterations: microstepsMax, ...config.options };
    this.machine = new StateMachine(
      { ...withStubs(config, logic), options },
      { ...implementations, actors: Object.fromEntries(names.map((name) => [name, logic])) },
    );
  }

  /** The list in which the stubs of one live system take their notes. */
  notesOf(system: System): readonly ChildNote[] {
    const notes = this.#notes.get(system) ?? [];
    this.#notes.set(system, notes);
    return notes;
  }
}

function stub(all: Notes): StubLogic {
  return {
    getInitialSnapshot: (_, input) => ({ ...active, input }),
    getPersistedSnapshot: (state) => state,
    start: ({ input }, { self, system }) => {
      all.get(system)?.push({ child: self.id, what: 'started', detail: input });
    },
    transition: (state, event, { self, system }) => {
      if (state.status !== 'active') return state;
      const next = after(state, event);
      all.get(system)?.push({ child: self.id, ...noteOf(next, event) });
      return next;
    },
  };
}

function invokedNames(node: AnyStateNode): readonly string[] {
  const own = node.invoke.map(({ src }) => String(src));
  return [...own, ...Object.values(node.states).flatMap(invokedNames)];
}

type Config = AnyStateMachine['config'];

/** The same chart with the stub for each actor that an `invoke` holds by value: `provide` reaches only named ones. */
function withStubs({ invoke, states, ...rest }: Config, logic: StubLogic): Config {
  const invoked = [invoke ?? []].flat().map((one: { src: unknown }) => ({
    ...one,
    src: typeof one.src === 'string' ? one.src : logic,
  }));
  const inner = Object.entries(states ?? {}).map(([key, node]) => [
    key,
    withStubs(node as Config, logic),
  ]);
  return {
    ...rest,
    ...(invoke !== undefined && { invoke: invoked }),
    ...(states !== undefined && { states: Object.fromEntries(inner) }),
  };
}

const active = { status: 'active', output: undefined, error: undefined } as const;

function after(state: StubState, event: AnyEventObject): StubState {
  const { input } = state;
  if (event.type === 'xstate.stop') return { ...active, input, status: 'stopped' };
  if (event.type !== endType) return state;
  const { type, output, error }: AnyEventObject = event['as'];
  return type.startsWith('xstate.error.')
    ? { ...active, input, status: 'error', error }
    : { ...active, input, status: 'done', output };
}

function noteOf(next: StubState, event: AnyEventObject): Omit<ChildNote, 'child'> {
  if (next.status === 'active') return { what: 'received', detail: event };
  if (next.status === 'stopped') return { what: 'stopped', detail: undefined };
  return { what: 'ended', detail: next.status === 'error' ? next.error : next.output };
}
