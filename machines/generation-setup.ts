import { assign, sendTo, setup } from 'xstate';
import { isUndecided } from '../src/core/errors.ts';
import type { Digest, Outcome, ReceiptForm, Seqno, WriterStep } from '../src/core/words.ts';
import type { GenerationEvent, GenerationOutput, WriterOutput } from './events.ts';
import {
  type Collected,
  commitPassedSignature,
  coseSignatureVerified,
  digestAgrees,
  evidenceMatches,
  nodeSignatureVerified,
  signatureCoversEvidence,
  treeOfSignature,
  treeProvesEvidence,
  wordsOf,
} from './guards.ts';
import { orderedTasksMachine } from './ordered-tasks.ts';
import {
  type ActionKind,
  type ActionOutput,
  type ActionRequest,
  type GenerationRef,
  proofPorts,
} from './ports.ts';
import { writerMachine } from './writer.ts';

/** What a generation is begun with. */
export interface GenerationInput extends GenerationRef {
  /** Which receipt the file will carry. */
  readonly receipt: ReceiptForm;
  /** How often an action may run, and a file be written, before the failure ends the generation. */
  readonly attemptsMax: number;
  /** How long evidence, signature, tree and commit are awaited together, and before that the
   * answer to the submission, in milliseconds. */
  readonly evidenceTimeoutMs: number;
}

/** What a generation knows: names, digests and numbers, never bytes. */
export interface GenerationContext extends GenerationInput, Collected {
  readonly outcome: Outcome | undefined;
  readonly reason: string | undefined;
  readonly step: WriterStep | undefined;
  readonly file: string | undefined;
  /** Seqno that the submission of the evidence answered with, until the evidence is seen. */
  readonly submittedSeqno: Seqno | undefined;
  readonly refusedEvidence: number;
  readonly leftover: boolean;
}

type EvidenceFact = {
  readonly seqno: Seqno;
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
};

const outcomeOfWriter = {
  durable: 'committed',
  'not-durable': 'committed-not-durable',
  duplicate: 'duplicate',
  conflict: 'conflict',
  failed: 'persist-failed',
  discarded: 'persist-failed',
} as const satisfies Record<WriterOutput['status'], Outcome>;

/** The names that the chart of a generation is written in. */
export const generationSetup = setup({
  types: {
    context: {} as GenerationContext,
    input: {} as GenerationInput,
    events: {} as GenerationEvent,
    output: {} as GenerationOutput,
  },
  actors: { ...proofPorts, chain: orderedTasksMachine, writer: writerMachine },
  actions: {
    requestAction: sendTo('chain', (_, { action }: { action: ActionRequest }) => ({
      type: 'action.requested' as const,
      action,
    })),
    cancelChain: sendTo('chain', { type: 'cancel.requested' }),
    fillWriter: sendTo('writer', { type: 'spool.filled' }),
    discardWriter: sendTo('writer', { type: 'discard.requested' }),
    readyWriter: sendTo('writer', (_, { file }: { file: string }) => ({
      type: 'receipt.ready' as const,
      file,
    })),
    rememberDigest: assign({ digest: (_, { digest }: { digest: Digest }) => digest }),
    rememberSubmission: assign({ submittedSeqno: (_, { seqno }: { seqno: Seqno }) => seqno }),
    rememberEvidence: assign({ evidenceSeqno: (_, { seqno }: EvidenceFact) => seqno }),
    rememberSignature: assign({ signatureSeqno: (_, { seqno }: { seqno: Seqno }) => seqno }),
    forgetSignature: assign({ signatureSeqno: undefined }),
    refuseEvidence: assign({ refusedEvidence: ({ context }) => context.refusedEvidence + 1 }),
    end: assign((_, ended: { outcome: Outcome; reason: string }) => ended),
    rememberFile: assign((_, { output }: { output: WriterOutput }) => ({
      outcome: outcomeOfWriter[output.status],
      reason: output.reason,
      step: output.step,
      file: output.file,
      leftover: output.leftover,
    })),
    rememberLeftover: assign({
      leftover: (_, { output }: { output: WriterOutput }) => output.leftover,
    }),
    assumeLeftover: assign({ leftover: true }),
    /** Port: gives back the frozen state and everything else held for this generation. */
    releaseHandle: (_, _ref: GenerationRef) => {},
  },
  guards: {
    isOfKind: (_, { kind, expected }: { kind: ActionKind; expected: ActionKind }) =>
      kind === expected,
    serialisedAlike: ({ context }, { output }: { output: ActionOutput }) =>
      output.kind === 'serialise' && digestAgrees(context, output.digest),
    evidenceMatches: ({ context }, evidence: EvidenceFact) => evidenceMatches(context, evidence),
    isOfThisSnapshot: ({ context }, { snapshotSeqno }: EvidenceFact) =>
      snapshotSeqno === context.seqno,
    signatureCoversEvidence: ({ context }, { seqno }: { seqno: Seqno }) =>
      signatureCoversEvidence(context, seqno),
    treeOfSignature: ({ context }, { seqno }: { seqno: Seqno }) => treeOfSignature(context, seqno),
    coseSignatureVerified: ({ context }, { proof }: { proof: unknown }) =>
      coseSignatureVerified(context, proof),
    nodeSignatureVerified: ({ context }, { proof }: { proof: unknown }) =>
      nodeSignatureVerified(context, proof),
    treeProvesEvidence: ({ context }, { proof }: { proof: unknown }) =>
      treeProvesEvidence(context, proof),
    commitPassedSignature: ({ context }, { seqno }: { seqno: Seqno }) =>
      commitPassedSignature(context, seqno),
    rollbackTakesEvidence: ({ context }, { seqno }: { seqno: Seqno }) =>
      (context.evidenceSeqno ?? context.submittedSeqno ?? Number.MAX_SAFE_INTEGER) > seqno,
    rollbackTakesSignature: ({ context }, { seqno }: { seqno: Seqno }) =>
      (context.signatureSeqno ?? 0) > seqno,
    isWritten: (
      _,
      { output, as }: { output: WriterOutput; as: readonly WriterOutput['status'][] },
    ) => as.includes(output.status),
    endedAs: ({ context }, { outcomes }: { outcomes: readonly Outcome[] }) =>
      context.outcome !== undefined && outcomes.includes(context.outcome),
  },
  delays: {
    evidenceTimeout: ({ context }) => context.evidenceTimeoutMs,
  },
});

