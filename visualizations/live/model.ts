import type { ActorMessage, EventMessage, SnapshotMessage } from '../../src/inspect/messages.ts';
import type { Frame, HistoryMessage } from '../../src/inspect/recorder.ts';

/** Kinds of actors that have a lane of their own in the sequence diagram. */
export const lanes = ['host', 'snapshotter', 'generation', 'chain', 'writer', 'worker'] as const;
export type Lane = (typeof lanes)[number];

/** What was sent between two lanes. */
export interface Sent {
  readonly atMs: number;
  readonly from: Lane;
  readonly to: Lane;
  readonly label: string;
  /** What the event carried, in short. */
  readonly detail: string;
  readonly isFailure: boolean;
}

/** An actor as it was last heard of. */
export interface ActorView {
  readonly sessionId: string;
  readonly name: string;
  readonly lane: Lane;
  value: unknown;
  context: Readonly<Record<string, unknown>>;
  /** Last events that changed its state, newest first. */
  readonly changes: Change[];
}

export interface Change {
  readonly atMs: number;
  readonly event: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** When a phase was entered. */
export interface PhaseEntry {
  readonly phase: string;
  readonly atMs: number;
}

/** One snapshot's life, as far as it was seen. */
export interface GenerationView {
  key: string;
  generation: number;
  seqno: number;
  readonly startedAtMs: number;
  endedAtMs: number | undefined;
  outcome: string | undefined;
  reason: string | undefined;
  /** Name of the file that was published. */
  file: string | undefined;
  readonly phases: PhaseEntry[];
  readonly actors: Map<Lane, ActorView>;
  readonly sent: Sent[];
}

/** Events of one generation, and changes of one actor, that are kept. */
const sentMax = 500;
const changesMax = 30;

/**
 * What the page shows, made from frames alone: the same for a live stream, a recording, and each step through
 * one. An actor that is told of twice stays one.
 */
export class Model {
  readonly generations: GenerationView[] = [];
  root: ActorView | undefined;
  /** Time of the last frame. */
  nowMs = 0;
  readonly #byKey = new Map<string, GenerationView>();
  readonly #actors = new Map<string, ActorView>();
  readonly #ownerOf = new Map<string, GenerationView>();

  apply(frame: Frame): void {
    switch (frame.type) {
      case 'history':
        this.#remember(frame);
        break;
      case '@xstate.actor':
        this.#introduce(frame);
        break;
      case '@xstate.event':
        this.#send(frame);
        break;
      case '@xstate.snapshot':
        this.#change(frame);
    }
  }

  #remember(message: HistoryMessage): void {
    const view = this.#generation(message.generation, message.seqno, message.startedAtMs);
    this.nowMs = Math.max(this.nowMs, message.endedAtMs);
    view.endedAtMs ??= message.endedAtMs;
    view.outcome ??= message.outcome;
    view.reason ??= message.reason;
    view.file ??= message.file;
  }

