import type { InspectionEvent } from 'xstate';
import { type Projected, type ProjectedObject, project } from './projection.ts';

/** Version of `@statelyai/inspect` whose messages these are. */
const protocolVersion = '0.7.2';

interface MessageBase {
  readonly sessionId: string;
  readonly rootId: string;
  /** Milliseconds since the Unix epoch, in digits. */
  readonly createdAt: string;
  readonly id: null;
  readonly _version: typeof protocolVersion;
}

/** An actor's state, projected. */
export interface MessageSnapshot {
  readonly status: 'active' | 'done' | 'error' | 'stopped';
  readonly value?: Projected;
  readonly context?: Projected;
  readonly output?: Projected;
  readonly error?: Projected;
}

export interface MessageEvent {
  readonly type: string;
  readonly [key: string]: Projected;
}

/** An actor has come to be, or lived already when the viewer came. */
export interface ActorMessage extends MessageBase {
  readonly type: '@xstate.actor';
  readonly name: string;
  readonly parentId?: string;
  /** The machine's configuration as JSON text, or an object with the actor's id alone. */
  readonly definition: string;
  readonly snapshot: MessageSnapshot;
}

/** An event was sent to an actor; without `sourceId` by the host. */
export interface EventMessage extends MessageBase {
  readonly type: '@xstate.event';
  readonly sourceId?: string;
  readonly event: MessageEvent;
}

/** An actor is in this state after an event. */
export interface SnapshotMessage extends MessageBase {
  readonly type: '@xstate.snapshot';
  readonly event: MessageEvent;
  readonly snapshot: MessageSnapshot;
}

/** A message that the viewers of `@statelyai/inspect` understand. */
export type InspectMessage = ActorMessage | EventMessage | SnapshotMessage;

/** An actor as XState hands it to whoever inspects, with what its own inspector reads of it. */
export type InspectedActor = InspectionEvent['actorRef'] & {
  readonly id?: string;
  readonly logic?: { readonly config?: unknown };
  readonly _parent?: InspectedActor;
};

/** The message of an inspection event, `undefined` for those that viewers are not sent. */
export function messageOf(event: InspectionEvent, nowMs: number): InspectMessage | undefined {
  switch (event.type) {
    case '@xstate.actor':
      return actorMessage(event.actorRef, event.rootId, nowMs);
    case '@xstate.event':
      return {
        ...baseOf(event, nowMs),
        type: '@xstate.event',
        ...(event.sourceRef && { sourceId: event.sourceRef.sessionId }),
        event: eventOf(event.event),
      };
    case '@xstate.snapshot':
      return {
        ...baseOf(event, nowMs),
        type: '@xstate.snapshot',
        event: eventOf(event.event),
        snapshot: snapshotOf(event.snapshot),
      };
    default:
      return undefined;
  }
}

/** The message that introduces an actor as it is now. */
export function actorMessage(
  actorRef: InspectedActor,
  rootId: string,
  nowMs: number,
): ActorMessage {
  const { _parent: parent, id = actorRef.sessionId } = actorRef;
  const config = configOf(actorRef);
  const isNamed = id !== actorRef.sessionId || config === undefined;
  return {
    ...baseOf({ actorRef, rootId }, nowMs),
    type: '@xstate.actor',
    name: isNamed ? id : String(config.id ?? id),
    ...(parent && { parentId: parent.sessionId }),
    definition: config === undefined ? JSON.stringify({ id }) : definitionOf(config),
    snapshot: snapshotOf(stateOf(actorRef)),
  };
}

/** The state of an actor; `undefined` when it is told of before it has one, where XState's development build throws. */
export function stateOf(actorRef: InspectedActor): unknown {
  try {
    return actorRef.getSnapshot();
  } catch {
    return undefined;
  }
}

/** The fields of a state that viewers know, projected; of an actor that has none yet, only that it lives. */
export function snapshotOf(snapshot: unknown): MessageSnapshot {
  const { status, value, context, output, error } = (snapshot ?? {}) as Partial<
    Record<keyof MessageSnapshot, unknown>
  >;
  return {
    status: statuses.find((known) => known === status) ?? 'active',
    ...(value !== undefined && { value: project(value) }),
    ...(context !== undefined && { context: project(context) }),
    ...(output !== undefined && { output: project(output) }),
    ...(error !== undefined && { error: project(error) }),
  };
}

const statuses = ['active', 'done', 'error', 'stopped'] as const;

/** An event as viewers are told it. */
export function eventOf(event: { readonly type: string }): MessageEvent {
  const fields = project(event);
  return { ...(isFields(fields) && fields), type: event.type };
}

function isFields(value: Projected): value is ProjectedObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function baseOf(
  { actorRef, rootId }: Pick<InspectionEvent, 'actorRef' | 'rootId'>,
  nowMs: number,
): MessageBase {
  return {
    sessionId: actorRef.sessionId,
    rootId,
    createdAt: String(nowMs),
    id: null,
    _version: protocolVersion,
  };
}

interface Config {
  readonly id?: unknown;
  /** A value, or a function that makes one. */
  readonly context?: unknown;
}

/** The configuration of a machine; `undefined` for an actor that is no machine. */
export function configOf({ logic }: InspectedActor): Config | undefined {
  const config = logic?.config;
  return typeof config === 'object' && config !== null ? config : undefined;
}

/** A configuration as viewers are told it: a context that is written into it may hold anything. */
export function shownConfig<Shown extends Config>(config: Shown): Shown {
  const { context } = config;
  const isValue = context !== undefined && typeof context !== 'function';
  return isValue ? { ...config, context: project(context) } : config;
}

const definitions = new WeakMap<Config, string>();

function definitionOf(config: Config): string {
  const known = definitions.get(config);
  if (known !== undefined) return known;
  const text = JSON.stringify(shownConfig(config), (_key, value: unknown) =>
    typeof value === 'function' ? { type: value.name } : value,
  );
  definitions.set(config, text);
  return text;
}
