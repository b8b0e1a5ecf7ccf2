import type { GenerationEvent, WriterOutput } from '../../machines/events.ts';
import { StorageError } from '../../src/core/errors.ts';
import { InclusionProof, SignatureProof } from '../../src/core/proofs.ts';
import type { Outcome, ReceiptForm } from '../../src/core/words.ts';
import type { Path } from '../../src/testing/graph/paths.ts';

interface Facts {
  readonly digest?: string;
  readonly submitted?: number;
  readonly evidence?: number;
  readonly signature?: number;
  readonly tree?: boolean;
  readonly signed?: boolean;
  readonly proven?: boolean;
  readonly passed?: boolean;
  readonly built?: boolean;
}

type Sample = GenerationEvent | { readonly type: `xstate.after.${string}` };

const ofWriter: Readonly<Record<WriterOutput['status'], Outcome>> = {
  durable: 'committed',
  'not-durable': 'committed-not-durable',
  duplicate: 'duplicate',
  conflict: 'conflict',
  failed: 'persist-failed',
  discarded: 'persist-failed',
};

/**
 * How a generation of seqno 10 ends after these events, told without a chart: the first decisive fact
 * decides, unless the file turns out to be published. Undefined while something is still awaited.
 */
export function expectedOutcome(receipt: ReceiptForm, path: Path): Outcome | undefined {
  let facts: Facts = {};
  let outcome: Outcome | undefined;
  const awaited = new Set(['chain', 'writer']);
  for (const event of path.map((step) => step.event as Sample)) {
    awaited.delete(event.type.split('.').at(-1) ?? '');
    const status = event.type === 'xstate.done.actor.writer' ? event.output.status : undefined;
    if (status === 'durable' || status === 'not-durable') {
      if (outcome === undefined) return ofWriter[status];
      outcome = ofWriter[status];
    }
    outcome ??= decide(facts, event, receipt);
    facts = learn(facts, event);
  }
  return awaited.size === 0 ? outcome : undefined;
}

const isOpen = ({ signed, proven, passed }: Facts) => signed && proven && passed;
const isSubmitting = (facts: Facts) =>
  facts.digest && facts.submitted === undefined && facts.evidence === undefined;

function decide(facts: Facts, event: Sample, receipt: ReceiptForm): Outcome | undefined {
  if (event.type === 'cancel.requested') return 'cancelled';
  if (event.type.endsWith('.actor.chain') || event.type === 'xstate.error.actor.writer') {
    return 'poisoned';
  }
  if (event.type.startsWith('xstate.after.')) return 'timed-out';
  if (event.type.startsWith('xstate.error.actor.')) {
    return 'error' in event && event.error instanceof StorageError ? 'cancelled' : 'proof-refused';
  }
  switch (event.type) {
    case 'xstate.done.actor.writer':
      return ofWriter[event.output.status];
    case 'xstate.done.actor.verifySignature':
      return isSignature(facts, event.output, receipt) ? undefined : 'proof-refused';
    case 'xstate.done.actor.proveEvidence':
      return isInclusion(facts, event.output) ? undefined : 'proof-refused';
    case 'rollback.occurred':
      return isRolledBack(facts, event.seqno) ? 'rolled-back' : undefined;
    case 'action.completed': {
      const { digest = facts.digest } = 'digest' in event.output ? event.output : facts;
      return facts.digest && digest !== facts.digest ? 'serialise-failed' : undefined;
    }
    case 'action.failed':
      if (event.kind === 'serialise') return 'serialise-failed';
      if (event.kind === 'submit-evidence')
        return (isSubmitting(facts) && 'evidence-refused') || undefined;
      if (!isOpen(facts) || facts.built) return undefined;
      return event.isUndecided ? 'cancelled' : 'proof-refused';
    default:
      return undefined;
  }
}

function isRolledBack(facts: Facts, to: number): boolean {
  if (isOpen(facts) || !facts.digest) return false;
  return (facts.evidence ?? facts.submitted ?? Number.POSITIVE_INFINITY) > to;
}

function isSignature(facts: Facts, proof: unknown, receipt: ReceiptForm): boolean {
  const form = receipt === 'cose' ? 'cose' : 'node';
  return SignatureProof.isOne(proof) && proof.form === form && proof.seqno === facts.signature;
}

function isInclusion(facts: Facts, proof: unknown): boolean {
  return (
    InclusionProof.isOne(proof) &&
    proof.evidenceSeqno === facts.evidence &&
    proof.signatureSeqno === facts.signature
  );
}

function learn(facts: Facts, event: Sample): Facts {
  switch (event.type) {
    case 'action.completed':
      return learnOutput(facts, event.output);
    case 'evidence.recorded': {
      const isOurs =
        event.snapshotSeqno === 10 && event.seqno > 10 && event.digest === facts.digest;
      return isOurs && facts.evidence === undefined ? { ...facts, evidence: event.seqno } : facts;
    }
    case 'signature.recorded': {
      const covers = facts.evidence !== undefined && event.seqno > facts.evidence;
      return covers && facts.signature === undefined ? { ...facts, signature: event.seqno } : facts;
    }
    case 'xstate.done.actor.verifySignature':
      return { ...facts, signed: true };
    case 'xstate.done.actor.proveEvidence':
      return { ...facts, proven: true };
    case 'commit.advanced':
      return event.seqno >= (facts.signature ?? Number.POSITIVE_INFINITY)
        ? { ...facts, passed: true }
        : facts;
    case 'rollback.occurred': {
      if (isOpen(facts) || (facts.signature ?? 0) <= event.seqno) return facts;
      const { signature: _1, signed: _2, proven: _3, passed: _4, ...kept } = facts;
      return kept;
    }
    default:
      return facts;
  }
}

function learnOutput(facts: Facts, output: { readonly kind: string }): Facts {
  if ('digest' in output) return facts.digest ? facts : { ...facts, digest: String(output.digest) };
  if ('seqno' in output)
    return isSubmitting(facts) ? { ...facts, submitted: Number(output.seqno) } : facts;
  return isOpen(facts) ? { ...facts, built: true } : facts;
}
