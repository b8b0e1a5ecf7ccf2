import { expect, test } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import type { LedgerEvent } from '../../machines/events.ts';
import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import type {
  ActionResult,
  GenerationRef,
  OpenSpoolInput,
  ProveEvidenceInput,
  Published,
  PublishInput,
  RunActionInput,
  VerifySignatureInput,
} from '../../machines/ports.ts';
import { writerMachine } from '../../machines/writer.ts';
import { InclusionProof, SignatureProof } from '../../src/core/proofs.ts';
import { digest, seqno } from '../../src/core/words.ts';

// The generated paths end stubs; here real machines and real promises work together, and an answer
// comes after the rollback that made it worthless.

const hex = digest('d'.repeat(64));
const root = digest('a'.repeat(64));
const fact = <Type extends LedgerEvent['type']>(type: Type, at: number) => ({
  type,
  seqno: seqno(at),
});

/** Answers to promises still awaited, oldest first. */
type Pending<Answer> = ((answer: Answer) => void)[];

const later = <Answer, Input>(pending: Pending<Answer>) =>
  fromPromise<Answer, Input>(() => new Promise((resolve) => pending.push(resolve)));

function startGeneration() {
  const actions: Pending<ActionResult> = [];
  const signatures: Pending<SignatureProof> = [];
  const trees: Pending<InclusionProof> = [];
  const done = fromPromise<void, GenerationRef>(async () => {});
  const machine = generationMachine.provide({
    actors: {
      chain: orderedTasksMachine.provide({
        actors: { runAction: later<ActionResult, RunActionInput>(actions) },
      }),
      writer: writerMachine.provide({
        actors: {
          openSpool: fromPromise<void, OpenSpoolInput>(async () => {}),
          appendReceipt: done,
          syncSpool: done,
          closeSpool: done,
          syncDirectory: done,
          discardSpool: done,
          publish: fromPromise<Published, PublishInput>(async () => 'published'),
        },
      }),
      verifySignature: later<SignatureProof, VerifySignatureInput>(signatures),
      proveEvidence: later<InclusionProof, ProveEvidenceInput>(trees),
    },
  });
  const input = { generation: 1, seqno: seqno(10), receipt: 'cose', attemptsMax: 1 } as const;
  const actor = createActor(machine, { input: { ...input, evidenceTimeoutMs: 60_000 } });
  return { actor: actor.start(), actions, signatures, trees };
}

/** Lets every promise that is settled by now be heard of. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

async function answer<Answer>(pending: Pending<Answer>, value: Answer) {
  await settle();
  pending.shift()?.(value);
  await settle();
}

async function startProving() {
  const generation = startGeneration();
  const { actor, actions } = generation;
  await answer(actions, {
    status: 'completed',
    output: { kind: 'serialise', digest: hex, bytes: 1 },
  });
  await answer(actions, {
    status: 'completed',
    output: { kind: 'submit-evidence', seqno: seqno(12) },
  });
  actor.send({
    type: 'evidence.recorded',
    seqno: seqno(12),
    snapshotSeqno: seqno(10),
    digest: hex,
  });
  actor.send(fact('signature.recorded', 14) as LedgerEvent);
  actor.send(fact('tree.recorded', 14) as LedgerEvent);
  return generation;
}

test('generation runs with its own chain and writer from the frozen state to the durable file', async () => {
  const { actor, actions, signatures, trees } = await startProving();
  await answer(signatures, new SignatureProof('cose', seqno(14), root));
  await answer(trees, new InclusionProof(seqno(12), seqno(14), root));
  actor.send({ type: 'commit.advanced', seqno: seqno(14), primary: true });
  await answer(actions, {
    status: 'completed',
    output: { kind: 'build-receipt', file: 'snapshot_10_12.committed', bytes: 1 },
  });
  await settle();
  expect(actor.getSnapshot().output).toMatchObject({
    outcome: 'committed',
    file: 'snapshot_10_12.committed',
  });
});

test('generation does not hear a verifier whose signature was rolled back', async () => {
  const { actor, signatures, trees } = await startProving();
  actor.send(fact('rollback.occurred', 13) as LedgerEvent);
  await answer(signatures, new SignatureProof('cose', seqno(14), root));
  await answer(trees, new InclusionProof(seqno(12), seqno(14), root));
  expect(actor.getSnapshot().value).toEqual({
    'awaiting-evidence': {
      proving: { signature: 'missing', tree: 'missing', commit: 'waiting' },
    },
  });
  actor.stop();
});

test('generation does not take the old proof for the same seqno after a rollback and a new signature', async () => {
  const { actor, signatures } = await startProving();
  actor.send(fact('rollback.occurred', 13) as LedgerEvent);
  actor.send(fact('signature.recorded', 14) as LedgerEvent);
  actor.send(fact('tree.recorded', 14) as LedgerEvent);
  await answer(signatures, new SignatureProof('cose', seqno(14), root));
  expect(
    actor.getSnapshot().matches({ 'awaiting-evidence': { proving: { signature: 'verifying' } } }),
  ).toBe(true);
  await answer(signatures, new SignatureProof('cose', seqno(14), root));
  expect(
    actor.getSnapshot().matches({ 'awaiting-evidence': { proving: { signature: 'verified' } } }),
  ).toBe(true);
  actor.stop();
});

test('generation that is cancelled awaits the action under way and discards its spool', async () => {
  const { actor, actions } = startGeneration();
  await settle();
  actor.send({ type: 'cancel.requested' });
  await settle();
  expect(actor.getSnapshot().value).toEqual({
    releasing: { chain: 'stopping', writer: 'discarded' },
  });
  await answer(actions, { status: 'failed', kind: 'serialise', reason: 'aborted' });
  expect(actor.getSnapshot().output).toMatchObject({ outcome: 'cancelled', leftover: false });
});
