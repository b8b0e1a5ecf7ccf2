import {
  type ActorLogic,
  type ActorRefFrom,
  type AnyEventObject,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type InspectionEvent,
  type Snapshot,
} from 'xstate';
import type { Graph } from './explore.ts';
import { HeldClock } from './held-clock.ts';
import { type Path, titleOf } from './paths.ts';
import { type ChildNote, endStub, StubbedMachine } from './stub.ts';
import { endedChild, keyOf, pastAfter, type Subject } from './subject.ts';

/** Who sees a run against the live machine. */
export interface RunOptions {
  /** Sees the inspection events of the live system; `coverage` has one. */
  readonly inspect?: (event: InspectionEvent) => void;
}

/** An action that the machine executed. */
export interface ActionNote {
  readonly type: string;
  readonly params: unknown;
}

/**
 * The machine as a live actor: its children are stubs, its time is held, its owner takes notes.
 *
 * Every step ends before {@link LiveRun.take} returns, so nothing is ever waited for.
 */
export class LiveRun {
  /** States so far, the initial one first. */
  readonly states: AnyMachineSnapshot[] = [];
  /** What befell the children, in order. */
  readonly children: readonly ChildNote[];
  /** What the machine told its owner, its own end included. */
  readonly reports: AnyEventObject[] = [];
  readonly emitted: AnyEventObject[] = [];
  readonly actions: ActionNote[] = [];
  /** What the world remembers by now. */
  past: ReadonlySet<string> = new Set();
  readonly #subject: Subject;
  readonly #clock: HeldClock;
  readonly #actor: ActorRefFrom<AnyStateMachine>;

  constructor({ subject, stubbed }: Pick<Graph, 'subject' | 'stubbed'>, options: RunOptions = {}) {
    this.#subject = subject;
    this.#clock = new HeldClock(() => host.system);
    const host = createActor(
      owner((event) => this.reports.push(event)),
      {
        clock: this.#clock,
        inspect: (event) => {
          options.inspect?.(event);
          if (event.type === '@xstate.action' && event.actorRef === this.#actor) {
            this.actions.push(event.action);
          }
        },
      },
    ).start();
    this.children = stubbed.notesOf(host.system);
    const { input } = subject;
    this.#actor = createActor(stubbed.machine, { parent: host, id: 'subject', input });
    this.#actor.on('*', (event) => this.emitted.push(event));
    this.#actor.start();
    this.#look();
  }

  get state(): AnyMachineSnapshot {
    return this.#actor.getSnapshot();
  }

  /** The live state's identity, to be held against a vertex's. */
  get key(): string {
    const { state, past } = this;
    return keyOf(this.#subject, { state, past, lives: (id) => this.lives(id) });
  }

  /** True while the child with this id has not ended. */
  lives(id: string): boolean {
    return this.state.children[id]?.getSnapshot().status === 'active';
  }

  /** Makes `event` happen as it does in life: a child ends, time passes, or it is sent. */
  take(event: AnyEventObject): void {
    const child = endedChild(event);
    if (child !== undefined) this.#end(child, event);
    else if (event.type.startsWith('xstate.after.')) this.#clock.pass(this.#actor, event.type);
    else this.#actor.send(event);
    this.#look();
  }

  #look(): void {
    this.states.push(this.state);
    this.past = pastAfter(this.#subject, this.past, this.state);
  }

  #end(id: string, event: AnyEventObject): void {
    if (!this.lives(id)) throw new Error(`no child ${id} lives that could end`);
    const child = this.state.children[id];
    child?.send(endStub(event));
    if (child?.getSnapshot().status !== 'active') return;
    throw new Error(`the child ${id} is no stub: name its logic in setup({ actors })`);
  }
}

/**
 * Drives a live actor along `path`.
 * @throws Error when a live state differs from the path's; it names the step and both states.
 */
export function runPath(graph: Graph, path: Path, options?: RunOptions): LiveRun {
  const run = new LiveRun(graph, options);
  for (const [index, { event, target }] of path.entries()) {
    run.take(event);
    if (run.key !== target.key) {
      throw new Error(
        `step ${index + 1} of "${titleOf(path)}": the live state differs\n` +
          `model ${target.key}\nlive  ${run.key}`,
      );
    }
  }
  return run;
}

/**
 * Drives a live actor by the names of samples, without a graph to hold it against.
 * @throws RangeError for a name that the subject has no sample of.
 * @throws Error when a child or a timer is to end that does not live.
 */
export function runSamples(
  subject: Subject,
  names: readonly string[],
  options?: RunOptions,
): LiveRun {
  const run = new LiveRun({ subject, stubbed: new StubbedMachine(subject.machine) }, options);
  for (const name of names) {
    const event = subject.samples[name];
    if (event === undefined) throw new RangeError(`there is no sample ${name}`);
    run.take(event);
  }
  return run;
}

/** What a machine under test has for an owner: it only takes notes. */
function owner(
  note: (event: AnyEventObject) => void,
): ActorLogic<Snapshot<unknown>, AnyEventObject> {
  return {
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (state) => state,
    transition: (state, event) => {
      note(event);
      return state;
    },
  };
}