/** The generation's name, as its ports are told it. */
export const ref = ({ context }: { context: GenerationContext }): GenerationRef => ({
  generation: context.generation,
  seqno: context.seqno,
});

/** Hands the event itself to a guard or action. */
export const eventOf = <E>({ event }: { event: E }): E => event;

/** What a verifier handed out; only a guard says whether it is a proof. */
export const proofOf = ({ event }: { event: { readonly output: unknown } }) => ({
  proof: event.output,
});

/** Guards and actions of the chain's answers, by the kind of action. */
export const answered = (expected: ActionKind) =>
  ({
    type: 'isOfKind',
    params: ({ event }: { event: { readonly output: { readonly kind: ActionKind } } }) => ({
      kind: event.output.kind,
      expected,
    }),
  }) as const;

/** What an action answered, as parameters. */
export const outputOfAction = ({ event }: { event: { readonly output: ActionOutput } }) => ({
  output: event.output,
});

/** One state has one digest: the evidence speaks of the first, so the file cannot have the second. */
export const serialisedOtherwise = {
  type: 'end',
  params: ({
    context,
    event,
  }: {
    context: GenerationContext;
    event: { readonly output: ActionOutput };
  }) => ({
    outcome: 'serialise-failed' as const,
    reason: `serialised again with digest ${outputAs(event.output, 'serialise').digest}, first with ${context.digest}`,
  }),
} as const;

/** Ends the generation when an action of this kind has failed for good. */
export const actionFailed = (expected: ActionKind, outcome: Outcome) =>
  ({
    guard: {
      type: 'isOfKind',
      params: ({ event }: { event: { readonly kind: ActionKind } }) => ({
        kind: event.kind,
        expected,
      }),
    },
    target: '#generation.releasing',
    actions: {
      type: 'end',
      params: ({
        event,
      }: {
        event: { readonly reason: string; readonly isUndecided?: boolean };
      }) => ({
        outcome: outcome === 'proof-refused' && event.isUndecided ? 'cancelled' : outcome,
        reason: event.reason,
      }),
    },
  }) as const;

/** Ends the generation with this outcome. */
export const ends = (outcome: Outcome, reason: string) =>
  ({
    target: '#generation.releasing',
    actions: { type: 'end', params: { outcome, reason } },
  }) as const;

/** Ends the generation for whoever asked, in his words where he gave any. */
export const cancelled = {
  target: '#generation.releasing',
  actions: {
    type: 'end',
    params: ({ event }: { event: { readonly reason?: string | undefined } }) => ({
      outcome: 'cancelled' as const,
      reason: event.reason ?? 'cancelled',
    }),
  },
} as const;

/** A child that broke off by a fault of ours. */
export const brokeOff = {
  type: 'end',
  params: ({ event }: { event: { readonly error: unknown } }) => ({
    outcome: 'poisoned' as const,
    reason: wordsOf(event.error),
  }),
} as const;

/** A proof that did not verify, or could not be looked at; the verifier's own words say which and where. */
export const proofRefused = {
  target: '#generation.releasing',
  actions: {
    type: 'end',
    params: ({ event }: { event: { readonly error: unknown } }) => ({
      outcome: isUndecided(event.error) ? ('cancelled' as const) : ('proof-refused' as const),
      reason: wordsOf(event.error),
    }),
  },
} as const;

