import type { Sequence, SequenceMessage, SequenceStep } from '../../src/diagrams/sequence.ts';
import type { ActorMessage, EventMessage, SnapshotMessage } from '../../src/inspect/messages.ts';
import type { Frame } from '../../src/inspect/recorder.ts';

const lanes = [
  { id: 'host', name: 'host', note: 'its log' },
  { id: 'snapshotter', name: 'snapshotter', note: 'decides when' },
  { id: 'generation', name: 'generation', note: 'one snapshot' },
  { id: 'chain', name: 'chain', note: 'ordered tasks' },
  { id: 'writer', name: 'writer', note: 'one file' },
  { id: 'files', name: 'file system', note: 'asynchronous' },
  { id: 'workers', name: 'workers', note: 'threads' },
] as const satisfies Sequence['lanes'];

type Lane = (typeof lanes)[number]['id'];

/** The life of a snapshot as a recording has it: every event between the actors, from the signature to the file. */
export function snapshotAfter(frames: readonly Frame[]): Sequence {
  const reading = new Reading();
  for (const frame of frames) reading.read(frame);
  return {
    title: 'Life of a snapshot after: tasks',
    description:
      'A recorded run of our pipeline, in the design that CCF took with pull request 7947: an actor for each snapshot, its actions as ordered tasks, the file written step by step, and no bytes in any message.',
    lanes,
    steps: reading.steps,
  };
}

/** Words on each phase; its name is the machine's. */
const phaseNotes: Readonly<Record<string, string>> = {
  scheduled: 'the frozen state is serialised into a spool file',
  serialised: 'the digest is known; its evidence is submitted to the ledger',
  'awaiting-evidence': 'until evidence, signature and tree are there, verified and committed',
  persisting: 'the receipt is appended; only then does the file get its name',
  committed: 'the file is durable, and everyone is told',
};

class Reading {
  readonly steps: SequenceStep[] = [];
  readonly #laneOf = new Map<string, Lane>();
  readonly #nameOf = new Map<string, string>();
  #phase = '';
  /** Where the last message to the generation stands: a phase begins with what brought it about. */
  #cause = 0;

  read(frame: Frame): void {
    if (frame.type === '@xstate.actor') this.#introduce(frame);
    if (frame.type === '@xstate.event') this.#event(frame);
    if (frame.type === '@xstate.snapshot') this.#enter(frame);
  }

  #introduce({ sessionId, name, parentId = '' }: ActorMessage): void {
    this.#nameOf.set(sessionId, name);
    this.#laneOf.set(sessionId, laneOf(name, this.#laneOf.get(parentId)));
  }

  #event({ sessionId, sourceId, event }: EventMessage): void {
    const to = this.#laneOf.get(sessionId);
    const from = sourceId === undefined ? 'host' : this.#laneOf.get(sourceId);
    // A promise tells itself its answer, and then whoever asked.
    if (to === undefined || from === undefined || sourceId === sessionId) return;
    if (event.type === 'xstate.init') this.#begin(from, sessionId, fieldsOf(event['input']));
    else if (event.type.startsWith('xstate.done.actor.'))
      this.#answer(from, to, { source: sourceId ?? '', event });
    else this.#add({ kind: 'message', from, to, label: event.type, ...detailOf(event) });
  }

  /** An actor begins: what it is asked is its name, or that of the action that it runs. */
  #begin(from: Lane, sessionId: string, input: Fields): void {
    const name = this.#nameOf.get(sessionId) ?? '';
    const { kind } = fieldsOf(input['action']);
    if (typeof kind === 'string') this.#nameOf.set(sessionId, kind);
    if (kind === 'submit-evidence') this.#laneOf.set(sessionId, 'host');
    const to = this.#laneOf.get(sessionId) ?? 'workers';
    // Chain and writer live as long as their generation.
    if (to === 'chain' || to === 'writer') return;
    const isGeneration = to === 'generation';
    const label = isGeneration ? 'begins' : typeof kind === 'string' ? kind : name;
    this.#add({ kind: 'message', from, to, label, ...(isGeneration && detailOf(input)) });
  }

  #answer(
    from: Lane,
    to: Lane,
    { source, event }: { readonly source: string; readonly event: EventMessage['event'] },
  ): void {
    const label = this.#nameOf.get(source) ?? '';
    const last = this.steps.at(-1);
    const isAtOnce =
      last?.kind === 'message' && last.from === to && last.to === from && last.label === label;
    if (isAtOnce) this.steps.splice(-1, 1, { ...last, kind: 'call' });
    else
      this.#add({
        kind: 'answer',
        from,
        to,
        label: `${label.replace(/^slot:\d+$/, 'generation')} done`,
        ...detailOf(event),
      });
  }

  #add(step: SequenceMessage): void {
    this.steps.push(step);
    if (step.to === 'generation') this.#cause = this.steps.length;
  }

  #enter({ sessionId, snapshot: { value } }: SnapshotMessage): void {
    if (this.#laneOf.get(sessionId) !== 'generation') return;
    const phase = typeof value === 'string' ? value : (Object.keys(fieldsOf(value))[0] ?? '');
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.steps.splice(this.#cause, 0, {
      kind: 'band',
      label: phase,
      detail: phaseNotes[phase] ?? '',
    });
  }
}

function laneOf(name: string, parent: Lane | undefined): Lane {
  if (parent === undefined) return 'snapshotter';
  if (name.startsWith('slot:')) return 'generation';
  if (name === 'chain' || name === 'writer') return name;
  return parent === 'writer' ? 'files' : 'workers';
}

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/** What differs from run to run, as digests do, is no detail. */
function detailOf(event: Fields): { readonly detail?: string } {
  const fields = { ...event, ...fieldsOf(event['action']), ...fieldsOf(event['output']) };
  const { kind, seqno, outcome, status, file } = fields;
  const words = [
    ...(typeof kind === 'string' ? [kind] : []),
    ...(typeof outcome === 'string' ? [outcome] : []),
    ...(typeof status === 'string' ? [status] : []),
    ...(typeof seqno === 'number' && outcome === undefined ? [`seqno ${seqno}`] : []),
    ...(typeof file === 'string' && kind === undefined ? [file] : []),
  ];
  return words.length === 0 ? {} : { detail: words.join(', ') };
}
