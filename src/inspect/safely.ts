import type { InspectionEvent } from 'xstate';
import {
  configOf,
  eventOf,
  type InspectedActor,
  shownConfig,
  snapshotOf,
  stateOf,
} from './messages.ts';

/** An XState inspection observer, in either of its shapes. */
export type Observer =
  | ((event: InspectionEvent) => void)
  | { readonly next?: (event: InspectionEvent) => void };

/**
 * Makes an observer such as `createWebSocketInspector(…).inspect` of `@statelyai/inspect` safe: it is handed
 * projections in place of contexts, outputs and events, so that what it stringifies is small, it gets no actor that
 * it could send to, and what it throws reaches nobody.
 * @example createNode({ directory, inspect: safely(createWebSocketInspector({ url }).inspect) })
 */
export function safely(observer: Observer): (event: InspectionEvent) => void {
  const standIns = new WeakMap<InspectedActor, InspectedActor>();
  const standIn = (actorRef: InspectedActor): InspectedActor => {
    const known = standIns.get(actorRef);
    if (known !== undefined) return known;
    const made = standInOf(actorRef, standIn);
    standIns.set(actorRef, made);
    return made;
  };
  return (event) => {
    try {
      const safe = safeEvent(event, standIn);
      if (safe === undefined) return;
      if (typeof observer === 'function') observer(safe);
      else observer.next?.(safe);
    } catch {
      // Inside a step a throw would wedge the actor for good.
    }
  };
}

type StandIn = (actorRef: InspectedActor) => InspectedActor;

function safeEvent(event: InspectionEvent, standIn: StandIn): InspectionEvent | undefined {
  const actorRef = standIn(event.actorRef);
  switch (event.type) {
    case '@xstate.actor':
      return { ...event, actorRef };
    case '@xstate.event': {
      const sourceRef = event.sourceRef && standIn(event.sourceRef);
      return { ...event, actorRef, sourceRef, event: eventOf(event.event) };
    }
    case '@xstate.snapshot': {
      const snapshot = snapshotOf(event.snapshot) as unknown as typeof event.snapshot;
      return { ...event, actorRef, event: eventOf(event.event), snapshot };
    }
    default:
      // Steps, actions and transitions: no viewer is sent them.
      return undefined;
  }
}

/** What an inspector reads of an actor, and nothing that acts. */
function standInOf(actorRef: InspectedActor, standIn: StandIn): InspectedActor {
  const { id, sessionId, _parent: parent } = actorRef;
  const config = configOf(actorRef);
  const read = {
    id,
    sessionId,
    logic: config && { config: shownConfig(config) },
    _parent: parent && standIn(parent),
    getSnapshot: () => snapshotOf(stateOf(actorRef)),
  };
  // An observer's event names an actor; of it inspectors read these fields.
  return read as unknown as InspectedActor;
}