/** Whether the writer ended in one of these ways. */
export const writtenAs = (...as: readonly WriterOutput['status'][]) =>
  ({
    type: 'isWritten',
    params: ({ event }: { event: { readonly output: WriterOutput } }) => ({
      output: event.output,
      as,
    }),
  }) as const;

/** What the writer said at its end, as parameters. */
export const writerOutput = ({ event }: { event: { readonly output: WriterOutput } }) => ({
  output: event.output,
});

/** The writer ended by itself, its spool discarded: only the chain is left to stop. */
export const writerEnded = [
  '#generation.releasing.chain.stopping',
  '#generation.releasing.writer.discarded',
] as const;

/** The chain ended by itself: only the writer is left to stop. */
export const chainEnded = [
  '#generation.releasing.chain.stopped',
  '#generation.releasing.writer.discarding',
] as const;

const endedAs = (...outcomes: readonly Outcome[]) =>
  ({ type: 'endedAs', params: { outcomes } }) as const;

/** Where `releasing` leads: the outcome decides. */
export const endings = [
  { guard: endedAs('committed'), target: 'committed' },
  { guard: endedAs('committed-not-durable'), target: 'notDurable' },
  { guard: endedAs('rolled-back'), target: 'rolled-back' },
  { guard: endedAs('cancelled'), target: 'cancelled' },
  { guard: endedAs('duplicate'), target: 'duplicate' },
  { guard: endedAs('evidence-refused', 'proof-refused'), target: 'refused' },
  { target: 'failed' },
] as const;

const outputOf =
  (outcome: Outcome | undefined) =>
  ({ context }: { context: GenerationContext }): GenerationOutput => ({
    generation: context.generation,
    seqno: context.seqno,
    outcome: outcome ?? context.outcome ?? 'poisoned',
    reason: context.reason,
    digest: context.digest,
    evidenceSeqno: context.evidenceSeqno,
    signatureSeqno: context.signatureSeqno,
    file: context.file,
    step: context.step,
    refusedEvidence: context.refusedEvidence,
    leftover: context.leftover,
  });

/** Every final state says how the generation ended. */
export const finalStates = {
  committed: {
    type: 'final',
    description: 'The file is published and durable.',
    output: outputOf('committed'),
  },
  notDurable: {
    type: 'final',
    description: 'The file is published, but its directory could not be synced.',
    output: outputOf('committed-not-durable'),
  },
  duplicate: {
    type: 'final',
    description: 'An identical file was there.',
    output: outputOf('duplicate'),
  },
  'rolled-back': { type: 'final', output: outputOf('rolled-back') },
  cancelled: { type: 'final', output: outputOf('cancelled') },
  refused: {
    type: 'final',
    description: 'Evidence or a proof was refused.',
    output: outputOf(undefined),
  },
  failed: {
    type: 'final',
    description: 'The outcome says what failed.',
    output: outputOf(undefined),
  },
} as const;

/** How a generation ended that broke off by a fault of ours. */
export function brokenOff({ generation, seqno }: GenerationRef, error: unknown): GenerationOutput {
  return {
    generation,
    seqno,
    outcome: 'poisoned',
    reason: wordsOf(error),
    digest: undefined,
    evidenceSeqno: undefined,
    signatureSeqno: undefined,
    file: undefined,
    step: undefined,
    refusedEvidence: 0,
    leftover: true,
  };
}

/** What the receipt is built from; the gate has seen to it that all of it is there. */
export function receiptRequest(context: GenerationContext): ActionRequest {
  const { digest, evidenceSeqno, signatureSeqno, receipt } = context;
  if (digest === undefined || evidenceSeqno === undefined || signatureSeqno === undefined) {
    throw new Error('assertion failed: the gate opened without its proofs');
  }
  return { kind: 'build-receipt', receipt, digest, evidenceSeqno, signatureSeqno };
}

/** The digest of a state that was serialised. */
export function digestOf(context: GenerationContext): Digest {
  if (context.digest === undefined)
    throw new Error('assertion failed: serialised without a digest');
  return context.digest;
}

/** The signature transaction that both verifiers look at. */
export function signatureOf(context: GenerationContext): Seqno {
  if (context.signatureSeqno === undefined) {
    throw new Error('assertion failed: a verifier started without its signature transaction');
  }
  return context.signatureSeqno;
}

/** A completed action's output, once its kind is known. */
export function outputAs<K extends ActionKind>(
  output: ActionOutput,
  kind: K,
): Extract<ActionOutput, { kind: K }> {
  if (output.kind !== kind) throw new Error(`assertion failed: ${output.kind} is not ${kind}`);
  return output as Extract<ActionOutput, { kind: K }>;
}

/** Nothing is known yet but what the snapshotter asked for. */
export function initialContext(input: GenerationInput): GenerationContext {
  return {
    ...input,
    digest: undefined,
    submittedSeqno: undefined,
    evidenceSeqno: undefined,
    signatureSeqno: undefined,
    outcome: undefined,
    reason: undefined,
    step: undefined,
    file: undefined,
    refusedEvidence: 0,
    leftover: false,
  };
}
