import { getAdjacencyMap } from '@xstate/graph';
import {
  type ActorLogic,
  type ActorScope,
  type AnyEventObject,
  type AnyMachineSnapshot,
  createEmptyActor,
  type Snapshot,
} from 'xstate';
import { forgedSamples } from './alphabet.ts';
import { canonical } from './identity.ts';
import { StubbedMachine } from './stub.ts';
import { canCome, endedChild, keyOf, pastAfter, type Situation, type Subject } from './subject.ts';

/** One state of the machine, as its samples can reach it. */
export interface Vertex {
  readonly key: string;
  readonly state: AnyMachineSnapshot;
  /** Events that it reacts to, in the order of the samples; none when it is final. */
  readonly edges: readonly Edge[];
}

/** One sample taken in one state. */
export interface Edge {
  /** Name of the sample. */
  readonly label: string;
  readonly event: AnyEventObject;
  readonly source: Vertex;
  readonly target: Vertex;
}

/** Everything that a machine does with its samples. */
export interface Graph {
  readonly subject: Subject;
  readonly stubbed: StubbedMachine;
  readonly initial: Vertex;
  readonly vertices: readonly Vertex[];
}

/** How large a graph may become. */
export interface ExploreOptions {
  /**
   * States before the search is given up.
   * @default 2000
   */
  readonly verticesMax?: number;
}

/** A situation as a thing that a walk can pass through. */
type Model = Snapshot<unknown> & Situation & { readonly ended: readonly string[] };

/**
 * Walks the machine with its samples until no new state is found.
 *
 * The machine's own guards decide and final states stop. Its actions, promises and children do not
 * run: their ends and the passing of time are samples like any other, and a child can end once.
 *
 * @throws RangeError when there are more than `verticesMax` states; it says which inputs multiply.
 * @throws TypeError for a sample that only the machine itself may raise: it would open what it guards.
 */
export function explore(subject: Subject, { verticesMax = 2_000 }: ExploreOptions = {}): Graph {
  refuseForged(subject);
  const stubbed = new StubbedMachine(subject.machine);
  const key = memoised((model: Model) => keyOf(subject, model));
  const labels = new Map(Object.entries(subject.samples).map(([name, event]) => [event, name]));
  const found = new Map<string, Found>();
  const adjacency = getAdjacencyMap(modelOf(subject, stubbed), {
    input: subject.input,
    events: (model) => offered(subject, model),
    serializeEvent: (event) => labels.get(event) ?? event.type,
    serializeState: (model, event) => {
      const text = key(model);
      if (!found.has(text)) found.set(text, { state: model.state, by: event && labels.get(event) });
      if (found.size > verticesMax) throw new RangeError(tooMany(verticesMax, [...found.values()]));
      return text;
    },
  });
  return { subject, stubbed, ...assemble(Object.entries(adjacency), key) };
}

function refuseForged({ samples }: Subject): void {
  const [forged] = forgedSamples(samples);
  if (forged === undefined) return;
  throw new TypeError(`the sample ${forged} is raised by the machine itself, never sent to it`);
}

type ModelLogic = ActorLogic<Model, AnyEventObject, unknown>;

function modelOf(subject: Subject, { machine }: StubbedMachine): ModelLogic {
  // The scope of a walk does nothing for any logic, so the model's own serves its machine as well. The
  // system is new for each step, else a `systemId` is taken from the second invocation on.
  const inert = (scope: ActorScope<Model, AnyEventObject>) => {
    const self = createEmptyActor();
    return { ...scope, self, system: self.system } as unknown as Parameters<
      typeof machine.transition
    >[2];
  };
  const model = (state: AnyMachineSnapshot, past: Iterable<string>, ended: string[]): Model => ({
    ...{ status: 'active', output: undefined, error: undefined },
    ...{ state, ended, past: pastAfter(subject, past, state) },
    lives: (id) => !ended.includes(id),
  });
  return {
    getInitialSnapshot: (scope, input) =>
      model(machine.getInitialSnapshot(inert(scope), input), [], []),
    getPersistedSnapshot: (state) => state,
    transition: ({ state, past, ended }, event, scope) => {
      const next = machine.transition(state, event, inert(scope));
      const gone = [...ended, endedChild(event) ?? ''];
      // The same child still: one started anew under the id of an ended one lives.
      const same = (id: string) => id in next.children && next.children[id] === state.children[id];
      return model(next, past, gone.filter(same));
    },
  };
}

function offered(subject: Subject, model: Model): readonly AnyEventObject[] {
  if (model.state.status !== 'active') return [];
  return Object.values(subject.samples).filter(
    (event) => canCome(subject, event, model) && model.state.can(event),
  );
}

type Adjacency = ReturnType<typeof getAdjacencyMap<Model, AnyEventObject, unknown>>;
type Row = Adjacency[keyof Adjacency];

function assemble(
  rows: readonly (readonly [string, Row])[],
  key: (model: Model) => string,
): Pick<Graph, 'initial' | 'vertices'> {
  const edgesOf = new Map(rows.map(([text]): [string, Edge[]] => [text, []]));
  const vertices = new Map(
    rows.map(([text, { state }]): [string, Vertex] => [
      text,
      { key: text, state: state.state, edges: edgesOf.get(text) ?? [] },
    ]),
  );
  for (const [text, { transitions }] of rows) {
    for (const [label, { event, state }] of Object.entries(transitions)) {
      const source = vertices.get(text);
      const target = vertices.get(key(state));
      if (source && target) edgesOf.get(text)?.push({ label, event, source, target });
    }
  }
  const [initial] = vertices.values();
  if (initial === undefined) throw new Error('assertion failed: a machine has an initial state');
  return { initial, vertices: [...vertices.values()] };
}

interface Found {
  readonly state: AnyMachineSnapshot;
  readonly by: string | undefined;
}

function tooMany(verticesMax: number, found: readonly Found[]): string {
  const fields = new Map<string, Set<string>>();
  for (const { state } of found) {
    for (const [field, value] of Object.entries(state.context)) {
      fields.set(field, (fields.get(field) ?? new Set()).add(canonical(value)));
    }
  }
  const samples = countBy(found.flatMap(({ by }) => by ?? []));
  const values = [...fields].map(([field, texts]): [string, number] => [field, texts.size]);
  return (
    `more than ${verticesMax} states. Samples that found most: ${most(samples)}. ` +
    `Context fields with most values: ${most(values)}. Independent inputs multiply and counters ` +
    'never end: take fewer samples, bound them with `offers`, or leave a field out of `identity`.'
  );
}

/** How often each item is there. */
export function countBy(items: readonly string[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return [...counts];
}

/** The three largest counts in words. */
export function most(counts: readonly (readonly [string, number])[]): string {
  const largest = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3);
  return largest.map(([name, count]) => `${name} (${count})`).join(', ');
}

function memoised<K extends object, V>(fn: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, V>();
  return (key) => {
    const value = known.get(key) ?? fn(key);
    known.set(key, value);
    return value;
  };
}
