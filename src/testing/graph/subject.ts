import type { AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from 'xstate';
import { canonical } from './identity.ts';

/**
 * Events to try, under the names that path titles are made of. One for each outcome of a guard, not
 * one for each type: a sample that is missing removes its paths without a word.
 */
export type Samples = Readonly<Record<string, AnyEventObject>>;

/** A machine, and everything that its graph depends on. */
export interface Subject {
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  readonly samples: Samples;
  /** What the world remembers, by name: once a state was so, it stays in {@link Situation.past}. */
  readonly remembers?: Readonly<Record<string, (state: AnyMachineSnapshot) => boolean>>;
  /** False for an event that the world cannot send here: one request too many, an answer to nothing. */
  readonly offers?: (event: AnyEventObject, situation: Situation) => boolean;
  /**
   * What of a state is its identity. Counters go out, else there is no end of states.
   * @default value, context, status, output and error
   */
  readonly identity?: (state: AnyMachineSnapshot) => unknown;
}

/** A state, and what the state itself does not say: what was before, and which children have ended. */
export interface Situation {
  readonly state: AnyMachineSnapshot;
  /** Names of {@link Subject.remembers} that have been so, this state included. */
  readonly past: ReadonlySet<string>;
  /** True while the child with this id has not ended. */
  lives(id: string): boolean;
}

/** Two situations are one vertex when this is equal. */
export function keyOf(subject: Subject, { state, past, lives }: Situation): string {
  const { value, context, status, output, error } = state;
  const projected = subject.identity?.(state) ?? { value, context, status, output, error };
  // In a final state the children are gone.
  const ids = status === 'active' ? Object.keys(state.children).sort() : [];
  const children = ids.map((id) => (lives(id) ? id : `${id} ended`));
  return canonical([projected, children, past, ...historyOf(state)]);
}

/** Where the history states of a machine that has any lead back to. */
function historyOf({ historyValue }: AnyMachineSnapshot): readonly unknown[] {
  const known = Object.entries(historyValue ?? {});
  return known.length === 0 ? [] : [known.map(([id, nodes]) => [id, nodes.map((node) => node.id)])];
}

/** What the world remembers after `state`. */
export function pastAfter(
  { remembers = {} }: Subject,
  past: Iterable<string>,
  state: AnyMachineSnapshot,
): ReadonlySet<string> {
  const now = Object.entries(remembers).filter(([, isSo]) => isSo(state));
  return new Set([...past, ...now.map(([name]) => name)]);
}

const endOfActor = /^xstate\.(?:done|error)\.actor\.(.+)$/;

/** The child whose end `event` reports; undefined for every other event. */
export function endedChild(event: AnyEventObject): string | undefined {
  return endOfActor.exec(event.type)?.[1];
}

/** True when `event` can come at all: a child ends only while it lives. */
export function canCome(subject: Subject, event: AnyEventObject, situation: Situation): boolean {
  const child = endedChild(event);
  const { state, lives } = situation;
  if (child !== undefined && !(child in state.children && lives(child))) return false;
  return subject.offers?.(event, situation) ?? true;
}
