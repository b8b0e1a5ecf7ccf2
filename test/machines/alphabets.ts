import type {
  ChainOutput,
  GenerationEvent,
  GenerationOutput,
  SlotId,
  SnapshotterEvent,
  WriterOutput,
} from '../../machines/events.ts';
import { generationMachine } from '../../machines/generation.ts';
import type { GenerationContext } from '../../machines/generation-setup.ts';
import { type OrderedTasksContext, orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import type { ActionKind, ActionRequest } from '../../machines/ports.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import type { SnapshotterContext, SnapshotterInput } from '../../machines/snapshotter-setup.ts';
import { writerMachine } from '../../machines/writer.ts';
import { InclusionProof, SignatureProof } from '../../src/core/proofs.ts';
import { digest, type Outcome, type ReceiptForm, seqno } from '../../src/core/words.ts';
import { childDone, childFailed, delayPassed } from '../../src/testing/graph/alphabet.ts';
import type { Samples, Subject } from '../../src/testing/graph/subject.ts';

/** The snapshot's seqno, and those that follow it in the samples. */
export const at = { snapshot: 10, evidence: 12, signature: 14, laterSignature: 16 } as const;

const snapshotDigest = digest('d'.repeat(64));
const root = digest('a'.repeat(64));
const file = 'snapshot_10_12.committed';

const fact = <Type extends string>(type: Type, value: number) => ({ type, seqno: seqno(value) });
const committed = (value: number, primary = true) => ({
  ...fact('commit.advanced', value),
  primary,
});
const evidence = (value: number, version: number, hex = 'd') => ({
  ...fact('evidence.recorded', value),
  version: seqno(version),
  digest: digest(hex.repeat(64)),
});
const actionFailed = (kind: ActionKind) => ({
  type: 'action.failed' as const,
  kind,
  reason: `${kind} failed`,
});
const actionCompleted = {
  serialise: {
    type: 'action.completed',
    output: { kind: 'serialise', digest: snapshotDigest, bytes: 100 },
  },
  submit: { type: 'action.completed', output: { kind: 'submit-evidence', seqno: seqno(12) } },
  build: { type: 'action.completed', output: { kind: 'build-receipt', file, bytes: 50 } },
} as const;

const signatureProven = (form: SignatureProof['form'], value: number) =>
  childDone('verifySignature', new SignatureProof(form, seqno(value), root));
const evidenceProven = (evidenceSeqno: number, signatureSeqno: number) =>
  childDone('proveEvidence', new InclusionProof(seqno(evidenceSeqno), seqno(signatureSeqno), root));

const chainDone = (status: ChainOutput['status'], reason: string) =>
  childDone('chain', { status, reason, unfinished: 0 });

const writerDone = (status: WriterOutput['status'], rest: Partial<WriterOutput> = {}) =>
  childDone('writer', {
    status,
    file: undefined,
    step: undefined,
    reason: undefined,
    leftover: false,
    ...rest,
  });

/** Passes `instanceof`, but no verifier has made it. */
const lookAlike = <Proof extends object>(of: { prototype: Proof }, fields: object): Proof =>
  Object.assign(Object.create(of.prototype), fields);

/** One sample for each outcome of a guard: few enough for every simple path. */
const leanGeneration = (form: SignatureProof['form']) =>
  ({
    'spool opened': { type: 'spool.opened' },
    serialised: actionCompleted.serialise,
    'serialise failed': actionFailed('serialise'),
    submitted: actionCompleted.submit,
    'submission refused': actionFailed('submit-evidence'),
    evidence: evidence(at.evidence, at.snapshot),
    signature: fact('signature.recorded', at.signature),
    tree: fact('tree.recorded', at.signature),
    'signature proven': signatureProven(form, at.signature),
    'signature invalid': childFailed('verifySignature', new Error('SIG_INVALID')),
    'evidence proven': evidenceProven(at.evidence, at.signature),
    'tree invalid': childFailed('proveEvidence', new Error('MERKLE_ROOT_MISMATCH')),
    commit: committed(at.signature),
    'rollback of the evidence': fact('rollback.occurred', at.evidence - 1),
    'receipt built': actionCompleted.build,
    'build failed': actionFailed('build-receipt'),
    'out of time': delayPassed('evidenceTimeout', 'generation.awaiting-evidence'),
    cancel: { type: 'cancel.requested' },
    'chain ended': chainDone('poisoned', 'threw'),
    'writer durable': writerDone('durable', { file }),
    'writer not durable': writerDone('not-durable', { file, step: 'syncingDirectory' }),
    'writer found a duplicate': writerDone('duplicate'),
    'writer discarded': writerDone('discarded'),
  }) as const satisfies Record<string, GenerationEvent | { type: `xstate.after.${string}` }>;

/** Every other way that a fact, a proof or an end can be right, wrong, early, late or forged. */
const moreOfGeneration = (form: SignatureProof['form'], otherForm: SignatureProof['form']) =>
  ({
    'evidence of another digest': evidence(at.evidence, at.snapshot, 'e'),
    'evidence of another version': evidence(at.evidence, at.snapshot + 1),
    'evidence not after the snapshot': evidence(at.snapshot, at.snapshot),
    'signature not after the evidence': fact('signature.recorded', at.evidence),
    'later signature': fact('signature.recorded', at.laterSignature),
    'later tree': fact('tree.recorded', at.laterSignature),
    'commit below the signature': committed(at.signature - 1),
    'later commit': committed(at.laterSignature),
    'rollback to the evidence': fact('rollback.occurred', at.evidence),
    'rollback to the signature': fact('rollback.occurred', at.signature),
    'later signature proven': signatureProven(form, at.laterSignature),
    'signature of the other form': signatureProven(otherForm, at.signature),
    'signature look-alike': childDone('verifySignature', {
      form,
      seqno: seqno(at.signature),
      root,
    } as SignatureProof),
    'signature look-alike of its class': childDone(
      'verifySignature',
      lookAlike(SignatureProof, { form, seqno: seqno(at.signature), root }),
    ),
    'evidence proven in the later tree': evidenceProven(at.evidence, at.laterSignature),
    'other evidence proven': evidenceProven(at.evidence + 1, at.signature),
    'inclusion look-alike': childDone('proveEvidence', {
      evidenceSeqno: seqno(at.evidence),
      signatureSeqno: seqno(at.signature),
      root,
    } as InclusionProof),
    'chain cancelled': chainDone('cancelled', 'cancelled'),
    'chain broke': childFailed('chain', new Error('the chain broke')),
    'writer found a conflict': writerDone('conflict'),
    'writer failed': writerDone('failed', { step: 'syncing', reason: 'EIO', leftover: true }),
    'writer left a spool': writerDone('discarded', { leftover: true }),
    'writer broke': childFailed('writer', new Error('the writer broke')),
  }) as const satisfies Record<string, GenerationEvent>;

/** What only a writer that was given a receipt can say. */
const publishing: readonly WriterOutput['status'][] = [
  'durable',
  'not-durable',
  'duplicate',
  'conflict',
];

/** A generation of seqno 10, with few samples (for simple paths) or all (for edges and laws). */
export function generationSubject(receipt: ReceiptForm, size: 'lean' | 'full'): Subject {
  const [form, otherForm] =
    receipt === 'cose' ? (['cose', 'node'] as const) : (['node', 'cose'] as const);
  const more = size === 'full' ? moreOfGeneration(form, otherForm) : {};
  return {
    machine: generationMachine,
    input: {
      generation: 1,
      seqno: seqno(at.snapshot),
      receipt,
      attemptsMax: 3,
      evidenceTimeoutMs: 60_000,
    },
    samples: { ...leanGeneration(form), ...more },
    remembers: { receiptReady: (state) => state.matches({ persisting: 'writing' }) },
    offers: (event, { past }) =>
      event.type !== 'xstate.done.actor.writer' ||
      past.has('receiptReady') ||
      !publishing.includes(event['output'].status),
    identity: ({ value, context, output, error }) => {
      const {
        digest: hex,
        submittedSeqno,
        evidenceSeqno,
        signatureSeqno,
        ...rest
      } = context as GenerationContext;
      const { outcome: decided, reason, step, file: name, leftover } = rest;
      const known = [hex, submittedSeqno, evidenceSeqno, signatureSeqno];
      return {
        value,
        known,
        end: [decided, reason, step, name, leftover],
        outcome: (output as GenerationOutput | undefined)?.outcome,
        error,
      };
    },
  };
}

const request = (action: ActionRequest) => ({ type: 'action.requested' as const, action });
const ranWell = { status: 'completed', output: actionCompleted.serialise.output } as const;
const ranBadly = { status: 'failed', kind: 'serialise', reason: 'EIO' } as const;

/** A chain that holds at most `queueMax` actions, each run at most twice. */
export function chainSubject(queueMax: number, size: 'lean' | 'full'): Subject {
  const another = request({ kind: 'submit-evidence', digest: snapshotDigest });
  return {
    machine: orderedTasksMachine,
    input: { generation: 1, seqno: seqno(at.snapshot), attemptsMax: 2 },
    samples: {
      request: request({ kind: 'serialise' }),
      ...(size === 'full' ? { 'request another': another } : {}),
      completed: childDone('runAction', ranWell),
      failed: childDone('runAction', ranBadly),
      threw: childFailed('runAction', new Error('thrown')),
      pause: { type: 'pause.requested' },
      resume: { type: 'resume.requested' },
      cancel: { type: 'cancel.requested' },
    },
    offers: (event, { state }) =>
      event.type !== another.type || (state.context as OrderedTasksContext).queue.length < queueMax,
  };
}

const stepPorts = [
  'openSpool',
  'appendReceipt',
  'syncSpool',
  'closeSpool',
  'syncDirectory',
] as const;

export const writerSubject: Subject = {
  machine: writerMachine,
  input: { generation: 1, seqno: seqno(at.snapshot) },
  samples: {
    'spool filled': { type: 'spool.filled' },
    'receipt ready': { type: 'receipt.ready', file },
    discard: { type: 'discard.requested' },
    published: childDone('publish', 'published'),
    'duplicate found': childDone('publish', 'duplicate'),
    'conflict found': childDone('publish', 'conflict'),
    'publish failed': childFailed('publish', new Error('publish failed')),
    'discardSpool done': childDone('discardSpool', undefined),
    'discardSpool failed': childFailed('discardSpool', new Error('discardSpool failed')),
    ...Object.fromEntries(
      stepPorts.flatMap((step) => [
        [`${step} done`, childDone(step, undefined)],
        [`${step} failed`, childFailed(step, new Error(`${step} failed`))],
      ]),
    ),
  },
};

const slotEnded = (slot: SlotId, point: number, outcome: Outcome) =>
  childDone(slot, {
    generation: 1,
    seqno: seqno(point),
    outcome,
    reason: undefined,
    digest: undefined,
    evidenceSeqno: undefined,
    signatureSeqno: undefined,
    file: undefined,
    step: undefined,
    refusedEvidence: 0,
    leftover: false,
  } satisfies GenerationOutput);

const pointSamples = (point: number): Record<string, SnapshotterEvent> => ({
  [`point ${point}`]: fact('committable.recorded', point),
  [`frozen ${point}`]: fact('freeze.taken', point),
  [`commit ${point}`]: committed(point),
});

const slotSamples = (slot: SlotId, points: readonly number[]): Record<string, SnapshotterEvent> =>
  Object.fromEntries(
    points.map((point) => [`${slot} committed ${point}`, slotEnded(slot, point, 'committed')]),
  );

const shutdown = { shutdown: { type: 'shutdown.requested' } } as const;

/** What turns a point away before it becomes a generation. */
const switches = {
  'not frozen 10': { ...fact('freeze.failed', 10), reason: 'EIO' },
  'commit 10 as backup': committed(10, false),
  enabled: { type: 'snapshots.enabled' },
  disabled: { type: 'snapshots.disabled' },
  'rollback to 5': fact('rollback.occurred', 5),
} as const satisfies Record<string, SnapshotterEvent>;

/** What else a snapshotter is told, and how else a generation ends. */
const moreOfSnapshotter = {
  forced: { type: 'snapshot.forced', receipt: 'json' },
  'point 15': fact('committable.recorded', 15),
  'frozen 15': fact('freeze.taken', 15),
  'commit 15': committed(15),
  'rollback to 10': fact('rollback.occurred', 10),
  evidence: evidence(at.evidence, 10),
  signature: fact('signature.recorded', at.signature),
  tree: fact('tree.recorded', at.signature),
  'cancel 1': { type: 'generation.cancelled', generation: 1 },
  'cancel 9': { type: 'generation.cancelled', generation: 9 },
  'slot:0 failed 10': slotEnded('slot:0', 10, 'persist-failed'),
  'slot:0 committed 15': slotEnded('slot:0', 15, 'committed'),
  'slot:0 broke': childFailed('slot:0', new Error('the generation broke')),
} as const satisfies Record<string, SnapshotterEvent>;

const pointsOf = (count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => (index + 1) * 10);

const slotIds = (capacity: number): readonly SlotId[] =>
  Array.from({ length: capacity }, (_, index): SlotId => `slot:${index}`);

const samplesOfPoints = (count: number, capacity: number): Samples => ({
  ...Object.assign({}, ...pointsOf(count).map(pointSamples)),
  ...Object.assign({}, ...slotIds(capacity).map((slot) => slotSamples(slot, pointsOf(count)))),
  ...shutdown,
});

/** One point, and everything that can become of it, of its generation and of the switches. */
export const oneLeanPoint: Samples = { ...samplesOfPoints(1, 1), ...switches };
export const oneFullPoint = { ...oneLeanPoint, ...moreOfSnapshotter };

/** Points enough for one to find every slot taken. */
export const pointsPast = (capacity: number): Samples => ({
  ...samplesOfPoints(capacity + 1, capacity),
  ...(capacity > 1 ? { 'slot:1 broke': childFailed('slot:1', new Error('it broke')) } : {}),
});

/** A snapshotter with a point every 10 seqnos, of which two at most await commit. */
export function snapshotterSubject(
  samples: Samples,
  { capacity, whenFull }: Pick<SnapshotterInput, 'capacity' | 'whenFull'>,
): Subject {
  return {
    machine: snapshotterMachine,
    input: {
      capacity,
      whenFull,
      txInterval: 10,
      receipt: 'cose',
      attemptsMax: 3,
      evidenceTimeoutMs: 60_000,
    } satisfies SnapshotterInput,
    samples,
    offers: (event, { state }) => {
      const { points, slots } = state.context as SnapshotterContext;
      if (event.type === 'committable.recorded') return points.length < 2;
      if (event.type.startsWith('freeze.')) {
        return points.some((point) => point.seqno === event['seqno'] && !point.frozen);
      }
      if (!event.type.startsWith('xstate.done.actor.')) return true;
      return slots.some(
        ({ id, seqno: of }) => id === event['actorId'] && of === event['output'].seqno,
      );
    },
    identity: ({ value, context }) => {
      const { points, slots, committed: upTo, baseline, forced } = context as SnapshotterContext;
      return {
        value,
        points,
        known: [upTo, baseline, forced],
        slots: slots.map(({ id, seqno: of }) => `${id} ${of}`),
      };
    },
  };
}