  #introduce(message: ActorMessage): void {
    const atMs = this.#time(message);
    const known = this.#actors.get(message.sessionId);
    if (known !== undefined) {
      // Told again after the connection was lost: it may have gone on meanwhile.
      this.#follow(known, message, atMs);
      return;
    }
    const parent = message.parentId === undefined ? undefined : this.#actors.get(message.parentId);
    const lane = laneOf(message, parent);
    const actor: ActorView = {
      sessionId: message.sessionId,
      name: message.name,
      lane,
      value: message.snapshot.value,
      context: fieldsOf(message.snapshot.context),
      changes: [],
    };
    this.#actors.set(message.sessionId, actor);
    if (lane === 'snapshotter') this.root = actor;
    const owner =
      lane === 'generation' ? this.#begun(actor, atMs) : this.#ownerOf.get(message.parentId ?? '');
    if (owner === undefined) return;
    this.#ownerOf.set(message.sessionId, owner);
    if (lane !== 'worker') owner.actors.set(lane, actor);
    else {
      const from = parent?.lane ?? 'chain';
      add(owner, { atMs, from, to: 'worker', label: message.name, detail: '', isFailure: false });
    }
  }

  #begun(actor: ActorView, atMs: number): GenerationView {
    const { generation, seqno } = actor.context;
    const isKnown = typeof generation === 'number' && typeof seqno === 'number';
    const view = isKnown ? this.#generation(generation, seqno, atMs) : viewOf(atMs);
    if (isKnown) enterPhase(view, phaseOf(actor.value), atMs);
    return view;
  }

  /** An actor is told of before it has a state; which generation it is, its first state says. */
  #name(view: GenerationView, { generation, seqno }: ActorView['context']): void {
    if (view.key !== '' || typeof generation !== 'number' || typeof seqno !== 'number') return;
    view.generation = generation;
    view.seqno = seqno;
    this.#list(view);
  }

  #generation(generation: number, seqno: number, startedAtMs: number): GenerationView {
    const key = `${generation}:${seqno}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const view = { ...viewOf(startedAtMs), generation, seqno };
    this.#list(view);
    return view;
  }

  #list(view: GenerationView): void {
    view.key = `${view.generation}:${view.seqno}`;
    this.#byKey.set(view.key, view);
    this.generations.push(view);
  }

  #send(message: EventMessage): void {
    const atMs = this.#time(message);
    const target = this.#actors.get(message.sessionId);
    const { type } = message.event;
    if (target === undefined || type === 'xstate.init' || type.startsWith('xstate.promise.'))
      return;
    const source = message.sourceId === undefined ? undefined : this.#actors.get(message.sourceId);
    const sent: Sent = {
      atMs,
      from: source?.lane ?? (message.sourceId === undefined ? 'host' : 'worker'),
      to: target.lane,
      label: labelOf(type),
      detail: detailOf(message.event),
      isFailure: isFailureEvent(message.event),
    };
    const owner = this.#ownerOf.get(message.sessionId) ?? this.#ownerOf.get(message.sourceId ?? '');
    if (owner !== undefined) add(owner, sent);
    else if (target.lane === 'snapshotter') this.#tellAll(sent);
  }

  /** What the host tells the snapshotter concerns every generation that lives. */
  #tellAll(sent: Sent): void {
    for (const view of this.generations) if (view.endedAtMs === undefined) add(view, sent);
  }

  #change(message: SnapshotMessage): void {
    const atMs = this.#time(message);
    const actor = this.#actors.get(message.sessionId);
    if (actor === undefined) return;
    const { snapshot, event } = message;
    const [from, to] = [statePaths(actor.value), statePaths(snapshot.value)];
    if (from.join() !== to.join()) {
      actor.changes.unshift({ atMs, event: labelOf(event.type), from, to });
      actor.changes.length = Math.min(actor.changes.length, changesMax);
    }
    this.#follow(actor, message, atMs);
    const owner = this.#ownerOf.get(message.sessionId);
    if (actor.lane === 'generation' && owner && snapshot.status !== 'active') {
      end(owner, actor, fieldsOf(snapshot.output), atMs);
    }
    if (snapshot.status !== 'active') this.#forget(message.sessionId);
  }

  #follow(actor: ActorView, { snapshot }: ActorMessage | SnapshotMessage, atMs: number): void {
    actor.value = snapshot.value;
    actor.context = fieldsOf(snapshot.context);
    const owner = this.#ownerOf.get(actor.sessionId);
    if (actor.lane !== 'generation' || owner === undefined) return;
    this.#name(owner, actor.context);
    enterPhase(owner, phaseOf(actor.value), atMs);
  }

  /** An actor that has ended says no more; what it was stays with its generation. */
  #forget(sessionId: string): void {
    this.#actors.delete(sessionId);
    this.#ownerOf.delete(sessionId);
  }

  #time({ createdAt }: { readonly createdAt: string }): number {
    const atMs = Number(createdAt) || 0;
    this.nowMs = Math.max(this.nowMs, atMs);
    return atMs;
  }
}

function viewOf(startedAtMs: number): GenerationView {
  return {
    ...{ key: '', generation: 0, seqno: 0, startedAtMs, endedAtMs: undefined },
    ...{ outcome: undefined, reason: undefined, file: undefined },
    ...{ phases: [], actors: new Map(), sent: [] },
  };
}

function add(view: GenerationView, sent: Sent): void {
  if (view.sent.length < sentMax) view.sent.push(sent);
}

function enterPhase(view: GenerationView, phase: string, atMs: number): void {
  if (view.phases.at(-1)?.phase !== phase) view.phases.push({ phase, atMs });
}

function end(
  view: GenerationView,
  actor: ActorView,
  output: Readonly<Record<string, unknown>>,
  atMs: number,
): void {
  view.endedAtMs = atMs;
  view.outcome = String(output['outcome'] ?? actor.context['outcome'] ?? 'poisoned');
  const reason = output['reason'] ?? actor.context['reason'];
  view.reason = typeof reason === 'string' ? reason : undefined;
  const file = output['file'] ?? actor.context['file'];
  view.file = typeof file === 'string' ? file : undefined;
}

function laneOf({ name, parentId }: ActorMessage, parent: ActorView | undefined): Lane {
  if (parentId === undefined) return 'snapshotter';
  if (name.startsWith('slot:')) return 'generation';
  if (parent?.lane === 'generation' && (name === 'chain' || name === 'writer')) return name;
  return 'worker';
}

/** The public name of a generation's state. */
function phaseOf(value: unknown): string {
  return statePaths(value)[0] ?? '';
}

/** Of these paths those that no other one lies in: what a reader wants to know. */
export function innermost(paths: readonly string[]): readonly string[] {
  return paths.filter((path) => !paths.some((other) => other.startsWith(`${path}.`)));
}

/** Active states by their paths, outer ones first. */
export function statePaths(value: unknown, around = ''): readonly string[] {
  if (typeof value === 'string') return [around + value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inside]) => [
    around + key,
    ...statePaths(inside, `${around}${key}.`),
  ]);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** XState's own names for what an invoked actor answers, in words. */
function labelOf(type: string): string {
  const done = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (done) return `${done[2]} ${done[1] === 'done' ? 'done' : 'failed'}`;
  const after = /^xstate\.after\.([^.]+)/.exec(type);
  return after ? `after ${after[1]}` : type;
}

function isFailureEvent({ type, ...fields }: Readonly<Record<string, unknown>>): boolean {
  if (/error|fail|refus|cancel|rollback/.test(String(type))) return true;
  const { status, outcome } = fieldsOf(fields['output']);
  return (
    (typeof status === 'string' && /failed|conflict|poisoned/.test(status)) ||
    (typeof outcome === 'string' && isFailure(outcome))
  );
}

const detailKeys = [
  'seqno',
  'snapshotSeqno',
  'version',
  'kind',
  'file',
  'reason',
  'status',
  'outcome',
] as const;

function detailOf(event: Readonly<Record<string, unknown>>): string {
  const fields = { ...event, ...fieldsOf(event['action']), ...fieldsOf(event['output']) };
  return detailKeys
    .flatMap((key) => {
      const value: unknown = fields[key];
      return typeof value === 'string' || typeof value === 'number' ? `${key} ${value}` : [];
    })
    .join(', ');
}

/** Whether an outcome means that there is no snapshot on disk, or not durably. */
export function isFailure(outcome: string): boolean {
  return outcome !== 'committed' && outcome !== 'duplicate';
}
