import type {
  ChainOutput,
  GenerationEvent,
  GenerationOutput,
  WriterOutput,
} from '../../../machines/events.ts';
import { generationMachine } from '../../../machines/generation.ts';
import type { GenerationContext } from '../../../machines/generation-setup.ts';
import type { ActionKind } from '../../../machines/ports.ts';
import { StorageError } from '../../core/errors.ts';
import { InclusionProof, SignatureProof } from '../../core/proofs.ts';
import { digest, type ReceiptForm, seqno } from '../../core/words.ts';
import { childDone, childFailed, delayPassed } from '../graph/alphabet.ts';
import type { Subject } from '../graph/subject.ts';
import { at, committed, evidence, fact, file, root, serialised } from './facts.ts';

const actionFailed = (kind: ActionKind) => ({
  type: 'action.failed' as const,
  kind,
  reason: `${kind} failed`,
});
const actionCompleted = {
  serialise: serialised,
  serialisedOtherwise: {
    type: 'action.completed',
    output: { kind: 'serialise', digest: digest('e'.repeat(64)), bytes: 100 },
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
    'submission out of time': delayPassed('evidenceTimeout', 'generation.serialised'),
    cancel: { type: 'cancel.requested' },
    'chain ended': chainDone('poisoned', 'threw'),
    'writer durable': writerDone('durable', { file }),
    'writer not durable': writerDone('not-durable', { file, step: 'syncingDirectory' }),
    'writer found a duplicate': writerDone('duplicate'),
    'writer discarded': writerDone('discarded'),
  }) as const satisfies Record<string, GenerationEvent | { type: `xstate.after.${string}` }>;

/** Why a verifier may have no verdict. */
const threadDied = new StorageError('WORKER_DIED', 'the thread died');

/** Every other way that a fact, a proof or an end can be right, wrong, early, late or forged. */
const moreOfGeneration = (form: SignatureProof['form'], otherForm: SignatureProof['form']) =>
  ({
    'serialised otherwise': actionCompleted.serialisedOtherwise,
    'evidence of another digest': evidence(at.evidence, at.snapshot, 'e'),
    'evidence of another snapshot': evidence(at.evidence, at.snapshot + 1),
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
    'signature undecided': childFailed('verifySignature', threadDied),
    'inclusion undecided': childFailed('proveEvidence', threadDied),
    'submission undecided': { ...actionFailed('submit-evidence'), isUndecided: true },
    'build undecided': { ...actionFailed('build-receipt'), isUndecided: true },
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
    offers: (event, { past, state }) => {
      // Whichever digest comes first is the one: the other is worth trying only after it.
      if (event === actionCompleted.serialisedOtherwise) {
        return (state.context as GenerationContext).digest !== undefined;
      }
      return (
        event.type !== 'xstate.done.actor.writer' ||
        past.has('receiptReady') ||
        !publishing.includes(event['output'].status)
      );
    },
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
