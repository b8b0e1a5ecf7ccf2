import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import {
  type ActionResult,
  type GenerationRef,
  later,
  type OpenSpoolInput,
  type ProveEvidenceInput,
  type Published,
  type PublishInput,
  type RunActionInput,
  type VerifySignatureInput,
} from '../../machines/ports.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { writerMachine } from '../../machines/writer.ts';
import { isUndecided, LedgerSnapshotterError } from '../core/errors.ts';
import type { InclusionProof, SignatureProof } from '../core/proofs.ts';
import type { GenerationWork } from './generation-work.ts';
import type { StepTimes, TimedStep } from './step-times.ts';

/**
 * Gives the machines' ports their work: the one place where statecharts meet the world.
 *
 * **Order contract:** every port's work starts in a microtask after the step that asked for it, so that
 * no code of a host or of ours runs inside a step.
 */
export function bindMachines(work: GenerationWork, times: StepTimes): typeof snapshotterMachine {
  const chain = orderedTasksMachine.provide({
    actors: {
      runAction: later((input: RunActionInput) =>
        times.time(input.action.kind, input, () => runAction(work, input)),
      ),
    },
    actions: { abortAction: (_, ref) => queueMicrotask(() => work.abort(ref)) },
  });
  const generation = generationMachine.provide({
    actors: {
      chain,
      writer: bindWriter(work, times),
      verifySignature: later<VerifySignatureInput, SignatureProof>((input) =>
        times.time('verify-signature', input, () =>
          work.verifySignature(input, input.signatureSeqno, input.receipt),
        ),
      ),
      proveEvidence: later<ProveEvidenceInput, InclusionProof>((input) =>
        times.time('prove-evidence', input, () =>
          work.proveEvidence(input, input.evidenceSeqno, input.signatureSeqno),
        ),
      ),
    },
    actions: { releaseHandle: (_, ref) => queueMicrotask(() => work.release(ref)) },
  });
  return snapshotterMachine.provide({ actors: { generation } });
}

function bindWriter(work: GenerationWork, times: StepTimes): typeof writerMachine {
  const step = (name: TimedStep, run: (ref: GenerationRef) => Promise<void>) =>
    later<GenerationRef, void>((ref) => times.time(name, ref, () => run(ref)));
  return writerMachine.provide({
    actors: {
      openSpool: later<OpenSpoolInput, void>((input) =>
        times.time('open', input, () => work.openSpool(input, input.attempt)),
      ),
      appendReceipt: step('append', (ref) => work.appendReceipt(ref)),
      syncSpool: step('fsync', (ref) => work.syncSpool(ref)),
      closeSpool: step('close', (ref) => work.closeSpool(ref)),
      publish: later<PublishInput, Published>((input) =>
        times.time('publish', input, () => work.publish(input, input.file)),
      ),
      syncDirectory: step('fsync-directory', (ref) => work.syncDirectory(ref)),
      discardSpool: step('discard', (ref) => work.discardSpool(ref)),
    },
  });
}

/** What the world refuses is a failed action, to be run again; anything else thrown is a fault of ours. */
async function runAction(work: GenerationWork, input: RunActionInput): Promise<ActionResult> {
  try {
    return { status: 'completed', output: await work.run(input, input.action) };
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    const reason = `${error.code}: ${error.message}`;
    return { status: 'failed', kind: input.action.kind, reason, isUndecided: isUndecided(error) };
  }
}
