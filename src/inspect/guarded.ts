import type { Actor, AnyActorLogic, AnyActorRef, InspectionEvent } from 'xstate';
import type { Logger } from '../core/host-ports.ts';

/** Whom XState tells of every actor, event and state; see `inspect` of XState's `createActor`. */
export type InspectObserver =
  | ((event: InspectionEvent) => void)
  | { readonly next?: (event: InspectionEvent) => void };

/** An observer that throws inside a step would wedge the actor for good. */
export function guarded(
  observer: InspectObserver,
  logger: Logger | undefined,
): (event: InspectionEvent) => void {
  return (event) => {
    try {
      if (typeof observer === 'function') observer(event);
      else observer.next?.(event);
    } catch (error) {
      logger?.error({ error }, 'the inspect observer threw');
    }
  };
}

/**
 * Lets an observer watch actors that run already: it is told of each that lives, parents first, and then of
 * what happens. Returns how to stop that.
 */
export function watch(
  root: Actor<AnyActorLogic>,
  observe: (event: InspectionEvent) => void,
): () => void {
  for (const actorRef of living(root)) {
    observe({ type: '@xstate.actor', actorRef, rootId: root.sessionId });
  }
  const subscription = root.system.inspect(observe);
  return () => subscription.unsubscribe();
}

function* living(actorRef: AnyActorRef): Generator<AnyActorRef> {
  const { status, children = {} } = actorRef.getSnapshot() as LivingState;
  if (status !== 'active') return;
  yield actorRef;
  for (const child of Object.values(children)) if (child !== undefined) yield* living(child);
}

/** Only the state of a machine has children. */
interface LivingState {
  readonly status: string;
  readonly children?: Readonly<Record<string, AnyActorRef | undefined>>;
}
