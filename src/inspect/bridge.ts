import type { InspectionEvent } from 'xstate';
import {
  actorMessage,
  type InspectedActor,
  type InspectMessage,
  messageOf,
  stateOf,
} from './messages.ts';

/** Actors that can be watched: the first thing an observer is told is every actor that lives. */
export interface Inspectable {
  /** Tells `observer` of what happens from now on; returns how to stop that. */
  inspect(observer: (event: InspectionEvent) => void): () => void;
}

/** Somebody who watches. */
export interface Viewer {
  /** Takes a message as JSON text. */
  send(text: string): void;
  /** Bytes that were sent and have not left yet. */
  readonly backlogBytes: number;
  /** Called once when the bridge gives up on this viewer. */
  drop(reason: string): void;
}

export interface BridgeOptions {
  readonly source: Inspectable;
  readonly nowMs: () => number;
  /** A viewer that has more than this waiting, in bytes, is dropped. @default 4 MiB */
  readonly backlogBytesMax?: number;
}

/**
 * Hands the messages of `@statelyai/inspect` to whoever watches. It observes the actors only while somebody does,
 * makes each message once for all viewers, and disturbs neither the actors nor the other viewers, whatever a
 * viewer does. One that comes late is told of every actor that lives.
 */
export class InspectionBridge {
  readonly #options: Required<BridgeOptions>;
  readonly #viewers = new Set<Viewer>();
  /** Living actors by session id; kept while somebody watches. */
  readonly #actors = new Map<
    string,
    { readonly actorRef: InspectedActor; readonly rootId: string }
  >();
  #unsubscribe: (() => void) | undefined;

  constructor(options: BridgeOptions) {
    this.#options = { backlogBytesMax: 4 * 1024 * 1024, ...options };
  }

  /** How many watch. */
  get viewers(): number {
    return this.#viewers.size;
  }

  /** Lets somebody watch; returns how to stop that. */
  add(viewer: Viewer): () => void {
    // Those who are here already know the actors: the newcomer alone is told of them.
    for (const { actorRef, rootId } of this.#actors.values()) {
      this.#tell(viewer, JSON.stringify(actorMessage(actorRef, rootId, this.#options.nowMs())));
    }
    this.#viewers.add(viewer);
    this.#unsubscribe ??= this.#options.source.inspect((event) => this.#observe(event));
    return () => this.#remove(viewer);
  }

  /** Drops every viewer. */
  close(): void {
    for (const viewer of [...this.#viewers]) this.#drop(viewer, 'the service was closed');
  }

  #observe(event: InspectionEvent): void {
    this.#follow(event);
    const message = messageOf(event, this.#options.nowMs());
    if (message === undefined) return;
    const text = JSON.stringify(message satisfies InspectMessage);
    for (const viewer of [...this.#viewers]) this.#tell(viewer, text);
  }

  #follow(event: InspectionEvent): void {
    const { sessionId } = event.actorRef;
    if (event.type === '@xstate.actor') {
      this.#actors.set(sessionId, { actorRef: event.actorRef, rootId: event.rootId });
    } else if (event.type === '@xstate.snapshot' && event.snapshot.status !== 'active') {
      this.#actors.delete(sessionId);
    }
    // A child that its parent stops says nothing: it goes with its parent, or in the next round.
    if (this.#actors.size > this.#actorsMax) this.#forgetStopped();
  }

  #actorsMax = 64;

  #forgetStopped(): void {
    for (const [sessionId, { actorRef }] of this.#actors) {
      const { status = 'active' } = (stateOf(actorRef) ?? {}) as { readonly status?: string };
      if (status !== 'active') this.#actors.delete(sessionId);
    }
    this.#actorsMax = Math.max(64, 2 * this.#actors.size);
  }

  #tell(viewer: Viewer, text: string): void {
    try {
      viewer.send(text);
      if (viewer.backlogBytes > this.#options.backlogBytesMax) this.#drop(viewer, 'too slow');
    } catch {
      this.#drop(viewer, 'it threw');
    }
  }

  #drop(viewer: Viewer, reason: string): void {
    this.#remove(viewer);
    try {
      viewer.drop(reason);
    } catch {
      // It is gone in any case.
    }
  }

  #remove(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    if (this.#viewers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#actors.clear();
  }
}
